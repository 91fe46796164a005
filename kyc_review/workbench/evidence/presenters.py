"""Evidence in words and panes, as the focus page shows it. No rule of the business."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from detection.forensics.catalogue import FORENSIC_VIEWS, ForensicView
from estimation.intervals import Rate
from kyc_review.core import stored_texts
from kyc_review.core.stored_texts import stored
from kyc_review.evidence.models import AuxiliaryMeasure, Evidence
from kyc_review.workbench.evidence import objections  # noqa: F401  (registers the texts)
from kyc_review.workbench.evidence.alerts import AlertKind, Finding
from kyc_review.workbench.evidence.selectors import VoteHistory
from kyc_review.workbench.evidence.worth import worth_line

if TYPE_CHECKING:
    from kyc_review.review.models import ReviewItem

EXACT_MIN = 10


@dataclass(frozen=True, slots=True)
class Pane:
    """One view next to the photograph. `worth`: its measured worth and its limits. `objection`: why it is not shown
    (unless requested, if there is a `source`)."""

    name: str
    title: str
    key: str
    explanation: str
    worth: str = ""
    source: str = ""
    objection: str = ""
    is_overlay: bool = False
    qualities: tuple[int, ...] = ()


def picture_url(item: ReviewItem, name: str) -> str:
    return reverse("evidence:picture", args=[item.pk, name])


def panes(item: ReviewItem, evidence: Evidence | None) -> list[Pane]:
    """The views that can be shown next to the photograph, in the order of their keys."""
    return [_pane(view, item, evidence) for view in FORENSIC_VIEWS]


def _pane(view: ForensicView, item: ReviewItem, evidence: Evidence | None) -> Pane:
    pictures, facts = _found(evidence)
    worth = worth_line(view, facts.get(view.name, {}))
    pane = partial(
        Pane,
        view.name,
        gettext(view.title),
        view.key,
        gettext(view.explanation),
        worth,
        is_overlay=view.is_overlay,
    )
    if view.name == "levels":
        return _levels(pane, item, evidence)
    if facts.get(view.name, {}).get("is_faint"):
        return pane(objection=gettext(view.when_faint))
    if view.name in pictures:
        return pane(source=picture_url(item, view.name))
    objection = facts.get(view.name, {}).get("objection", "")
    is_ready = evidence is not None and evidence.state == Evidence.State.READY
    is_absent = is_ready and view.when_missing and view.name not in facts.get("failed", {})
    return pane(
        objection=stored_texts.shown(objection)
        or (gettext(view.when_missing) if is_absent else _why_missing(evidence))
    )


def _levels(pane: Callable[..., Pane], item: ReviewItem, evidence: Evidence | None) -> Pane:
    pictures, facts = _found(evidence)
    qualities = tuple(q for q in facts.get("ela", {}).get("qualities", ()) if f"ela-{q}" in pictures)
    own = facts.get("compression", {}).get("quality", 0)
    # Saving again at the file's own quality changes next to nothing.
    shown = next((q for q in (90, 95, 80, 70) if q in qualities and abs(q - own) > 2), None)
    return pane(
        source=picture_url(item, f"ela-{shown}") if shown else "",
        objection=stored_texts.shown(facts.get("ela", {}).get("objection", ""))
        or ("" if shown else _why_missing(evidence)),
        qualities=qualities,
    )


def _found(evidence: Evidence | None) -> tuple[Collection[str], Mapping[str, Any]]:
    """Names of the pictures that there are, and the facts."""
    return (evidence.pictures, evidence.facts) if evidence else ((), {})


def _why_missing(evidence: Evidence | None) -> str:
    if evidence is not None and evidence.state in (Evidence.State.FAILED, Evidence.State.READY):
        return gettext("This view could not be computed.")
    return gettext("This view is being computed.")


# Part of the face: its button, what the button does, and its key.
CLOSE_UPS = {
    "eyes": (gettext_lazy("Eyes"), gettext_lazy("Fill the view with the eyes"), "6"),
    "nose": (gettext_lazy("Nose"), gettext_lazy("Fill the view with the nose"), "7"),
    "mouth": (gettext_lazy("Mouth"), gettext_lazy("Fill the view with the mouth"), "8"),
    "face": (gettext_lazy("Face"), gettext_lazy("Fill the view with the face"), "9"),
}


def close_ups(boxes: Mapping[str, Sequence[float]]) -> list[tuple[str, str, str, str]]:
    """(button, what it does, key, "x y width height" as fractions) of the face's parts; empty without a face."""
    return [
        (str(button), str(does), key, " ".join(map(str, boxes[name])))
        for name, (button, does, key) in CLOSE_UPS.items()
        if name in boxes
    ]


def findings(evidence: Evidence) -> list[Finding]:
    """Metadata and compression in short lines, what deserves weight first."""
    facts = evidence.facts
    lines = _metadata(facts.get("metadata")) + _compression(facts.get("compression"))
    return sorted(lines, key=lambda line: line.alert is None)


@dataclass(frozen=True, slots=True)
class AuxiliaryLine:
    """An auxiliary model's score and what it is worth here."""

    title: str
    limits: str
    score: float
    worth: str


def auxiliary_lines(evidence: Evidence, measured: Mapping[str, AuxiliaryMeasure]) -> list[AuxiliaryLine]:
    """Every auxiliary model's score, and its area under the curve on this bank's own outcomes, or else on its test
    data."""
    lines = []
    for name, found in sorted(evidence.facts.get("auxiliary", {}).items()):
        row = measured.get(name)
        if row:
            worth = gettext("AUC %(auc)s here (%(low)s to %(high)s, n = %(n)s)") % {
                "auc": _number(row.auc),
                "low": _number(row.low),
                "high": _number(row.high),
                "n": row.fakes + row.reals,
            }
        elif test := found.get("measured"):
            worth = gettext(
                "not measured here yet; AUC %(auc)s on its test data (%(low)s to %(high)s, n = %(n)s)"
            ) % {
                "auc": _number(test["value"]),
                "low": _number(test["low"]),
                "high": _number(test["high"]),
                "n": test["n"],
            }
        else:
            worth = gettext("not measured here yet")
        threshold = found.get("review_above")
        if threshold is not None:
            asks = gettext("asks for a person from %(threshold)s") % {"threshold": _number(threshold)}
            worth = f"{worth}; {asks}"
        lines.append(
            AuxiliaryLine(
                stored_texts.shown(found["title"]), stored_texts.shown(found["limits"]), found["score"], worth
            )
        )
    return lines


# What the manifests of auxiliary models say of them, of those that ship and of those that `ml` makes; `detection` and
# `ml` keep plain English.
stored(gettext_noop("Generated face"))
stored(gettext_noop("Learned from StyleGAN2 faces of one collection."))
stored(gettext_noop("Learned from faces of a few generators."))
stored(gettext_noop("Of faces of others it finds few: a low score is no evidence of a genuine face."))
stored(
    gettext_noop(
        "Of faces of other generators it found 2 to 37 %: a low score is no evidence of a genuine face."
    )
)
stored(gettext_noop("Genuine faces that were retouched or reduced from large photographs raise it most."))
stored(gettext_noop("Compression of the face"))
stored(gettext_noop("It reads traces that an edit leaves in a JPEG that was saved again at its own size."))
stored(
    gettext_noop(
        "It says nothing of pictures that were reduced, sent through a messenger or are no JPEG, and little of "
        "portraits of high quality."
    )
)
stored(gettext_noop("Sharpening and other changes of the whole picture raise it, too."))
stored(gettext_noop("Edited region"))
stored(
    gettext_noop(
        "Learned from swapped, blended, warped, retouched and pasted regions of research and official portraits; "
        "it looks at the centre square only."
    )
)
stored(gettext_noop("It finds coarse pastes, rarely warps."))


def history_lines(history: VoteHistory | None) -> list[Finding]:
    """What votes like these turned out to be, with the number behind each share."""
    if history is None:
        return []
    split = gettext("%(number)s of %(all)s votes for fake") % {
        "number": history.fake_calls,
        "all": history.fake_calls + history.real_calls,
    }
    lines = [Finding(split, _share(*history.split))]
    if history.exact[1] >= EXACT_MIN and history.exact != history.split:
        lines.append(Finding(gettext("Exactly these votes"), _share(*history.exact)))
    return lines


def _share(fakes: int, total: int) -> str:
    if total < EXACT_MIN:
        return gettext("too few decisions to say, n = %(total)s (counted every few minutes)") % {
            "total": total
        }
    low, high = Rate(fakes, total).interval
    return gettext("%(share)s %% were fake, n = %(total)s (95 %%: %(low)s to %(high)s %%)") % {
        "share": f"{100 * fakes / total:.0f}",
        "total": total,
        "low": f"{100 * low:.0f}",
        "high": f"{100 * high:.0f}",
    }


def _number(value: float) -> str:
    """With two decimals, in the reader's way."""
    return number_format(value, 2)


def _metadata(found: dict[str, Any] | None) -> list[Finding]:
    if found is None:
        return [Finding(gettext("Metadata"), gettext("could not be read"))]
    lines = []
    if found["generator"]:
        lines.append(
            Finding(
                gettext("Generator"),
                gettext("names %(name)s") % {"name": found["generator"]},
                AlertKind.GENERATOR_NAMED,
            )
        )
    if found["editor"]:
        lines.append(
            Finding(
                gettext("Editing software"),
                gettext("names %(name)s") % {"name": found["editor"]},
                AlertKind.EDITOR_NAMED,
            )
        )
    if found["thumbnail"] == "differs":
        words = gettext("shows another picture than the photograph")
        lines.append(Finding(gettext("Thumbnail"), words, AlertKind.OTHER_THUMBNAIL))
    elif found["thumbnail"] == "matches":
        lines.append(Finding(gettext("Thumbnail"), gettext("shows the same picture")))
    if found["has_credentials"]:
        lines.append(Finding(gettext("Content credentials"), gettext("present, not verified")))
    software = [name for name in found["software"] if not found["editor"] or found["editor"] not in name]
    if software:
        lines.append(Finding(gettext("Software"), ", ".join(software)))
    if found["camera"] or found["taken_at"]:
        lines.append(
            Finding(gettext("Camera"), ", ".join(filter(None, (found["camera"], found["taken_at"]))))
        )
    if not found["has_exif"] and not lines:
        lines.append(
            Finding(gettext("Metadata"), gettext("none; usual for pictures that went through an app"))
        )
    return lines


def _compression(found: dict[str, Any] | None) -> list[Finding]:
    if found is None:
        return [Finding(gettext("Compression"), gettext("not a JPEG; nothing to read"))]
    if found["is_standard"]:
        tables = gettext("quality %(quality)s, standard tables, %(sampling)s")
    else:
        tables = gettext("quality about %(quality)s, tables of another encoder, %(sampling)s")
    words = tables % {"quality": found["quality"], "sampling": found["subsampling"]}
    if found["is_progressive"]:
        words = f"{words}, " + gettext("progressive")
    lines = [Finding(gettext("JPEG"), words)]
    if found["earlier_quality"]:
        words = gettext("the whole picture, at about quality %(quality)s") % {
            "quality": found["earlier_quality"]
        }
        lines.append(Finding(gettext("Saved before"), words, AlertKind.SAVED_TWICE))
    else:
        lines.append(Finding(gettext("Saved before"), gettext("no trace of an earlier compression")))
    return lines
