"""The line of each request: who, from where, what; nothing secret, and nothing that forges a line."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from kyc_review.accounts.models import Integration, User
from kyc_review.accounts.services import key_create
from kyc_review.core.logs import escaped, formatter

pytestmark = pytest.mark.django_db


class Kept(logging.Handler):
    """What the handlers of the product would write, in one form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.setFormatter(formatter(form))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += self.format(record).split("\n")


@pytest.fixture(params=["json", "text"])
def written(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    kept, root = Kept(request.param), logging.getLogger()
    before = root.level
    requests = logging.getLogger("kyc_review.requests")
    root.addHandler(kept)
    requests.setLevel(logging.INFO)
    yield kept.lines
    root.removeHandler(kept)
    root.setLevel(before)


def test_a_persons_line_has_name_and_address_and_no_query(
    written: list[str], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    login(staff("alice", "reviewer")).get("/review/?reference=CUST-4711", REMOTE_ADDR="203.0.113.9")
    line = next(line for line in written if "/review/" in line)
    assert "alice" in line
    assert "203.0.113.9" in line
    assert "CUST-4711" not in "".join(written)


def test_a_keys_line_has_its_prefix_and_never_the_key(written: list[str], integration: Integration) -> None:
    key, secret = key_create(integration=integration)
    Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    line = next(line for line in written if "/api/v1/me" in line)
    assert key.prefix in line
    assert secret not in "".join(written)
    written.clear()
    Client().get("/api/v1/submissions?nonsense=1", headers={"Authorization": f"Bearer {secret}"})
    assert len(written) == 2  # the reason of the refusal, too
    assert all(key.prefix in line for line in written)


def test_a_refusal_is_written_with_its_reason_and_without_a_traceback(
    written: list[str], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    client = login(staff("alice", "reviewer"))
    written.clear()
    client.get("/people/")
    assert len(written) == 2
    assert all("/people/" in line for line in written)
    assert "This needs the role admin or auditor" in written[0]


def test_a_login_name_is_not_written_because_it_may_be_a_password(written: list[str]) -> None:
    Client().post("/login/", {"username": "correct horse", "password": "battery staple"})
    assert any("POST /login/" in line for line in written)
    assert not any(secret in line for line in written for secret in ("correct horse", "battery staple"))


def test_a_login_name_forges_no_line(written: list[str]) -> None:
    forged = "eve\n2026-11-21T09:30:00Z INFO kyc_review.requests: GET /forged/ 200\u202e\x1b[2J"
    Client().post("/login/", {"username": forged, "password": "wrong"})
    logging.getLogger("some.library").warning("login of %s", forged)
    assert any("forged" in line for line in written)
    assert not any(line.startswith("2026-11-21") for line in written)
    assert not any(mark in line for line in written for mark in "\u202e\x1b\r")


def test_a_forged_text_in_an_exception_begins_no_line(written: list[str]) -> None:
    try:
        raise ValueError("wrong\n2026-11-21T09:30:00Z INFO forged")
    except ValueError:
        logging.getLogger("some.library").exception("failed")
    assert not any(line.startswith("2026-11-21") for line in written)
    assert any("ValueError: wrong" in line for line in written)


def test_json_lines_stay_json(written: list[str]) -> None:
    logging.getLogger("some.library").warning("a\u2028b\nc")
    for line in written:
        if line.startswith("{"):
            assert json.loads(line)["event"] == "a\u2028b\nc"
            assert line.isascii()


def test_readable_texts_are_left_alone() -> None:
    assert escaped("Müller, 東京 100 %") == "Müller, 東京 100 %"
    assert escaped("a\tb\u202ec\ud800") == "a\\tb\\u202ec\\ud800"
