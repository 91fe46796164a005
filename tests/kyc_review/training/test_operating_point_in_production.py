"""What is said of the model in production is said of it at its operating point, not as it was trained."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import Unused
from kyc_review.insights.model_monitoring import scored_by_week, versions, weeks_of_versions
from kyc_review.pipeline import worker
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.retraining.stages import stages
from kyc_review.review.audit_results import audits_by_bundle
from kyc_review.review.decisions import decision_record
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from kyc_review.training import signals
from kyc_review.training.gate import load_at, point_at
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.promotion_basis import figures_of
from kyc_review.training.proposals import proposal_approve, proposal_open
from kyc_review.training.runs import run_request
from kyc_review.training.worker import training
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def promoted(comparison: Comparison, ada: User, staff: Callable[..., User]) -> Promotion:
    """The candidate serves with its thresholds lowered by 0.3, approved by another admin."""
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It is better.", shift=-0.3)
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"))
    return Promotion.objects.latest("pk")


def scraped(client: Client) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_are_those_of_the_approved_operating_point(
    client: Client, comparison: Comparison, promoted: Promotion
) -> None:
    found = scraped(client)
    at = point_at(comparison.report["holdout"]["weighted"]["points"], -0.3)
    assert (
        at["false_alarm"]["value"]
        != comparison.report["holdout"]["weighted"]["candidate"]["false_alarm"]["value"]
    )
    assert found["kyc_champion_recall", "value", "in_production"] == pytest.approx(at["recall"]["value"])
    assert found["kyc_champion_false_alarm", "low", "in_production"] == pytest.approx(
        at["false_alarm"]["low"]
    )
    assert found["kyc_champion_threshold_shift",] == -0.3
    figures = figures_of(promoted)
    assert figures is not None
    assert figures.load == load_at(comparison.report["replay"], -0.3)


def test_figures_as_trained_are_called_that_where_there_are_no_others(
    client: Client, comparison: Comparison
) -> None:
    bundle_promote(actor=None, bundle=comparison.candidate, shift=1.95)
    found = scraped(client)
    trained = comparison.report["holdout"]["weighted"]["candidate"]["recall"]["value"]
    assert found["kyc_champion_recall", "value", "as_trained"] == pytest.approx(trained)
    assert not any(labels[1:] == ("value", "in_production") for labels in found)


def test_a_comparison_that_measured_the_champion_as_it_serves_comes_first(
    comparison: Comparison, promoted: Promotion
) -> None:
    later = Comparison.objects.create(
        snapshot=comparison.snapshot,
        champion=comparison.candidate,
        champion_shift=-0.3,
        candidate=comparison.champion,
        state="succeeded",
        report=comparison.report,
    )
    figures = figures_of(promoted)
    assert figures is not None
    assert (figures.comparison, figures.is_in_production) == (later, True)
    Comparison.objects.filter(pk=later.pk).update(champion_shift=0.0)
    figures = figures_of(promoted)
    assert figures is not None
    assert figures.comparison == comparison


def test_the_load_is_compared_with_the_replay_of_this_promotion_only(
    comparison: Comparison, promoted: Promotion
) -> None:
    (flagged, total), basis = signals._promised(promoted)
    load = load_at(comparison.report["replay"], -0.3)
    assert load is not None
    assert (flagged, total, basis) == (round(load["value"] * 1200), 1200, signals.REPLAY)
    step = bundle_promote(actor=None, bundle=promoted.bundle, shift=1.0)
    assert signals._promised(step) == ((0, 0), signals.WEEK_BEFORE)


def test_audits_of_two_operating_points_are_not_pooled(
    clear: Callable[..., Submission],
    alice: User,
    ada: User,
    serving: Bundle,
    settings: LazySettings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.AUDIT_SHARE = 1.0
    rows = [clear() for _ in range(3)]
    for _ in rows:
        item = item_claim_next(reviewer=alice)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=alice, label="real")
    Scoring.objects.update(bundle_digest=serving.digest)
    Scoring.objects.filter(submission=rows[0]).update(shift=0.3)
    bundle_promote(actor=None, bundle=serving, shift=0.3)
    assert [(row.shift, row.judged) for row in audits_by_bundle(viewer=ada)] == [(0.0, 2), (0.3, 1)]
    assert scraped(client)["kyc_audit_judged",] == 1
    monkeypatch.setattr(signals, "JUDGED_LEAST", 2)
    assert signals._audit(Promotion.objects.latest("pk")).calls is None
    since = timezone.now() - timedelta(days=1)
    scored = scored_by_week(viewer=ada, since=since)
    assert {(row.shift, row.scored) for row in versions(scored, viewer=ada, since=since)} == {
        (0.0, 2),
        (0.3, 1),
    }
    weeks = weeks_of_versions(scored, viewer=ada)
    assert {row.shift: row.bound for row in weeks} == pytest.approx({0.0: 1 - 0.05**0.5, 0.3: 0.95})


def test_the_worker_stores_the_operating_point_of_its_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, Any] = {}
    monkeypatch.setattr(worker, "verdicts_record", lambda **given: stored.update(given) or 0)
    ensemble = SimpleNamespace(version="b", digest="d" * 64, shift=0.3)
    worker._store(SimpleNamespace(ensemble=ensemble), {})  # type: ignore[arg-type]
    assert stored["shift"] == 0.3


def test_what_was_scored_before_gets_its_operating_point(
    clear: Callable[..., Submission], serving: Bundle
) -> None:
    before = clear()
    bundle_promote(actor=None, bundle=serving, shift=0.3)
    moved = clear()
    bundle_promote(actor=None, bundle=serving, shift=0.0)
    after = clear()
    Scoring.objects.update(bundle_digest=serving.digest)
    import_module("kyc_review.scoring.migrations.0006_fill_operating_point").fill(apps, None)
    shifts = dict(Scoring.objects.values_list("submission", "shift"))
    assert [shifts[row.pk] for row in (before, moved, after)] == [0.0, 0.3, 0.0]


def test_a_candidate_follows_the_thresholds_in_production(serving: Bundle, ready: Snapshot) -> None:
    bundle_promote(actor=None, bundle=serving, shift=0.3)
    run = run_request(snapshot=ready)
    assert run.init_shift == 0.3
    assert "--init-shift=0.3" in training(run, snapshot=ready.directory, init=serving.directory)


def test_the_strip_says_what_belongs_to_which(comparison: Comparison, run: TrainingRun, ada: User) -> None:
    told = {
        step.title: f"{step.text}, {step.more}"
        for step in stages(viewer=ada, unused=Unused(0, or_more=False))
    }
    assert told["Training"] == f"Run {run.pk}, Waiting, 0 %, on ready"
    assert told["Comparison"] == f"v2, Comparison {comparison.pk}, done"
    TrainingRun.objects.create(
        snapshot=run.snapshot, init=run.init, seed=1, state="succeeded", candidate=comparison.candidate
    )
    made = TrainingRun.objects.latest("pk").pk
    told = {step.title: step.more for step in stages(viewer=ada, unused=Unused(0, or_more=False))}
    assert told["Comparison"] == f"Comparison {comparison.pk} of what run {made} made, done"
