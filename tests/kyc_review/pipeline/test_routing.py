from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.utils import timezone

from detection.checks import Check, CheckCode, CheckName, CheckStatus
from detection.voting import Vote as MemberVote
from detection.voting import decide
from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event
from kyc_review.pipeline.routing import (
    Scored,
    clears_unless_alarmed,
    judgement_of,
    verdicts_record,
)
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.pipeline.tasks import sweep
from kyc_review.pipeline.unscorable import unscorable_route
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import CheckResult, Scoring, Vote
from kyc_review.submissions.check_policy import policy_read
from kyc_review.submissions.models import Result, State, Submission
from kyc_review.webhooks.models import Endpoint, Kind
from kyc_review.webhooks.models import Event as Sent
from tests.factories.checks import checks, doubting, failing

pytestmark = pytest.mark.django_db


def votes(*fake: bool) -> tuple[MemberVote, ...]:
    return tuple(
        MemberVote(member=f"member-{i}", probability=0.9 if call else 0.1, threshold=0.5)
        for i, call in enumerate(fake)
    )


def record(row: Submission, *fake: bool, holder: str = "one") -> int:
    return verdicts_record(
        holder=holder,
        bundle_version="test-1",
        bundle_digest="d" * 64,
        scored={row.pk: Scored(votes=votes(*fake), elapsed_ms=4.2, checks=checks())},
    )


@pytest.mark.parametrize("pattern", list(product([False, True], repeat=5)))
def test_only_five_real_votes_clear_a_submission(
    submit: Callable[..., Submission], pattern: tuple[bool, ...]
) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    assert record(row, *pattern) == 1
    row.refresh_from_db()
    if any(pattern):
        assert (row.state, row.result) == (State.IN_REVIEW, "")
        assert ReviewItem.objects.get().reason == ("unanimous_fake" if all(pattern) else "split_vote")
    else:
        assert (row.state, row.result) == (State.COMPLETED, Result.CLEAR)
        assert not ReviewItem.objects.exists()
    assert list(Vote.objects.values_list("is_fake", flat=True)) == list(pattern)


def test_score_rows_hold_probability_bundle_and_time(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    record(row, True, False, False, False, False)
    scoring = Scoring.objects.get()
    assert (scoring.bundle_version, scoring.bundle_digest, scoring.elapsed_ms) == ("test-1", "d" * 64, 4.2)
    first = scoring.votes.first()
    assert first is not None
    assert (first.member, first.probability, first.threshold) == ("member-0", 0.9, 0.5)
    assert Event.objects.filter(action="submission.scored", target_id=str(row.pk)).count() == 1


def test_a_late_verdict_loses_after_the_lease_moved_on(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="late", limit=1)
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    lease_batch(holder="next", limit=1)
    assert record(row, *[False] * 5, holder="late") == 0
    assert not Scoring.objects.exists()
    assert record(row, *[True] * 5, holder="next") == 1
    assert record(row, *[False] * 5, holder="next") == 0  # and a verdict is given once


def test_a_verdict_without_five_votes_is_refused_and_nothing_changes(
    submit: Callable[..., Submission],
) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    with pytest.raises(ValueError):
        record(row, False, False, False, False)
    row.refresh_from_db()
    assert row.state == State.SCORING


def test_three_failures_route_to_a_person_with_the_reason(submit: Callable[..., Submission]) -> None:
    row = submit()
    for _ in range(3):
        lease_batch(holder="dead", limit=1)
        Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    sweep()
    row.refresh_from_db()
    assert row.state == State.IN_REVIEW
    assert ReviewItem.objects.get().reason == "unscorable"
    assert Event.objects.get(action="submission.unscorable").detail["attempts"] == 3
    assert unscorable_route() == 0


def test_the_third_attempt_keeps_its_lease_until_it_ends(submit: Callable[..., Submission]) -> None:
    submit()
    for _ in range(3):
        Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        lease_batch(holder="slow", limit=1)
    assert unscorable_route() == 0


def test_the_database_refuses_a_completed_submission_without_result(
    submit: Callable[..., Submission],
) -> None:
    row = submit()
    with pytest.raises(IntegrityError):
        Submission.objects.filter(pk=row.pk).update(state=State.COMPLETED)


def route(row: Submission, found: tuple[Check, ...], *fake: bool) -> Submission:
    lease_batch(holder="one", limit=1)
    scored = {row.pk: Scored(votes=votes(*fake), elapsed_ms=1.0, checks=found)}
    assert verdicts_record(holder="one", bundle_version="b", bundle_digest="d" * 64, scored=scored) == 1
    row.refresh_from_db()
    return row


REAL = (False,) * 5


@pytest.mark.parametrize("name", CheckName)
@pytest.mark.parametrize("status", [CheckStatus.DOUBT, CheckStatus.FAIL])
def test_five_real_votes_clear_nothing_of_which_a_check_did_not_pass(
    submit: Callable[..., Submission], name: CheckName, status: CheckStatus
) -> None:
    row = route(submit(), checks(**{name.value: (status, CheckCode.BLURRED)}), *REAL)
    assert row.result != Result.CLEAR
    stored = CheckResult.objects.get(submission=row, name=name.value)
    assert (stored.status, stored.code, stored.value, stored.limit) == (status.value, "blurred", 0.5, 0.4)
    assert CheckResult.objects.filter(submission=row).count() == len(CheckName)


def test_a_clear_fail_is_sent_back_at_once_with_its_reason_and_costs_no_vote(
    submit: Callable[..., Submission], integration: Integration
) -> None:
    Endpoint.objects.create(integration=integration, url="https://bank.example/hook", secret="x")
    row = route(submit(), failing(CheckName.FACE_FOUND, CheckCode.NO_FACE))
    assert (row.state, row.result, row.result_reason) == (State.COMPLETED, Result.RESUBMIT, "no_face")
    assert not Scoring.objects.exists()
    assert not ReviewItem.objects.exists()
    assert [event.kind for event in Sent.objects.all()] == [Kind.RESUBMIT_REQUESTED]
    assert Sent.objects.get().payload["data"]["reason"] == "no_face"
    told = Event.objects.get(action="submission.sent_back")
    assert told.detail == {"code": "no_face", "checks": {"face_found": "no_face"}}


def test_doubt_gives_what_five_models_find_real_to_a_person_and_says_why(
    submit: Callable[..., Submission],
) -> None:
    row = route(submit(), doubting(CheckName.POSE, CheckCode.TURNED_AWAY), *REAL)
    item = ReviewItem.objects.get()
    assert (row.state, item.reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert Scoring.objects.get().verdict == "clear"
    assert CheckResult.objects.get(status="doubt").action == "review"


def test_votes_say_more_than_a_doubtful_check(submit: Callable[..., Submission]) -> None:
    route(submit(), doubting(CheckName.POSE, CheckCode.TURNED_AWAY), True, True, True, True, True)
    assert ReviewItem.objects.get().reason == ReviewItem.Reason.UNANIMOUS_FAKE


@pytest.mark.parametrize("fakes", [0, 2, 5])
def test_a_failed_check_says_more_than_the_votes(submit: Callable[..., Submission], fakes: int) -> None:
    found = failing(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED)
    route(submit(), found, *(number < fakes for number in range(5)))
    item = ReviewItem.objects.get()
    assert item.reason == item.shown_reason == ReviewItem.Reason.CHECKS
    assert item.risk == Scoring.objects.get().risk


def test_a_failed_check_that_the_bank_ignores_leaves_the_reason_to_the_votes(
    submit: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.CHECK_POLICY = policy_read(["pose:fail=ignore"])
    route(submit(), failing(CheckName.POSE, CheckCode.TURNED_AWAY), *[True] * 5)
    assert ReviewItem.objects.get().reason == ReviewItem.Reason.UNANIMOUS_FAKE


def test_a_failed_check_is_the_reason_also_where_another_check_asks_for_a_new_picture(
    submit: Callable[..., Submission],
) -> None:
    """A damaged file goes to a person, whatever else was found."""
    fail = CheckStatus.FAIL
    found = checks(intact=(fail, CheckCode.DAMAGED), sharpness=(fail, CheckCode.BLURRED))
    route(submit(), found, *[True] * 5)
    assert ReviewItem.objects.get().reason == ReviewItem.Reason.CHECKS


def test_the_worker_foresees_what_routing_clears_and_what_it_sends_back(
    submit: Callable[..., Submission], settings: LazySettings
) -> None:
    """Before the auxiliary models are asked and before the vote, by the same rules as afterwards."""
    settings.CHECK_POLICY = policy_read(["pose:doubt=ignore", "exposure:doubt=resubmit"])
    scored = {
        submit().pk: Scored(votes(fake, *[False] * 4), 1.0, checks=found)
        for fake in (False, True)
        for found in (
            checks(),
            *(doubting(name, CheckCode.BLURRED) for name in CheckName),
            *(failing(name, CheckCode.BLURRED) for name in CheckName),
        )
    }
    lease_batch(holder="one", limit=len(scored))
    assert verdicts_record(
        holder="one", bundle_version="test-1", bundle_digest="d" * 64, scored=scored
    ) == len(scored)
    judged = {pk: judgement_of(one.checks) for pk, one in scored.items()}
    cleared = {pk for pk, one in scored.items() if clears_unless_alarmed(decide(one.votes), judged[pk])}
    ended = Submission.objects.filter(state=State.COMPLETED)
    assert len(cleared) == 2, "all checks pass, or the only doubt is ignored; and no vote says fake"
    assert set(ended.filter(result=Result.CLEAR).values_list("pk", flat=True)) == cleared
    sent_back = {pk for pk, one in judged.items() if one.is_sent_back}
    assert set(ended.filter(result=Result.RESUBMIT).values_list("pk", flat=True)) == sent_back


def test_without_checks_nothing_is_cleared(submit: Callable[..., Submission]) -> None:
    row = route(submit(), (), *REAL)
    assert (row.state, ReviewItem.objects.get().reason) == (State.IN_REVIEW, ReviewItem.Reason.CHECKS)
    assert set(CheckResult.objects.values_list("code", "action")) == {("check_failed", "review")}


def test_what_the_bank_ignores_is_cleared_and_stays_visible(
    submit: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.CHECK_POLICY = policy_read(["pose:doubt=ignore"])
    row = route(submit(), doubting(CheckName.POSE, CheckCode.TURNED_AWAY), *REAL)
    assert (row.state, row.result) == (State.COMPLETED, Result.CLEAR)
    assert CheckResult.objects.get(status="doubt").action == "ignore"
    assert Event.objects.get(action="submission.scored").detail["checks"] == {"pose": "turned_away"}


def test_a_value_that_is_no_number_is_kept_as_unknown(submit: Callable[..., Submission]) -> None:
    found = [check for check in checks() if check.name is not CheckName.SHARPNESS]
    odd = Check(CheckName.SHARPNESS, CheckStatus.FAIL, float("nan"), float("inf"), CheckCode.BLURRED)
    row = route(submit(), (*found, odd))
    stored = CheckResult.objects.get(submission=row, name="sharpness")
    assert (stored.value, stored.limit) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "pass", "code": "blurred", "action": "review"},
        {"status": "fail", "code": "", "action": "review"},
        {"status": "fail", "code": "blurred", "action": "clear"},
        {"status": "other", "code": "blurred", "action": "review"},
    ],
)
def test_the_database_refuses_a_check_that_says_two_things(
    submit: Callable[..., Submission], fields: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError):
        CheckResult.objects.create(submission=submit(), name="pose", **fields)
