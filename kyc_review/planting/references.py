"""References and metadata for a planted forgery, like those that the onboarding system sends."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings

from kyc_review.submissions.models import Submission

RECENT = 50  # submissions whose references are the pattern
TRIES = 20
NEAR = 3  # recent numbers on each side of the pattern's
DRAWN_MAX = 5000  # of a longer range of numbers some are drawn
FIELDS = ("external_ref", "applicant_ref")
DIGITS = re.compile(r"[0-9]+")
ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def pair_like_recent(integration: int, dice: random.Random) -> tuple[str, str]:
    """(external_ref, applicant_ref) as one application of the integration has them; of no submission. An empty one
    where those of recent submissions are empty.

    They are made after one recent pair, with the same relation: equal, one within the other, or the same number. A
    number is a free one among the recent ones, or before them: one that no application has reached yet, or two numbers
    that are far from each other, would say that no application is behind them.
    """
    recent = list(zip(*(_recent(integration, field) for field in FIELDS), strict=True))
    if not recent:
        return "", ""
    for attempt in range(TRIES):
        made = _pair_like(dice.choice(recent), recent, integration, dice, attempt // 2 + 1)
        if not any(
            one and _taken(integration, field, [one]) for field, one in zip(FIELDS, made, strict=True)
        ):
            return made
    return made


def _pair_like(
    pattern: tuple[str, str],
    recent: Sequence[tuple[str, str]],
    integration: int,
    dice: random.Random,
    changed: int,
) -> tuple[str, str]:
    def made_of(index: int) -> str:
        known = [pair[index] for pair in recent]
        return _new(pattern[index], known, integration, FIELDS[index], dice, changed)

    for base, other in ((0, 1), (1, 0)):
        if pattern[base] and _is_related(recent, pattern, base, other):
            new = made_of(base)
            told = _related(pattern[base], pattern[other], new)
            if told is not None:
                return (new, told) if base == 0 else (told, new)
    return made_of(0), made_of(1)


def _is_related(recent: Sequence[tuple[str, str]], pattern: tuple[str, str], base: int, other: int) -> bool:
    """Whether one reference follows from the other: what holds for the pattern gives most of the recent pairs."""
    right = [_related(pattern[base], pattern[other], one[base]) == one[other] for one in recent]
    return 2 * sum(right) > len(right)


def _related(base: str, other: str, new: str) -> str | None:
    """What stands to `new` as `other` stands to `base`: the base within it is replaced, else its last number; None
    where neither is in it."""
    if base and base in other:
        return other.replace(base, new)
    (_before, number, _after), (_start, new_number, _end) = _around_number(base), _around_number(new)
    if number and new_number and number in other:
        return other.replace(number, new_number)
    return None


def _around_number(text: str, index: int = -1) -> tuple[str, str, str]:
    """What is before a run of digits (the last by default), the digits, and what is after; no digits without any."""
    runs = list(DIGITS.finditer(text))
    if not runs:
        return text, "", ""
    run = runs[index]
    return text[: run.start()], run[0], text[run.end() :]


def _new(
    pattern: str, known: Sequence[str], integration: int, field: str, dice: random.Random, changed: int
) -> str:
    """A reference like the pattern: with another number near it, or where the recent ones do not differ by a number
    alone, with other characters."""
    if not pattern:
        return ""
    for index in reversed(range(len(DIGITS.findall(pattern)))):
        before, number, after = _around_number(pattern, index)
        numbers = sorted(
            {int(one[len(before) : len(one) - len(after)]) for one in known if _is_like(one, before, after)}
        )
        if 2 * sum(_is_like(one, before, after) for one in known) <= len(known) or len(numbers) == 1 < len(
            set(known)
        ):
            continue  # another run counts, or they differ by more than a number
        width = len(number) if any(one[len(before) :].startswith("0") for one in known) else 0
        for low, high in _windows(int(number), numbers):
            drawn = range(low, high + 1)
            if len(drawn) > DRAWN_MAX:
                drawn = [dice.randint(low, high) for _ in range(RECENT)]  # type: ignore[assignment]
            texts = [f"{before}{one:0{width}}{after}" for one in drawn]
            free = sorted(set(texts) - set(_taken(integration, field, texts)))
            if free:
                return dice.choice(free)
    return mixed([one for one in known if len(one) == len(pattern)], dice, changed=changed)


def _is_like(one: str, before: str, after: str) -> bool:
    middle = one[len(before) : len(one) - len(after)]
    return one.startswith(before) and one.endswith(after) and middle.isascii() and middle.isdecimal()


def _windows(number: int, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where to look for a free number, one range after the other: close to the pattern's, among the recent ones, and
    before them, as of an application that came late."""
    place, low, high = numbers.index(number), numbers[0], numbers[-1]
    yield numbers[max(place - NEAR, 0)], numbers[min(place + NEAR, len(numbers) - 1)]
    yield low, high
    yield max(low - (high - low) - RECENT, 0), low


def _taken(integration: int, field: str, references: Sequence[str]) -> list[str]:
    """Those that a submission of the integration has."""
    rows = Submission.objects.filter(integration=integration, **{f"{field}__in": references})
    return list(rows.values_list(field, flat=True))


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
