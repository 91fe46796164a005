import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from django.conf import LazySettings, settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kyc_review.core.db import clock
from kyc_review.core.db.locks import Locked
from kyc_review.metrics import numbers
from kyc_review.ops import health
from kyc_review.pipeline import worker
from kyc_review.pipeline.canary import canary_record
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Canary, Scoring, ScoringWorker
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.bundles import tiny_bundle

# What the checks of migrations, storage, encryption, secrets and scoring read.
LOCKED = (
    "django_migrations",
    "submissions_storageidentity",
    "encryption_keyencryptionkey",
    "encryption_sharedsetting",
    "submissions_submission",
)


@pytest.fixture(autouse=True)
def worker_alive(request: pytest.FixtureRequest) -> None:
    """A scoring worker that just said that it lives."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        ScoringWorker.objects.create(name="host:1:abc")
        storage_identity_ensure()


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No result of an earlier test."""
    monkeypatch.setattr(health, "_kept", {})
    monkeypatch.setattr(health, "_locked_at", float("-inf"))


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process did not start just now."""
    monkeypatch.setattr(health, "_started", health._started - 10_000)


def checks(client: Client) -> tuple[int, dict[str, str]]:
    response = client.get("/readyz")
    return response.status_code, response.json()["checks"]


def test_being_alive_asks_nobody(client: Client) -> None:
    """Without the mark for database access, a query would fail the test."""
    assert client.get("/livez").status_code == 200


@pytest.mark.django_db
def test_all_is_well_after_a_canary(client: Client, long_ago: None, private_data: Path) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    status, found = checks(client)
    assert (status, set(found.values())) == (200, {"ok"}), found
    assert [path.name for path in private_data.rglob("*") if path.is_file()] == ["identity"]


@pytest.mark.django_db
def test_a_fresh_process_may_still_wait_for_its_first_canary(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_started", time.monotonic())
    assert checks(client)[0] == 200


@pytest.mark.django_db
def test_an_old_canary_is_not_enough(client: Client, long_ago: None) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    Canary.objects.update(finished_at=timezone.now() - timedelta(minutes=6))
    status, found = checks(client)
    assert (status, found["scoring"][:18]) == (503, "nothing was scored")


@pytest.mark.django_db
def test_a_broker_that_is_away_is_named_without_its_address(
    client: Client, long_ago: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr(health, "client", lambda: away)
    status, found = checks(client)
    assert status == 503
    assert {name for name, text in found.items() if text != "ok"} == {"broker"}
    assert found["broker"] == "does not answer"
    health._kept.clear()
    web = client.get("/readyz/web")
    assert (web.status_code, web.json()["ready"], web.json()["degraded"]) == (200, True, ["broker"])
    assert web.json()["checks"]["broker"] == "does not answer"


@pytest.mark.django_db
def test_a_missing_migration_is_named(
    client: Client, long_ago: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrated_at", float("-inf"))
    canary_record(bundle_version="1", elapsed_ms=5)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'webhooks'")
    assert "manage.py prepare" in checks(client)[1]["migrations"]


@pytest.mark.django_db
def test_the_canary_goes_through_the_serving_models_and_leaves_no_other_trace(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"
    tiny_bundle(tmp_path / "tiny")
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED))
    worker.score_canary()
    worker.score_canary()
    row = Canary.objects.get()
    assert row.elapsed_ms > 0
    assert not Submission.objects.exists()
    assert not Scoring.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("ahead_s", "said"), [(90, "90 s ahead of"), (-90, "90 s behind")])
def test_a_clock_that_is_wrong_makes_the_host_unready_and_is_a_metric(
    client: Client, monkeypatch: pytest.MonkeyPatch, ahead_s: float, said: str
) -> None:
    right_time = time.time
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: right_time() + ahead_s))
    status, found = checks(client)
    assert status == 503
    assert said in found["clock"]
    assert client.get("/readyz/web").status_code == 503
    sample = re.search(r"^kyc_clock_skew_seconds (\S+)", client.get("/metrics").text, re.M)
    assert sample
    assert float(sample[1]) == pytest.approx(ahead_s, abs=2)


@pytest.mark.django_db
def test_a_web_process_is_ready_while_scoring_stands_still(client: Client, long_ago: None) -> None:
    ScoringWorker.objects.all().delete()
    assert checks(client)[0] == 503
    response = client.get("/readyz/web")
    assert (response.status_code, "scoring" in response.json()["checks"]) == (200, False)


@pytest.mark.django_db
def test_migrations_of_a_newer_release_are_counted_and_are_no_fault(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrated_at", float("-inf"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('review', '9999_next', now())"
        )
    response = client.get("/readyz/web")
    assert (response.status_code, response.json()["unknown_migrations"]) == (200, 1)
    assert (response.json()["version"], response.json()["build"]) == (settings.VERSION, settings.BUILD)
    monkeypatch.setattr(health, "_migrated_at", float("-inf"))


@pytest.mark.django_db
def test_many_who_ask_at_once_cost_one_check(client: Client, long_ago: None) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    checks(client)  # reads the migrations, which is done once a minute
    health._kept.clear()
    with CaptureQueriesContext(connection) as first:
        assert checks(client)[0] == 200
    assert 0 < len(first) <= 25  # four limits for locks are set in transactions of their own
    with CaptureQueriesContext(connection) as later:
        answers = [checks(client)[0] for _ in range(20)]
    assert (len(later), set(answers)) == (0, {200})


@pytest.mark.django_db
def test_after_a_second_the_checks_run_again(
    client: Client, long_ago: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary_record(bundle_version="1", elapsed_ms=5)
    assert checks(client)[0] == 200
    ScoringWorker.objects.all().delete()
    assert checks(client)[0] == 200
    health._kept.update({name: (until - 1.0, text) for name, (until, text) in health._kept.items()})
    assert checks(client)[0] == 503


@pytest.mark.django_db(transaction=True)
def test_tables_that_somebody_locks_are_told_and_hangs_no_probe(
    client: Client, long_ago: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LOCKS_WAITED_FOR_S", 0.05)
    monkeypatch.setattr(numbers, "LOCKS_WAITED_FOR_S", 0.05)
    monkeypatch.setattr(health, "_migrated_at", float("-inf"))
    canary_record(bundle_version="1", elapsed_ms=5)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(LOCKED)} IN ACCESS EXCLUSIVE MODE")
        status, found = checks(client)
        assert status == 503
        failing = {name: text for name, text in found.items() if text != "ok"}
        assert set(failing) == {"migrations", "storage", "encryption", "secrets", "scoring"}
        assert all("for a lock" in text for text in failing.values())
        assert "kyc_database_up 0.0" in client.get("/metrics").text
    finally:
        other.close()
    health._kept.clear()
    assert checks(client)[0] == 200
    assert "kyc_database_up 1.0" in client.get("/metrics").text


def test_after_one_lock_the_other_checks_wait_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they answer within the five seconds that probes wait."""
    waited: list[float] = []

    @contextmanager
    def locked(seconds: float, *, statement_s: float) -> Iterator[None]:
        waited.append(seconds)
        raise Locked("locked")
        yield

    monkeypatch.setattr(health, "locks_waited_for", locked)
    for check in (health.encryption, health.storage, health.encryption):
        with pytest.raises(Locked):
            check()
    assert waited == [health.LOCKS_WAITED_FOR_S, health.LOCKED_AGAIN_S, health.LOCKED_AGAIN_S]
    monkeypatch.setattr(health, "_locked_at", health._locked_at - health.LOCKED_FOR_S)
    with pytest.raises(Locked):
        health.encryption()
    assert waited[-1] == health.LOCKS_WAITED_FOR_S


@pytest.mark.django_db(transaction=True)
def test_a_scrape_asks_a_key_service_outside_of_transactions(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(numbers, "keys_problem", lambda used: asked.append(connection.in_atomic_block))
    assert "kyc_encryption_keys_usable 1.0" in client.get("/metrics").text
    assert asked == [False]


@pytest.mark.django_db
def test_a_probe_gives_up_waiting_for_one_that_gets_no_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_WAIT_S", 0.05)
    with health._one_checks["encryption"]:  # held by a probe of another thread, whose key service is slow
        answer = client.get("/readyz/web")
    assert answer.status_code == 503
    found = answer.json()["checks"]
    assert found.pop("encryption") == "an earlier probe still waits for an answer"
    assert set(found.values()) == {"ok"}
    assert client.get("/readyz/web").status_code == 200


@pytest.mark.django_db
def test_what_needs_the_database_is_not_checked_while_a_probe_waits_for_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_WAIT_S", 0.05)
    with health._one_checks["database"]:
        found = client.get("/readyz").json()["checks"]
    assert found.pop("database") == "an earlier probe still waits for an answer"
    assert found == dict.fromkeys(health.ASK_DATABASE, health.NOT_ASKED) | {"broker": "ok"}
