"""All forensic views of one picture: facts as JSON, and pictures for the browser.

Parts are independent: a part that fails is listed under `failed` and does not affect the others. Pictures are
re-encoded pixels without metadata, turned upright, and no larger than `VIEW_SIDE`, so that they match the
display derivative.
"""

import dataclasses
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from detection import decoding as images
from detection.auxiliary_files import COMPRESSION
from detection.decoding.orientation import UPRIGHT, as_stored
from detection.faces.align import FaceFrame
from detection.faces.default import default_detector
from detection.faces.detector import Face
from detection.forensics import attention, copy_move, jpeg, jpeg_ghosts, metadata, regions
from detection.forensics.catalogue import FORENSIC_VIEWS, ForensicView
from detection.forensics.compression_cells import cells_of_file
from detection.forensics.ela import ela
from detection.forensics.phash import Fingerprint, fingerprint
from detection.forensics.tamper_mask import tamper_overlay

if TYPE_CHECKING:
    from detection.auxiliary import AuxiliaryModel
    from detection.ensemble import Ensemble

log = logging.getLogger(__name__)
VIEW_SIDE = 1600
CLOSE_SIDE = 4096
ELA_QUALITIES = (70, 80, 90, 95)
ELA_PIXELS_MAX = 12_600_000  # 12 megapixels, as of a phone; larger arrays would take too much memory
ELA_QUALITY_MIN = 60


@dataclass(slots=True)
class Dossier:
    """`pictures`: name -> (file's bytes, content type). `failed`: part -> reason."""

    fingerprint: Fingerprint
    facts: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def dossier_compute(
    data: bytes,
    *,
    ensemble: "Ensemble | None" = None,
    auxiliary_models: "Sequence[AuxiliaryModel]" = (),
    between: Callable[[], None] = lambda: None,
) -> Dossier:
    """Computes all views of a stored original; `between` is called before each part and may yield to other
    work.

    Raises ImageRefused when the pixels cannot be decoded.
    """
    picture = images.decode(data)
    made = Dossier(fingerprint=fingerprint(picture))
    size = _view_size(picture.size)

    def part(name: str, make: Callable[[], None]) -> None:
        between()
        try:
            make()
        except Exception as error:  # a failing view must not affect the others
            log.exception("the part %s cannot be computed", name)
            made.failed[name] = f"{type(error).__name__}: {error}"[:200]

    part("metadata", lambda: made.facts.update(metadata=dataclasses.asdict(metadata.read(data))))
    if data.startswith(b"\xff\xd8"):
        part(
            "compression", lambda: made.facts.update(compression=dataclasses.asdict(jpeg.read(data, picture)))
        )
    find = cache(partial(default_detector().find, picture))
    part("regions", lambda: made.facts.update(regions=regions.close_ups(find(), picture.size)))
    part("ela", lambda: _ela(made, data, picture, size))
    for view in FORENSIC_VIEWS:
        if view.module:
            part(view.name, partial(_drawn, made, view, picture, size))
    part("copies", lambda: _copies(made, picture, size))
    part("ghosts", lambda: _ghosts(made, data, picture, size))
    part("close", lambda: _close(made, picture))
    if ensemble is not None:
        part("attention", lambda: _attention(made, picture, size, ensemble, find))
    for auxiliary in auxiliary_models:
        part(f"auxiliary_{auxiliary.name}", partial(_auxiliary, made, data, picture, size, auxiliary, find))
    return made


def _view_size(size: tuple[int, int]) -> tuple[int, int]:
    shrink = min(1.0, VIEW_SIDE / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def ela_objection(data: bytes, compression: dict[str, Any] | None) -> str:
    """Why error levels of this file would mislead; empty when they are meaningful."""
    if not data.startswith(b"\xff\xd8"):
        return "The file is not a JPEG, so every part changes equally when it is saved as one."
    if compression and compression["quality"] < ELA_QUALITY_MIN:
        return f"The file was saved at quality {compression['quality']}; such strong compression removes all traces."
    if compression and compression["earlier_quality"]:
        return (
            f"The whole picture was saved again, first at about quality {compression['earlier_quality']}, "
            f"then at {compression['quality']}: error levels mainly show that."
        )
    return ""


def _ela(made: Dossier, data: bytes, picture: Image.Image, size: tuple[int, int]) -> None:
    """Levels of the stored picture, turned afterwards; computed even with an objection, because a reviewer
    may request them."""
    facts: dict[str, Any] = {
        "objection": ela_objection(data, made.facts.get("compression")),
        "qualities": [],
    }
    made.facts["ela"] = facts
    if not data.startswith(b"\xff\xd8"):
        return
    if picture.width * picture.height > ELA_PIXELS_MAX:
        facts["objection"] = "The picture is too large for this view."
        return
    orientation = images.orientation_of(data)
    stored, turn = as_stored(picture, orientation), UPRIGHT.get(orientation)
    for quality in ELA_QUALITIES:
        levels = Image.fromarray(ela(stored, quality=quality))
        made.pictures[f"ela-{quality}"] = _jpeg(levels if turn is None else levels.transpose(turn), size)
    facts["qualities"] = list(ELA_QUALITIES)


def _drawn(made: Dossier, view: ForensicView, picture: Image.Image, size: tuple[int, int]) -> None:
    made.pictures[view.name] = _jpeg(view.draw()(picture), size)


def _copies(made: Dossier, picture: Image.Image, size: tuple[int, int]) -> None:
    found = copy_move.copies(picture)
    made.facts["copies"] = {"pairs": found.pairs, "is_faint": found.is_faint}
    if not found.is_faint:
        made.pictures["copies"] = _png(copy_move.overlay(found, size))


def _ghosts(made: Dossier, data: bytes, picture: Image.Image, size: tuple[int, int]) -> None:
    """Minima of the stored picture, turned afterwards, as for the error levels."""
    own = made.facts.get("compression", {}).get("quality")
    if own is not None and own < jpeg_ghosts.OWN_QUALITY_MIN:
        objection = f"The file was saved at quality {own}; such strong compression hides earlier ones."
        made.facts["ghosts"] = {"objection": objection}
        return
    orientation = images.orientation_of(data)
    turn = UPRIGHT.get(orientation)
    # Grey before it is turned: a turned copy in colour takes four times the memory.
    stored = as_stored(picture.convert("L"), orientation)
    found = jpeg_ghosts.ghosts(stored, own_quality=own)
    made.facts["ghosts"] = {"contrast": round(found.contrast, 3), "is_faint": found.is_faint}
    if found.is_faint:
        return
    stored_view = size if stored.size == picture.size else (size[1], size[0])
    shown = jpeg_ghosts.drawn(found, stored.size, stored_view)
    made.pictures["ghosts"] = _png(shown if turn is None else shown.transpose(turn))


def _close(made: Dossier, picture: Image.Image) -> None:
    """The picture above the display derivative's size, to inspect single pixels."""
    if max(picture.size) > VIEW_SIDE:
        shrink = min(1.0, CLOSE_SIDE / max(picture.size))
        size = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
        close = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
        made.pictures["close"] = _jpeg(close, size, quality=92)


def _attention(
    made: Dossier,
    picture: Image.Image,
    size: tuple[int, int],
    ensemble: "Ensemble",
    find: Callable[[], list[Face]],
) -> None:
    """No map when the bundle looks at faces and there is none: nothing voted then."""
    faces = find() if ensemble.bundle.sees_faces else []
    if ensemble.bundle.sees_faces and not faces:
        return
    heat = attention.attribution(ensemble, picture, FaceFrame.of(faces[0], picture.size) if faces else None)
    made.facts["attention"] = {
        "bundle": ensemble.version,
        "adds": round(float(heat.sum()), 4),
        "is_faint": attention.is_faint(heat),
    }
    shrink = min(1.0, 480 / max(size))
    made.pictures["attention"] = _png(
        attention.overlay(heat, (round(size[0] * shrink), round(size[1] * shrink)))
    )


def _auxiliary(
    made: Dossier,
    data: bytes,
    picture: Image.Image,
    size: tuple[int, int],
    auxiliary: "AuxiliaryModel",
    find: Callable[[], list[Face]],
) -> None:
    """No score of a model that looks at faces when there is none, or that can say nothing of such a file."""
    faces = find() if auxiliary.sees_faces else []
    if auxiliary.sees_faces and not faces:
        return
    frame = FaceFrame.of(faces[0], picture.size) if faces else None
    cells = cells_of_file(data, picture, frame) if auxiliary.view == COMPRESSION else None
    score = auxiliary.score(picture, frame, cells)
    if score is None:
        return
    made.facts.setdefault("auxiliary", {})[auxiliary.name] = {
        "title": auxiliary.title,
        "limits": auxiliary.limits,
        "score": round(score, 6),
        "review_above": auxiliary.review_above,
        "measured": auxiliary.metrics.get("auc"),
    }
    mask = None if auxiliary.sees_faces else auxiliary.mask(picture)
    if mask is not None:
        tinted, facts = tamper_overlay(mask, size)
        shares = {name: auxiliary.metrics.get(f"marked_share_of_{name}") for name in ("forged", "real")}
        made.facts["mask"] = facts | ({"marked": shares} if all(shares.values()) else {})
        made.pictures["mask"] = _png(tinted)


def _jpeg(picture: Image.Image, size: tuple[int, int], quality: int = 90) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BOX)
    picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue(), "image/jpeg"


def _png(picture: Image.Image) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue(), "image/png"
