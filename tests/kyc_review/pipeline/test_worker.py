import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery.worker import state
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from detection.bundle import BundleRefused
from kyc_review.core.wake import SCORING
from kyc_review.pipeline import heartbeat, scoring, worker
from kyc_review.pipeline.heartbeat import PicturesUnreadable
from kyc_review.pipeline.standstill import standstill_route
from kyc_review.pipeline.unscorable import unscorable_route
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.scoring.state import ORIGINAL_MISSING, originals_missing, scoring_state
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes
from tests.factories.processes import wait_for

pytestmark = pytest.mark.django_db


def promote(folder: Path, version: str, *, seed: int = 0) -> Bundle:
    tiny_bundle(folder / version, version=version, seed=seed)
    row = bundle_register(path=folder / version, source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=row)
    return row


def more_are_scored(before: int) -> bool:
    return Scoring.objects.count() > before


@pytest.fixture
def submit(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    """submit() posts one more real portrait, which passes every check."""
    numbers = iter(range(100_000))
    return lambda **fields: submit(**{"image": portrait_bytes(next(numbers))} | fields)


@pytest.fixture(autouse=True)
def fresh_worker(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"


def test_memory_is_given_back_after_many_pictures_and_not_after_each(
    submit: Callable, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path, "tiny-1")
    settings.SCORING_BATCH_MAX = 2
    given_back: list[int] = []
    monkeypatch.setattr("kyc_review.pipeline.worker.give_back_freed", lambda: given_back.append(1))
    submit()
    assert worker.run_until_idle() == 1
    assert given_back == []
    submit(), submit(), submit()
    assert worker.run_until_idle() == 3
    assert given_back == [1]


def test_everything_due_is_scored_in_batches(
    submit: Callable, tmp_path: Path, settings: LazySettings
) -> None:
    promote(tmp_path, "tiny-1")
    settings.SCORING_BATCH_MAX = 3
    rows = [submit() for _ in range(7)]
    assert worker.run_until_idle() == 7
    assert Scoring.objects.filter(bundle_version="tiny-1").count() == 7
    for row in rows:
        row.refresh_from_db()
        assert row.state in (State.COMPLETED, State.IN_REVIEW)
        assert row.scoring.votes.count() == 5
    assert worker.run_until_idle() == 0


def test_a_promotion_takes_effect_without_a_restart(submit: Callable, tmp_path: Path) -> None:
    promote(tmp_path, "tiny-1")
    first = submit()
    worker.run_until_idle()
    promote(tmp_path, "tiny-2", seed=2)
    second = submit()
    worker.run_until_idle()
    versions = dict(Scoring.objects.values_list("submission_id", "bundle_version"))
    assert versions == {first.pk: "tiny-1", second.pk: "tiny-2"}


def test_a_champion_that_cannot_be_loaded_leaves_the_one_before_serving(
    submit: Callable, tmp_path: Path
) -> None:
    promote(tmp_path, "tiny-1")
    submit()
    worker.run_until_idle()
    (promote(tmp_path, "tiny-2", seed=2).directory / "stack.safetensors").unlink()
    second = submit()
    worker.run_until_idle()
    second.refresh_from_db()
    assert second.scoring.bundle_version == "tiny-1"


def test_one_broken_original_does_not_stop_its_batch(submit: Callable, tmp_path: Path) -> None:
    promote(tmp_path, "tiny-1")
    lost, kept = submit(), submit()
    Path(originals.path(lost.image_key)).write_bytes(b"")
    assert worker.run_until_idle() == 1
    lost.refresh_from_db()
    assert (lost.state, lost.attempts) == (State.RECEIVED, 1)
    assert "ImageRefused" in lost.last_error
    assert Scoring.objects.get().submission == kept


def test_a_broken_model_clears_nothing(
    submit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path, "tiny-1")
    row = submit()

    def broken(*_: object) -> None:
        raise ValueError("member-0: probability is nan, not a number from 0 to 1")

    monkeypatch.setattr("detection.ensemble.Ensemble.score", broken)
    assert worker.run_until_idle() == 0
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 1)
    assert not Scoring.objects.exists()


def test_a_bundle_that_was_changed_on_disk_does_not_serve(submit: Callable, tmp_path: Path) -> None:
    bundle = promote(tmp_path, "tiny-1")
    manifest = bundle.directory / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text(manifest.read_text().replace('"version": "tiny-1"', '"version": "tiny-2"'))
    row = submit()
    with pytest.raises(BundleRefused, match="was changed"):
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)


def test_without_a_champion_nothing_is_leased(submit: Callable) -> None:
    row = submit()
    with pytest.raises(RuntimeError, match="bundle promote"):
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_killed_in_the_middle_lose_nothing_and_double_nothing(
    submit: Callable, tmp_path: Path, celery_worker: Callable, settings: LazySettings
) -> None:
    """Real Celery workers, real Valkey, kill -9: each submission gets exactly one verdict."""
    promote(tmp_path, "tiny-1")
    rows = [submit() for _ in range(200)]
    for kill in range(3):
        process = celery_worker()
        before = Scoring.objects.count()
        wait_for(partial(more_are_scored, before), each=SCORING.send)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert kill == 2 or Scoring.objects.count() < len(rows)
        for _ in range(10):
            submit()
    celery_worker()
    finished = Submission.objects.filter(state__in=(State.COMPLETED, State.IN_REVIEW))
    total = Submission.objects.count()
    wait_for(lambda: finished.count() == total, each=SCORING.send)
    assert Scoring.objects.count() == total
    assert ReviewItem.objects.count() == Submission.objects.filter(state=State.IN_REVIEW).count()
    assert not ReviewItem.objects.filter(reason="unscorable").exists()


@pytest.fixture
def refused_rows(db: None) -> Callable[[Submission], None]:
    """refused_rows(row): from now on the database refuses to store what was checked of that submission."""

    def refuse(row: Submission) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN IF NEW.submission_id = '{row.pk}' THEN RAISE 'refused' "
                "USING DETAIL = 'Failing row contains (ref-4711).'; END IF; RETURN NEW; END $$;"
                "CREATE TRIGGER refuse_row BEFORE INSERT ON scoring_checkresult"
                " FOR EACH ROW EXECUTE FUNCTION refuse_row()"
            )

    return refuse


def test_one_outcome_that_cannot_be_stored_costs_its_batch_nothing_and_ends_with_a_person(
    submit: Callable, tmp_path: Path, settings: LazySettings, refused_rows: Callable
) -> None:
    promote(tmp_path, "tiny-1")
    refused, *others = (submit() for _ in range(3))
    refused_rows(refused)
    assert worker.run_until_idle() == 2
    assert set(Scoring.objects.values_list("submission_id", flat=True)) == {row.pk for row in others}
    for attempts in range(1, settings.SCORING_ATTEMPTS_MAX + 1):
        refused.refresh_from_db()
        assert (refused.state, refused.attempts) == (State.RECEIVED, attempts)
        assert "refused" in refused.last_error
        assert "ref-4711" not in refused.last_error, "an event repeats it, which no erasure empties"
        Submission.objects.filter(pk=refused.pk).update(due_at=timezone.now())
        worker.run_until_idle()
    unscorable_route()
    item = ReviewItem.objects.get(submission=refused)
    assert item.reason == ReviewItem.Reason.UNSCORABLE


def test_a_worker_told_to_stop_finishes_the_batch_in_work_and_gives_the_rest_back(
    submit: Callable, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path, "tiny-1")
    settings.SCORING_BATCH_MAX = 2
    for _ in range(7):
        submit()
    score = scoring.score

    def stop_and_score(*arguments: Any, **options: Any) -> object:
        monkeypatch.setattr(state, "should_stop", 0)  # the exit code, as Celery's signal handler sets it
        return score(*arguments, **options)

    monkeypatch.setattr(worker, "score", stop_and_score)
    assert worker.run_until_idle() in (2, 4)  # the second batch may have begun
    left = Submission.objects.filter(scoring=None)
    assert set(left.values_list("state", "attempts", "lease_holder")) == {(State.RECEIVED, 0, "")}
    assert worker.run_until_idle() == 0
    waiting = left.count()
    monkeypatch.setattr(worker, "score", score)
    monkeypatch.setattr(state, "should_stop", None)
    assert worker.run_until_idle() == waiting


def test_a_missing_original_is_no_attempt_and_waits_for_the_storage(
    submit: Callable, tmp_path: Path, settings: LazySettings
) -> None:
    promote(tmp_path, "tiny-1")
    lost, kept = submit(), submit()
    with originals.open(lost.image_key) as file:
        content = file.read()
    originals.delete(lost.image_key)
    assert worker.run_until_idle() == 1
    lost.refresh_from_db()
    assert (lost.state, lost.attempts, lost.last_error) == (State.RECEIVED, 0, ORIGINAL_MISSING)
    assert lost.due_at > timezone.now()
    Submission.objects.update(received_at=timezone.now() - timedelta(hours=1))
    Scoring.objects.filter(submission=kept).update(scored_at=timezone.now() - timedelta(hours=1))
    assert standstill_route() == 0, "no person could see it"
    assert originals_missing() == 1
    originals.save(lost.image_key, ContentFile(content))
    Submission.objects.update(due_at=timezone.now())
    assert worker.run_until_idle() == 1
    assert originals_missing() == 0


def test_an_original_that_a_disk_or_a_network_folder_cannot_give_now_is_no_attempt(
    submit: Callable, tmp_path: Path
) -> None:
    promote(tmp_path, "tiny-1")
    row = submit()
    path = Path(originals.path(row.image_key))
    content = path.read_bytes()
    path.unlink()
    path.mkdir()  # reading it is an OSError that is no missing file, as EIO and ESTALE are
    assert worker.run_until_idle() == 0
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (State.RECEIVED, 0, ORIGINAL_MISSING)
    path.rmdir()
    path.write_bytes(content)
    Submission.objects.update(due_at=timezone.now())
    assert worker.run_until_idle() == 1


@pytest.mark.parametrize("lost", ["folder", "file"])
def test_a_worker_without_the_files_of_the_champion_says_so_before_its_first_work_and_takes_nothing(
    submit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    place = promote(tmp_path, "tiny-1").directory
    row = submit()
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    heartbeat.beat()
    gone = place.parent if lost == "folder" else place / "stack.safetensors"
    gone.rename(tmp_path / "elsewhere")
    with pytest.raises(PicturesUnreadable, match="mount the folder"):
        heartbeat.look()
    assert scoring_state().problem.startswith("bundle: BundleRefused: tiny-1 is in production")
    for work in (worker.run_until_idle, worker.score_canary):
        with pytest.raises(PicturesUnreadable, match="bundle: "):
            work()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)

    (tmp_path / "elsewhere").rename(gone)
    heartbeat.look()
    assert scoring_state().failing == 0
    assert worker.run_until_idle() == 1
    gone.rename(tmp_path / "elsewhere")
    heartbeat.look()
    assert scoring_state().failing == 0, "it goes on with what it has loaded"


def test_a_worker_with_another_data_folder_takes_nothing(submit: Callable, tmp_path: Path) -> None:
    promote(tmp_path, "tiny-1")
    storage_identity_ensure()
    row = submit()
    originals.delete("identity")
    with pytest.raises(PicturesUnreadable, match="storage: WrongStorage"):
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
