"""The queue page: a reviewer's own work; a senior's list with filters, pages, saved views and several items at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review.claims import ClaimLost, claim_renew
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import OutcomeExposure, ReviewItem, SavedView
from kyc_review.review.queue_list import PAGE_SIZE
from kyc_review.review.release import item_escalate
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next, item_claim_next
from tests.factories.pages import collapsed

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]


@pytest.fixture
def sue(staff: Callable[..., User]) -> User:
    return staff("sue", "senior")


def listed(client: Client, query: str = "") -> list[int]:
    return [item.pk for item in client.get(f"/review/?{query}").context["page"].items]


def test_a_reviewer_sees_numbers_and_their_own_day_but_no_rows(
    enqueue: Enqueue, login: Login, alice: User
) -> None:
    for _ in range(3):
        enqueue()
    decision_record(item_id=claim_next(alice).pk, reviewer=alice, label="real")
    ReviewItem.objects.filter(state="open").update(opened_at=Now() - timedelta(hours=5))
    page = collapsed(login(alice).get("/review/"))
    assert 'data-testid="waiting">2<' in page
    assert 'data-testid="late">2<' in page
    assert "5 h" in page
    assert ">1</strong> decided today" in page
    assert 'name="item"' not in page
    assert "Workload" not in page


def test_the_answer_to_an_escalation_reaches_who_asked(
    claimed: ReviewItem, login: Login, alice: User, sue: User, bob: User
) -> None:
    item_escalate(item_id=claimed.pk, reviewer=alice, message="Is the nose pasted?")
    client = login(alice)
    assert "1 of your questions waits" in collapsed(client.get("/review/"))
    assert claim_next(sue) == claimed
    decision_record(item_id=claimed.pk, reviewer=sue, label="fake", note="Yes, see the seam.")
    page = collapsed(client.get("/review/"))
    for expected in ("Answers to your questions", "Yes, see the seam.", "Is the nose pasted?", "fake"):
        assert expected in page
    assert "see the seam" not in login(bob).get("/review/").text, "it was not their question"
    assert OutcomeExposure.objects.filter(submission=claimed.submission, person=alice).exists()


def test_an_answer_waits_until_nobody_must_judge_the_face_blind(
    claimed: ReviewItem, login: Login, alice: User, sue: User
) -> None:
    item_escalate(item_id=claimed.pk, reviewer=alice, message="?")
    assert claim_next(sue) == claimed
    decision_record(item_id=claimed.pk, reviewer=sue, label="fake", note="The seam.")
    ReviewItem.objects.create(submission=claimed.submission, reason="gold", is_blind=True, risk=0.5)
    assert "The seam." not in login(alice).get("/review/").text
    assert not OutcomeExposure.objects.filter(person=alice).exists()


@pytest.fixture
def kinds(enqueue: Enqueue, alice: User, sue: User, settings: LazySettings) -> dict[str, ReviewItem]:
    """One item for each filter of the list."""
    settings.QUEUE_METADATA_FIELDS = ["branch"]
    found = {name: enqueue() for name in ("late", "kept_for", "escalated_by", "check", "plain")}
    found["reason"] = enqueue("unanimous_fake", 0.9)
    found["integration"] = enqueue(integration=accounts.integration_create(slug="branch", name="Branch"))
    found["metadata"] = enqueue(metadata={"branch": "North", "came": "2020"})
    change = {name: ReviewItem.objects.filter(pk=item.pk).update for name, item in found.items()}
    change["late"](opened_at=Now() - timedelta(hours=5))
    change["kept_for"](reserved_for=alice, reserved_until=Now() + timedelta(hours=1))
    change["escalated_by"](is_escalated=True, escalated_by=alice)
    CheckResult.objects.create(
        submission=found["check"].submission, name="sharpness", status="fail", code="blurred", action="review"
    )
    return found


def test_each_filter_lists_what_it_names(
    kinds: dict[str, ReviewItem], login: Login, alice: User, sue: User
) -> None:
    client = login(sue)
    other = kinds["integration"].submission.integration_id
    for name, query in {
        "late": "late=on",
        "kept_for": f"kept_for={alice.pk}",
        "escalated_by": f"escalated_by={alice.pk}",
        "check": "check=blurred",
        "reason": "reason=unanimous_fake",
        "integration": f"integration={other}",
        "metadata": "field=branch&value=north",
    }.items():
        assert listed(client, query) == [kinds[name].pk], name
    assert len(listed(client, "field=came&value=2020")) == len(kinds), (
        "a field that is not set filters nothing"
    )
    assert listed(client, "late=on&reason=unanimous_fake") == []
    by_age = listed(client, "sort=oldest")
    assert by_age[0] == kinds["late"].pk
    assert listed(client, "sort=newest") == by_age[::-1]


def test_a_senior_cannot_filter_blind_items_by_what_is_hidden(
    kinds: dict[str, ReviewItem], login: Login, sue: User, staff: Callable[..., User]
) -> None:
    ReviewItem.objects.update(is_blind=True)
    client, auditor = login(sue), login(staff("aud", "auditor"))
    for query, number in (("check=blurred", 1), ("reason=unanimous_fake", 1)):
        assert listed(client, query) == []
        assert len(listed(auditor, query)) == number
    assert len(listed(client, "reason=first_look")) == len(kinds)


@pytest.mark.parametrize("sort", ["order", "oldest", "newest"])
def test_pages_follow_each_other_without_a_gap_or_a_repetition(
    enqueue: Enqueue, login: Login, sue: User, sort: str
) -> None:
    model = enqueue()
    for number in range(PAGE_SIZE + 20):
        Submission.objects.filter(pk=model.submission_id).first()
        row = Submission.objects.get(pk=model.submission_id)
        row.pk, row.image_key, row.external_ref = None, f"{number}.jpg", f"ref-{number}"
        row.id = Submission._meta.get_field("id").get_default()
        row.save(force_insert=True)
        ReviewItem.objects.create(
            submission=row, reason="split_vote", risk=number % 7 / 7, is_blind=number % 3 == 0
        )
    client = login(sue)
    first = client.get(f"/review/?sort={sort}").context["page"]
    second = client.get(f"/review/?sort={sort}&after={first.after}").context["page"]
    assert (len(first.items), second.after) == (PAGE_SIZE, None)
    both = [item.pk for item in (*first.items, *second.items)]
    assert len(both) == len(set(both)) == PAGE_SIZE + 21
    assert sorted(both) == sorted(ReviewItem.objects.values_list("pk", flat=True))


def test_a_senior_claims_a_given_item(enqueue: Enqueue, login: Login, sue: User, alice: User) -> None:
    enqueue("unanimous_fake", 0.9)
    wanted, next_one = enqueue("checks", 0.1), enqueue()
    client = login(sue)
    assert client.post(f"/review/items/{wanted.pk}/take/")["Location"] == f"/review/items/{wanted.pk}/"
    assert ReviewItem.objects.get(pk=wanted.pk).claimed_by == sue
    said = client.post(f"/review/items/{next_one.pk}/take/", follow=True).text
    assert f"You hold item {wanted.pk}" in said
    assert ReviewItem.objects.get(pk=next_one.pk).state == "open"
    assert Event.objects.get(action="item.claimed").detail["chosen"] is True


def test_an_item_that_she_may_not_judge_is_refused_in_the_same_words_as_one_that_is_gone(
    enqueue: Enqueue, login: Login, sue: User, alice: User
) -> None:
    known, held = enqueue(), enqueue("unanimous_fake", 0.9)
    OutcomeExposure.objects.create(submission=known.submission, person=sue)
    assert claim_next(alice) == held
    client = login(sue)
    said = [client.post(f"/review/items/{item.pk}/take/", follow=True).text for item in (known, held)]
    told = [
        f"Item {item.pk} is not for you now" in text for item, text in zip((known, held), said, strict=True)
    ]
    assert told == [True, True]


def test_several_items_are_offered_to_a_person_and_returned(
    enqueue: Enqueue, login: Login, sue: User, alice: User, bob: User
) -> None:
    items = [enqueue(risk=risk) for risk in (0.9, 0.5, 0.1)]
    assert claim_next(alice) == items[0]
    decided = enqueue(risk=0.05)
    ReviewItem.objects.filter(pk=decided.pk).update(state="decided", decided_at=Now())
    client = login(sue)
    form = {"act": "assign", "to": bob.pk, "item": [item.pk for item in (*items[:2], decided)], "late": ""}
    said = client.post("/review/distribute/", form, follow=True).text
    assert "2 items are offered to bob first." in said
    assert f"Item {decided.pk}: This item is decided." in said
    assert set(ReviewItem.objects.filter(reserved_for=bob).values_list("pk", flat=True)) == {
        item.pk for item in items[:2]
    }
    with pytest.raises(ClaimLost):
        claim_renew(item_id=items[0].pk, reviewer=alice)
    assert item_claim_next(reviewer=alice) == items[2], "the others are bob's for now"
    assert Event.objects.filter(action="item.assigned").count() == 2
    form = {"act": "return", "item": [items[0].pk], "reason": "split_vote"}
    answer = client.post("/review/distribute/", form)
    assert answer["Location"] == "/review/?reason=split_vote", "the filters are kept"
    assert ReviewItem.objects.get(pk=items[0].pk).reserved_for is None


@pytest.mark.parametrize("role", ["reviewer", "admin", "auditor"])
def test_others_distribute_nothing(
    enqueue: Enqueue, login: Login, staff: Callable[..., User], role: str, alice: User
) -> None:
    item, client = enqueue(), login(staff("other", role))
    assert client.post(f"/review/items/{item.pk}/take/").status_code == 403
    form = {"act": "assign", "to": alice.pk, "item": [item.pk]}
    assert client.post("/review/distribute/", form).status_code == 403
    assert ReviewItem.objects.get(pk=item.pk).reserved_for is None
    page = client.get("/review/").text
    assert 'name="item"' not in page
    assert "/take/" not in page


def test_a_view_is_saved_for_its_owner_alone(login: Login, sue: User, staff: Callable[..., User]) -> None:
    client, other = login(sue), login(staff("sam", "senior"))
    form = {"name": " Late  ones ", "late": "on", "sort": "oldest", "after": "7", "nonsense": "1"}
    assert client.post("/review/views/", form)["Location"] == "/review/?late=on&sort=oldest"
    view = SavedView.objects.get()
    assert (view.owner, view.name, view.query) == (sue, "Late ones", "late=on&sort=oldest")
    assert "Late ones" in client.get("/review/").text
    assert "Late ones" not in other.get("/review/").text
    assert other.post(f"/review/views/{view.pk}/delete/").status_code == 404
    client.post("/review/views/", form | {"late": "", "reason": "checks"})
    assert SavedView.objects.get().query == "reason=checks&sort=oldest", "the name is taken over"
    client.post(f"/review/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_a_view_needs_a_name_and_a_list(login: Login, sue: User, alice: User) -> None:
    assert "Give the view a name" in login(sue).post("/review/views/", {"name": " "}, follow=True).text
    assert login(alice).post("/review/views/", {"name": "mine"}).status_code == 403


def test_the_workload_shows_what_each_person_has_and_did(
    enqueue: Enqueue, login: Login, sue: User, alice: User, bob: User
) -> None:
    first, second, third = (enqueue(risk=risk) for risk in (0.9, 0.5, 0.1))
    assert claim_next(alice) == first
    decision_record(item_id=first.pk, reviewer=alice, label="real")
    assert claim_next(alice) == second
    ReviewItem.objects.filter(pk=third.pk).update(reserved_for=bob, reserved_until=Now())
    rows = {row.person: row for row in login(sue).get("/review/").context["workloads"]}
    assert (rows[alice].held_item, rows[alice].decisions, rows[alice].offered) == (second.pk, 1, 0)
    assert (rows[bob].held_item, rows[bob].offered) == (None, 1)
    assert sue not in rows
