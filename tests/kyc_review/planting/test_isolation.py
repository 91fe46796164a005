"""A planted forgery goes through the product like a customer's picture, and reaches no customer's figure or event."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from detection.voting import Vote as MemberVote
from kyc_review.accounts.models import Integration, User
from kyc_review.datasets.label_quality import consensus_of_answers_unchecked
from kyc_review.datasets.selectors import label_counts, unused_decisions_unchecked
from kyc_review.datasets.snapshot_filters import ALL_FINAL
from kyc_review.evidence.models import Fingerprint
from kyc_review.evidence.near_duplicates import twins_find_and_record
from kyc_review.insights import dashboard_queries, model_monitoring
from kyc_review.lifecycle.erase import planted_expire, submission_erase
from kyc_review.metrics.numbers import Numbers
from kyc_review.pipeline.outcome_stats import patterns_count
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.audit_results import audits_by_bundle
from kyc_review.review.cases import case_of
from kyc_review.review.decisions import decision_record
from kyc_review.review.lessons import lessons
from kyc_review.review.models import AuditDraw, PlantedForgery, ReviewItem
from kyc_review.review.quality import qualities
from kyc_review.submissions.models import State, Submission
from kyc_review.webhooks.models import Delivery, Event
from tests.factories.checks import checks
from tests.factories.claims import item_claim_next
from tests.factories.planted import planted

pytestmark = pytest.mark.django_db


@pytest.fixture
def score() -> Callable[..., None]:
    """score(probability) gives all that wait the same votes, as the scoring worker does."""

    def make(probability: float) -> None:
        rows = lease_batch(holder="one", limit=10)
        votes = tuple(MemberVote(f"member-{i}", probability, 0.5) for i in range(5))
        scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks()) for row in rows}
        verdicts_record(holder="one", bundle_version="b-1", bundle_digest="c" * 64, scored=scored)

    return make


@pytest.fixture
def judged(submit: Callable[..., Submission], score: Callable[..., None], alice: User) -> Submission:
    """A planted forgery that the models flagged and alice found fake."""
    row = planted(submit, applicant_ref="A-1")
    score(0.9)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    assert item.submission_id == row.pk
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    row.refresh_from_db()
    return row


def numbers() -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for metric in Numbers().collect()
        for sample in metric.samples
    }


def test_no_event_is_written_and_the_integration_cannot_see_it(
    submit: Callable[..., Submission],
    score: Callable[..., None],
    integration: Integration,
    api: Client,
    judged: Submission,
    staff: Callable[..., User],
) -> None:
    assert (judged.state, judged.result) == ("completed", "rejected")
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()
    address = f"/api/v1/submissions/{judged.pk}"
    assert api.get(address).status_code == 404
    assert api.post(f"{address}/outcome", {"outcome": "confirmed_fraud"}).status_code == 404
    found = api.get("/api/v1/submissions", {"external_ref": judged.external_ref}).json()
    assert judged.external_ref
    assert not found["data"]
    assert api.get("/api/v1/events").json().get("data", []) == []
    submission_erase(submission_id=judged.pk, reason="Asked for.")
    assert not Event.objects.exists()


def test_it_is_in_no_training_set_and_no_figure(
    judged: Submission, staff: Callable[..., User], settings: LazySettings
) -> None:
    admin = staff("ada", "admin")
    since = timezone.now() - timedelta(days=1)
    assert not ALL_FINAL.decisions().exists()
    assert not unused_decisions_unchecked().exists()
    assert label_counts(viewer=admin) == []
    assert consensus_of_answers_unchecked().fake == {}
    assert patterns_count() == 0
    assert dashboard_queries.outcomes_by_day(viewer=admin, since=since) == []
    assert dashboard_queries.member_disagreement(viewer=admin, since=since) == []
    assert dashboard_queries.check_troubles(viewer=admin, since=since) == []
    assert dashboard_queries.totals(viewer=admin, since=since)["number"] == 0
    assert model_monitoring.scored_by_week(viewer=admin, since=since) == []
    assert model_monitoring.decisions_counted(viewer=admin, since=since) == []


def test_metrics_of_customers_do_not_move(
    submit: Callable[..., Submission], score: Callable[..., None]
) -> None:
    before = numbers()
    planted(submit)
    after = numbers()
    of_health = ("backlog_seconds", "workers", "silence", "unsealed", "clock_skew", "disk", "database_")
    moved = {name for name in before if before[name] != after[name]}
    assert not {name for name in moved if not any(word in name for word in of_health)}
    score(0.9)
    after = numbers()
    assert after["kyc_queue_check_items[]"] == 1
    moved = {name for name in before if before[name] != after.get(name)}
    assert not {
        name for name in moved if name.startswith(("kyc_queue_items", "kyc_submissions", "kyc_verdicts"))
    }
    assert not {name for name in moved if name.startswith(("kyc_checks", "kyc_decisions"))}


def test_what_the_models_clear_ends_silently_and_bounds_nothing(
    submit: Callable[..., Submission],
    score: Callable[..., None],
    settings: LazySettings,
    staff: Callable[..., User],
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = planted(submit)
    score(0.1)
    row.refresh_from_db()
    assert (row.state, row.result) == ("completed", "clear")
    assert AuditDraw.objects.filter(submission=row).exists()  # drawn like a customer's
    assert audits_by_bundle(viewer=staff("ada", "admin")) == []
    assert not Event.objects.exists()


def test_a_reviewer_learns_the_answer_on_the_next_day(
    submit: Callable[..., Submission], score: Callable[..., None], alice: User, settings: LazySettings
) -> None:
    settings.CLEARING_FAKES_NEEDS_TWO = False
    planted(submit)
    score(0.9)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert lessons(viewer=alice) == []
    (own,) = qualities(viewer=alice)
    assert (own.gold.total, own.equal) == (0, None)
    tomorrow = timezone.now() + timedelta(days=1)
    (lesson,) = lessons(viewer=alice, now=tomorrow)
    assert (lesson.item.pk, lesson.source, lesson.own, lesson.right) == (item.pk, "known", "real", "fake")
    (own,) = qualities(viewer=alice, now=tomorrow)
    assert (own.gold.right, own.gold.total, own.agreement.total) == (0, 1, 0)
    assert own.equal is not None
    assert own.equal.number == 1


def test_it_is_near_nothing_and_no_attempt_of_anybody(
    submit: Callable[..., Submission], alice: User, staff: Callable[..., User]
) -> None:
    source = submit(applicant_ref="A-1")
    made = planted(submit, applicant_ref="A-1", source=source)
    other = submit(applicant_ref="A-1")
    for row in (source, made, other):
        Fingerprint.objects.create(submission=row, coarse=5, fine=bytes(32))
    assert twins_find_and_record(submission=made) == []
    assert twins_find_and_record(submission=source) == [other]
    senior = staff("sue", "senior")
    attempts = [case_of(viewer=senior, submission_id=row.pk) for row in (source, made)]
    of_source, of_made = (case.attempts if case else () for case in attempts)
    assert [attempt.submission for attempt in of_source] == [other]
    assert of_made == ()


def test_it_is_blind_where_others_are_not(
    submit: Callable[..., Submission], score: Callable[..., None], settings: LazySettings
) -> None:
    settings.BLIND_SHARE = 0.0
    made, customers = planted(submit), submit()
    score(0.9)
    found = dict(ReviewItem.objects.values_list("submission_id", "is_blind"))
    assert found == {made.pk: True, customers.pk: False}


def test_it_is_erased_with_its_source_also_while_somebody_holds_it(
    submit: Callable[..., Submission], score: Callable[..., None], alice: User
) -> None:
    source = submit()
    Submission.objects.filter(pk=source.pk).update(
        state=State.COMPLETED,
        result="clear",
        result_reason="reviewer_found_genuine",
        completed_at=timezone.now(),
    )
    made = planted(submit, source=source)
    score(0.9)
    assert item_claim_next(reviewer=alice) is not None
    submission_erase(submission_id=source.pk, reason="Asked for.")
    made.refresh_from_db()
    assert made.erased_at is not None
    assert made.state == "cancelled"
    assert ReviewItem.objects.get(submission=made).state == "decided"
    assert PlantedForgery.objects.filter(submission=made).exists()  # its figures stay


def test_it_is_erased_after_its_days(submit: Callable[..., Submission], settings: LazySettings) -> None:
    young, old = planted(submit), planted(submit)
    past = timezone.now() - timedelta(days=settings.PLANTED_DAYS + 1)
    PlantedForgery.objects.filter(submission=old).update(planted_at=past)
    assert (planted_expire(), planted_expire()) == (1, 0)
    assert set(Submission.objects.filter(erased_at=None)) == {young}
