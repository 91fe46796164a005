"""Nothing about its place, in the queue or in a number, tells a reviewer that an item is gold or an audit."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import User
from kyc_review.review import queue_masking, selectors
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Gold, ReviewItem
from kyc_review.review.opening import gold_open, items_open
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
ORDINARY = [("unanimous_fake", 0.95), ("split_vote", 0.7), ("split_vote", 0.6), ("unscorable", 1.0)]


@pytest.fixture
def audrey(staff: Callable[..., User]) -> User:
    return staff("audrey", "auditor")


@pytest.fixture
def ordinary(enqueue: Enqueue) -> list[ReviewItem]:
    return [enqueue(reason, risk) for reason, risk in ORDINARY]


def drawn(reason: str, number: int) -> list[tuple[str, float | None]]:
    items = [ReviewItem(reason=reason, risk=0.1) for _ in range(number)]
    queue_masking.mask_positions(items)
    return [(item.queue_reason, item.queue_risk) for item in items]


@pytest.mark.usefixtures("ordinary")
@pytest.mark.parametrize("reason", ["gold", "audit"])
def test_places_are_drawn_from_those_of_ordinary_items_in_their_shares(reason: str) -> None:
    found = Counter(drawn(reason, 400))
    assert set(found) == set(ORDINARY)
    assert all(60 < number < 140 for number in found.values()), "five standard deviations around a quarter"


@pytest.mark.usefixtures("ordinary")
def test_an_audit_waits_where_its_place_says_and_keeps_its_own_risk(submit: Callable) -> None:
    items_open([(submit().pk, "audit", 0.1)])
    audit = ReviewItem.objects.get(reason="audit")
    assert audit.queue_risk is not None
    among = ReviewItem.objects.filter(reason=audit.queue_reason, risk=audit.queue_risk).first()
    assert among is not None
    assert (audit.priority, audit.urgency) == (among.priority, among.urgency)
    assert (audit.risk, audit.shown_reason) == (0.1, "audit")


def test_where_nothing_ordinary_waits_they_stand_among_split_votes() -> None:
    assert {place for place, _ in drawn("audit", 5)} == {"split_vote"}


@pytest.mark.usefixtures("ordinary")
def test_ordinary_items_cost_no_draw_and_any_number_of_others_costs_one_query() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert drawn("split_vote", 3) == [("", None)] * 3
        assert len(captured) == 0
        drawn("audit", 30)
    assert len(captured) == 1


@pytest.mark.usefixtures("ordinary")
def test_a_second_look_at_an_audit_waits_in_its_place(
    clear: Callable[..., Submission], alice: User, settings: LazySettings
) -> None:
    settings.AUDIT_SHARE, settings.SECOND_REVIEW_SHARE, settings.UNDO_WINDOW_S = 1.0, 1.0, 0
    cleared = clear()
    first = ReviewItem.objects.get(submission=cleared)
    ReviewItem.objects.exclude(pk=first.pk).update(is_escalated=True)
    assert item_claim_next(reviewer=alice) == first
    decision_record(item_id=first.pk, reviewer=alice, label="real")
    second = ReviewItem.objects.get(submission=cleared, reason="second_opinion")
    assert (second.queue_reason, second.queue_risk) == (first.queue_reason, first.queue_risk)
    assert (second.priority, second.urgency) == (first.priority, first.urgency)


def test_gold_that_would_be_cleared_today_reads_like_an_audit_after_the_call(
    clear: Callable[..., Submission], alice: User, staff: Callable, submit: Callable, settings: LazySettings
) -> None:
    settings.AUDIT_SHARE, settings.GOLD_RATE = 0.0, 1.0
    Gold.objects.create(submission=clear(), label="real", added_by=staff("sue", "senior"))
    settings.AUDIT_SHARE = 0.0
    items_open([(submit().pk, "split_vote", 0.5)])
    assert gold_open() == 1
    assert ReviewItem.objects.get(reason="gold").shown_reason == "audit"


def test_to_people_who_decide_blind_items_count_as_first_looks(
    ordinary: list[ReviewItem], alice: User, audrey: User
) -> None:
    def counted(viewer: User) -> list[tuple[str, int, int]]:
        rows = selectors.queue_counts(viewer=viewer)
        return [(row.reason, row.waiting, row.claimed) for row in rows]

    ReviewItem.objects.update(is_blind=True)
    ReviewItem.objects.filter(pk=ordinary[2].pk).update(is_blind=False)
    assert counted(alice) == [("split_vote", 1, 0), ("first_look", 3, 0)]
    assert item_claim_next(reviewer=alice) == ordinary[0]
    assert counted(alice) == [("split_vote", 1, 0), ("first_look", 2, 1)]
    assert counted(audrey) == [("unanimous_fake", 0, 1), ("split_vote", 2, 0), ("unscorable", 1, 0)]


@pytest.fixture
def waiting_gold(enqueue: Enqueue, staff: Callable) -> ReviewItem:
    """Gold whose answer was fake, waiting among unscorable ones."""
    item = enqueue("split_vote", 0.5)
    ReviewItem.objects.filter(pk=item.pk).update(
        reason="gold", masked_reason="split_vote", is_blind=True, queue_reason="unscorable", queue_risk=1.0
    )
    Submission.objects.filter(pk=item.submission_id).update(
        state="completed", result="rejected", completed_at=Now()
    )
    Gold.objects.create(submission=item.submission, label="fake", added_by=staff("gil", "senior"))
    return item


@pytest.mark.parametrize(
    "asked",
    [
        "result=rejected",
        "state=completed",
        "reason=split_vote&waiting=any",
        "q={number}",
        "reason=gold",
        "since=2020-01-01",
        "",
    ],
)
def test_a_senior_finds_no_waiting_gold_by_what_it_is(
    waiting_gold: ReviewItem, login: Callable[[User], Client], staff: Callable, audrey: User, asked: str
) -> None:
    address = f"/insights/search/?{asked.format(number=waiting_gold.pk)}"
    assert "No results" in login(staff("sam", "senior")).get(address).text
    if asked != "reason=gold":
        assert "queued-0" in login(audrey).get(address).text


@pytest.mark.parametrize("asked", ["q=queued-0", "state=in_review", "reason=first_look&waiting=any"])
def test_to_a_senior_it_is_in_review_and_has_no_result(
    waiting_gold: ReviewItem, login: Callable[[User], Client], staff: Callable, asked: str
) -> None:
    browser = login(staff("sam", "senior"))
    listed = browser.get(f"/insights/search/?{asked}").text
    assert "queued-0" in listed
    page = browser.get(f"/insights/submissions/{waiting_gold.submission_id}/").text
    for text in (listed.split("<tbody>")[1], page):
        assert "In review" in text
        assert "ejected" not in text
        assert "Completed" not in text
        assert f"{waiting_gold.submission.received_at:%Y-%m-%d}" not in text, "it came long ago"


def test_correcting_gold_is_kept_and_changes_nothing(
    waiting_gold: ReviewItem, alice: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 0
    assert item_claim_next(reviewer=alice) == waiting_gold
    decision_record(item_id=waiting_gold.pk, reviewer=alice, label="real")
    made = decision_correct(item_id=waiting_gold.pk, corrector=alice, label="fake")
    assert made.corrects is not None
    assert Submission.objects.get(pk=waiting_gold.submission_id).result == "rejected"
