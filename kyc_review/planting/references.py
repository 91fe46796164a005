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
    recent = _recent(integration, field)
    if not recent or not recent[0]:
        return ""
    same_length = [one for one in recent if len(one) == len(recent[0])]
    for attempt in range(TRIES):
        made = mixed(same_length, dice, changed=attempt // 2 + 1)
        if not Submission.objects.filter(integration=integration, **{field: made}).exists():
            return made
    return mixed(same_length, dice, changed=len(recent[0]))


def mixed(references: Sequence[str], dice: random.Random, *, changed: int) -> str:
    """One text of references of equal length: each character is one that some of them have in its place.

    Where they are few or count upwards, that is often one of them. So the last `changed` letters and digits that differ
    between them (then those that do not) become others of their kind.
    """
    made = [dice.choice(column) for column in zip(*references, strict=True)]
    places = [
        place for place in reversed(range(len(made))) if made[place].isascii() and made[place].isalnum()
    ]
    places.sort(key=lambda place: len({one[place] for one in references}) == 1)  # stable
    for place in places[:changed]:
        made[place] = dice.choice(_alphabet(made[place], references))
    return "".join(made)


def _alphabet(character: str, references: Sequence[str]) -> str:
    """Of digits, or of letters of this case: only to f where the references have no others."""
    alphabet = next(kind for kind in ALPHABETS if character in kind)
    is_hexadecimal = {letter for one in references for letter in one if letter.isalpha()} <= set(
        "abcdefABCDEF"
    )
    return alphabet[:6] if is_hexadecimal and character.isalpha() else alphabet


def metadata_like_recent(integration: int, dice: random.Random) -> dict[str, Any]:
    """For a licensed picture: the fields that the queue is filtered by, all of one recent submission, so that their
    values go together. Other fields may name an applicant."""
    recent = _recent(integration, "metadata")
    found = dice.choice(recent) if recent else {}
    return {name: found[name] for name in settings.QUEUE_METADATA_FIELDS if name in found}


def mostly_with_reference_image(integration: int) -> bool:
    """Whether more than half of the integration's recent submissions came with a reference image."""
    recent = _recent(integration, "reference_sha256")
    return 2 * sum(bool(one) for one in recent) > len(recent)


def _recent(integration: int, field: str) -> list[Any]:
    """The values of the field in customers' latest submissions, the newest first."""
    rows = Submission.objects.filter(integration=integration, is_test=False, is_planted=False, erased_at=None)
    return list(rows.order_by("-received_at").values_list(field, flat=True)[:RECENT])
