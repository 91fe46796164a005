"""Items that wait for people: applicants, corrections, and what measures models and people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Min, Q, TextChoices, Value, When
from prometheus_client.core import GaugeMetricFamily, Metric

from kyc_review.metrics.gauges import age_s, gauge
from kyc_review.review.blinding import items_without_reviewer
from kyc_review.review.models import ReviewItem
from kyc_review.review.models.reasons import ORDINARY


class Purpose(TextChoices):
    """What an item is there for. A second review of an audit is shown as an audit, and is one."""

    CORRECTION = "correction"
    QUALITY = "quality"
    APPLICANT = "applicant"


def queue_numbers(now: datetime) -> Iterator[Metric]:
    """Applicants who wait for a person, by the reason that reviewers are shown; items that measure models and
    people are a separate metric, so that a late audit raises no alarm.

    A decision counts until it is final: no number moves while it could be taken back, and so tells what it was about.
    """
    depth = GaugeMetricFamily(
        "kyc_queue_items",
        "Items whose applicant waits for people, claimed or not; a second review has the first one's reason.",
        labels=["reason"],
    )
    oldest = GaugeMetricFamily(
        "kyc_queue_oldest_seconds",
        "Age of the item whose applicant waits longest; 0: none.",
        labels=["reason"],
    )
    late = GaugeMetricFamily(
        "kyc_queue_late_items", "Items whose applicant waits longer than REVIEW_SLA_S.", labels=["reason"]
    )
    others = dict.fromkeys((Purpose.CORRECTION, Purpose.QUALITY), (0, None))
    found: dict[str, Any] = {}
    for row in _undecided(late_before=now - timedelta(seconds=settings.REVIEW_SLA_S)):
        purpose = Purpose(row["purpose"])
        if purpose == Purpose.APPLICANT:
            found[row["shown_reason"]] = row
        else:
            number, first = others[purpose]
            others[purpose] = (number + row["number"], min(filter(None, (first, row["first"]))))
    for reason in ORDINARY:
        row = found.get(reason, {"number": 0, "first": None, "late": 0})
        depth.add_metric([reason], row["number"])
        oldest.add_metric([reason], age_s(now, row["first"]))
        late.add_metric([reason], row["late"])
    yield from (depth, oldest, late)
    yield from _of_corrections(now, *others[Purpose.CORRECTION])
    yield from _of_quality(now, *others[Purpose.QUALITY])
    yield gauge(
        "kyc_queue_items_without_reviewer",
        "Items that no active reviewer may take, because all know what was said of the face.",
        items_without_reviewer(),
    )


def _of_corrections(now: datetime, number: int, first: datetime | None) -> Iterator[Metric]:
    yield gauge(
        "kyc_queue_correction_items",
        "Corrections that wait for a second person, and reopened twins; the old result stands meanwhile.",
        number,
    )
    yield gauge(
        "kyc_queue_correction_oldest_seconds", "Age of the oldest of them; 0: none.", age_s(now, first)
    )


def _of_quality(now: datetime, number: int, first: datetime | None) -> Iterator[Metric]:
    yield gauge(
        "kyc_queue_check_items",
        "Audits, calibration items and planted forgeries in the queue; no applicant waits for them.",
        number,
    )
    yield gauge("kyc_queue_check_oldest_seconds", "Age of the oldest of them; 0: none.", age_s(now, first))


def _undecided(*, late_before: datetime) -> Any:
    """{purpose, shown_reason, number, first, late} of each kind of item."""
    is_quality_item = Q(reason=ReviewItem.Reason.GOLD) | Q(shown_reason=ReviewItem.Reason.AUDIT)
    is_quality_item |= Q(submission__is_planted=True)
    is_correction = Q(correction__isnull=False) | Q(reason=ReviewItem.Reason.TWIN_REJECTED)
    purpose = Case(
        When(is_correction, then=Value(Purpose.CORRECTION.value)),
        When(is_quality_item, then=Value(Purpose.QUALITY.value)),
        default=Value(Purpose.APPLICANT.value),
    )
    rows: Any = (
        ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
        .annotate(purpose=purpose)
        .values("purpose", "shown_reason")
        .annotate(
            number=Count("pk"), first=Min("opened_at"), late=Count("pk", filter=Q(opened_at__lt=late_before))
        )
    )
    return rows
