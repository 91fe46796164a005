"""What the tests of the loop share: decisions enough to train on, and a bundle small enough to train in seconds."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import timezone
from PIL import Image

from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from kyc_review.accounts.models import User
from kyc_review.retraining.models import Snapshot
from kyc_review.review.services import decision_record, item_claim_next, items_open
from kyc_review.submissions.models import State, Submission
from ml.training.pack import Voter, pack

PEOPLE = 40  # of each label, two selfies each; about a fifth of them is held out
TINY = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}
ARCHITECTURE = "convnext_zepto_rms_ols"


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
    )


def small_bundle(out: Path, provenance: Mapping[str, Any] | None = None) -> Path:
    """What `ml` packs and can fine-tune, with networks of a few hundred weights."""
    names = ("north", "east", "south", "west")
    voters = [
        Voter(name, ARCHITECTURE, TINY, convnext(ARCHITECTURE, **TINY), View(32, 0.16)) for name in names
    ]
    pack(
        out,
        voters,
        Stacking(),
        thresholds=[0.5] * 5,
        temperatures=[1.0] * 5,
        version="small",
        provenance=provenance or {},
        metrics={},
        card="# small\n",
    )
    return out


def selfie(label: str, rng: np.random.Generator) -> bytes:
    """Noise, so that no two look alike to a perceptual hash; fakes are brighter."""
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
