from collections.abc import Callable

import pytest
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.evidence.models import AuxiliaryMeasure, Evidence, PatternOutcome
from kyc_review.pipeline import outcome_stats
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence import presenters, selectors
from tests.factories.claims import item_claim_next

Enqueue = Callable[..., ReviewItem]
THREE_TWO = (0.91, 0.12, 0.74, 0.08, 0.55)


def complete(item: ReviewItem, result: str) -> None:
    ReviewItem.objects.filter(pk=item.pk).delete()
    Submission.objects.filter(pk=item.submission_id).update(
        state="completed", result=result, completed_at=timezone.now()
    )


@pytest.mark.django_db
def test_patterns_are_counted_from_outcomes_and_shown_with_their_number(
    enqueue: Enqueue, alice: User
) -> None:
    for number in range(12):
        complete(enqueue(probabilities=THREE_TWO), "rejected" if number < 3 else "clear")
    complete(enqueue(probabilities=(0.1, 0.91, 0.74, 0.08, 0.55)), "rejected")
    enqueue(probabilities=THREE_TWO)
    assert outcome_stats.patterns_count() == 2
    assert outcome_stats.patterns_count() == 2, "counting again replaces"
    item = item_claim_next(reviewer=alice)
    assert item is not None
    history = selectors.vote_history(viewer=alice, item=item)
    assert history is not None
    assert (history.split, history.exact) == ((4, 13), (3, 12))
    first, second = presenters.history_lines(history)
    assert (first.label, first.text[:21]) == ("3 of 5 votes for fake", "31 % were fake, n = 1")
    assert second.text.startswith("25 % were fake, n = 12")


@pytest.mark.django_db
def test_few_decisions_say_nothing_and_another_ensembles_do_not_count(enqueue: Enqueue, alice: User) -> None:
    PatternOutcome.objects.create(bundle_digest="e" * 64, pattern="10101", fakes=50, reals=50)
    PatternOutcome.objects.create(bundle_digest="d" * 64, pattern="10101", fakes=1, reals=2)
    enqueue(probabilities=THREE_TWO)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    (line,) = presenters.history_lines(selectors.vote_history(viewer=alice, item=item))
    assert line.text == "too few decisions to say, n = 3 (counted every few minutes)"


@pytest.mark.django_db
def test_test_submissions_do_not_enter_the_counts(enqueue: Enqueue) -> None:
    item = enqueue()
    complete(item, "rejected")
    Submission.objects.update(is_test=True)
    assert outcome_stats.patterns_count() == 0


@pytest.mark.django_db
def test_nobody_but_the_viewer_of_the_face_reads_the_history(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    assert selectors.vote_history(viewer=alice, item=claimed) is not None
    assert selectors.vote_history(viewer=bob, item=claimed) is None


@pytest.mark.django_db
def test_an_auxiliary_model_is_measured_once_there_are_enough_of_both(enqueue: Enqueue) -> None:
    def decided(score: float, result: str) -> None:
        item = enqueue()
        facts = {"auxiliary": {"error_levels": {"title": "Error levels", "limits": "", "score": score}}}
        Evidence.objects.create(
            submission=item.submission, state="ready", facts=facts, computed_at=timezone.now()
        )
        complete(item, result)

    for number in range(outcome_stats.EACH_MIN):
        decided(0.5 + number / 100, "rejected")
    assert outcome_stats.auxiliary_models_measure() == 0
    for number in range(outcome_stats.EACH_MIN):
        decided(0.4 + number / 100, "clear")
    assert outcome_stats.auxiliary_models_measure() == 1
    row = AuxiliaryMeasure.objects.get()
    (line,) = presenters.auxiliary_lines(Evidence.objects.all()[0], {row.name: row})
    assert "n = 40" in line.worth
    (unmeasured,) = presenters.auxiliary_lines(Evidence.objects.all()[0], {})
    assert unmeasured.worth == "not measured here yet"
