"""Numbers about planted forgeries, apart from those of customers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric

from kyc_review.metrics.gauges import gauge
from kyc_review.planting.changes import planting_now
from kyc_review.planting.figures import recalls_unchecked
from kyc_review.review.known_answers import day_of

SPAN = timedelta(days=90)


def planted_numbers(now: datetime) -> Iterator[Metric]:
    """Recall of what was planted and answered before today, as on the page."""
    current = planting_now()
    yield gauge(
        "kyc_planting_on", "1 while forgeries are planted.", int(current is not None and current.is_on)
    )
    planted = GaugeMetricFamily(
        "kyc_planted_forgeries", "Planted in the last 90 days, by kind of edit.", labels=["kind"]
    )
    recall = GaugeMetricFamily(
        "kyc_planted_recall",
        "Share of them that models (with checks), people, and both together found, with its 95 % interval.",
        labels=["by", "kind", "bound"],
    )
    judged = GaugeMetricFamily(
        "kyc_planted_judged", "How many that share is of; for people answers.", labels=["by", "kind"]
    )
    for row in recalls_unchecked(since=now - SPAN, until=day_of(now)):
        planted.add_metric([row.way], row.planted)
        for by, rate in (("models", row.models), ("people", row.people), ("both", row.found)):
            judged.add_metric([by, row.way], rate.total)
            if rate.value is None:
                continue
            for bound, value in zip(("value", "low", "high"), (rate.value, *rate.interval), strict=True):
                recall.add_metric([by, row.way, bound], value)
    yield from (planted, recall, judged)
