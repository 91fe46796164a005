"""What the bank asks of a candidate: the values that count now and their history; `gate_changes` changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings

from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.permissions import may_see_retraining
from kyc_review.training.models import GateSettings

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

SETTINGS_LOCK = 7_305_117  # an arbitrary number, used for nothing else


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares from 0 to 1; `audited_fakes` is a number; None switches a limit off (docs/retraining.md, "Promoting")."""

    recall_margin: float
    recall_min: float
    load_factor: float
    load_max: float | None
    group_margin: float | None
    audited_fakes: int

    @classmethod
    def of_environment(cls) -> Limits:
        """The start values, which count until an admin changes them."""
        return cls(
            recall_margin=settings.GATE_RECALL_MARGIN,
            recall_min=settings.GATE_RECALL_MIN,
            load_factor=settings.GATE_LOAD_FACTOR,
            load_max=settings.GATE_LOAD_MAX,
            group_margin=settings.GATE_GROUP_MARGIN,
            audited_fakes=settings.GATE_AUDITED_FAKES_MIN,
        )

    @classmethod
    def of_row(cls, row: GateSettings) -> Limits:
        """The values of one row of the history."""
        return cls(**{name: getattr(row, name) for name in GateSettings.LIMITS})

    @classmethod
    def current(cls) -> Limits:
        """The values that count now: the latest row, else those of the environment."""
        row = GateSettings.objects.first()
        return cls.of_row(row) if row else cls.of_environment()


def limits_locked() -> Limits:
    """The values that count now; no change of them is written before the caller's transaction ends."""
    lock_for_transaction(SETTINGS_LOCK)
    return Limits.current()


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the settings. limits: (name, before, after) of each value that changed."""

    changed_at: datetime
    changed_by: str
    approved_by: str  # empty in rows from before a change needed two people
    reason: str
    limits: list[tuple[str, float | None, float | None]]


def gate_settings_version() -> int:
    """The number of the latest change; 0 while the values of the environment count."""
    return GateSettings.objects.values_list("pk", flat=True).first() or 0


def gate_settings_history(*, viewer: User) -> list[Change]:
    """All changes, the latest first, each against the limits that were stored with it."""
    if not may_see_retraining(viewer):
        return []
    earlier: dict[str, Any] = {}  # of the row before, for rows that were written without `before`
    found = []
    for row in GateSettings.objects.select_related("changed_by", "approved_by").order_by("pk"):
        before, after = row.before or earlier, asdict(Limits.of_row(row))
        found.append(
            Change(
                changed_at=row.changed_at,
                changed_by=str(row.changed_by),
                approved_by=str(row.approved_by or ""),
                reason=row.reason,
                limits=differences(before, after),
            )
        )
        earlier = after
    return found[::-1]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, before, after) of each limit that differs, in the order of `after`."""
    return [
        (name, before[name], after[name]) for name in after if name in before and before[name] != after[name]
    ]


def label_of(name: str) -> str:
    """A limit as the settings' page names it."""
    field: Any = GateSettings._meta.get_field(name)
    return str(field.verbose_name)
