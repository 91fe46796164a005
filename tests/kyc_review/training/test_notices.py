"""What of the loop people are told: each event writes its notice in its own transaction."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.notices.models import CHOSEN_KINDS, Channel, Kind, Notice
from kyc_review.notices.services import channel_create
from kyc_review.registry.bundles import bundle_rollback
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision
from kyc_review.submissions.models import Result, Submission
from kyc_review.submissions.state_changes import submission_overturn
from kyc_review.training import alarms, schedule
from kyc_review.training.jobs import ATTEMPTS_MAX, State, job_end, job_lease
from kyc_review.training.models import Alarm, Comparison, TrainingRun
from kyc_review.training.proposals import proposal_approve, proposal_open
from kyc_review.training.signals import Signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture(autouse=True)
def shared(ada: User) -> Channel:
    kinds = [kind for kind, _ in CHOSEN_KINDS]
    sent = {"medium": "email", "address": "models@bank.example", "kinds": kinds}
    return channel_create(actor=ada, is_shared=True, **sent)[0]  # type: ignore[arg-type]


def told() -> list[tuple[str, str]]:
    """Without the promotion of the champion that most tests begin with."""
    rows = Notice.objects.exclude(title__contains=" promoted v1: ").order_by("created_at")
    return list(rows.values_list("kind", "title"))


def test_a_proposal(comparison: Comparison, ada: User) -> None:
    proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    assert told() == [("proposal.waits", f"ada proposes {comparison.candidate.version} for production")]
    assert Notice.objects.get(kind=Kind.PROPOSAL).path == f"/retraining/comparisons/{comparison.pk}/?shift=0"


def test_what_goes_into_production_and_what_comes_back(
    comparison: Comparison, ada: User, staff: Callable[..., User]
) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It is better.")
    proposal_approve(proposal=proposal, actor=staff("maya", "admin"))
    bundle_rollback(actor=ada, reason="Too many flags.", leaving=comparison.candidate.digest)
    assert told()[1:] == [
        ("production.changed", "maya promoted v2: it is in production"),
        ("production.changed", "ada rolled back to v1: it is in production"),
    ]


def test_a_run_that_failed_and_one_whose_process_died_too_often(run: TrainingRun) -> None:
    leased = job_lease(TrainingRun)
    assert leased is not None
    job_end(leased, State.FAILED, error="No space is left.")
    again = TrainingRun.objects.create(snapshot=run.snapshot, init=run.init, attempts=ATTEMPTS_MAX)
    assert job_lease(TrainingRun) is None
    expected = [("training.failed", f"Training run {number} failed") for number in (run.pk, again.pk)]
    assert told() == expected
    assert Notice.objects.filter(kind=Kind.TRAINING, text="No space is left.").count() == 1


def test_a_run_that_ended_well_or_was_cancelled_tells_nothing(run: TrainingRun, candidate: Bundle) -> None:
    leased = job_lease(TrainingRun)
    assert leased is not None
    job_end(leased, State.SUCCEEDED, candidate=candidate)
    assert told() == []


def test_a_training_by_the_calendar_that_was_refused_once_a_period(
    serving: Bundle, settings: LazySettings
) -> None:
    settings.RETRAIN_EVERY_DAYS = 7
    schedule.retrain_if_due()
    schedule.retrain_if_due()
    assert told() == [("training.failed", "The training by the calendar did not start")]


def test_a_clear_that_was_overturned_and_no_other_correction(decide: Callable[..., Decision]) -> None:
    decision = decide("fake")
    row: Submission = decision.submission
    Submission.objects.filter(pk=row.pk).update(
        state="completed", result=Result.CLEAR, result_reason="models_agree"
    )
    submission_overturn(submission_id=row.pk, result=Result.REJECTED)
    assert told() == [("clear.overturned", "A cleared selfie was found to be fake")]
    submission_overturn(submission_id=row.pk, result=Result.CLEAR)
    assert len(told()) == 1
    assert Notice.objects.get().path == f"/insights/submissions/{row.pk}/"


def test_an_alarm_begins_once_ends_and_does_not_repeat_within_a_day() -> None:
    calls, calm = Signal("Audit", True, "At least 9.0% is fake."), Signal("Audit", False, "Well.")
    for signal in (calls, calls):
        alarms.alarms_update([signal])
    assert told() == [("alarm.began", "Alarm: Audit")]
    assert Alarm.objects.get().ended_at is None
    alarms.alarms_update([calm])
    assert Alarm.objects.get().ended_at is not None
    alarms.alarms_update([calls])
    assert (len(told()), Alarm.objects.count()) == (1, 2)
    assert Event.objects.filter(action="alarm.began").count() == 2


def test_new_decisions_are_no_alarm_and_signals_are_read(
    serving: Bundle, decide: Callable[..., Decision], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETRAIN_SUGGEST_DECISIONS = 1
    decide("fake")
    alarms.alarms_watch()
    assert not Alarm.objects.exists()
    drift = Signal("Scores", True, "Population stability index 0.40.")
    monkeypatch.setattr(alarms, "alarm_signals_unchecked", lambda: [drift])
    alarms.alarms_watch()
    assert told() == [("alarm.began", "Alarm: Scores")]
