import re
import socket
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client

from kyc_review.core.db import clock
from kyc_review.core.instruments import Step, timed
from kyc_review.metrics import worker_server
from kyc_review.metrics.worker_server import worker_metrics_serve


@pytest.mark.django_db
def test_release_disk_and_connections_are_reported(client: Client) -> None:
    found = client.get("/metrics").text
    assert re.search(
        rf'^kyc_build_info{{build="{django_settings.BUILD}",python="3[.\d]+",version=', found, re.M
    )
    lines = dict(line.rsplit(" ", 1) for line in found.splitlines() if not line.startswith("#"))
    assert 0 < float(lines["kyc_data_disk_free_bytes"]) <= float(lines["kyc_data_disk_size_bytes"])
    assert float(lines['kyc_database_connections{state="active"}']) >= 1
    assert float(lines["kyc_database_connections_max"]) > 10
    assert float(lines["kyc_database_up"]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("is_on", [True, False])
def test_each_process_says_whether_it_encrypts(client: Client, settings: LazySettings, is_on: bool) -> None:
    settings.KEY_ENCRYPTION = is_on
    assert f"\nkyc_encryption_on {float(is_on)}\n" in client.get("/metrics").text


@pytest.mark.django_db
def test_without_the_database_a_scrape_still_says_what_the_processes_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refused)
    client.get("/livez")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "kyc_database_up 0.0" in answer.text
    assert 'kyc_http_requests_total{method="GET",route="livez",status="200"}' in answer.text
    assert "kyc_queue_items" not in answer.text


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(django_settings.BASE_DIR) / "pyproject.toml").read_text())
    assert project["project"]["version"] == django_settings.VERSION


@pytest.fixture
def scrape(settings: LazySettings) -> Iterator[Callable[[], str]]:
    """A worker serves its metrics; scrape() asks for them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.METRICS_WORKER_PORT = free.getsockname()[1]
    settings.METRICS_TOKEN = "watch"
    server = worker_metrics_serve()
    assert server is not None
    url = f"http://127.0.0.1:{settings.METRICS_WORKER_PORT}/metrics"
    asked = urllib.request.Request(url, headers={"Authorization": "Bearer watch"})
    yield lambda: urllib.request.urlopen(asked).read().decode()
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_a_worker_serves_its_own_metrics_to_those_with_the_token(
    scrape: Callable[[], str], settings: LazySettings
) -> None:
    with timed(Step.READ):
        pass
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://127.0.0.1:{settings.METRICS_WORKER_PORT}/metrics")
    found = scrape()
    assert 'kyc_step_duration_seconds_count{step="read"}' in found
    assert "process_resident_memory_bytes" in found
    assert worker_metrics_serve() is None  # the port is taken: logged, and the worker works on


@pytest.mark.django_db
def test_a_worker_says_how_far_its_clock_is_ahead(
    scrape: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: time.time() - 90))
    (ahead_s,) = re.findall(r"^kyc_clock_skew_seconds (\S+)$", scrape(), re.M)
    assert -100 < float(ahead_s) < -80


@pytest.mark.django_db
def test_a_worker_without_the_database_serves_all_but_its_clock(
    scrape: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def silent() -> float:
        answers.wait(30)
        raise OperationalError("connection refused")

    monkeypatch.setattr(worker_server, "CLOCK_WAIT_S", 0.05)
    monkeypatch.setattr(worker_server, "skew_s", silent)
    for _ in range(3):
        found = scrape()
        assert "kyc_build_info" in found
        assert "kyc_clock_skew_seconds" not in found
    assert sum(thread.name == "clock" for thread in threading.enumerate()) == 1
    answers.set()
