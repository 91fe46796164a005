from datetime import timedelta
from itertools import product

import pytest
from django.db import IntegrityError
from django.utils import timezone

from detection.voting import Vote as MemberVote
from kyc_review.audit.models import Event
from kyc_review.pipeline.leases import lease_batch
from kyc_review.pipeline.routing import Scored, unscorable_route, verdicts_record
from kyc_review.pipeline.tasks import sweep
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import Result, State, Submission

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
        scored={row.pk: Scored(votes=votes(*fake), elapsed_ms=4.2)},
    )


@pytest.mark.parametrize("pattern", list(product([False, True], repeat=5)))
def test_only_five_real_votes_clear_a_submission(submit, pattern: tuple[bool, ...]) -> None:
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


def test_score_rows_hold_probability_bundle_and_time(submit) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    record(row, True, False, False, False, False)
    scoring = Scoring.objects.get()
    assert (scoring.bundle_version, scoring.bundle_digest, scoring.elapsed_ms) == ("test-1", "d" * 64, 4.2)
    first = scoring.votes.first()
    assert (first.member, first.probability, first.threshold) == ("member-0", 0.9, 0.5)
    assert Event.objects.filter(action="submission.scored", target_id=str(row.pk)).count() == 1


def test_a_late_verdict_loses_after_the_lease_moved_on(submit) -> None:
    row = submit()
    lease_batch(holder="late", limit=1)
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    lease_batch(holder="next", limit=1)
    assert record(row, *[False] * 5, holder="late") == 0
    assert not Scoring.objects.exists()
    assert record(row, *[True] * 5, holder="next") == 1
    assert record(row, *[False] * 5, holder="next") == 0  # and a verdict is given once


def test_a_verdict_without_five_votes_is_refused_and_nothing_changes(submit) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    with pytest.raises(ValueError):
        record(row, False, False, False, False)
    row.refresh_from_db()
    assert row.state == State.SCORING


def test_three_failures_route_to_a_person_with_the_reason(submit) -> None:
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


def test_the_third_attempt_keeps_its_lease_until_it_ends(submit) -> None:
    submit()
    for _ in range(3):
        Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        lease_batch(holder="slow", limit=1)
    assert unscorable_route() == 0


def test_the_database_refuses_a_completed_submission_without_result(submit) -> None:
    row = submit()
    with pytest.raises(IntegrityError):
        Submission.objects.filter(pk=row.pk).update(state=State.COMPLETED)
