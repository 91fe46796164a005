"""A real Chromium against a live server. Skipped, with the reason, where there is no browser."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError
from pytest_django.live_server_helper import LiveServer

from kyc_review.accounts.models import User
from tests.factories.people import PASSWORD
from tests.factories.photographs import photograph, saved

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
expect.set_options(timeout=15_000)  # five seconds are too few on a machine that does much else
# Where a login leads: reviewers to the queue, admins to what waits for them.
START = re.compile(r"/(review|retraining/waiting)/$")
PORTRAITS = Path(os.environ.get("PORTRAITS", Path(__file__).parents[3] / "shared" / "data" / "portraits"))

# Playwright keeps an event loop in this thread, and Django refuses the ORM with one unless told that this is
# a test.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no chromium on PATH; set CHROMIUM to its path"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": [*quiet, "--no-first-run"]}


def patient(page: Page) -> Page:
    """Chromium now and then answers that it cannot capture while the machine is busy; the second time it can."""
    take = page.screenshot

    def screenshot(**wished: Any) -> bytes:
        try:
            return take(**wished)
        except PlaywrightError as error:
            if "Unable to capture" not in str(error):
                raise
            return take(**wished)

    page.screenshot = screenshot  # type: ignore[method-assign]
    return page


@pytest.fixture
def log_in(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """log_in(user) opens a window of its own, goes through the login page and fails on any script or policy error."""
    windows, problems = [], []

    def go(user: User, **context: Any) -> Page:
        window = browser.new_context(base_url=live_server.url, **context)
        windows.append(window)
        page = patient(window.new_page())
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None
        )
        page.goto("/")
        page.get_by_label("User name").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(START)
        return page

    yield go
    for window in windows:
        for page in window.pages:  # what the page still asks for must not reach the next test's database
            with suppress(PlaywrightError):
                page.wait_for_load_state("networkidle", timeout=3000)
        window.close()
    until_nothing_asks()
    assert problems == []


def until_nothing_asks(timeout_s: float = 10) -> None:
    """Until the server has done what closed windows asked of it: a request that still reads, or waits in its
    transaction, and the emptying of all tables after the test would wait for each other."""
    others = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"""
    deadline, quiet = time.monotonic() + timeout_s, 0
    while quiet < 3 and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(others)
            quiet = quiet + 1 if cursor.fetchone() == (0,) else 0
        time.sleep(0.05)


@pytest.fixture
def portrait() -> bytes:
    """A public-domain portrait from the data folder next to the checkout, or a drawn one where there is none:
    upright, and saved once at quality 90, so that error levels apply to it."""
    files = sorted(PORTRAITS.glob("*.jpg"))
    return files[8 % len(files)].read_bytes() if files else saved(photograph().resize((320, 400)), 90)
