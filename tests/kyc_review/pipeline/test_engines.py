"""The scoring worker with ONNX Runtime: no torch in its process, torch's votes, and torch where it is refused."""

import hashlib
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.signing import Signer

from detection.auxiliary_files import MANIFEST
from detection.bundle import BundleRefused
from detection.decoding import decode
from detection.ensemble import Ensemble
from detection.exported import files
from detection.exported.files import NETWORK, EngineRefused, export_key
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


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A bundle, its export by a process with torch, and what that process reported."""
    root = tmp_path_factory.mktemp("engines")
    made = tiny_bundle(root / "tiny", threshold=0.9999)
    (root / "export").mkdir()
    reported = engines._write("bundle", root / "tiny", export_key(made.digest), root / "export")
    return root / "tiny", root / "export", reported


@pytest.fixture
def bundle(
    settings: LazySettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exported: tuple[Path, Path, str],
) -> Iterator[Bundle]:
    """In production, where ONNX Runtime is the engine and no auxiliary model takes part."""
    settings.SCORING_ENGINE, settings.SCORING_DEVICE = "onnxruntime", "cpu"
    settings.EXPORTED_DIR = tmp_path / "exported"
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr(auxiliary_models, "shipped_auxiliary_models", list)
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    monkeypatch.setattr(heartbeat, "_engine_refused", "")
    ScoringWorker.objects.create(name="host:7:abc")
    auxiliary_models._exported.cache_clear()
    shutil.copytree(exported[0], tmp_path / "tiny")
    row = bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=row)
    yield row
    auxiliary_models._exported.cache_clear()


@pytest.fixture
def written(exported: tuple[Path, Path, str], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which an export was made: each gets what the process with torch wrote once."""
    found: list[Path] = []

    def write(kind: str, source: Path, key: str, folder: Path) -> str:
        assert (kind, key) == ("bundle", json.loads((exported[1] / files.MANIFEST).read_bytes())["key"])
        found.append(folder)
        shutil.copytree(exported[1], folder, dirs_exist_ok=True)
        return exported[2]

    monkeypatch.setattr(engines, "_write", write)
    return found


def exchange(folder: Path) -> None:
    """Another network, and a manifest that names it."""
    (folder / NETWORK).write_bytes(b"of another hand")
    manifest = json.loads((folder / files.MANIFEST).read_bytes())
    manifest["sha256"] = hashlib.sha256(b"of another hand").hexdigest()
    (folder / files.MANIFEST).write_text(json.dumps(manifest))


def test_an_export_is_made_once_and_again_when_it_is_damaged_or_not_ours(
    bundle: Bundle, settings: LazySettings, written: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert champion.load_ensemble(bundle).engine == "onnxruntime"
    assert len(written) == 1
    (place,) = settings.EXPORTED_DIR.iterdir()
    (place / NETWORK).write_bytes(b"other")
    champion.load_ensemble(bundle)
    (place / engines.SIGNATURE).unlink()
    champion.load_ensemble(bundle)
    exchange(place)
    champion.load_ensemble(bundle)
    settings.SECRET_KEY = "of another installation"
    settings.SECRET_KEY_FALLBACKS = []
    monkeypatch.setattr(engines, "_signer", Signer(salt="kyc_review.pipeline.engines"))
    assert champion.load_ensemble(bundle).engine == "onnxruntime"
    assert len(written) == 5
    assert not any(folder.exists() for folder in written)
    assert not ScoringWorker.objects.exclude(engine_refused="").exists()


def test_an_export_is_made_in_a_private_folder_and_what_is_exchanged_there_is_not_signed(
    bundle: Bundle, settings: LazySettings, written: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, private = engines._write, []

    def exchanged(kind: str, source: Path, key: str, folder: Path) -> str:
        private.append(
            stat.S_IMODE(folder.stat().st_mode) == 0o700
            and not folder.is_relative_to(settings.EXPORTED_DIR)
            and not folder.is_relative_to(settings.DATA_DIR)
        )
        reported = write(kind, source, key, folder)
        exchange(folder)
        return reported

    monkeypatch.setattr(engines, "_write", exchanged)
    with pytest.raises(EngineRefused, match="not the one that was signed"):
        engines.export_ensure("bundle", bundle.directory, bundle.digest)
    assert private == [True]
    assert not list(settings.EXPORTED_DIR.iterdir())


def test_what_is_exchanged_after_its_signature_was_checked_is_not_used(
    bundle: Bundle, settings: LazySettings, written: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.export_ensure("bundle", bundle.directory, bundle.digest)
    (place,) = settings.EXPORTED_DIR.iterdir()
    read = Path.read_bytes

    def read_and_exchange(file: Path) -> bytes:
        found = read(file)
        if file == place / files.MANIFEST:
            monkeypatch.setattr(Path, "read_bytes", read)
            exchange(place)
        return found

    monkeypatch.setattr(Path, "read_bytes", read_and_exchange)
    with pytest.raises(EngineRefused):
        engines._read(place, place.name)


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


@pytest.mark.slow
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
