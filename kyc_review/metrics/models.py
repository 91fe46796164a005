"""Numbers about models: which one serves, how good it was found, drift, the audit's bound, and the state of runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from kyc_review.registry.models import Promotion
from kyc_review.registry.selectors import serving_promotion
from kyc_review.review.audit_results import audit_at, audits_by_bundle_unchecked
from kyc_review.training.models import Comparison, Job, Proposal, TrainingRun
from kyc_review.training.promotion_basis import figures_of
from kyc_review.training.signals import retraining_signals_unchecked

KINDS: tuple[tuple[str, type[Job]], ...] = (("training", TrainingRun), ("comparison", Comparison))
BOUNDS = ("value", "low", "high")


def model_numbers(now: datetime) -> Iterator[Metric]:
    """Champion, quality and audit only while a bundle serves; runs, proposals and signals always."""
    promotion = serving_promotion()
    if promotion is not None:
        yield from _champion(promotion, now)
        yield from _quality(promotion)
        yield from _audit(promotion)
    yield from _jobs()
    waiting = Proposal.objects.filter(state=Proposal.State.OPEN).count()
    yield GaugeMetricFamily("kyc_proposals_waiting", "Promotions that wait for another admin.", value=waiting)
    yield _signals()


def _champion(promotion: Promotion, now: datetime) -> Iterator[Metric]:
    champion = GaugeMetricFamily(
        "kyc_champion_info", "1 for the bundle that serves.", labels=["version", "digest"]
    )
    champion.add_metric([promotion.bundle.version, promotion.bundle.digest], 1)
    yield champion
    yield GaugeMetricFamily(
        "kyc_champion_age_seconds",
        "Since it was promoted or returned to.",
        value=(now - promotion.promoted_at).total_seconds(),
    )
    yield GaugeMetricFamily(
        "kyc_champion_threshold_shift",
        "What is added to its thresholds in production, on the logit scale; 0: as trained.",
        value=promotion.shift,
    )


def _quality(promotion: Promotion) -> Iterator[Metric]:
    """At the operating point in production where a comparison measured it, else as trained; the label says which."""
    found = figures_of(promotion)
    if found is None:
        return
    thresholds = "in_production" if found.is_in_production else "as_trained"
    for name, says, share in (
        ("recall", "Share of all fakes that reach a person", found.recall),
        ("false_alarm", "Share of all real faces that reach a person", found.false_alarm),
    ):
        metric = GaugeMetricFamily(
            f"kyc_champion_{name}",
            f"{says}, weighted, by the comparison that measured the champion, with the bounds of the 95 % interval; "
            "thresholds: in_production, or as_trained where the operating point in production was not measured.",
            labels=["bound", "thresholds"],
        )
        for bound in BOUNDS:
            metric.add_metric([bound, thresholds], share[bound])
        yield metric


def _audit(promotion: Promotion) -> Iterator[Metric]:
    found = audit_at(audits_by_bundle_unchecked(), digest=promotion.bundle.digest, shift=promotion.shift)
    judged = found.judged if found else 0
    yield GaugeMetricFamily(
        "kyc_audit_judged",
        "Cleared faces of the champion at its operating point in the random sample with a decision.",
        value=judged,
    )
    bounds = GaugeMetricFamily(
        "kyc_audit_fake_share",
        "Bounds on the share of fakes among what the champion cleared at its operating point (95 %, one-sided each).",
        labels=["bound"],
    )
    bounds.add_metric(["lower"], found.lower_bound if found else 0.0)
    bounds.add_metric(["upper"], found.bound if found else 1.0)
    bounds.add_metric(["limit"], settings.AUDIT_BOUND_MAX)
    yield bounds


def _jobs() -> Iterator[Metric]:
    metric = GaugeMetricFamily("kyc_model_jobs", "Training runs and comparisons.", labels=["kind", "state"])
    for kind, model in KINDS:
        rows: Any = model._default_manager.values("state").annotate(number=Count("pk"))
        found = {row["state"]: row["number"] for row in rows}
        for state in Job.State:
            metric.add_metric([kind, state.value], found.get(state.value, 0))
    yield metric


def _signals() -> Metric:
    metric = GaugeMetricFamily(
        "kyc_retraining_signal",
        "1: calls for attention, 0: does not, -1: too few data to say.",
        labels=["signal"],
    )
    for signal in retraining_signals_unchecked():
        value = -1 if signal.calls is None else int(signal.calls)
        metric.add_metric([signal.name.lower().replace(" ", "_")], value)
    return metric
