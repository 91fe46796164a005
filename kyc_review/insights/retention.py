"""What the audit log's page says about erasing by age: the rule, and recent erasures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Sum
from django.utils import timezone

from kyc_review.core.permissions import may_read_audit_log
from kyc_review.lifecycle.retain import RetentionRule, retention_rule
from kyc_review.submissions.models import RetentionPass

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Retention:
    rule: RetentionRule
    latest: RetentionPass | None
    erased_lately: int


def retention(*, viewer: User) -> Retention | None:
    """None for people who may not read the audit log."""
    if not may_read_audit_log(viewer):
        return None
    passes = RetentionPass.objects.order_by("-day")
    in_recent_days = passes.filter(day__gt=timezone.localdate() - RECENT).aggregate(erased=Sum("erased"))
    return Retention(retention_rule(), passes.first(), in_recent_days["erased"] or 0)
