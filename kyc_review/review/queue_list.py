"""The list of the queue, for people who oversee it or only read it: filters, order and pages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, F, OuterRef, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now

from detection.checks import CheckStatus
from kyc_review.core.db.rows import RowComparison
from kyc_review.core.permissions import may_decide, may_oversee, may_read_queue
from kyc_review.review.models import ReviewItem
from kyc_review.review.models.reasons import QUEUE_CALM, QUEUE_RANK
from kyc_review.review.selectors import queue_items
from kyc_review.scoring.models import CheckResult

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

PAGE_SIZE = 50
ESCALATED_RANK = -1
ORDER = (QUEUE_RANK, QUEUE_CALM, F("opened_at"), F("id"))
AGE = (F("opened_at"), F("id"))


class Sort(StrEnum):
    ORDER = "order"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What is listed; an empty value does not filter. People by their keys; `field` names a field of the metadata."""

    reason: str = ""
    check: str = ""
    is_late: bool = False
    integration: int | None = None
    field: str = ""
    value: str = ""
    kept_for: int | None = None
    escalated_by: int | None = None
    sort: Sort = Sort.ORDER


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of items; `after` is where the next one begins, None after the last."""

    items: list[ReviewItem]
    after: int | None


def may_list_queue(viewer: User) -> bool:
    """Reviewers take what comes next: rows of items that they cannot choose would only tell them what is to come."""
    return may_read_queue(viewer) and (may_oversee(viewer) or not may_decide(viewer))


def queue_page(*, viewer: User, wanted: QueueFilter, after: int | None = None) -> QueuePage:
    """The page of undecided items behind the item `after`; nothing for people who do not see the list.

    Each page is read from an index at the place where it begins, however long the queue is.
    """
    if not may_list_queue(viewer):
        return QueuePage([], None)
    rows = _filtered(queue_items(viewer=viewer, reason=wanted.reason), viewer, wanted)
    columns, is_descending = (
        (ORDER, False) if wanted.sort == Sort.ORDER else (AGE, wanted.sort == Sort.NEWEST)
    )
    rows = rows.order_by(*(column.desc() if is_descending else column.asc() for column in columns))
    if after is not None and (place := _place(after, columns)) is not None:
        rows = rows.filter(RowComparison(columns, "<" if is_descending else ">", place))
    found = list(rows[: PAGE_SIZE + 1])
    has_more = len(found) > PAGE_SIZE
    return QueuePage(found[:PAGE_SIZE], found[PAGE_SIZE - 1].pk if has_more else None)


def _filtered(rows: QuerySet[ReviewItem], viewer: User, wanted: QueueFilter) -> QuerySet[ReviewItem]:
    if wanted.check:
        found = CheckResult.objects.filter(code=wanted.check, submission=OuterRef("submission"))
        # Not passed: it has a code, so this says nothing new, but the index holds no others.
        rows = rows.filter(Exists(found.exclude(status=CheckStatus.PASS.value).exclude(action="")))
        if may_decide(viewer):  # what a check found is a part of what a blind item hides
            rows = rows.filter(is_blind=False)
    if wanted.is_late:
        rows = rows.filter(opened_at__lt=Now() - dt.timedelta(seconds=settings.REVIEW_SLA_S))
    if wanted.integration is not None:
        rows = rows.filter(submission__integration=wanted.integration)
    if wanted.value and wanted.field in settings.QUEUE_METADATA_FIELDS:
        rows = rows.annotate(told=KeyTextTransform(wanted.field, "submission__metadata"))
        rows = rows.filter(told__iexact=wanted.value)
    if wanted.kept_for is not None:
        rows = rows.filter(state=ReviewItem.State.OPEN, reserved_for=wanted.kept_for, is_reserved_ahead=False)
    if wanted.escalated_by is not None:
        rows = rows.alias(rank=QUEUE_RANK).filter(rank=ESCALATED_RANK, escalated_by=wanted.escalated_by)
    return rows


def _place(after: int, columns: tuple[Combinable, ...]) -> tuple[Combinable, ...] | None:
    """The values of this item in these columns; also of one that was decided meanwhile."""
    names = [f"place_{number}" for number in range(len(columns))]
    row = ReviewItem.objects.filter(pk=after).annotate(**dict(zip(names, columns, strict=True)))
    found = row.values_list(*names).first()
    return None if found is None else tuple(Value(value) for value in found)
