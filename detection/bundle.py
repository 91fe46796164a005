"""A bundle on disk: manifest.json, one safetensors file per member, one for the stack, and a model card.

The manifest names every file with its SHA-256; nothing is used before all of them are checked. The bundle's
digest is the SHA-256 of the manifest's bytes and so covers everything. This module does not import torch,
because the web process reads bundles too.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = "kyc-review/bundle/1"
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
ARCHITECTURES = re.compile(
    r"convnext_(zepto|atto|femto|pico|nano|tiny|small|base)(_rms)?(_ols)?(_hnf)?|hybrid_lite0"
)
STACK_ARCHITECTURE = "stacking_linear"
# Another name, so that a release that cannot read the input refuses the bundle and says so.
STACK_WITH_INPUT = "stacking_linear_with_input"
STACK_INPUT_ARCHITECTURE = "compression_cells"
# Of what `compression_cells` computes. A change of it is another number here: a network learned from one kind of cells.
CELLS_VERSION = 1
MEMBERS = 4
STACK, STACK_INPUT = "stack", "compression"
CENTRE, FACE = "centre", "face"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SHA256 = re.compile(r"[0-9a-f]{64}")
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.safetensors")


class BundleRefused(ValueError):
    """The bundle is invalid or damaged; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class View:
    """The input of a member, `side` pixels square.

    frame: "centre" for the picture's centre square of `extent` times its short side; "face" for `extent` times the edge
    of the crop around the face (`detection.faces.align.aligned_crop`). Bundles from before that have "centre".
    """

    side: int
    extent: float = 1.0
    standardisation: str = "samplewise"
    frame: str = CENTRE

    def __post_init__(self) -> None:
        if not 16 <= self.side <= 1024 or not 0.1 <= self.extent <= 1.0:
            raise BundleRefused(f"a view of side {self.side} and extent {self.extent} is out of range")
        if self.frame not in (CENTRE, FACE):
            raise BundleRefused(f"a view of the {self.frame!r} is unknown; use {CENTRE!r} or {FACE!r}")
        if self.standardisation != "samplewise":
            raise BundleRefused(f"standardisation {self.standardisation!r} is unknown; use 'samplewise'")


@dataclass(frozen=True, slots=True)
class Member:
    """One voter. `arguments` go to the network's constructor (for example depths and dims)."""

    name: str
    architecture: str
    file: str
    sha256: str
    view: View
    threshold: float
    temperature: float = 1.0
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stack:
    """The fifth voter, a linear layer on the ReLU of the members' logits."""

    file: str
    sha256: str
    threshold: float
    temperature: float = 1.0
    name: str = STACK
    architecture: str = STACK_ARCHITECTURE


@dataclass(frozen=True, slots=True)
class StackInput:
    """A network that has no vote: the stack reads its logits as those of one more member.

    It looks at how the face's part of a JPEG is compressed (`detection.forensics.compression_cells`).
    """

    file: str
    sha256: str
    arguments: dict[str, Any] = field(default_factory=dict)
    architecture: str = STACK_INPUT_ARCHITECTURE
    name: str = STACK_INPUT
    cells: int = CELLS_VERSION


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle; from `read` and `write` its files have been checked."""

    path: Path
    digest: str
    version: str
    created_at: str
    members: tuple[Member, ...]
    stack: Stack
    provenance: Mapping[str, Any]
    metrics: Mapping[str, Any]
    stack_input: StackInput | None = None

    @property
    def sees_faces(self) -> bool:
        """Whether a network looks at the face, so that every image needs a face frame."""
        return self.stack_input is not None or any(member.view.frame == FACE for member in self.members)

    @property
    def parts(self) -> "tuple[Member | Stack, ...]":
        """All five voters, in the order of their votes."""
        return (*self.members, self.stack)

    @property
    def networks(self) -> "tuple[Member | Stack | StackInput, ...]":
        """All that has weights in a file: the voters, and what the stack reads as well."""
        return (*self.parts, self.stack_input) if self.stack_input else self.parts


def read(path: Path) -> Bundle:
    """Read and verify a bundle. Raises BundleRefused."""
    path = Path(path)
    try:
        raw = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise BundleRefused(
            f"{path / MANIFEST} cannot be read ({error.strerror}); a bundle is a folder with it"
        ) from error
    bundle = parse(raw, path)
    for part in bundle.networks:
        _verify(path / part.file, part.sha256)
    return bundle


def parse(raw: bytes, path: Path) -> Bundle:
    """A bundle from the bytes of its manifest; its files are not looked at. Raises BundleRefused."""
    try:
        return _parse(json.loads(raw), path, hashlib.sha256(raw).hexdigest())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, BundleRefused):
            raise
        raise BundleRefused(f"{path / MANIFEST} is not a valid manifest: {error!r}") from error


def write(
    path: Path,
    *,
    version: str,
    created_at: str,
    members: list[Member],
    stack: Stack,
    provenance: Mapping[str, Any],
    metrics: Mapping[str, Any],
    stack_input: StackInput | None = None,
) -> Bundle:
    """Write manifest.json next to the existing weights in `path`, then read the bundle back.

    Leave `sha256` empty in members, stack and its input; it is computed here. Raises BundleRefused.
    """
    path = Path(path)

    def told(part: Member | Stack | StackInput) -> dict[str, Any]:
        return asdict(part) | {"sha256": _sha256(path / part.file)}

    manifest = {
        "format": FORMAT,
        "version": version,
        "created_at": created_at,
        "members": [told(member) for member in members],
        "stack": told(stack) | {"architecture": STACK_WITH_INPUT if stack_input else STACK_ARCHITECTURE},
        "provenance": dict(provenance),
        "metrics": dict(metrics),
    }
    if stack_input:
        manifest["stack_input"] = told(stack_input)
    text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False)
    (path / MANIFEST).write_text(text + "\n")
    return read(path)


def _parse(manifest: dict[str, Any], path: Path, digest: str) -> Bundle:
    if manifest.get("format") != FORMAT:
        raise BundleRefused(
            f"{path}: format {manifest.get('format')!r} is unknown; this release reads {FORMAT!r}"
        )
    members = tuple(Member(**(row | {"view": View(**row["view"])})) for row in manifest["members"])
    stack = Stack(**manifest["stack"])
    stack_input = StackInput(**manifest["stack_input"]) if "stack_input" in manifest else None
    if len(members) != MEMBERS:
        raise BundleRefused(f"{path}: {len(members)} members; an ensemble has {MEMBERS} and the stack")
    names = [member.name for member in members] + [stack.name]
    if len({*names, STACK_INPUT}) <= len(names) or stack.name != STACK:
        raise BundleRefused(
            f"{path}: member names must differ, none may be {STACK_INPUT!r}, and the stack be called {STACK!r}: {names}"
        )
    for member in members:
        if not ARCHITECTURES.fullmatch(member.architecture):
            raise BundleRefused(f"{path}: unknown architecture {member.architecture!r} of {member.name}")
    if stack.architecture != (STACK_WITH_INPUT if stack_input else STACK_ARCHITECTURE):
        raise BundleRefused(f"{path}: unknown architecture {stack.architecture!r} of the stack")
    if stack_input and stack_input.architecture != STACK_INPUT_ARCHITECTURE:
        raise BundleRefused(f"{path}: unknown architecture {stack_input.architecture!r} of the stack's input")
    voters: tuple[Member | Stack, ...] = (*members, stack)
    for part in voters:
        _check_file(path, part)
        _check_vote(path, part)
    if stack_input:
        if stack_input.name != STACK_INPUT or stack_input.file in {part.file for part in voters}:
            raise BundleRefused(
                f"{path}: the stack's input must be called {STACK_INPUT!r} and have a file of its own"
            )
        if stack_input.cells != CELLS_VERSION:
            raise BundleRefused(
                f"{path}: the stack's input reads cells of version {stack_input.cells}, this release makes "
                f"{CELLS_VERSION}"
            )
        _check_file(path, stack_input)
    version = str(manifest["version"])
    if not 1 <= len(version) <= 60:
        raise BundleRefused(f"{path}: the version must have 1 to 60 characters")
    for told in ("provenance", "metrics"):
        if not isinstance(manifest[told], dict):
            raise BundleRefused(f"{path}: {told!r} must be a JSON object")
    return Bundle(
        path=path,
        digest=digest,
        version=version,
        created_at=str(manifest["created_at"]),
        members=members,
        stack=stack,
        provenance=manifest["provenance"],
        metrics=manifest["metrics"],
        stack_input=stack_input,
    )


def _check_file(path: Path, part: Member | Stack | StackInput) -> None:
    if not NAME.fullmatch(part.name):
        raise BundleRefused(f"{path}: the member name {part.name!r} has characters that are not allowed")
    if not FILE_NAME.fullmatch(part.file):  # no folders, so that no file outside the bundle can be named
        raise BundleRefused(f"{path}: the file name {part.file!r} is not a plain *.safetensors name")
    if not SHA256.fullmatch(part.sha256):
        raise BundleRefused(f"{path}: the SHA-256 of {part.name} is not 64 hexadecimal digits")


def _check_vote(path: Path, part: Member | Stack) -> None:
    if not 0.0 < part.threshold < 1.0:
        raise BundleRefused(f"{path}: the threshold of {part.name} is {part.threshold}, not between 0 and 1")
    if not 0.01 <= part.temperature <= 100:
        raise BundleRefused(f"{path}: the temperature of {part.name} is {part.temperature}, out of range")


def _verify(file: Path, expected: str) -> None:
    if (found := _sha256(file)) != expected:
        raise BundleRefused(
            f"{file}: SHA-256 is {found[:12]}..., the manifest says {expected[:12]}...; fetch the bundle again"
        )


def _sha256(file: Path) -> str:
    if file.is_symlink():
        raise BundleRefused(f"{file} is a link; a bundle holds plain files")
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleRefused(f"{file} cannot be read ({error.strerror}); the bundle is incomplete") from error
