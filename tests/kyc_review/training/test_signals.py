"""What calls for retraining, in words, and the calendar."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.review.audit_results import Audited
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from kyc_review.training import schedule, signals
from kyc_review.training.models import Comparison, RefusedTraining, TrainingRun
from kyc_review.training.proposals import proposal_approve, proposal_open
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def signs(viewer: User) -> dict[str, signals.Signal]:
    return {sign.name: sign for sign in signals.retraining_signals(viewer=viewer)}


def age_promotion(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """As if the champion had been in production for this time: rows of promotions cannot be changed."""
    promotion = Promotion.objects.select_related("bundle").get()
    promotion.promoted_at = timezone.now() - timedelta(days=days)
    monkeypatch.setattr(signals, "serving_promotion", lambda: promotion)


def scored(submit: Callable, bundle: Bundle, *, days_ago: int, risks: list[float], splits: int) -> None:
    Scoring.objects.bulk_create(
        Scoring(
            submission=submit(),
            bundle_version=bundle.version,
            bundle_digest=bundle.digest,
            verdict="split_vote" if number < splits else "clear",
            risk=risk,
            elapsed_ms=1.0,
        )
        for number, risk in enumerate(risks)
    )
    at = timezone.now() - timedelta(days=days_ago)
    Scoring.objects.filter(scored_at__gt=timezone.now() - timedelta(minutes=5)).update(scored_at=at)


def test_new_decisions_suggest_a_candidate(
    decide: Callable[..., Decision], ada: User, settings: LazySettings
) -> None:
    settings.RETRAIN_SUGGEST_DECISIONS = 2
    decide("fake")
    assert signs(ada)["New decisions"].calls is False
    decide("real")
    assert signs(ada)["New decisions"].calls is True


def test_with_too_little_to_say_nothing_is_said(
    serving: Bundle, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = signs(ada)
    assert [found[name].calls for name in ("Scores", "Split votes", "Audit")] == [None] * 3
    assert "less than two weeks" in found["Scores"].detail
    age_promotion(monkeypatch, 30)
    assert "200 of each are needed" in signs(ada)["Scores"].detail


def test_scores_and_splits_that_moved_call_for_it(
    serving: Bundle, submit: Callable[..., Submission], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "SCORED_LEAST", 30)
    age_promotion(monkeypatch, 30)
    scored(submit, serving, days_ago=28, risks=[k / 40 for k in range(40)], splits=4)
    scored(submit, serving, days_ago=2, risks=[0.8 + k / 400 for k in range(40)], splits=30)
    found = signs(ada)
    assert (found["Scores"].calls, found["Split votes"].calls) == (True, True)
    assert "65.0% more" in found["Split votes"].detail


def test_the_audits_bound_calls_above_its_limit(
    serving: Bundle,
    clear: Callable[..., Submission],
    alice: User,
    ada: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "JUDGED_LEAST", 1)
    settings.AUDIT_SHARE = 1.0
    clear()
    Scoring.objects.update(bundle_digest=serving.digest)
    assert signs(ada)["Audit"].calls is None
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert signs(ada)["Audit"].calls is True
    settings.AUDIT_BOUND_MAX = 0.96
    assert signs(ada)["Audit"].calls is False


def test_a_bound_alarms_whatever_the_number_when_its_lower_end_is_above_the_limit(
    serving: Bundle, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five fakes in nine audited faces: a page said that nothing calls, because nine are fewer than sixty."""
    for fake, judged, calls in ((5, 9, True), (2, 2, True), (1, 9, None), (0, 9, None), (0, 100, False)):
        row = Audited(serving.digest, "v1", judged, fake, judged, fake, 0, 0, None)
        monkeypatch.setattr(signals, "audits_by_bundle_unchecked", lambda row=row: [row])
        assert signs(ada)["Audit"].calls is calls, (fake, judged)


def test_load_is_watched_right_after_a_promotion(
    serving: Bundle,
    comparison: Comparison,
    staff: Callable[..., User],
    ada: User,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The factory's replay promises that 25 % of 1,200 reach people."""
    monkeypatch.setattr(signals, "SCORED_LEAST", 30)
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"))
    assert signs(ada)["Load since the promotion"].calls is None
    promoted = Promotion.objects.select_related("bundle").latest("pk")
    promoted.promoted_at = timezone.now() - timedelta(days=2)
    monkeypatch.setattr(signals, "serving_promotion", lambda: promoted)
    proposal.refresh_from_db()
    proposal.decided_at = promoted.promoted_at
    proposal.save(update_fields=["decided_at"])
    scored(submit, comparison.candidate, days_ago=1, risks=[0.1] * 40, splits=10)
    assert signs(ada)["Load since the promotion"].calls is False
    scored(submit, comparison.candidate, days_ago=1, risks=[0.1] * 60, splits=60)
    found = signs(ada)["Load since the promotion"]
    assert found.calls is True
    assert "the replay that the promotion rests on" in found.detail


def test_without_a_comparison_the_week_before_the_promotion_is_the_reference(
    serving: Bundle,
    registered: Callable[..., Bundle],
    ada: User,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "SCORED_LEAST", 30)
    bundle_promote(actor=None, bundle=registered("v2"))
    promoted = Promotion.objects.select_related("bundle").latest("pk")
    promoted.promoted_at = timezone.now() - timedelta(days=2)
    monkeypatch.setattr(signals, "serving_promotion", lambda: promoted)
    scored(submit, serving, days_ago=4, risks=[0.1] * 40, splits=4)
    scored(submit, promoted.bundle, days_ago=1, risks=[0.1] * 40, splits=36)
    found = signs(ada)["Load since the promotion"]
    assert found.calls is True
    assert "80.0% more of the selfies than in the week before it" in found.detail


def test_reviewers_are_told_nothing(alice: User) -> None:
    assert signals.retraining_signals(viewer=alice) == []


def test_the_calendar_is_off_unless_it_is_set(serving: Bundle, decide: Callable[..., Decision]) -> None:
    decide("fake")
    assert schedule.retrain_if_due() is None
    assert not Snapshot.objects.exists()


def test_the_calendar_freezes_and_trains_once_and_promotes_nothing(
    serving: Bundle, decide: Callable[..., Decision], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETRAIN_EVERY_DAYS = 7
    settings.TRAINING_DECISIONS_MIN = 2
    monkeypatch.setattr("kyc_review.training.runs.LEAST", 1)
    decide("fake"), decide("real")
    run = schedule.retrain_if_due()
    assert run is not None
    assert run.snapshot.name.startswith("scheduled-")
    assert schedule.retrain_if_due() is None
    assert (TrainingRun.objects.count(), Promotion.objects.count()) == (1, 1)
    assert Snapshot.objects.get().created_by is None


def test_a_refused_schedule_is_in_the_list_of_runs_once_a_period_with_its_last_reason(
    serving: Bundle,
    decide: Callable[..., Decision],
    settings: LazySettings,
    ada: User,
    login: Callable[[User], Client],
) -> None:
    settings.RETRAIN_EVERY_DAYS = 7
    assert schedule.retrain_if_due() is None
    nothing = RefusedTraining.objects.get().reason
    decide("fake")
    assert schedule.retrain_if_due() is None
    assert not TrainingRun.objects.exists()
    row = RefusedTraining.objects.get()
    assert row.reason != nothing
    assert "1 labelled fake" in row.reason
    assert row.last_at > row.first_at
    assert Event.objects.filter(action="training.refused").count() == 1
    assert row.reason in unescape(login(ada).get("/retraining/").content.decode())


def test_the_next_period_has_a_refusal_of_its_own(serving: Bundle, settings: LazySettings) -> None:
    settings.RETRAIN_EVERY_DAYS = 7
    schedule.retrain_if_due()
    RefusedTraining.objects.update(first_at=timezone.now() - timedelta(days=8))
    schedule.retrain_if_due()
    schedule.retrain_if_due()
    assert RefusedTraining.objects.count() == 2


def test_the_page_says_what_suggests_it(
    decide: Callable[..., Decision], ada: User, login: Callable[[User], Client], settings: LazySettings
) -> None:
    window = login(ada)
    assert "Signals for retraining" in window.get("/retraining/").content.decode()
    settings.RETRAIN_SUGGEST_DECISIONS = 1
    decide("fake")
    assert "Retraining is suggested" in window.get("/retraining/").content.decode()
