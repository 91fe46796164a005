"""Names of staff in what an applicant receives: each becomes "reviewer 1" or another number, the same throughout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kyc_review.accounts.models import User


class Names:
    """is_told: names are told, as to auditors; otherwise they are replaced, also within texts."""

    def __init__(self, *, is_told: bool) -> None:
        self._is_told = is_told
        self._numbers: dict[str, int] = {}
        self._staff = {} if is_told else _staff_names()

    def of(self, name: str | None) -> str | None:
        if not name or self._is_told:
            return name
        return f"reviewer {self._numbers.setdefault(name, len(self._numbers) + 1)}"

    def within(self, text: str) -> str:
        """The text with the user names and full names of staff replaced; other names stay, for a person to check."""
        if self._is_told or not text or not self._staff:
            return text

        def replaced(found: re.Match[str]) -> str:
            return str(self.of(self._staff[found[0].casefold().removeprefix("@")]))

        return _pattern(self._staff).sub(replaced, text)

    def row(
        self, values: Mapping[str, Any], *, names: Iterable[str] = (), texts: Iterable[str] = ()
    ) -> dict[str, Any]:
        """values with the fields `names` and `texts` treated so."""
        told = {name: self.of(values[name]) for name in names}
        return dict(values) | told | {name: self.within(values[name]) for name in texts}


def _staff_names() -> dict[str, str]:
    """Every spelling of a person of the staff, in small letters, with their user name."""
    found = {}
    for username, first, last in User.objects.values_list("username", "first_name", "last_name"):
        for spelling in (username, f"{first} {last}".strip(), last.strip()):
            if len(spelling) > 1:
                found[spelling.casefold()] = username
    return found


def _pattern(spellings: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile(rf"(?<!\w)@?(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
