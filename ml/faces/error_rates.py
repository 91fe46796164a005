"""What the limits of the checks cost and catch: genuine pictures of each source, and the same ones degraded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from detection.checks import CheckName, CheckStatus, Measure
from detection.faces.default import default_detector
from detection.faces.detector import Face
from detection.faces.examine import examine
from detection.faces.limits import LIMITS, Limit
from ml.faces.coverings import Change, coverings
from ml.faces.pictures import blur_picture, draw_photos, paste, read_picture, scale_levels, side_by_side
from ml.sources import Photo

SOURCES = ("rff", "lfw", "scut", "portraits", "utkface")
DEGRADED_COUNT = 60
BY_RACE = (CheckName.FACE_FOUND, CheckName.FACE_VISIBLE, CheckName.SHARPNESS, CheckName.EXPOSURE)
RACES = ("White", "Black", "Asian", "Indian", "other")


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one check was in doubt and failed among `count` pictures."""

    pictures: str
    check: CheckName
    count: int
    doubt: float
    fail: float


def limits() -> list[tuple[Measure, Limit]]:
    """The limits in use, in the order of their table."""
    return list(LIMITS.items())


def genuine(data: Path, count: int | None = None) -> Iterator[Rate]:
    """All checks on each source; then some of them by the race that UTKFace's names state.

    Raises SourceMissing.
    """
    for source in SOURCES:
        photos = draw_photos(data, source, count)
        found = [_statuses(read_picture(photo.path)) for photo in photos]
        yield from _rates(source, found, tuple(CheckName))
        if source == "utkface":
            yield from _by_race(photos, found)


def _by_race(photos: Sequence[Photo], found: Sequence[dict[CheckName, CheckStatus]]) -> Iterator[Rate]:
    for number, race in enumerate(RACES):
        rows = [
            statuses
            for photo, statuses in zip(photos, found, strict=True)
            if photo.path.name.split("_")[2:3] == [str(number)]
        ]
        if rows:
            yield from _rates(f"utkface, {race}", rows, BY_RACE)


def degraded(data: Path, count: int = DEGRADED_COUNT) -> Iterator[Rate]:
    """Each degradation on faces of all sources but UTKFace, whose crops are too tight for most of them.

    Raises SourceMissing.
    """
    pictures = []
    for source in SOURCES[:-1]:
        for photo in draw_photos(data, source, count, seed=1):
            image = read_picture(photo.path)
            faces = default_detector().find(image)
            if faces:
                pictures.append((image, faces[0]))
    for name, check, change in _changes(pictures):
        found = [_statuses(change(image, face)) for image, face in pictures]
        yield from _rates(name, found, (check,))


def _changes(pictures: Sequence[tuple[Image.Image, Face]]) -> Iterator[tuple[str, CheckName, Change]]:
    for percent in (2, 4, 6, 8):
        blur = partial(_blurred, percent=percent)
        yield f"blur of {percent} % of the eye distance", CheckName.SHARPNESS, blur
    for factor in (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1.5, 2.0, 3.0):
        name = f"levels times {factor:g}" if factor > 1 else f"levels divided by {1 / factor:g}"
        yield name, CheckName.EXPOSURE, partial(_exposed, factor=factor)
    for pixels in (60, 40, 25):
        resized = partial(_with_eyes, pixels=pixels)
        yield f"{pixels} pixels between the eyes", CheckName.FACE_SIZE, resized
    for share in (0.1, 0.25, 0.4):
        cut = partial(_cut, share=share)
        yield f"{share:.0%} of the face's width cut off", CheckName.FACE_COMPLETE, cut
    for angle in (30, 60, 90, 180):
        yield f"turned by {angle} degrees", CheckName.POSE, partial(_turned, angle=angle)
    portrait, lent = pictures[0]
    for share in (1.0, 0.5, 0.3, 0.1):
        second = partial(_with_second, portrait=portrait, lent=lent, share=share)
        yield f"second face of {share:g} times the size", CheckName.SINGLE_FACE, second
    for name, covered in coverings():
        yield name, CheckName.FACE_VISIBLE, covered


def _blurred(image: Image.Image, face: Face, percent: float) -> Image.Image:
    return blur_picture(image, face.landmarks.eye_distance, percent)


def _exposed(image: Image.Image, face: Face, factor: float) -> Image.Image:
    return scale_levels(image, factor)


def _with_eyes(image: Image.Image, face: Face, pixels: float) -> Image.Image:
    scale = pixels / face.landmarks.eye_distance
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def _cut(image: Image.Image, face: Face, share: float) -> Image.Image:
    """Without everything left of that share of the face."""
    left = max(0, round(face.box.left + share * face.box.width))
    return image.crop((left, 0, *image.size))


def _turned(image: Image.Image, face: Face, angle: float) -> Image.Image:
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def _with_second(
    image: Image.Image, face: Face, portrait: Image.Image, lent: Face, share: float
) -> Image.Image:
    """Another person's face to the right, `share` times as large: a neighbour, a T-shirt, a picture on a card."""
    width = share * face.landmarks.eye_distance / lent.landmarks.eye_distance * lent.box.width
    scale = width / lent.box.width
    room = Image.new("RGB", (max(round(portrait.width * scale), 1), image.height), (90, 90, 90))
    return side_by_side([image, paste(room, portrait, lent, width, (0.0, 0.5)).image])


def _statuses(image: Image.Image) -> dict[CheckName, CheckStatus]:
    return {check.name: check.status for check in examine(image).checks}


def _rates(
    pictures: str, found: Sequence[dict[CheckName, CheckStatus]], names: Sequence[CheckName]
) -> Iterator[Rate]:
    for name in names:
        counts = Counter(statuses[name] for statuses in found)
        doubt, fail = (counts[status] / len(found) for status in (CheckStatus.DOUBT, CheckStatus.FAIL))
        yield Rate(pictures, name, len(found), doubt, fail)
