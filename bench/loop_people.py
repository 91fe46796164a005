"""Scripted reviewers who use the product like people: a session each, the same pages, over HTTP."""

from __future__ import annotations

import random
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar

TIMEOUT_S = 60
ITEM = re.compile(r"/review/items/(\d+)/")


class Person:
    """A minimal browser: cookies, forms with their token, redirects followed."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address, self.name = address, name
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self.get("/login/")
        landed, text = self.post("/login/", username=name, password=password, next="/review/")
        if "/login/" in landed:
            raise RuntimeError(f"{name} cannot log in: {_alert(text)}")

    def get(self, path: str) -> tuple[str, str]:
        """The final address and the page."""
        return self._ask(path, None)

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        token = next((cookie.value for cookie in self._cookies if cookie.name == "csrftoken"), "") or ""
        return self._ask(path, urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": token}).encode())

    def _ask(self, path: str, body: bytes | None) -> tuple[str, str]:
        try:
            with self._opener.open(self.address + path, body, timeout=TIMEOUT_S) as answer:
                return answer.geturl(), answer.read().decode()
        except urllib.error.HTTPError as refused:
            text = _alert(refused.read().decode(errors="replace"))
            raise RuntimeError(f"{self.name} at {path}: {refused.code} {text}") from refused


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Decides on items of the queue, knowing the truth, with errors at stated rates."""

    person: Person
    misses: float  # share of fakes that are called real
    alarms: float  # share of real faces that are called fake
    seed: int

    def work(self, is_fake: Callable[[int], bool]) -> int:
        """Claim, make the first call and decide until the queue is empty; returns the number of decisions."""
        dice, judged = random.Random(self.seed), 0
        landed, _ = self.person.post("/review/items/next/")
        while found := ITEM.search(landed):
            item = int(found[1])
            self.person.get(f"/review/items/{item}/")
            fake = is_fake(item)
            errs = dice.random() < (self.misses if fake else self.alarms)
            label = "fake" if fake != errs else "real"
            self.person.post(f"/review/items/{item}/first-call/", label=label, shown_item=str(item))
            landed, _ = self.person.post(f"/review/items/{item}/decision/", label=label, shown_item=str(item))
            judged += 1
        return judged


def _alert(page: str) -> str:
    found = re.search(r'class="(?:problem|errorlist)[^"]*"[^>]*>(.*?)</', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""
