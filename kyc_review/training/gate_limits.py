"""What the bank asks of a candidate: the values that count now, their history, and changing them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.core.days import moment_in_words
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.training.models import GateSettings

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

REASON_MIN = 10  # characters
SETTINGS_LOCK = 7_305_117  # an arbitrary number, used for nothing else


class GateSettingsRefused(DomainError):
    """The gate's settings cannot be changed so; the text says why and what to do."""

    code = "gate_settings_refused"


class GateSettingsStale(GateSettingsRefused):
    """Another admin changed the settings after they were shown; the text names who and when."""


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
    reason: str
    limits: list[tuple[str, float | None, float | None]]


@transaction.atomic
def gate_settings_change(
    *, limits: Limits, reason: str, actor: User, version: int | None = None
) -> GateSettings:
    """Set the values that count from now on. Proposals keep the result of the gate at their time.

    `version` is the `gate_settings_version` that the actor saw; None does not compare it.
    Raises GateSettingsRefused, GateSettingsStale for a change of settings that are no longer in force.
    """
    if not may_promote(actor):
        raise GateSettingsRefused("Only admins change the gate's settings.")
    reason = reason.strip()
    if len(reason) < REASON_MIN:
        raise GateSettingsRefused(
            f"State why in at least {REASON_MIN} characters; the history and the audit log keep it."
        )
    if not all(value is None or math.isfinite(value) for value in asdict(limits).values()):
        raise GateSettingsRefused("Every limit must be a finite number.")
    lock_for_transaction(SETTINGS_LOCK)  # one change after the other: each tells what was before
    _refuse_stale(version)
    before = Limits.current()
    if limits == before:
        raise GateSettingsRefused("Nothing differs from the settings that count already.")
    row = GateSettings(**asdict(limits), before=asdict(before), reason=reason[:300], changed_by=actor)
    try:
        row.full_clean()
    except ValidationError as error:
        texts = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise GateSettingsRefused(" ".join(texts)) from error
    row.save()
    audit.record(
        action="gate.settings_changed",
        actor=actor,
        target=row,
        detail={"before": asdict(before), "after": asdict(limits), "reason": row.reason},
    )
    return row


def gate_settings_version() -> int:
    """The number of the latest change; 0 while the values of the environment count."""
    return GateSettings.objects.values_list("pk", flat=True).first() or 0


def _refuse_stale(version: int | None) -> None:
    latest = GateSettings.objects.select_related("changed_by").first()
    if version is None or version == (latest.pk if latest else 0):
        return
    if latest is None:
        raise GateSettingsStale(
            "These settings were never changed, so this version does not exist; read them again."
        )
    raise GateSettingsStale(
        f"{latest.changed_by} changed these settings at {moment_in_words(latest.changed_at)} meanwhile. "
        "Nothing was saved: compare with what is in force now, then save again."
    )


def gate_settings_history(*, viewer: User) -> list[Change]:
    """All changes, the latest first, each against the limits that were stored with it."""
    if not may_see_retraining(viewer):
        return []
    earlier: dict[str, Any] = {}  # of the row before, for rows that were written without `before`
    found = []
    for row in GateSettings.objects.select_related("changed_by").order_by("pk"):
        before, after = row.before or earlier, asdict(Limits.of_row(row))
        found.append(
            Change(
                changed_at=row.changed_at,
                changed_by=str(row.changed_by),
                reason=row.reason,
                limits=[
                    (name, before[name], after[name])
                    for name in after
                    if name in before and before[name] != after[name]
                ],
            )
        )
        earlier = after
    return found[::-1]


def label_of(name: str) -> str:
    """A limit as the settings' page names it."""
    field: Any = GateSettings._meta.get_field(name)
    return str(field.verbose_name)
