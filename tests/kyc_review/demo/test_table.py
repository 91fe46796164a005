from collections.abc import Callable

import pytest
from django.utils import timezone

from kyc_review.demo import table
from kyc_review.scoring.models import CheckResult, Scoring, Vote
from kyc_review.submissions.models import State, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def flagged(submit: Callable[..., Submission]) -> Submission:
    submission = submit()
    scoring = Scoring.objects.create(
        submission=submission,
        bundle_version="v",
        bundle_digest="d",
        verdict="split_vote",
        risk=0.5,
        elapsed_ms=1,
    )
    for position, probability in enumerate((0.1, 0.2, 0.9, 0.3, 0.4)):
        Vote.objects.create(
            scoring=scoring,
            position=position,
            member=f"m{position}",
            probability=probability,
            threshold=0.5,
            is_fake=probability >= 0.5,
        )
    Submission.objects.filter(pk=submission.pk).update(state=State.IN_REVIEW)
    return Submission.objects.get(pk=submission.pk)


def test_a_row_shows_five_votes_the_verdict_and_where_it_went(flagged: Submission) -> None:
    assert table.row("one", flagged) == [
        "one", "0.10 ", "0.20 ", "0.90*", "0.30 ", "0.40 ", "split vote", "review queue",
    ]  # fmt: skip
    assert table.header([flagged]) == ["selfie", "m0", "m1", "m2", "m3", "m4", "verdict", "went to"]


def test_a_vote_that_somebody_added_is_shown_and_ends_nothing(
    flagged: Submission, submit: Callable[..., Submission]
) -> None:
    other = submit()
    Vote.objects.create(
        scoring=flagged.scoring, position=77, member="x", probability=0, threshold=0.5, is_fake=False
    )
    titles, _, one, two = table.lines_of({"one": flagged, "two": other})
    place = titles.index(" x ") + 1
    assert (one[place : place + 4], two[place]) == ("0.00", "-")


def test_what_could_not_be_scored_has_dashes_for_votes(submit: Callable[..., Submission]) -> None:
    submission = submit()
    Submission.objects.filter(pk=submission.pk).update(state=State.IN_REVIEW)
    submission.refresh_from_db()
    assert table.row("one", submission) == ["one", *["-"] * 5, "unscorable", "review queue"]


def test_what_waits_for_scoring_has_no_verdict(submit: Callable[..., Submission]) -> None:
    assert table.row("one", submit()) == ["one", *["-"] * 5, "-", "not scored yet"]


def test_a_cancelled_sample_is_not_said_to_wait(submit: Callable[..., Submission]) -> None:
    submission = submit()
    Submission.objects.filter(pk=submission.pk).update(state=State.CANCELLED, cancelled_at=timezone.now())
    submission.refresh_from_db()
    assert table.row("one", submission) == ["one", *["-"] * 5, "-", "cancelled by the sender"]


def test_a_sample_cancelled_while_people_had_it_keeps_its_votes(flagged: Submission) -> None:
    Submission.objects.filter(pk=flagged.pk).update(state=State.CANCELLED, cancelled_at=timezone.now())
    flagged.refresh_from_db()
    assert table.row("one", flagged)[-2:] == ["split vote", "cancelled by the sender"]


@pytest.mark.parametrize("state", [state for state in State if state != State.COMPLETED])
def test_every_state_without_a_result_has_its_words(state: State) -> None:
    assert table.PLACES[state]


def test_what_a_check_sent_back_says_what_was_found(submit: Callable[..., Submission]) -> None:
    submission = submit()
    Submission.objects.filter(pk=submission.pk).update(
        state=State.COMPLETED, result="resubmit", result_reason="no_face", completed_at=timezone.now()
    )
    CheckResult.objects.create(
        submission=submission, name="face_found", status="fail", code="no_face", action="resubmit"
    )
    submission.refresh_from_db()
    assert table.row("one", submission) == ["one", *["-"] * 5, "no face was found", "back to the applicant"]


def test_columns_are_aligned_and_the_header_is_ruled() -> None:
    assert table.lines([["a", "bb"], ["ccc", "d"]]) == ["a    bb", "---  --", "ccc  d"]
