"""What a view's header says of it: its measured worth in words, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from detection.forensics.catalogue import ForensicView
from detection.forensics.worth import ViewWorth, view_worth

# Texts of detection.forensics.catalogue.
LIMITS = (
    gettext_noop("Texture and edges always stand out."),
    gettext_noop("Smoothing by a phone looks like retouching."),
    gettext_noop("Only parts whose old JPEG grid lies on that of this file."),
    gettext_noop("Not if the copy was turned, mirrored or resized. Patterns repeat by themselves."),
    gettext_noop("Not measured: it explains the votes and is no evidence of its own."),
    gettext_noop("It looks at the centre square."),
)
# The kinds of forgery whose figures a header has room for, the one a reviewer meets first.
FACES = "edited_face"
SHOWN = {
    "levels": (FACES,),
    "noise": (FACES,),
    "ghosts": (FACES, "scene_splice"),
    "copies": (FACES, "scene_copy_move"),
}
MEASURED = {
    FACES: gettext_lazy("AUC %(area)s (%(low)s to %(high)s) on %(count)s edited and genuine faces."),
    "scene_splice": gettext_lazy(
        "AUC %(area)s (%(low)s to %(high)s) on %(count)s spliced and genuine scenes."
    ),
    "scene_copy_move": gettext_lazy(
        "AUC %(area)s (%(low)s to %(high)s) on %(count)s scenes with and without a copied part."
    ),
}
FAIR_FROM, GOOD_FROM = 0.7, 0.85


def worth_line(view: ForensicView, facts: Mapping[str, Any]) -> str:
    """What the figures amount to on faces, the figures, and the limits, in sentences.

    facts: of this view in this picture's report; a tamper mask names the shares that its model marks.
    """
    measured = view_worth().get(view.name, {})
    shown = [measured[kind] for kind in SHOWN.get(view.name, ()) if kind in measured]
    sentences = [_judgement(worth) for worth in shown if worth.kind == FACES]
    sentences += [_sentence(worth) for worth in shown]
    if marked := facts.get("marked"):
        words = gettext("Marks %(forged)s %% of an edited picture and %(real)s %% of a genuine one.")
        sentences.append(words % {name: _rounded(100 * marked[name], 1) for name in ("forged", "real")})
    if view.limits:
        sentences.append(gettext(view.limits))
    return " ".join(sentences)


def _sentence(worth: ViewWorth) -> str:
    bounds = {"area": worth.area, "low": worth.low, "high": worth.high}
    figures = {name: _rounded(value, 2) for name, value in bounds.items()}
    return str(MEASURED[worth.kind]) % (figures | {"count": worth.count})


def _rounded(value: float, places: int) -> str:
    """`number_format` alone cuts digits off."""
    return number_format(round(value, places), places)


def _judgement(worth: ViewWorth) -> str:
    """By the lower end of the interval: what is certain."""
    if worth.low <= 0.5:
        return gettext("No better than chance on faces.")
    if worth.area < FAIR_FROM:
        return gettext("A hint at most on faces.")
    return gettext("A good sign on faces.") if worth.low >= GOOD_FROM else gettext("A fair sign on faces.")
