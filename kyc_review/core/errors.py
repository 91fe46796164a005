"""The base of what services refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

from django.utils.translation import gettext

from kyc_review.core.numbers import number


class DomainError(Exception):
    """A service refused and changed nothing; `detail` says why and what to do, to a person.

    A class whose errors reach the API names the `code` and `status` of the problem that is answered
    (`core/problem_types.py` explains each code) and, with `pointer`, the field of the request that is to blame.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 409
    pointer: ClassVar[str | None] = None

    def __init__(self, detail: str | StrPromise) -> None:
        super().__init__(str(detail))
        self.detail = str(detail)


def text_within(text: str, most: int, what: str, refusal: type[DomainError]) -> str:
    """The text without outer spaces. Raises `refusal` for more than `most` characters: nothing is cut silently."""
    text = text.strip()
    if len(text) > most:
        words = gettext("%(what)s may have at most %(most)s characters; this one has %(number)s. Shorten it.")
        raise refusal(words % {"what": what, "most": number(most), "number": number(len(text))})
    return text
