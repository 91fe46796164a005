import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.evidence import services
from kyc_review.evidence.derivatives import derivative_key
from kyc_review.evidence.models import Evidence, Fingerprint
from kyc_review.pipeline import auxiliary_models, evidence_sweep, evidence_worker
from kyc_review.pipeline.submission_leases import is_busy
from kyc_review.review.models import ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, originals
from tests.factories.auxiliary_models import written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_worker")]
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], Evidence]


def test_queueing_an_item_asks_for_its_evidence_once(submit: Callable[..., Submission]) -> None:
    submission = submit()
    for _ in range(2):
        items_open([(submission.pk, "split_vote", 0.5)])
    assert Evidence.objects.get().state == "waiting"


def test_a_queued_item_gets_facts_and_private_pictures(
    enqueue: Enqueue, examine: Examine, champion: object
) -> None:
    item = enqueue()
    evidence = examine(item)
    assert evidence.state == "ready"
    assert evidence.facts["failed"] == {}
    assert evidence.facts["attention"]["bundle"] == "tiny-1"
    assert {"noise", "attention", "ela-90"} <= set(evidence.pictures)
    for name in evidence.pictures:
        assert os.stat(derivatives.path(evidence.key_of(name))).st_mode & 0o077 == 0
    assert Fingerprint.objects.filter(submission=item.submission).exists()


def test_evidence_gives_way_to_waiting_selfies_but_not_for_ever(
    submit: Callable[..., Submission], settings: LazySettings
) -> None:
    began = time.monotonic()
    assert not is_busy()
    evidence_worker.give_way(began + 60)
    selfie = submit()
    assert is_busy()
    until = time.monotonic() + 0.3
    evidence_worker.give_way(until)
    assert until <= time.monotonic() < began + 60
    Submission.objects.filter(pk=selfie.pk).update(
        state="scoring", lease_holder="host:1:a", due_at=Now() + timedelta(minutes=1)
    )
    assert is_busy(), "it is given its votes"
    Submission.objects.filter(pk=selfie.pk).update(is_test=True)
    assert not is_busy()


def test_without_a_champion_only_the_attention_is_missing(enqueue: Enqueue, examine: Examine) -> None:
    evidence = examine(enqueue())
    assert evidence.state == "ready"
    assert "attention" not in evidence.pictures


def test_a_picture_that_fails_every_time_could_not_be_computed_and_blocks_nobody(
    enqueue: Enqueue, examine: Examine, settings: LazySettings
) -> None:
    broken, fine = enqueue(), enqueue()
    Path(originals.path(broken.submission.image_key)).write_bytes(b"no picture")
    services.evidence_request([broken.submission_id, fine.submission_id])
    for _ in range(settings.EVIDENCE_ATTEMPTS_MAX):
        evidence_worker.run_until_idle()
        Evidence.objects.filter(state="waiting").update(due_at=timezone.now())
    assert Evidence.objects.get(submission=fine.submission).state == "ready"
    spent = Evidence.objects.get(submission=broken.submission)
    assert (spent.state, spent.attempts) == ("failed", settings.EVIDENCE_ATTEMPTS_MAX)
    assert "ImageRefused" in spent.last_error


def test_a_late_result_loses_against_the_next_holder(enqueue: Enqueue) -> None:
    from detection.forensics.dossier import dossier_compute

    item = enqueue()
    services.evidence_request([item.submission_id])
    late = services.evidence_lease(holder="first")
    assert late is not None
    Evidence.objects.update(due_at=timezone.now())
    assert services.evidence_lease(holder="second") is not None
    with originals.open(item.submission.image_key) as file:
        dossier = dossier_compute(file.read())
    assert services.evidence_record(evidence=late, dossier=dossier, elapsed_ms=1.0) is False
    assert Evidence.objects.get().lease_holder == "second"


def test_what_somebody_holds_comes_first_then_the_queues_order(enqueue: Enqueue, alice: User) -> None:
    queue = (("split_vote", 0.2), ("split_vote", 0.9), ("unanimous_fake", 0.6), ("audit", 0.9))
    items = [enqueue(reason, risk) for reason, risk in queue]
    services.evidence_request([item.submission_id for item in items])
    ReviewItem.objects.filter(pk=items[0].pk).update(
        state="claimed", claimed_by=alice, claimed_at=Now(), claim_expires_at=Now() + timedelta(minutes=9)
    )
    leased = [services.evidence_lease(holder="worker") for _ in items]
    assert [row.submission_id for row in leased if row] == [items[i].submission_id for i in (0, 2, 1, 3)]
    assert services.evidence_lease(holder="worker") is None


def test_the_sweep_asks_for_what_nobody_asked_for(enqueue: Enqueue) -> None:
    item = enqueue()
    evidence_sweep.sweep()
    assert Evidence.objects.get().submission_id == item.submission_id


def test_what_killed_its_worker_is_given_up(enqueue: Enqueue, settings: LazySettings) -> None:
    services.evidence_request([enqueue().submission_id])
    for _ in range(settings.EVIDENCE_ATTEMPTS_MAX):
        assert services.evidence_lease(holder="dies") is not None
        Evidence.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert services.evidence_lease(holder="lives") is None
    evidence_sweep.sweep()
    assert (Evidence.objects.get().state, Evidence.objects.get().last_error[:10]) == ("failed", "The worker")


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_work_is_healed_by_the_next(
    enqueue: Enqueue, settings: LazySettings, private_data: object
) -> None:
    item = enqueue()
    services.evidence_request([item.submission_id])
    program = (
        "import django, time; django.setup()\n"
        "from kyc_review.evidence import services\n"
        "print(services.evidence_lease(holder='host:1:a').pk, flush=True); time.sleep(60)"
    )
    to = connection.settings_dict
    address = f"postgres://{to['USER']}:{to['PASSWORD']}@{to['HOST']}:{to['PORT']}/{to['NAME']}".replace(
        ":@", "@"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"DATABASE_URL": address},
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert evidence_worker.run_until_idle() == 0, "the lease still runs"
    Evidence.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    started = time.monotonic()
    evidence_sweep.sweep()
    assert evidence_worker.run_until_idle() == 1
    assert time.monotonic() - started < 60
    assert Evidence.objects.get().state == "ready"


def test_an_auxiliary_model_of_the_bank_scores_and_masks(
    enqueue: Enqueue, examine: Examine, settings: LazySettings, private_data: Path
) -> None:
    settings.AUXILIARY_MODELS_DIR = private_data / "auxiliary_models"
    written(settings.AUXILIARY_MODELS_DIR / "u")
    (settings.AUXILIARY_MODELS_DIR / "broken").mkdir()
    (settings.AUXILIARY_MODELS_DIR / "broken" / "auxiliary.json").write_text("{}")
    auxiliary_models.loaded.cache_clear()
    evidence = examine(enqueue())
    auxiliary_models.loaded.cache_clear()
    assert set(evidence.facts["auxiliary"]) >= {"edited_region", "u"}
    assert 0 <= evidence.facts["auxiliary"]["u"]["score"] <= 1
    assert evidence.pictures["mask"] == "image/png"


def test_the_display_picture_is_there_before_anyone_looks(enqueue: Enqueue, examine: Examine) -> None:
    """Else only faces that people saw long ago, such as calibration items, would load without a delay."""
    item = enqueue()
    assert not derivatives.exists(derivative_key(item.submission_id))
    examine(item)
    assert derivatives.exists(derivative_key(item.submission_id))
