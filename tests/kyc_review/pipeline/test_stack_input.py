"""A bundle whose stack reads the compression, from its registration to the votes of the scoring worker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from detection.bundle import BundleRefused
from detection.ensemble import Ensemble
from detection.precision import FORCE_FLOAT32
from kyc_review.pipeline import champion, worker
from kyc_review.pipeline.reading import picture_of
from kyc_review.pipeline.scoring import vote
from kyc_review.registry.bundle_files import file_names
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Vote
from kyc_review.submissions.models import Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db
INPUT = "compression.safetensors"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    tiny_bundle(tmp_path / "tiny", compression=True)
    found = bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=found)
    return found


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
def test_the_worker_gives_the_stack_what_it_reads(
    bundle: Bundle,
    submit: Callable[..., Submission],
    settings: LazySettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
) -> None:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    settings.SCORING_ENGINE, settings.EXPORTED_DIR = engine, tmp_path / "exported"
    picture = picture_of(portrait_bytes(0))
    assert picture.cells is not None
    ensemble = Ensemble.load(bundle.directory, device="cpu", threads=1)
    (wanted,), (unread,) = (
        vote(ensemble, [picture]),
        ensemble.score([picture.image], [picture.report.frame], [None]),
    )
    assert abs(wanted[-1].probability - unread[-1].probability) > 0.005
    submit(image=portrait_bytes(0))
    assert worker.run_until_idle() == 1
    found = Vote.objects.order_by("position").values_list("probability", flat=True)
    assert list(found) == pytest.approx([each.probability for each in wanted], abs=0.001)


def test_its_file_is_stored_offered_and_checked_as_the_members_are(bundle: Bundle) -> None:
    assert INPUT in file_names(bundle)
    file = bundle.directory / INPUT
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleRefused, match=INPUT):
        champion.load_ensemble(bundle)
