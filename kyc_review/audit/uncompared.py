"""Records whose event was pruned: nothing is left to compare them with, which is no sign of tampering."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kyc_review.audit.models import SealedBatch
from kyc_review.audit.pruned import prunings_read

# A record and its event are of one transaction; some times of records are those of another computer's clock.
APART_MAX = timedelta(minutes=5)


@dataclass
class Uncompared:
    """Counts records that are not newer than the last pruned batch (`until`: when it was sealed; None where nothing was
    pruned). `pruned`: how many events the log says were taken out."""

    batch: int = 0
    until: datetime | None = None
    pruned: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)  # of these, those that had an event of their own

    @classmethod
    def read(cls) -> Uncompared:
        prunings, _ = prunings_read()  # `verify` tells the problems
        number = max((one.through_batch for one in prunings), default=0)
        last = SealedBatch.objects.filter(number=number).only("sealed_at").first()
        if last is None:
            return cls()
        return cls(number, last.sealed_at, sum(one.deleted for one in prunings))

    def takes(self, name: str, at: datetime | None, *, is_own: bool = True) -> bool:
        """Counts a record of this kind without event, unless it is too new. `at`: its time, None where the event that
        is missing is of a kind that is never pruned."""
        if self.until is None or at is None or at > self.until + APART_MAX:
            return False
        self.counts[name] += 1
        if is_own:
            self.own[name] += 1
        return True

    def problems(self) -> list[str]:
        """Each pruned event had one record, so more records than that were never there when they were pruned."""
        if self.own.total() <= self.pruned:
            return []
        return [f"no event: {_records(self.own)}, where the events of {self.pruned} were pruned"]

    def notes(self) -> list[str]:
        if not self.counts:
            return []
        return [
            f"{_records(self.counts)} cannot be compared: their events were pruned, up to batch {self.batch}."
        ]


def _records(counts: Counter[str]) -> str:
    named = ", ".join(f"{name}: {number}" for name, number in counts.items())
    return f"{counts.total()} records ({named})"
