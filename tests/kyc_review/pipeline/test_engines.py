"""The scoring worker with ONNX Runtime: no torch in its process, torch's votes, and torch where it is refused."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.signing import Signer

from detection.auxiliary_files import MANIFEST
from detection.bundle import BundleRefused
from detection.decoding import decode
from detection.ensemble import Ensemble
from detection.exported.files import NETWORK, EngineRefused
from detection.exported.runtime import Runtime
from detection.precision import FORCE_FLOAT32
from kyc_review.pipeline import auxiliary_models, champion, engines, heartbeat
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Scoring, ScoringWorker, Vote
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.models import Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes
from tests.factories.processes import wait_for

pytestmark = pytest.mark.django_db
pytest.importorskip("onnxruntime")


@pytest.fixture
def bundle(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    """In production, where ONNX Runtime is the engine and no auxiliary model takes part."""
    settings.SCORING_ENGINE, settings.SCORING_DEVICE = "onnxruntime", "cpu"
    settings.EXPORTED_DIR = tmp_path / "exported"
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr(auxiliary_models, "shipped_auxiliary_models", list)
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    auxiliary_models._exported.cache_clear()
    tiny_bundle(tmp_path / "tiny", threshold=0.9999)
    row = bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=row)
    yield row
    auxiliary_models._exported.cache_clear()


def test_an_export_is_made_once_and_again_when_it_is_damaged_or_not_ours(
    bundle: Bundle, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    made = engines._write

    def counted(kind: str, source: Path, key: str, folder: Path) -> None:
        written.append(kind)
        if len(written) == 1:
            made(kind, source, key, folder)
            shutil.copytree(folder, tmp_path / "first")
        else:  # what the program would write again
            shutil.copytree(tmp_path / "first", folder, dirs_exist_ok=True)

    monkeypatch.setattr(engines, "_write", counted)
    for _ in range(2):
        assert champion.load_ensemble(bundle).engine == "onnxruntime"
    assert written == ["bundle"]
    (place,) = settings.EXPORTED_DIR.iterdir()
    (place / NETWORK).write_bytes(b"other")
    champion.load_ensemble(bundle)
    (place / engines.SIGNATURE).unlink()
    champion.load_ensemble(bundle)
    settings.SECRET_KEY = "of another installation"
    settings.SECRET_KEY_FALLBACKS = []
    monkeypatch.setattr(engines, "_signer", Signer(salt="kyc_review.pipeline.engines"))
    assert champion.load_ensemble(bundle).engine == "onnxruntime"
    assert written == ["bundle"] * 4
    assert not ScoringWorker.objects.exclude(engine_refused="").exists()


def test_torch_scores_and_it_is_said_when_the_results_differ(
    bundle: Bundle, submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object) -> None:
        raise EngineRefused("ONNX Runtime differs from torch")

    monkeypatch.setattr(engines, "export_ensure", lambda *_: (None, b""))
    monkeypatch.setattr(Runtime, "__init__", differs)
    found = champion.serving_ensemble()
    assert isinstance(found, Ensemble)
    assert found.digest == bundle.digest
    assert "differs from torch" in ScoringWorker.objects.get(pk="host:7:abc").engine_refused
    assert scoring_state().without_their_engine == 1
    assert champion.serving_ensemble() is found, "it is not tried again for every batch"


def test_a_bundle_that_changed_is_refused_by_both(bundle: Bundle) -> None:
    (bundle.directory / "stack.safetensors").write_bytes(b"")
    with pytest.raises(BundleRefused):
        champion.load_ensemble(bundle)


def test_a_deciding_auxiliary_model_that_cannot_be_exported_is_asked_in_torch(
    bundle: Bundle, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EngineRefused("it does not look at the face alone")

    settings.AUXILIARY_MODELS_DIR = tmp_path / "own"
    (settings.AUXILIARY_MODELS_DIR / "u").mkdir(parents=True)
    (settings.AUXILIARY_MODELS_DIR / "u" / MANIFEST).write_text('{"review_above": 0.5}')
    monkeypatch.setattr(engines, "export_ensure", refuse)
    monkeypatch.setattr(auxiliary_models, "loaded", lambda: ["torch's"])
    assert auxiliary_models.asking() == ["torch's"]
    assert "the face alone" in ScoringWorker.objects.get(pk="host:7:abc").engine_refused


@pytest.mark.django_db(transaction=True)
def test_a_worker_with_onnx_runtime_gives_torchs_votes_and_loads_no_torch(
    bundle: Bundle,
    submit: Callable[..., Submission],
    celery_worker: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    submit(image=portrait_bytes(0))
    process = celery_worker(SCORING_ENGINE="onnxruntime", AUXILIARY_REVIEW="0")
    wait_for(Scoring.objects.exists)
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert "libtorch" not in maps
    (wanted,) = Ensemble.load(bundle.directory, device="cpu", threads=1).score([decode(portrait_bytes(0))])
    found = Vote.objects.order_by("position").values_list("probability", flat=True)
    assert list(found) == pytest.approx([vote.probability for vote in wanted], abs=0.001)
    assert not ScoringWorker.objects.exclude(engine_refused="").exists()
