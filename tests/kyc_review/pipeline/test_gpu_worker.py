"""The scoring worker on a CUDA device: the same votes as on the processor."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from django.conf import LazySettings

from detection.ensemble import Ensemble
from kyc_review.pipeline import worker
from kyc_review.pipeline.reading import picture_of
from kyc_review.pipeline.scoring import vote
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Vote
from kyc_review.submissions.models import Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is available"),
]


def test_a_selfie_gets_the_processors_votes(
    submit: Callable[..., Submission],
    tmp_path: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cuda"
    tiny_bundle(tmp_path / "tiny", compression=True)
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED))
    submit(image=portrait_bytes(0))
    assert worker.run_until_idle() == 1
    ensemble = Ensemble.load(tmp_path / "tiny", device="cpu", threads=1)
    (wanted,) = vote(ensemble, [picture_of(portrait_bytes(0))])
    found = Vote.objects.order_by("position").values_list("probability", flat=True)
    assert list(found) == pytest.approx([vote.probability for vote in wanted], abs=0.02)
