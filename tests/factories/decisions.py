"""What the tests of the loop share: decisions enough to train on."""

import io
import uuid
from collections.abc import Callable

import numpy as np
from django.utils import timezone
from PIL import Image

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot, SnapshotItem
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import State, Submission
from tests.factories.claims import item_claim_next

PEOPLE = 50  # of each label, two selfies each, so 200 decisions; about a fifth of them is held out


def frozen_snapshot() -> Snapshot:
    """A ready snapshot as pages show one; its files do not exist."""
    return Snapshot.objects.create(
        name="decisions-20261121",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256="e" * 64,
        ready_at=timezone.now(),
        count_real=412,
        count_fake=96,
        size_bytes=81_000_000,
        facts={
            "pictures": 480,
            "groups": 471,
            "contradicting": 1,
            "contradicting_submissions": [[str(uuid.UUID(int=1 << 100)), str(uuid.UUID(int=1 << 99))]],
            "held_out": {"real": 83, "fake": 19, "audited_fakes": 2},
            "labels": {"noise": 0.12, "compared": 74, "people": 5},
        },
    )


def snapshot_of(decisions: list[Decision], name: str) -> Snapshot:
    """A ready snapshot that holds these; a ready one takes no more."""
    row = Snapshot.objects.create(name=name, state=Snapshot.State.PENDING)
    row.items.bulk_create([SnapshotItem(snapshot=row, decision=decision) for decision in decisions])
    row.state, row.digest, row.manifest_sha256 = Snapshot.State.READY, "d" * 64, "e" * 64
    row.ready_at = timezone.now()
    row.count_fake = sum(decision.label == "fake" for decision in decisions)
    row.count_real = len(decisions) - row.count_fake
    row.save()
    return row


def selfie(label: str, rng: np.random.Generator) -> bytes:
    """Noise, so that perceptual hashes differ; fakes are brighter."""
    pixels = rng.integers(0, 100, (64, 64, 3)) + (150 if label == "fake" else 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def decide_all(submit: Callable[..., Submission], reviewer: User, people: int = PEOPLE) -> None:
    rng = np.random.default_rng(0)
    for number in range(people * 4):
        label = "fake" if number % 2 else "real"
        applicant = f"{label}-{number // 4}"
        row = submit(image=selfie(label, rng), applicant_ref=applicant)
        Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
        items_open([(row.pk, "split_vote", 0.5)])
        item = item_claim_next(reviewer=reviewer)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=reviewer, label=label)
