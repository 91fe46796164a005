"""A bundle from a version of a model in MLflow. Only the files of a bundle are taken, and their hashes are checked."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detection import bundle as disk
from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.registry.bundles import bundle_register
from kyc_review.registry.inventory import PAPERS
from kyc_review.registry.mlflow_exchange.client import DIGEST_TAG, MlflowRefused, Registry, registry_at
from kyc_review.registry.models import Bundle

BYTES_MAX = 4_000_000_000
SLACK_BYTES = 64_000_000  # the limit of a download holds for a log file of the command, too


def mlflow_import(
    *, uri: str, name: str, version: str = "", alias: str = "", digest: str = "", actor: Any = None
) -> Bundle:
    """Register the bundle of this version, or of the one with this alias, as imported; one that is here stays as it is.

    digest: that the bundle must have, as its maker told it by another way; the tag must name it, too, if there is one.

    Raises PermissionDenied, BundleRefused when a file is not what the manifest says, MlflowRefused when the version
    holds other files or another bundle than stated, or when neither `digest` nor a tag states one, OSError.
    """
    require_of_actor(actor, Right.PROMOTE)
    with registry_at(uri, name) as registry, tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
        client = registry.client
        row = (
            client.get_model_version_by_alias(name, alias)
            if alias
            else client.get_model_version(name, version)
        )
        stated = {told for told in (digest.lower(), row.tags.get(DIGEST_TAG, "")) if told}
        if not stated:
            raise MlflowRefused(
                f"Version {row.version} of {name} has no tag {DIGEST_TAG}. Ask who made the bundle for its digest and "
                "give it with --digest."
            )
        files = _download(registry, client.get_model_version_download_uri(name, row.version), Path(folder))
        found = disk.read(files).digest
        if other := stated - {found}:
            raise MlflowRefused(
                f"Version {row.version} of {name} was stated to be bundle {min(other)[:12]}, but its files are bundle "
                f"{found[:12]}. Nothing was registered: export it again from where it was made."
            )
        bundle = bundle_register(path=files, source=Bundle.Source.IMPORTED, actor=actor)
        place, number = registry.place, str(row.version)
    audit.record(
        action="bundle.imported",
        actor=actor,
        target=bundle,
        detail={"digest": bundle.digest, "registry": place, "name": name, "version": number},
    )
    return bundle


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """No file that this process writes in the block may grow beyond this: a server may send more than it states, and
    MLflow's client writes all of it. For a command that runs alone, because the limit is the whole process'."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def has_reached(folder: Path, size_bytes: int) -> bool:
    """Whether a file below the folder is larger than this."""
    return any(path.stat().st_size > size_bytes for path in folder.rglob("*") if path.is_file())


def _download(registry: Registry, source: str, folder: Path) -> Path:
    """The files of a bundle among the artifacts at `source`. Raises MlflowRefused for anything else there."""
    listed = registry.artifacts.list_artifacts(artifact_uri=source, tracking_uri=registry.uri)
    names = [Path(row.path).name for row in listed]
    foreign = [
        name
        for name, row in zip(names, listed, strict=True)
        if row.is_dir or not (name in PAPERS or disk.FILE_NAME.fullmatch(name))
    ]
    if foreign or disk.MANIFEST not in names:
        held = f"It holds {foreign[0]}" if foreign else f"It has no {disk.MANIFEST}"
        raise MlflowRefused(
            f"This version is no bundle: {held}. A bundle has a manifest, a model card and safetensors alone; nothing "
            "was loaded."
        )
    unsized = [name for name, row in zip(names, listed, strict=True) if row.file_size is None]
    if unsized:
        raise MlflowRefused(f"The server states no size of {unsized[0]}, so nothing was downloaded.")
    size_bytes = sum(row.file_size for row in listed)
    if size_bytes > BYTES_MAX:
        raise MlflowRefused(f"Its files have {size_bytes:,} bytes; a bundle has {BYTES_MAX:,} at most.")
    for name, row in zip(names, listed, strict=True):
        with files_at_most(row.file_size + SLACK_BYTES):
            try:
                registry.artifacts.download_artifacts(
                    artifact_uri=f"{source.rstrip('/')}/{name}",
                    dst_path=str(folder),
                    tracking_uri=registry.uri,
                )
            except Exception as error:
                if has_reached(folder, row.file_size):
                    raise MlflowRefused(
                        f"The server sent more of {name} than the {row.file_size:,} bytes that it stated."
                    ) from error
                raise
        got = (folder / name).stat().st_size
        if got != row.file_size:  # what is stated adds up to at most BYTES_MAX, so what was fetched does, too
            raise MlflowRefused(f"{name} has {got:,} bytes, but the server stated {row.file_size:,}.")
    return folder
