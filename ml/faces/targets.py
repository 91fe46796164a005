"""The targets that the face detector must meet, measured one by one."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from detection.checks import CheckName, CheckStatus
from detection.faces.default import default_detector, largest_face
from detection.faces.detector import Face
from detection.faces.examine import examine
from ml.faces.pictures import draw_photos, place_portraits, read_picture, without_people

DETECTION = {"lfw": 0.995, "scut": 0.995, "portraits": 0.995, "rff": 0.99, "utkface": 0.98}
PLACED_SHARES = (0.15, 0.2, 0.3, 0.4, 0.5)
PLACED_COUNT = 40
FALSE_FACES_MAX = 0.01
STABLE_P95_MAX = 0.03  # of the eye distance
STABLE_COUNT = 60
CROP, SCALE, JPEG_QUALITY = 0.07, 0.6, 70
TIME_MAX_MS = 16.0
TIME_COUNT = 100


@dataclass(frozen=True, slots=True)
class Result:
    """One target: what was measured, and whether it is met."""

    name: str
    value: float
    target: float
    at_least: bool
    note: str

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target


def measure(data: Path, count: int | None = None) -> Iterator[Result]:
    """Every target in turn; `count` photographs of each source, all of them without it. Raises SourceMissing."""
    for source, target in DETECTION.items():
        yield _detection(data, source, target, count)
    yield _placed(data)
    yield _false_faces(data)
    yield _stability(data)
    yield _time(data)


def _detection(data: Path, source: str, target: float, count: int | None) -> Result:
    photos = draw_photos(data, source, count)
    missed = [photo.path.name for photo in photos if largest_face(read_picture(photo.path)) is None]
    share = 1 - len(missed) / len(photos)
    note = f"{len(photos)} pictures; missed: {', '.join(missed[:5]) or 'none'}"
    return Result(f"faces found, {source}", share, target, True, note)


def _placed(data: Path) -> Result:
    found = total = 0
    for share in PLACED_SHARES:
        for picture in place_portraits(data, share, PLACED_COUNT):
            total += 1
            found += any(picture.shows(face) for face in default_detector().find(picture.image))
    return Result("faces found off centre, 15 to 50 % wide", found / total, 1.0, True, f"{total} composites")


def _false_faces(data: Path) -> Result:
    paths = without_people(data)
    passed = [path.name for path in paths if _face_found(read_picture(path)) is CheckStatus.PASS]
    share = len(passed) / len(paths)
    note = f"{len(paths)} pictures of CASIA v1 without people; passed: {', '.join(passed) or 'none'}"
    return Result("false faces", share, FALSE_FACES_MAX, False, note)


def _face_found(image: Image.Image) -> CheckStatus:
    (check,) = [check for check in examine(image).checks if check.name is CheckName.FACE_FOUND]
    return check.status


def _stability(data: Path) -> Result:
    """95th percentile over all sources of how far the farther eye corner moves; a face that is lost counts as 1."""
    moves = []
    for source in DETECTION:
        for photo in draw_photos(data, source, STABLE_COUNT):
            image = read_picture(photo.path)
            face = largest_face(image)
            if face is not None:
                moves += [_moved(face, change(image)) for change in (_compressed, _cropped, _reduced)]
    note = f"{len(moves)} changed pictures, median {np.median(moves):.4f}"
    return Result("landmarks moved, p95", float(np.percentile(moves, 95)), STABLE_P95_MAX, False, note)


@dataclass(frozen=True, slots=True)
class _Changed:
    """A changed picture; a point of it times `scale` plus `offset` is the point in the original."""

    image: Image.Image
    scale: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)


def _compressed(image: Image.Image) -> _Changed:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return _Changed(Image.open(buffer).convert("RGB"))


def _cropped(image: Image.Image) -> _Changed:
    left, top = round(CROP * image.width), round(CROP * image.height)
    return _Changed(image.crop((left, top, *image.size)), offset=(left, top))


def _reduced(image: Image.Image) -> _Changed:
    size = round(SCALE * image.width), round(SCALE * image.height)
    return _Changed(image.resize(size, Image.Resampling.BICUBIC), scale=image.width / size[0])


def _moved(face: Face, changed: _Changed) -> float:
    again = largest_face(changed.image)
    if again is None:
        return 1.0
    before, after = (
        np.array([marks.right_eye_outer, marks.left_eye_outer]) for marks in (face.landmarks, again.landmarks)
    )
    moves = np.linalg.norm(after * changed.scale + changed.offset - before, axis=1)
    return float(moves.max()) / face.landmarks.eye_distance


def _time(data: Path) -> Result:
    """Processor time of all checks, one thread; the mean over pictures of all sources."""
    images = [
        read_picture(photo.path)
        for source in DETECTION
        for photo in draw_photos(data, source, TIME_COUNT // 5)
    ]
    examine(images[0])  # makes the interpreters
    spent = _processor_ms(lambda: [examine(image) for image in images]) / len(images)
    large = images[0].resize((3000, 4000))
    of_large = _processor_ms(lambda: examine(large))
    note = f"{len(images)} pictures, {processor()}; one of 12 megapixels {of_large:.0f} ms"
    return Result("processor time of all checks, ms", spent, TIME_MAX_MS, False, note)


def _processor_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def processor() -> str:
    """The processor's name and its widest vector instructions, as Linux tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in facts.items()}
    flags = values.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{values.get('model name', 'unknown processor')} with {vectors}"
