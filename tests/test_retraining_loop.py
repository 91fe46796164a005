"""The retraining loop from end to end: decisions, snapshot, training, promotion; each by its own command."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from PIL import Image

from detection.bundle import View
from detection.ensemble import Ensemble
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from kyc_review.accounts.models import User
from kyc_review.retraining.models import Snapshot
from kyc_review.retraining.selectors import champion
from kyc_review.review.services import decision_record, item_claim_next, items_open
from kyc_review.scoring import worker
from kyc_review.submissions.models import State, Submission
from ml.training.pack import Voter, pack

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[1]
PEOPLE = 24  # of each label (training asks for 20), two selfies each
TINY = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}
ARCHITECTURE = "convnext_zepto_rms_ols"


def manage(*arguments: str) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def small_bundle(out: Path) -> None:
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
        provenance={},
        metrics={},
        card="# small\n",
    )


def selfie(label: str, rng: np.random.Generator) -> bytes:
    """Noise, so that no two look alike to a perceptual hash; fakes are brighter."""
    pixels = rng.integers(0, 100, (64, 64, 3)) + (150 if label == "fake" else 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def decide_all(submit: Callable[..., Submission], reviewer: User) -> None:
    rng = np.random.default_rng(0)
    for number in range(PEOPLE * 4):
        label = "fake" if number % 2 else "real"
        applicant = f"{label}-{number // 4}"
        row = submit(image=selfie(label, rng), applicant_ref=applicant)
        Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
        items_open([(row.pk, "split_vote", 0.5)])
        item = item_claim_next(reviewer=reviewer)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=reviewer, label=label)


@pytest.mark.slow
def test_decisions_train_a_candidate_that_serves_after_its_promotion(
    submit: Callable[..., Submission],
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(worker, "_serving", None)
    settings.SCORING_DEVICE = "cpu"
    small_bundle(tmp_path / "served")
    manage("bundle", "promote", str(tmp_path / "served"))
    before = champion()
    assert before is not None
    assert worker.serving().digest == before.digest

    decide_all(submit, alice)
    manage("snapshot", "create", "--name", "first")
    snapshot = Snapshot.objects.get()
    candidate = tmp_path / "candidate"
    train = [
        sys.executable,
        "-m",
        "ml",
        "train",
        "--manifest",
        str(snapshot.manifest),
        "--out",
        str(candidate),
    ]
    train += ["--init", str(before.directory), "--epochs", "1"]
    done = subprocess.run(train, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    manage("bundle", "promote", str(candidate), "--reason", "trained on the first snapshot")
    after = champion()
    assert after is not None
    assert after.digest != before.digest
    assert after.provenance["snapshot_sha256"] == snapshot.manifest_sha256
    assert after.provenance["trained_from_digest"] == before.digest
    ensemble = worker.serving()
    assert isinstance(ensemble, Ensemble)
    assert ensemble.digest == after.digest

    manage("bundle", "rollback", "--reason", "only a test")
    assert worker.serving().digest == before.digest
