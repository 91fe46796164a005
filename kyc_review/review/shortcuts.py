"""Keyboard shortcuts of the workbench, and each person's own choice of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.functional import lazy
from django.utils.translation import gettext, gettext_lazy

from detection.forensics.catalogue import FORENSIC_VIEWS
from kyc_review.core.errors import DomainError
from kyc_review.core.template_texts import mid_sentence
from kyc_review.review.models import Decision, KeyChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrPromise

    from kyc_review.accounts.models import User

_OBSTACLE_KEY = {
    Decision.Obstacle.BLURRED: "b",
    Decision.Obstacle.NO_FACE: "e",
    Decision.Obstacle.SEVERAL_FACES: "v",
    Decision.Obstacle.OCCLUDED: "h",
    Decision.Obstacle.TOO_DARK: "d",
    Decision.Obstacle.SCREEN_PHOTO: "p",
    Decision.Obstacle.OTHER: "x",
    # What checks find, too, and choose beforehand. Capitals are pressed with Shift: few plain letters are left, and
    # those are for people to choose.
    Decision.Obstacle.FACE_TOO_SMALL: "S",
    Decision.Obstacle.FACE_CUT_OFF: "C",
    Decision.Obstacle.TURNED_AWAY: "T",
    Decision.Obstacle.NOT_UPRIGHT: "U",
    Decision.Obstacle.TOO_BRIGHT: "B",
    Decision.Obstacle.BLANK: "N",
    Decision.Obstacle.DAMAGED: "D",
    Decision.Obstacle.TRAILING_DATA: "M",
}
# Why something cannot be assessed: value, words, key. No other control of the focus page has these keys.
OBSTACLE_KEYS = [
    (value, label, _OBSTACLE_KEY[Decision.Obstacle(value)]) for value, label in Decision.Obstacle.choices
]
# The parts that can be marked as fake; capitals, as those of the reasons.
PART_KEYS = [
    (Decision.Part.EYES.value, Decision.Part.EYES.label, "E"),
    (Decision.Part.NOSE.value, Decision.Part.NOSE.label, "O"),
    (Decision.Part.MOUTH.value, Decision.Part.MOUTH.label, "L"),
    (Decision.Part.FACE.value, Decision.Part.FACE.label, "F"),
    (Decision.Part.HAIR.value, Decision.Part.HAIR.label, "H"),
    (Decision.Part.BACKGROUND.value, Decision.Part.BACKGROUND.label, "G"),
]


def _lazily(text: str) -> StrPromise:
    """A text of a package that knows no languages."""
    return gettext_lazy(text)


def _named(what: StrPromise, label: StrPromise) -> str:
    return f"{what}: {mid_sentence(label)}"


_about = lazy(_named, str)
# The default key -> what it does, as in the list of keys.
KEYS = {
    "c": gettext_lazy("Claim the next item"),
    "1": gettext_lazy("Real"),
    "2": gettext_lazy("Fake"),
    "3": gettext_lazy("Cannot tell"),
    "u": gettext_lazy("Not sure of the answer"),
    "Enter": gettext_lazy("Submit the decision and open the next item"),
    "z": gettext_lazy("Undo what you did last"),
    "n": gettext_lazy("Write a note"),
    "k": gettext_lazy("Mark fake regions"),
    "i": gettext_lazy("Show the vote of each model"),
    "s": gettext_lazy("Skip"),
    "o": gettext_lazy("More: snooze, hand over, escalate"),
    "0": gettext_lazy("Fit the picture into the window"),
    ".": gettext_lazy("One pixel per pixel"),
    "r": gettext_lazy("Turn"),
    "f": gettext_lazy("Mirror"),
    "g": gettext_lazy("Grid"),
    "t": gettext_lazy("Tone"),
    ",": gettext_lazy("Magnifier"),
    "+": gettext_lazy("Larger"),
    "-": gettext_lazy("Smaller"),
    "6": gettext_lazy("Close to the eyes"),
    "7": gettext_lazy("Close to the nose"),
    "8": gettext_lazy("Close to the mouth"),
    "9": gettext_lazy("Close to the face"),
    **{view.key: _lazily(view.title) for view in FORENSIC_VIEWS},
    "j": gettext_lazy("Compare with another picture"),
    "4": gettext_lazy("Blink between two pictures"),
    "5": gettext_lazy("Difference of two pictures"),
    "y": gettext_lazy("The ten faces decided last"),
    "A": gettext_lazy("The case: attempts, decisions, comments"),
    "?": gettext_lazy("Show the list of keys"),
    **{key: _about(gettext_lazy("Fake part"), label) for _, label, key in PART_KEYS},
    **{key: _about(gettext_lazy("Cannot tell"), label) for _, label, key in OBSTACLE_KEYS},
}
NAMED = {"Enter", "Tab", "Space", "Backspace", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"}


class KeysRefused(DomainError):
    """Two controls on one key, or no key at all; nothing was changed. `detail` says which."""


@transaction.atomic
def keys_choose(*, user: User, wished: Mapping[str, str], is_on: bool, keeps_zoom: bool = False) -> KeyChoice:
    """Store the person's keys, printed key -> own key; empty ones stay as printed. Raises KeysRefused."""
    chosen = {printed: wished.get(printed, "").strip() or printed for printed in KEYS}
    # A capital means Shift only where the printed key has it: elsewhere it is a letter typed with Shift by habit.
    chosen = {key: own.lower() if len(own) == 1 and not key.isupper() else own for key, own in chosen.items()}
    for key, own in chosen.items():
        if len(own) != 1 and own not in NAMED:
            raise KeysRefused(
                gettext("“%(key)s” is not a valid key; enter one character (%(does)s).")
                % {"key": own, "does": KEYS[key]}
            )
    taken: dict[str, str] = {}
    for key, own in chosen.items():
        if own in taken:
            raise KeysRefused(
                gettext("“%(key)s” would do two things: %(one)s, and %(other)s.")
                % {"key": own, "one": KEYS[taken[own]], "other": KEYS[key]}
            )
        taken[own] = key
    differing = {key: own for key, own in chosen.items() if own != key}
    made = {"is_on": is_on, "chosen": differing, "keeps_zoom": keeps_zoom}
    return KeyChoice.objects.update_or_create(user=user, defaults=made)[0]


GUIDED_DECISIONS = 20


def guidance_fold(*, user: User, folds: bool) -> None:
    """Remember whether the person wants the guide to a first look folded."""
    KeyChoice.objects.update_or_create(user=user, defaults={"folds_guidance": folds})


def is_guidance_folded(*, user: User) -> bool:
    """As the person chose; before a choice, once they have decided GUIDED_DECISIONS faces."""
    chosen = keys_of(user).folds_guidance
    if chosen is not None:
        return chosen
    return Decision.objects.filter(reviewer=user)[GUIDED_DECISIONS - 1 : GUIDED_DECISIONS].exists()


def keys_of(user: User) -> KeyChoice:
    """The person's choice; the printed keys, switched on, for those who made none."""
    return KeyChoice.objects.filter(user=user).first() or KeyChoice(user=user)
