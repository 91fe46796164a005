"""While a key-encryption key is missing nothing is accepted, cleared or given up: it is said, and things wait."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from kyc_review.audit.models import Event
from kyc_review.encryption.keys import difference
from kyc_review.encryption.startup import keys_announce
from kyc_review.evidence.responses import derivative_response
from kyc_review.metrics.numbers import Numbers
from kyc_review.ops import health
from kyc_review.pipeline import heartbeat, worker
from kyc_review.pipeline.heartbeat import PicturesUnreadable
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.pipeline.tasks import compute_evidence, score_pending
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.scoring.state import ORIGINAL_MISSING, scoring_state
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import storage_identity_ensure
from kyc_review.training.worker import run_due_jobs
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


def post(api: Client, key: str = "one") -> Any:
    picture = SimpleUploadedFile("a.jpg", jpeg_bytes(seed=3), "image/jpeg")
    fields = {"image": picture, "external_ref": "application-1"}
    return api.post("/api/v1/submissions", fields, HTTP_IDEMPOTENCY_KEY=key)


@pytest.fixture
def hidden(key_file: Path) -> Callable[[], Callable[[], object]]:
    """hidden() takes the key file away; what it returns brings it back."""

    def hide() -> Callable[[], object]:
        away = key_file.rename(key_file.with_suffix(".away"))
        return lambda: away.rename(key_file)

    return hide


def test_verify_tells_locked_pictures_from_missing_ones_and_gives_each_cure_once(
    submit: Submit, hidden: Callable, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage_identity_ensure()
    rows, restore = [submit(), submit(), submit()], hidden()
    with pytest.raises(CommandError) as locked:
        call_command("verify")
    said = capsys.readouterr().out + str(locked.value)
    assert "3 pictures are there and were not checked" in said
    assert said.count(str(key_file)) == 1
    assert "OriginalMissing" not in said
    assert "restore these files" not in said
    originals.delete(rows[0].image_key)
    with pytest.raises(CommandError, match=r"2 pictures are there[^$]*1 differences; restore these files"):
        call_command("verify")
    restore()
    with pytest.raises(CommandError, match=r"^1 differences; restore these files"):
        call_command("verify")
    assert capsys.readouterr().out.count(f"{rows[0].image_key} is missing") == 2


def test_selfies_wait_for_the_key_and_are_scored_when_it_is_back(
    champion: Bundle,
    submit: Submit,
    hidden: Callable,
    caplog: pytest.LogCaptureFixture,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SCORING_DEVICE = "cpu"
    first, row = submit(), submit()
    restores: list[Callable[[], object]] = []

    def loses_the_key(**given: Any) -> list[Submission]:
        rows = lease_batch(**given)
        if not restores:
            restores.append(hidden())
        return rows

    settings.SCORING_BATCH_MAX = 1
    monkeypatch.setattr(worker, "lease_batch", loses_the_key)
    with pytest.raises(PicturesUnreadable, match="keys: KeysUnavailable"):
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert not Scoring.objects.exists()
    assert not ReviewItem.objects.exists()
    first.refresh_from_db()
    assert (first.state, first.attempts, first.last_error) == (State.RECEIVED, 0, ORIGINAL_MISSING)
    assert "cannot be decrypted" in caplog.text
    restores[0]()
    Submission.objects.update(due_at=row.received_at)
    assert worker.run_until_idle() == 2


@pytest.mark.parametrize(
    "away",
    [{"KEY_ENCRYPTION_KEY_FILE": "/nowhere/keys"}, {"KEY_ENCRYPTION": False, "KEY_ENCRYPTION_KEY_FILE": ""}],
)
def test_a_worker_without_the_keys_takes_no_work_and_its_heartbeat_says_why(
    champion: Bundle,
    submit: Submit,
    client: Client,
    key_file: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    away: dict[str, Any],
) -> None:
    settings.SCORING_DEVICE = "cpu"
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    row, right = submit(), {name: getattr(settings, name) for name in away}
    for name, value in away.items():
        setattr(settings, name, value)
    heartbeat.beat()
    with pytest.raises(PicturesUnreadable):
        heartbeat.look()
    for work in (score_pending, compute_evidence):
        with pytest.raises(PicturesUnreadable):
            work()
    assert run_due_jobs() == 0
    assert "no training: keys: KeysUnavailable" in caplog.text
    assert (state := scoring_state()).failing == 1
    assert state.problem.startswith("keys: KeysUnavailable")
    monkeypatch.setattr(health, "STARTING_S", 0)
    health._kept.clear()
    assert "no scoring worker can score (keys)" in client.get("/readyz").json()["checks"]["scoring"]
    before = (row.state, row.attempts, row.due_at)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.due_at) == before
    for name, value in right.items():
        setattr(settings, name, value)
    heartbeat.look()
    assert scoring_state().failing == 0
    assert worker.run_until_idle() == 1


def test_posts_are_answered_with_try_again(api: Client, hidden: Callable, key_file: Path) -> None:
    restore = hidden()
    answer = post(api)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"]
    assert str(key_file) not in answer.content.decode()
    assert not Submission.objects.exists()
    restore()
    assert post(api).status_code == 202


def test_a_process_without_encryption_accepts_nothing_while_others_encrypt(
    api: Client, key_file: Path, settings: LazySettings, private_data: Path
) -> None:
    assert post(api).status_code == 202
    settings.KEY_ENCRYPTION, settings.KEY_ENCRYPTION_KEY_FILE = False, ""
    files = set((private_data / "originals").rglob("*.*"))
    answer = post(api, "two")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert set((private_data / "originals").rglob("*.*")) == files
    settings.KEY_ENCRYPTION_KEY_FILE = str(
        key_file
    )  # turned off on purpose: what is encrypted stays readable
    assert post(api, "two").status_code == 202


def test_a_process_that_does_not_encrypt_stores_nothing_and_takes_no_work_once_all_must(
    api: Client,
    submit: Submit,
    key_file: Path,
    settings: LazySettings,
    private_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = submit()
    storage_identity_ensure()
    call_command("encrypt_files")
    settings.KEY_ENCRYPTION = False  # it has the keys of the others
    files = set((private_data / "originals").rglob("*.*"))
    answer = post(api)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert set((private_data / "originals").rglob("*.*")) == files
    health._kept.clear()
    ready = api.get("/readyz/web")
    assert ready.status_code == 503
    assert "KEY_ENCRYPTION=true" in ready.json()["checks"]["encryption"]
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    heartbeat.beat()
    for work in (score_pending, compute_evidence):
        with pytest.raises(PicturesUnreadable, match="KEY_ENCRYPTION=true"):
            work()
    assert scoring_state().problem.startswith("keys: KeysUnavailable")
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    keys_announce()
    assert "KEY_ENCRYPTION=true" in caplog.text
    with pytest.raises(CommandError, match="keys off"):
        call_command("keys", "status")

    call_command("keys", "off")
    actions = Event.objects.filter(action__startswith="keys.encryption")
    assert list(actions.order_by("pk").values_list("action", flat=True)) == [
        "keys.encryption_on",
        "keys.encryption_off",
    ]
    health._kept.clear()
    assert api.get("/readyz/web").status_code == 200
    assert post(api, "two").status_code == 202


@pytest.mark.parametrize("has_pictures", [False, True])
def test_prepare_asks_it_of_all_at_first_or_once_something_is_encrypted(
    key_file: Path, settings: LazySettings, submit: Submit, client: Client, has_pictures: bool
) -> None:
    """Between, encryption is being turned on: processes with and without it take posts."""
    if has_pictures:
        settings.KEY_ENCRYPTION = False
        submit()
        settings.KEY_ENCRYPTION = True
        call_command("prepare", "--without-bundle", verbosity=0)
        settings.KEY_ENCRYPTION = False
        assert difference() == ""
        submit()
        settings.KEY_ENCRYPTION = True
        submit()  # the first process that was restarted
    call_command("prepare", "--without-bundle", verbosity=0)
    assert difference() == ""
    settings.KEY_ENCRYPTION = False
    assert "KEY_ENCRYPTION=true" in difference()


def test_nothing_is_encrypted_with_an_older_key_file_after_a_rotation(api: Client, key_file: Path) -> None:
    assert post(api).status_code == 202  # this process knows the old key
    old = key_file.read_text()
    call_command("keys", "rotate", "--new")
    new = key_file.read_text()
    key_file.write_text(old)  # as when a secret store mounts the version of before
    answer = post(api, "two")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    key_file.write_text(new)
    assert post(api, "two").status_code == 202


def test_a_page_says_that_a_picture_cannot_be_shown_now(submit: Submit, hidden: Callable) -> None:
    row = submit()
    hidden()
    answer = derivative_response(row)
    assert answer.status_code == 503
    assert "decrypted" in answer.getvalue().decode()


def test_readiness_and_the_start_of_a_process_say_so(
    client: Client, submit: Submit, hidden: Callable, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    submit()
    health._kept.clear()
    assert client.get("/readyz").json()["checks"]["encryption"] == "ok"
    keys_announce()
    assert not caplog.records
    hidden()
    health._kept.clear()  # it is kept for a second
    found = client.get("/readyz")
    assert found.status_code == 503
    assert "manage.py keys status" in found.json()["checks"]["encryption"]
    assert str(key_file) not in found.content.decode()
    keys_announce()
    assert [record.levelno for record in caplog.records if str(key_file) in record.getMessage()][
        -1
    ] == logging.ERROR


def test_metrics_say_whether_keys_can_be_used(submit: Submit, hidden: Callable) -> None:
    def usable() -> float:
        found = {metric.name: metric for metric in Numbers().collect()}
        return found["kyc_encryption_keys_usable"].samples[0].value

    submit()
    assert usable() == 1
    hidden()
    assert usable() == 0
