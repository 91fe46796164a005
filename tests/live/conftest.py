"""The web server that production runs, as a process of its own, on this test's database."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from kyc_review.accounts import services as accounts
from kyc_review.submissions.sandbox import sandbox_advance

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """The address of granian with as many threads as the stack gives it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "16", "--no-ws", "kyc_review.wsgi:application"]
    environment = os.environ | {
        "DATABASE_URL": url,
        "DATA_DIR": str(tmp_path),
        "API_RATE_PER_MINUTE": "1000000",
        "WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "kyc_review.settings",
    }
    log = (tmp_path / "web.log").open("wb")
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        await_answer(f"http://127.0.0.1:{port}/livez", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def await_answer(url: str, process: subprocess.Popen) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the web server does not answer")


@pytest.fixture
def live_key(transactional_db: None) -> str:
    integration = accounts.integration_create(slug="mobile-app", name="Mobile app")
    return accounts.key_create(integration=integration)[1]


@pytest.fixture
def test_key(live_key: str) -> str:
    from kyc_review.accounts.models import Integration

    return accounts.key_create(integration=Integration.objects.get(), is_test=True)[1]


@pytest.fixture
def clockwork(transactional_db: None) -> Iterator[None]:
    """Moves the sandbox as the clock's task does."""
    from threading import Event, Thread

    stop = Event()

    def tick() -> None:
        while not stop.wait(0.1):
            sandbox_advance()
        connection.close()

    thread = Thread(target=tick)
    thread.start()
    yield
    stop.set()
    thread.join()
