"""The table of docs/authorisation.md, and requests that show what each caller really gets."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).parents[2] / "docs" / "authorisation.md"
ROW = re.compile(r"^\| `(?P<method>[A-Z]+) /(?P<route>[^`]*)` \| (?P<cells>.*) \|$", re.M)
# What answers mean; all others are "yes": the right does not refuse, though an empty form may be refused with 422.
WORDS = {401: "no", 403: "no", 404: "none", 405: "", 409: "held"}


class Call(NamedTuple):
    method: str
    route: str


def routes() -> list[str]:
    """Every URL; placeholders without their types, such as <item_id>."""
    return sorted({re.sub(r"<\w+:", "<", route) for route in _walk(get_resolver().url_patterns)})


def _walk(patterns: Iterable[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route


def stated() -> dict[Call, list[str]]:
    """The cells of each row, in the order of its table's columns."""
    found = {}
    for row in ROW.finditer(TABLE.read_text()):
        call = Call(row["method"], row["route"])
        assert call not in found, f"{call} is stated twice"
        found[call] = [cell.strip() for cell in row["cells"].split("|")]
    return found


def filled(route: str, values: Mapping[str, str]) -> str:
    """The path with the value of each placeholder; raises KeyError for a placeholder without one."""
    return "/" + re.sub(r"<[^>]+>", lambda found: values[found[0]], route)


def answer(client: Client, call: Call, path: str) -> str:
    """A word of WORDS, "yes" or "login"; nothing where the URL does not have the method. Changes nothing."""
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    body: dict[str, Any] = {} if call.method == "GET" else {"data": "{}", "content_type": "application/json"}
    if call.method == "POST" and not path.startswith("/api/"):
        item = re.search(r"/items/(\d+)/", path)  # a browser says which picture is on the screen
        said = f"label=fake&shown_item={item[1] if item else ''}"
        body = {"data": said, "content_type": "application/x-www-form-urlencoded"}
    with transaction.atomic():
        got = client.generic(call.method, path, headers={"Idempotency-Key": "one"}, **body)
        if got.streaming:
            list(got)  # to the end, which closes files
        transaction.set_rollback(True)
    client.cookies = cookies
    if got.status_code == 302 and got["Location"].startswith("/login/"):
        return "login"
    return WORDS.get(got.status_code, "yes")
