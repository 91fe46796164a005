"""Pictures with faces, without faces, and made-up ones in which the right answer is known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from detection.faces.default import largest_face
from detection.faces.detector import Face
from ml.sources import Photo, read_all
from ml.sources.base import SourceMissing

# Of CASIA's categories: `cha` are people, and `sec` are scenes, many with people in them.
WITHOUT_PEOPLE = ("ani", "arc", "art", "nat", "pla", "txt")
CANVAS = (900, 1200)


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture with one face that was pasted in: its centre and width in pixels."""

    image: Image.Image
    x: float
    y: float
    width: float

    def shows(self, face: Face) -> bool:
        """Whether a found face is the one that was pasted in."""
        box = face.box
        off = math.hypot((box.left + box.right) / 2 - self.x, (box.top + box.bottom) / 2 - self.y)
        return off < 0.4 * self.width and 0.5 < box.width / self.width < 2


def read_picture(path: Path) -> Image.Image:
    """RGB as stored; research pictures are upright."""
    with Image.open(path) as image:
        return image.convert("RGB")


def draw_photos(data: Path, source: str, count: int | None, seed: int = 0) -> list[Photo]:
    """At most `count` photographs of a source, drawn with a fixed seed. Raises SourceMissing."""
    photos = read_all(data, [source])
    if count is None or count >= len(photos):
        return photos
    chosen = np.random.default_rng(seed).permutation(len(photos))[:count]
    return [photos[index] for index in sorted(chosen)]


def without_people(data: Path) -> list[Path]:
    """Originals of CASIA v1 in the categories that show no people. Raises SourceMissing."""
    found = sorted(
        path for kind in WITHOUT_PEOPLE for path in (data / "casia1" / "Au").glob(f"Au_{kind}_*.jpg")
    )
    if not found:
        raise SourceMissing(f"{data / 'casia1' / 'Au'} holds no originals of CASIA v1 (Au_ani_0001.jpg ...)")
    return found


def place_portraits(data: Path, share: float, count: int, seed: int = 0) -> Iterator[Placed]:
    """Portraits at drawn positions on pictures without people, the face as wide as `share` of the canvas."""
    rng = np.random.default_rng([seed, round(share * 1000)])
    grounds = [path for path in without_people(data) if path.name[3:6] in ("arc", "nat", "pla")]
    for photo in draw_photos(data, "portraits", count, seed):
        portrait = read_picture(photo.path)
        face = largest_face(portrait)
        if face is None:
            continue
        canvas = read_picture(grounds[int(rng.integers(len(grounds)))]).resize(CANVAS)
        yield paste(canvas, portrait, face, share * CANVAS[0], (float(rng.random()), float(rng.random())))


def paste(
    canvas: Image.Image, portrait: Image.Image, face: Face, width: float, at: tuple[float, float]
) -> Placed:
    """Lay a portrait on a canvas, scaled until its face is `width` pixels wide.

    at: where in the room that is left, 0..1 from left and top.
    """
    scale = width / face.box.width
    size = max(1, round(portrait.width * scale)), max(1, round(portrait.height * scale))
    left, top = (round(part * (room - own)) for part, room, own in zip(at, canvas.size, size, strict=True))
    canvas.paste(portrait.resize(size, Image.Resampling.LANCZOS), (left, top))
    x = left + (face.box.left + face.box.right) / 2 * scale
    y = top + (face.box.top + face.box.bottom) / 2 * scale
    return Placed(canvas, x, y, width)


def blur_picture(image: Image.Image, eye_distance: float, percent: float) -> Image.Image:
    """Gaussian blur with a deviation in percent of the eye distance."""
    return image.filter(ImageFilter.GaussianBlur(percent / 100 * eye_distance))


def scale_levels(image: Image.Image, factor: float) -> Image.Image:
    """All levels times a factor, cut off at white."""
    return image.point([min(255, round(level * factor)) for level in range(256)] * 3)


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures in a row, on black."""
    row = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)))
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width
    return row
