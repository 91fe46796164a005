import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver

from kyc_review.core.instruments import Step, own, timed
from kyc_review.core.request_metrics import RequestMetrics, route_of
from kyc_review.webhooks.tasks import deliver_due

ROOT = Path(django_settings.BASE_DIR)
# A process that counts, says that it did, and waits to be killed.
COUNTS = """
import sys, time
from kyc_review.core.instruments import REQUESTS, REQUEST_SECONDS
for _ in range(int(sys.argv[1])):
    REQUESTS.labels("POST", "api/v1/submissions", 202).inc()
    REQUEST_SECONDS.labels("POST", "api/v1/submissions").observe(0.02)
print("counted", flush=True)
time.sleep(60)
"""
SUMS = """
from prometheus_client import generate_latest
from kyc_review.core.instruments import shared
print(generate_latest(shared()).decode())
"""


def value(name: str, **labels: str) -> float:
    return own.get_sample_value(name, labels) or 0.0


def requests_of(route: str, status: str = "200", method: str = "GET") -> float:
    return value("kyc_http_requests_total", method=method, route=route, status=status)


def test_counts_of_several_processes_add_up_also_after_one_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    run: dict[str, Any] = {"env": environment, "cwd": ROOT, "text": True, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen([sys.executable, "-c", COUNTS, number], **run) for number in ("2", "3")]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "counted\n"
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        said = subprocess.run([sys.executable, "-c", SUMS], **run).stdout
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    labels = 'method="POST",route="api/v1/submissions"'
    assert f'kyc_http_requests_total{{{labels},status="202"}} 5.0' in said
    assert f"kyc_http_request_duration_seconds_count{{{labels}}} 5.0" in said
    assert len(list(folder.glob("counter_*.db"))) == 2  # files of their own


@pytest.mark.django_db
def test_a_request_counts_for_its_url_pattern(client: Client) -> None:
    route = "docs/problems/<slug:slug>"
    before = requests_of(route, "404")
    client.get("/docs/problems/one"), client.get("/docs/problems/two")
    assert requests_of(route, "404") == before + 2


@pytest.mark.django_db
def test_hostile_paths_and_methods_make_no_series_of_their_own(client: Client) -> None:
    before = requests_of("unmatched", "404")
    for number in range(40):
        client.get(f"/{number}/../%00{number}?a={number}")
        client.get(f"/api/v1/{number}")
        client.get(f"/static/{number}.js")
        client.generic(f"M{number}", "/livez")
    labels = [sample.labels for family in own.collect() for sample in family.samples]
    routes = {found["route"] for found in labels if "route" in found}
    known = {str(pattern.pattern) for pattern in get_resolver().url_patterns}
    assert requests_of("unmatched", "404") == before + 80
    assert routes <= {"static", "unmatched", "/"} | {
        route for route in routes if any(route.startswith(begin) for begin in known if begin)
    }
    assert not any("0" <= character <= "9" for route in routes for character in route.replace("v1", ""))
    assert {found["method"] for found in labels if "method" in found} <= {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
    }  # fmt: skip


def test_an_answer_of_middleware_belongs_to_the_pattern_that_would_have_taken_it() -> None:
    busy = RequestMetrics(lambda request: HttpResponse(status=503))
    before = requests_of("api/v1/submissions", "503", "POST")
    busy(RequestFactory().post("/api/v1/submissions"))
    assert requests_of("api/v1/submissions", "503", "POST") == before + 1


def test_the_home_page_has_a_name() -> None:
    request: HttpRequest = RequestFactory().get("/")
    assert route_of(request) == "/"


def test_a_step_counts_its_time_and_its_failure() -> None:
    count, failed = (
        value(f"kyc_step_{what}", step="record") for what in ("duration_seconds_count", "failures_total")
    )
    with timed(Step.RECORD):
        pass
    with pytest.raises(RuntimeError), timed(Step.RECORD):
        raise RuntimeError
    assert value("kyc_step_duration_seconds_count", step="record") == count + 2
    assert value("kyc_step_failures_total", step="record") == failed + 1


def test_tasks_are_counted_by_name_and_outcome(monkeypatch: pytest.MonkeyPatch) -> None:

    def ended(outcome: str) -> float:
        return value("kyc_tasks_total", task="webhooks.tasks.deliver_due", outcome=outcome)

    before = ended("success"), ended("failure")
    monkeypatch.setattr("kyc_review.webhooks.tasks.deliver_until_idle", lambda: 0)
    deliver_due.apply()
    monkeypatch.setattr("kyc_review.webhooks.tasks.deliver_until_idle", lambda: 1 / 0)
    deliver_due.apply()
    assert (ended("success"), ended("failure")) == (before[0] + 1, before[1] + 1)
    assert value("kyc_task_duration_seconds_count", task="webhooks.tasks.deliver_due") >= 2
