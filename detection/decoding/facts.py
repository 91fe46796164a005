"""What decoding finds out about a file: plain values that the web process and the workers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypedDict

from PIL import Image

Format = Literal["JPEG", "PNG", "WEBP", "HEIC", "AVIF"]


class ImageRefused(ValueError):
    """An upload that is not accepted. `status` is the HTTP status, `detail` says what to do."""

    def __init__(self, code: str, status: int, detail: str) -> None:
        super().__init__(detail)
        self.code, self.status, self.detail = code, status, detail


def truncated(what: str) -> ImageRefused:
    return ImageRefused("truncated_image", 422, f"The image ends early ({what}). Send the whole file again.")


def corrupt(what: str) -> ImageRefused:
    return ImageRefused("corrupt_image", 422, f"The image is damaged ({what}). Take or export it again.")


def animated() -> ImageRefused:
    return ImageRefused("animated_image", 422, "The image has several frames. Send one still picture.")


def too_costly(what: str) -> ImageRefused:
    return ImageRefused("too_costly", 422, f"The image takes too much {what} to decode. Export it again.")


def busy() -> ImageRefused:
    return ImageRefused("busy", 503, "Too many images are being decoded. Send it again in a second.")


class TrailingKind(StrEnum):
    """What follows a picture inside its file. Codes may be added; an existing one never changes its meaning."""

    MPF = "mpf"  # further pictures that the first one's MPF index lists (MPO)
    GAIN_MAP = "gain_map"  # the brightness map of an Ultra HDR or iPhone HDR picture
    SAMSUNG = "samsung"  # a Samsung trailer (SEFH ... SEFT)
    MOTION_PHOTO = "motion_photo"  # a short MP4 video
    PADDING = "padding"  # nothing but NUL, FF, CR, LF, tab or blanks
    UNKNOWN = "unknown"


class Damage(StrEnum):
    """How a picture is damaged that can still be seen in part, or that programs show differently."""

    ENDS_EARLY = "ends_early"  # the picture's data stop before its end
    MISSING_PIXELS = "missing_pixels"  # the header promises more pixels than there are
    CORRUPT_DATA = "corrupt_data"  # a part of the data cannot be decoded, or a checksum is wrong
    SEE_THROUGH = "see_through"  # transparency carries the picture: on another background it looks different


class TrailingFacts(TypedDict):
    kind: str
    size_bytes: int


class FileFacts(TypedDict):
    """JSON: what intake keeps of a file's form. `declared` is null unless the sender called it something else."""

    trailing: list[TrailingFacts]
    damage: str | None
    declared: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Trailing:
    """One part behind the picture's own end."""

    kind: TrailingKind
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Container:
    """What the headers say; nothing has been decoded.

    The picture is `data[:end]`. `work` is the number of pixels that decoding visits, over all passes.
    """

    format: Format
    width: int
    height: int
    end: int
    work: int
    damage: Damage | None = None
    trailing: tuple[Trailing, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What only decoding finds out about a file."""

    damage: Damage | None = None
    trailing: tuple[Trailing, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"damage": self.damage, "trailing": [[part.kind, part.size_bytes] for part in self.trailing]}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Findings:
        parts = tuple(Trailing(TrailingKind(kind), int(size)) for kind, size in said["trailing"])
        return cls(Damage(said["damage"]) if said["damage"] else None, parts)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Pixels as they are stored, in one of Pillow's modes, and what is needed to show them rightly.

    `orientation` is that of EXIF (1 to 8); `profile` holds the bytes of an ICC profile or is empty. `trailing` is what
    follows the picture inside its own compressed data, which only decoding can find.
    """

    image: Image.Image
    orientation: int = 1
    profile: bytes = b""
    damage: Damage | None = None
    trailing: tuple[Trailing, ...] = ()

    @property
    def findings(self) -> Findings:
        return Findings(self.damage, self.trailing)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What intake records of an accepted image; width and height as stored, before EXIF rotation.

    `declared` holds `extension` or `content_type` when the sender's words name another known image format.
    """

    format: Format
    width: int
    height: int
    size_bytes: int
    sha256: str
    trailing: tuple[Trailing, ...] = ()
    damage: Damage | None = None
    declared: dict[str, str] | None = None

    def file_facts(self) -> FileFacts:
        return {
            "trailing": [{"kind": part.kind.value, "size_bytes": part.size_bytes} for part in self.trailing],
            "damage": self.damage.value if self.damage else None,
            "declared": self.declared,
        }


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture and what its file says about itself.

    `image` is upright 8-bit sRGB. `damage` is a `Damage` code or None; a damaged picture shows what could be decoded.
    """

    image: Image.Image
    damage: Damage | None
    trailing: tuple[Trailing, ...]
