"""ONNX Runtime as the engine of a scoring worker: exports of models, made once and checked at each start.

Torch writes an export in a process of its own, so that this one never loads it. An export is signed with SECRET_KEY:
another hand that can write DATA_DIR cannot exchange the networks, as it cannot exchange a bundle's. Until it is signed
it lies in a private folder elsewhere, and what is signed is what that process reports, not what lies there.
"""

import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from django.conf import settings
from django.core.signing import BadSignature, Signer

from detection import auxiliary_files
from detection import bundle as disk
from detection.bundle import BundleRefused
from detection.exported import files
from detection.exported.auxiliary import ExportedAuxiliary
from detection.exported.files import EngineRefused, Export, export_key
from detection.exported.runtime import Runtime
from detection.exported.voters import ExportedVoters
from kyc_review.core import folders
from kyc_review.registry.bundle_files import bundle_folder, changed
from kyc_review.registry.models import Bundle

log = logging.getLogger(__name__)
ONNXRUNTIME = "onnxruntime"
SIGNATURE = "signature"
EXPORT_MAX_S = 600
STAGED_MAX_S = 3600
_signer = Signer(salt="kyc_review.pipeline.engines")


def exported_voters(bundle: Bundle, *, shift: float, threads: int | None) -> ExportedVoters:
    """A registered bundle in ONNX Runtime. Raises EngineRefused, and BundleRefused when its files have changed."""
    with bundle_folder(bundle) as folder:
        found = disk.read(folder)
        if found.digest != bundle.digest:
            raise BundleRefused(changed(bundle, found.digest))
        export, network = export_ensure("bundle", folder, bundle.digest)
    return ExportedVoters(found, Runtime(export, network), shift=shift, threads=threads)


def exported_auxiliary(folder: Path) -> ExportedAuxiliary:
    """An auxiliary model that may ask for a person, in ONNX Runtime. Raises EngineRefused."""
    try:
        digest = hashlib.sha256((folder / auxiliary_files.MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise EngineRefused(f"the auxiliary model {folder.name} cannot be read: {error}") from error
    export, network = export_ensure("auxiliary", folder, digest)
    return ExportedAuxiliary(export, Runtime(export, network))


def export_ensure(kind: str, source: Path, digest: str) -> tuple[Export, bytes]:
    """The export of a bundle or an auxiliary model; made when there is none that is whole and signed.

    digest: SHA-256 of its manifest. Raises EngineRefused.
    """
    key = export_key(digest)
    place = Path(settings.EXPORTED_DIR) / key
    if place.exists():
        try:
            return _read(place, key)
        except EngineRefused as refused:
            log.warning("a model is exported again: %s", refused)
    try:
        folders.leftovers_remove(place.parent, prefix="incoming-", older_than_s=STAGED_MAX_S)
        with folders.staging(place.parent, f"incoming-{uuid.uuid4().hex}") as folder:
            with tempfile.TemporaryDirectory(prefix="kyc-export-") as private:
                made = Path(private)
                signed = _write(kind, source, key, made)
                if files.read(made, key, manifest_sha256=signed)[0].about["digest"] != digest:
                    raise EngineRefused(f"{source} changed while it was exported")
                for name in (files.MANIFEST, files.NETWORK):
                    shutil.copyfile(made / name, folder / name)
            (folder / SIGNATURE).write_text(_signer.sign(signed))
            folders.publish(folder, place)
    except OSError as error:
        raise EngineRefused(f"{source} cannot be exported to {place}: {error}") from error
    return _read(place, key)


def _write(kind: str, source: Path, key: str, folder: Path) -> str:
    """In a process that has torch; the manifest's SHA-256, as that process computed it. Raises EngineRefused."""
    command = [sys.executable, "-m", "detection.exported.write", kind, str(source), key, str(folder)]
    try:
        done = subprocess.run(  # noqa: S603  (our own program, no shell)
            command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=EXPORT_MAX_S
        )
    except subprocess.TimeoutExpired as late:
        raise EngineRefused(f"{source} was not exported within {EXPORT_MAX_S} s") from late
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineRefused(f"{source} cannot be exported (exit status {done.returncode}): {last}")
    return done.stdout.split()[-1]


def _read(place: Path, key: str) -> tuple[Export, bytes]:
    try:
        signed = _signer.unsign((place / SIGNATURE).read_text())
    except (OSError, BadSignature, UnicodeDecodeError) as error:
        raise EngineRefused(f"{place} is not signed by this installation") from error
    return files.read(place, key, manifest_sha256=signed)
