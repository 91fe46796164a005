"""A second person, a third, and gold that looks like ordinary work."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.blinding import items_without_reviewer
from kyc_review.review.calibration import gold_add
from kyc_review.review.claims import RELEASED
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, Gold, ReviewItem
from kyc_review.review.opening import gold_open, items_open
from kyc_review.review.second_reviews import answer_waits
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next, item_claim_next
from tests.factories.pages import without_numbers

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


def judge(reviewer: User, label: str, *, is_sure: bool = True) -> ReviewItem:
    item = claim_next(reviewer)
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, is_sure=is_sure)
    return item


def result_of(item: ReviewItem) -> str:
    return Submission.objects.get(pk=item.submission_id).result


@pytest.fixture
def second_reviews(settings: LazySettings) -> None:
    """Of risky fakes alone; what clears a unanimous fake is tested in test_clearance.py."""
    settings.CLEARING_FAKES_NEEDS_TWO = False
    settings.SECOND_REVIEW_FAKE_RISK = 0.9


@pytest.mark.usefixtures("second_reviews")
def test_a_risky_fake_needs_a_second_person_who_sees_what_the_first_saw(
    enqueue: Enqueue, alice: User, bob: User
) -> None:
    first = enqueue("unanimous_fake", 0.95)
    judge(alice, "fake")
    assert result_of(first) == ""
    second = ReviewItem.objects.get(state="open")
    assert (second.reason, second.shown_reason, second.is_blind) == ("second_opinion", "unanimous_fake", True)
    assert (second.priority, second.risk) == (first.priority, first.risk)
    assert item_claim_next(reviewer=alice) is None, "no person reviews a face twice"
    judge(bob, "fake")
    assert result_of(first) == "rejected"


@pytest.mark.usefixtures("second_reviews")
def test_a_third_person_settles_a_disagreement(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable
) -> None:
    first = enqueue("unanimous_fake", 0.95)
    judge(alice, "fake")
    judge(bob, "real")
    assert result_of(first) == ""
    assert item_claim_next(reviewer=bob) is None
    third = judge(staff("carol", "reviewer"), "real")
    assert (third.reason, third.shown_reason) == ("adjudication", "unanimous_fake")
    assert result_of(first) == "clear"


@pytest.mark.usefixtures("second_reviews")
def test_mild_fakes_and_reals_need_one_person(enqueue: Enqueue, alice: User) -> None:
    mild, real = enqueue("unanimous_fake", 0.89), enqueue("split_vote", 0.85)
    judge(alice, "fake"), judge(alice, "real")
    assert (result_of(mild), result_of(real)) == ("rejected", "clear")


def test_the_share_is_drawn_from_the_submissions_number(
    enqueue: Enqueue, alice: User, settings: LazySettings
) -> None:
    settings.SECOND_REVIEW_SHARE = 0.5
    for low_number in (0, 4_999, 5_000, 9_999):
        decision = Decision(label="real")
        item = ReviewItem(submission_id=UUID(int=low_number), risk=0.1)
        from kyc_review.review.second_reviews import needs_second_review

        assert needs_second_review(item, decision) is (low_number < 5_000)


@pytest.mark.parametrize("label", ["real", "fake"])
def test_an_unsure_answer_goes_to_a_second_person(
    enqueue: Enqueue, alice: User, bob: User, label: str
) -> None:
    item = enqueue("split_vote", 0.4)
    claim_next(alice)
    made = decision_record(item_id=item.pk, reviewer=alice, label=label, is_sure=False)
    assert (made.is_sure, result_of(item)) == (False, "")
    judge(bob, label)
    assert result_of(item) == ("clear" if label == "real" else "rejected")


@pytest.mark.parametrize("reason", ["split_vote", "unanimous_fake"])
@pytest.mark.parametrize(("label", "result"), [("real", "clear"), ("fake", "rejected")])
def test_two_people_who_both_doubt_settle_nothing_and_a_senior_judges_next(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable, reason: str, label: str, result: str
) -> None:
    item = enqueue(reason, 0.4)
    sam, carol = staff("sam", "senior"), staff("carol", "reviewer")
    judge(alice, label, is_sure=False)
    judge(bob, label, is_sure=False)
    assert result_of(item) == ""
    waiting = ReviewItem.objects.get(state="open")
    assert (waiting.reason, waiting.is_escalated, waiting.is_blind) == ("adjudication", True, True)
    assert item_claim_next(reviewer=carol) is None, "it is for a senior"
    judge(sam, label)
    assert result_of(item) == result


@pytest.mark.parametrize(
    "answers", ["real? real! -", "real! real? -", "real? fake! real? s", "real? fake? s"]
)
def test_an_answer_counts_once_one_of_those_who_gave_it_is_sure(
    enqueue: Enqueue, staff: Callable, settings: LazySettings, answers: str
) -> None:
    settings.SECOND_REVIEW_RISK, settings.SECOND_REVIEW_SHARE = 0.0, 1.0
    item = enqueue("split_vote", 0.4)
    staff("sam", "senior")
    *given, last = answers.split()
    for number, answer in enumerate(given):
        judge(staff(f"person-{number}", "reviewer"), answer[:-1], is_sure=answer[-1] == "!")
    waiting = ReviewItem.objects.filter(state="open")
    assert [row.is_escalated for row in waiting] == ([True] if last == "s" else [])
    assert result_of(item) == ("" if last == "s" else "clear")


def test_without_a_senior_who_may_judge_it_any_other_person_is_asked_and_doubt_alone_never_clears(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable
) -> None:
    item = enqueue("split_vote", 0.4)
    sam = staff("sam", "senior")
    for person in (sam, alice):
        judge(person, "real", is_sure=False)
    waiting = ReviewItem.objects.get(state="open")
    assert (waiting.reason, waiting.is_escalated) == ("adjudication", False)
    judge(bob, "real", is_sure=False)
    assert result_of(item) == ""
    assert items_without_reviewer() == 1, "the queue page says that no reviewer is left"
    judge(staff("carol", "reviewer"), "real")
    assert (result_of(item), items_without_reviewer()) == ("clear", 0)


def test_a_senior_who_doubts_asks_for_another_picture(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable
) -> None:
    item = enqueue("split_vote", 0.4)
    sam = staff("sam", "senior")
    judge(alice, "real", is_sure=False)
    judge(bob, "real", is_sure=False)
    claimed = claim_next(sam)
    decision_record(
        item_id=claimed.pk, reviewer=sam, label="not_assessable", obstacle="blurred", is_sure=False
    )
    assert result_of(item) == "resubmit"


@pytest.mark.parametrize(
    ("reason", "label", "is_sure"), [("unanimous_fake", "real", True), ("gold", "fake", False)]
)
def test_an_answer_waits_until_another_person_judged_and_one_of_a_calibration_item_seems_to(
    enqueue: Enqueue, alice: User, bob: User, reason: str, label: str, is_sure: bool
) -> None:
    item = enqueue("unanimous_fake", 0.4)
    if reason == "gold":
        ReviewItem.objects.filter(pk=item.pk).update(reason="gold", masked_reason="unanimous_fake")
    judge(alice, label, is_sure=is_sure)
    made = Decision.objects.get()
    assert answer_waits(item=ReviewItem.objects.get(pk=item.pk), decision=made)
    if reason != "gold":
        judge(bob, label)
        assert not answer_waits(item=ReviewItem.objects.get(pk=item.pk), decision=made)


def test_an_answer_that_counts_at_once_does_not_wait(enqueue: Enqueue, alice: User) -> None:
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    assert not answer_waits(item=ReviewItem.objects.get(pk=item.pk), decision=Decision.objects.get())


def test_doubt_about_a_picture_that_cannot_be_assessed_is_not_kept(enqueue: Enqueue, alice: User) -> None:
    item = enqueue("split_vote", 0.4)
    claim_next(alice)
    made = decision_record(
        item_id=item.pk, reviewer=alice, label="not_assessable", obstacle="blurred", is_sure=False
    )
    assert (made.is_sure, result_of(item)) == (True, "resubmit")


@pytest.fixture
def gold(enqueue: Enqueue, staff: Callable) -> Gold:
    """A face that a senior judged earlier and chose."""
    sue = staff("sue", "senior")
    item = enqueue("split_vote", 0.5)
    judge(sue, "fake")
    return gold_add(submission_id=item.submission_id, senior=sue, label="fake")


def test_only_seniors_choose_gold_and_only_what_is_completed(
    enqueue: Enqueue, alice: User, staff: Callable
) -> None:
    item = enqueue()
    with pytest.raises(PermissionDenied):
        gold_add(submission_id=item.submission_id, senior=alice, label="fake")
    with pytest.raises(ValueError, match="completed"):
        gold_add(submission_id=item.submission_id, senior=staff("sam", "senior"), label="fake")


def test_gold_is_mixed_in_at_the_set_rate_and_changes_no_result(
    gold: Gold, submit: Callable, alice: User, settings: LazySettings
) -> None:
    settings.GOLD_RATE = 1.0
    row = submit()
    Submission.objects.filter(pk=row.pk).update(state="in_review")
    items_open([(row.pk, "split_vote", 0.5)])
    assert gold_open() == 1
    mixed = ReviewItem.objects.get(reason="gold")
    assert (mixed.shown_reason, mixed.is_blind, mixed.risk) == ("split_vote", True, 0.5)
    seen = {judge(alice, "real").reason, judge(alice, "real").reason}
    assert seen == {"split_vote", "gold"}
    assert result_of(mixed) == "rejected"
    items_open([(submit().pk, "split_vote", 0.5)])
    assert gold_open() == 0, "no one is left who has not answered"
    assert claim_next(alice).reason == "split_vote", "no gold twice"


def test_whoever_gave_the_answer_never_gets_their_gold(gold: Gold, enqueue: Enqueue, alice: User) -> None:
    ReviewItem.objects.create(
        submission_id=gold.submission_id, reason="gold", masked_reason="split_vote", risk=0.5, is_blind=True
    )
    assert item_claim_next(reviewer=gold.added_by) is None
    assert item_claim_next(reviewer=alice)


def test_gold_is_never_trained_on(gold: Gold, alice: User) -> None:
    from kyc_review.datasets.models import SnapshotItem
    from kyc_review.datasets.snapshots import snapshot_request

    ReviewItem.objects.create(submission_id=gold.submission_id, reason="gold", risk=0.5)
    judge(alice, "real")
    snapshot_request(actor=None, name="without-gold")
    assert [row.decision.label for row in SnapshotItem.objects.all()] == ["fake"]


def test_gold_and_second_reviews_look_like_ordinary_items_on_every_page(
    gold: Gold, enqueue: Enqueue, login: Callable[[User], Client], staff: Callable
) -> None:
    ordinary = enqueue("split_vote", 0.5)
    ReviewItem.objects.filter(pk=ordinary.pk).update(is_blind=True)
    masked = {"masked_reason": "split_vote", "risk": 0.5, "is_blind": True}
    ReviewItem.objects.create(submission_id=gold.submission_id, reason="gold", **masked)
    again = enqueue("split_vote", 0.5)
    ReviewItem.objects.filter(pk=again.pk).update(reason="second_opinion", **masked)
    pages: dict[str, list[str]] = {}
    for person in [staff(f"person{number}", "reviewer") for number in range(3)]:
        browser = login(person)
        item = claim_next(person)
        address, answer = f"/review/items/{item.pk}/", {"label": "real", "shown_item": item.pk}
        seen = [
            browser.get(address),
            browser.post(f"{address}claim/"),
            browser.post(f"{address}first-call/", answer, headers={"HX-Request": "true"}),
            browser.get(address),
            browser.post(f"{address}decision/", answer, headers={"HX-Request": "true"}),
        ]
        pages[item.reason] = [without_numbers(answer.text) for answer in seen[:4]]
        pages[item.reason] += [str(answer.status_code) for answer in seen]
        ReviewItem.objects.filter(state="claimed").update(**RELEASED)
        assert 'data-testid="votes"' not in seen[0].text
        assert 'data-testid="votes"' in seen[3].text
    assert pages["gold"] == pages["split_vote"] == pages["second_opinion"]
    listed = login(staff("late", "reviewer")).get("/review/").text
    assert "Calibration" not in listed
    assert str(ReviewItem.Reason.SECOND_REVIEW.label) not in listed
