"""Names of staff in what an applicant receives: each becomes "reviewer 1" or another number, the same throughout."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from kyc_review.accounts.models import User


class Names:
    """is_told: names are told, as to auditors; otherwise they are replaced, also within texts."""

    def __init__(self, *, is_told: bool) -> None:
        self._is_told = is_told
        self._numbers: dict[str, int] = {}
        self._staff = {} if is_told else _staff_names()
        self._pattern = _pattern(self._staff)

    def of(self, name: str | None) -> str | None:
        if not name or self._is_told:
            return name
        return f"reviewer {self._numbers.setdefault(name, len(self._numbers) + 1)}"

    def within(self, text: str) -> str:
        """The text with user names, last names and full names of staff replaced, in any case and without regard to
        accents. First names alone and other people's names stay, for a person to check."""
        if self._is_told or not text or not self._staff:
            return text
        folded, places = _folded_with_places(text)
        pieces, done = [], 0
        for found in self._pattern.finditer(folded):
            pieces += [text[done : places[found.start()]], str(self.of(self._staff[_one_spaced(found[1])]))]
            done = places[found.end()]
        return "".join([*pieces, text[done:]])

    def row(
        self, values: Mapping[str, Any], *, names: Iterable[str] = (), texts: Iterable[str] = ()
    ) -> dict[str, Any]:
        """values with the fields `names` and `texts` treated so; `reviewer__username` is told as `reviewer`."""
        people = set(names)
        told = {name.removesuffix("__username"): self.of(values[name]) for name in values if name in people}
        rest = {name: value for name, value in values.items() if name not in people}
        return rest | told | {name: self.within(values[name]) for name in texts}


def _staff_names() -> dict[str, str]:
    """Every spelling of a person of the staff, folded, with their user name."""
    found = {}
    for username, first, last in User.objects.values_list("username", "first_name", "last_name"):
        for spelling in (username, f"{first} {last}", last):
            folded = _one_spaced("".join(map(_folded, spelling)))
            if len(folded) > 1:
                found[folded] = username
    return found


def _pattern(spellings: Iterable[str]) -> re.Pattern[str]:
    """Of folded texts; group 1 is the spelling. Words may be apart by any white space."""
    longest_first = sorted(spellings, key=len, reverse=True)
    names = ("\\s+".join(map(re.escape, spelling.split(" "))) for spelling in longest_first)
    return re.compile(rf"(?<!\w)@?({'|'.join(names)})(?!\w)")


def _folded(character: str) -> str:
    """In small letters without accents: ß is ss, and Turkish letters are i. Empty for a combining accent."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join("i" if one == "\u0131" else one for one in apart if not unicodedata.combining(one))


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters, and its end, the place in `text` where it comes from."""
    pairs = [(one, place) for place, character in enumerate(text) for one in _folded(character)]
    return "".join(one for one, _place in pairs), [*(place for _one, place in pairs), len(text)]


def _one_spaced(text: str) -> str:
    return " ".join(text.split())
