"""References and metadata for a planted forgery, like those that the onboarding system sends."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from kyc_review.submissions.models import Submission

RECENT = 50  # submissions whose references are the pattern
TRIES = 20
ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def like_recent(integration: int, field: str, dice: random.Random) -> str:
    """A reference that no submission of the integration has, in the form of its recent ones; "" where those are empty.

    field: `external_ref` or `applicant_ref`. What all recent ones share stays, and every other character is one that
    some of them have in its place.
    """
    rows = Submission.objects.filter(integration=integration, is_test=False, is_planted=False, erased_at=None)
    recent = list(rows.order_by("-received_at").values_list(field, flat=True)[:RECENT])
    if not recent or not recent[0]:
        return ""
    alike = [one for one in recent if len(one) == len(recent[0])]
    for attempt in range(TRIES):
        made = mixed(alike, dice, changed=attempt // 2 + 1)
        if not Submission.objects.filter(integration=integration, **{field: made}).exists():
            return made
    return mixed(alike, dice, changed=len(recent[0]))


def mixed(alike: Sequence[str], dice: random.Random, *, changed: int) -> str:
    """One text of references of equal length: each character is one that some of them have in its place.

    Where they are few or count upwards, that is often one of them. So the last `changed` letters and digits that differ
    between them (then those that do not) become others of their kind.
    """
    made = [dice.choice(column) for column in zip(*alike, strict=True)]
    places = [
        place for place in reversed(range(len(made))) if made[place].isascii() and made[place].isalnum()
    ]
    places.sort(key=lambda place: len({one[place] for one in alike}) == 1)  # stable
    for place in places[:changed]:
        made[place] = dice.choice(_alphabet(made[place], alike))
    return "".join(made)


def _alphabet(character: str, alike: Sequence[str]) -> str:
    """Of digits, or of letters of this case: only to f where the references have no others."""
    alphabet = next(kind for kind in ALPHABETS if character in kind)
    is_hexadecimal = {letter for one in alike for letter in one if letter.isalpha()} <= set("abcdefABCDEF")
    return alphabet[:6] if is_hexadecimal and character.isalpha() else alphabet


def metadata_like_recent(integration: int, dice: random.Random) -> dict[str, Any]:
    """For a licensed picture: values of the fields that the queue is filtered by, each of some recent submission. Other
    fields may name an applicant."""
    rows = Submission.objects.filter(integration=integration, is_test=False, is_planted=False, erased_at=None)
    recent = list(rows.order_by("-received_at").values_list("metadata", flat=True)[:RECENT])
    names = settings.QUEUE_METADATA_FIELDS
    values = {name: [one[name] for one in recent if name in one] for name in names}
    return {name: dice.choice(found) for name, found in values.items() if found}
