"""Single numbers and ages."""

from __future__ import annotations

from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric


def gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def age_s(now: datetime, moment: datetime | None) -> float:
    return (now - moment).total_seconds() if moment else 0.0
