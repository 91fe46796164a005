"""Groups of one picture under several applicants: who sees and decides them, and what it takes."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence.models import Likeness
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review import campaigns as campaign_rules
from kyc_review.review.campaigns import campaign_of, campaigns
from kyc_review.review.models import CampaignLook, Decision, OutcomeExposure, ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]


@pytest.fixture
def sam(staff: Callable[..., User]) -> User:
    return staff("sam", "senior")


@pytest.fixture
def group(enqueue: Enqueue) -> list[ReviewItem]:
    """Three items of one picture, in a chain, under two applicants; and one of another picture."""
    items = [enqueue(applicant_ref=ref) for ref in ("p-1", "p-2", "p-2")]
    for later, earlier in ((1, 0), (2, 1)):
        Likeness.objects.create(
            submission=items[later].submission,
            earlier=items[earlier].submission,
            bits_apart=0,
            same_file=True,
        )
    enqueue(applicant_ref="p-3")
    return items


def look(window: Client, items: list[ReviewItem]) -> None:
    """As the browser fetches each picture, and reports it once it was in view."""
    for item in items:
        keys = [items[0].submission_id, item.submission_id]
        assert window.get(reverse("review:campaign-picture", args=keys)).status_code == 200
        assert window.post(reverse("review:campaign-look", args=keys)).status_code == 204


def decide(window: Client, items: list[ReviewItem], label: str = "fake", **more: str) -> ClientResponse:
    address = reverse("review:campaign-decision", args=[items[0].submission_id])
    chosen = [str(item.submission_id) for item in items]
    return window.post(address, {"members": chosen, "label": label} | more, follow=True)


def states(items: list[ReviewItem]) -> list[str]:
    return [ReviewItem.objects.get(pk=item.pk).state for item in items]


def test_a_group_is_what_likenesses_connect_across_applicants(group: list[ReviewItem], sam: User) -> None:
    (found,) = campaigns(viewer=sam)
    assert [row.pk for row in found.members] == [item.submission_id for item in group]
    assert (found.applicants, found.verdicts, found.has_conflict) == (2, {"": 3}, False)
    for item in group:
        assert campaign_of(viewer=sam, submission_id=item.submission_id) == found


def test_one_applicant_who_tries_again_is_no_campaign(enqueue: Enqueue, sam: User) -> None:
    one, two = enqueue(applicant_ref="p-1"), enqueue(applicant_ref="p-1")
    Likeness.objects.create(submission=two.submission, earlier=one.submission, bits_apart=0, same_file=True)
    assert campaigns(viewer=sam) == []
    assert campaign_of(viewer=sam, submission_id=one.submission_id) is None


@pytest.mark.parametrize("role", ["reviewer", "admin", "auditor"])
def test_only_seniors_see_a_campaign_its_pictures_and_its_button(
    group: list[ReviewItem], staff: Callable[..., User], login: Login, role: str
) -> None:
    window = login(staff("person", role))
    key = group[0].submission_id
    addresses = [
        reverse("review:campaigns"),
        reverse("review:campaign", args=[key]),
        reverse("review:campaign-picture", args=[key, key]),
        reverse("review:campaign-picture-full", args=[key, key]),
    ]
    assert {window.get(address).status_code for address in addresses} == {403}
    assert window.post(reverse("review:campaign-look", args=[key, key])).status_code == 403
    assert decide(window, group).status_code == 403
    assert not CampaignLook.objects.exists()
    assert not Decision.objects.exists()
    assert Client().get(addresses[1]).status_code == 302


def test_a_picture_is_shown_only_as_a_member_and_that_is_recorded(
    group: list[ReviewItem], submit: Callable[..., Submission], login: Login, sam: User
) -> None:
    window, stranger = login(sam), ReviewItem.objects.exclude(pk__in=[item.pk for item in group]).get()
    key = group[0].submission_id
    for name in ("campaign-picture", "campaign-picture-full", "campaign-look"):
        address = reverse(f"review:{name}", args=[key, stranger.submission_id])
        assert (window.post if name == "campaign-look" else window.get)(address).status_code == 404
    for address in (
        reverse("review:campaign", args=[stranger.submission_id]),
        reverse("review:campaign", args=[uuid4()]),
    ):
        assert window.get(address).status_code == 404
    for item in group:
        address = reverse("review:campaign-picture", args=[key, item.submission_id])
        assert window.get(address).status_code == 200
    events = Event.objects.filter(action="submission.looked_at", actor_name="sam").order_by("pk")
    assert [row.target_id for row in events] == [str(item.submission_id) for item in group]
    assert {row.detail["campaign"] for row in events} == {str(key)}


def test_a_picture_that_was_only_fetched_was_not_looked_at_but_one_opened_in_full_was(
    group: list[ReviewItem], login: Login, sam: User
) -> None:
    window, key = login(sam), group[0].submission_id
    assert window.get(reverse("review:campaign-picture", args=[key, key])).status_code == 200
    assert not CampaignLook.objects.filter(looked_at__isnull=False).exists()
    assert decide(window, group[:1]).status_code == 409
    assert window.get(reverse("review:campaign-look", args=[key, key])).status_code == 405
    assert window.get(reverse("review:campaign-picture-full", args=[key, key])).status_code == 200
    assert CampaignLook.objects.get().submission_id == key
    assert decide(window, group[:1]).status_code == 200


def test_a_look_at_a_picture_that_was_not_sent_to_this_person_is_refused(
    group: list[ReviewItem], login: Login, staff: Callable[..., User], sam: User
) -> None:
    keys = [group[0].submission_id, group[1].submission_id]
    picture, report = (reverse(f"review:campaign-{name}", args=keys) for name in ("picture", "look"))
    window = login(sam)
    assert login(staff("sue", "senior")).get(picture).status_code == 200
    refused = window.post(report)
    assert (refused.status_code, refused.text) == (409, campaign_rules.NOT_SENT)
    assert window.get(picture).status_code == 200
    CampaignLook.objects.filter(person=sam).update(sent_at=Now() - 2 * campaign_rules.SEEN_FOR)
    assert window.post(report).status_code == 409, "a day later it is not the same look"
    assert decide(window, group[1:2]).status_code == 409
    assert window.get(picture).status_code == 200
    assert window.post(report).status_code == 204


def test_a_group_is_decided_only_after_a_look_at_each_chosen_picture(
    group: list[ReviewItem], login: Login, sam: User
) -> None:
    window = login(sam)
    look(window, group[:2])
    refused = decide(window, group)
    assert refused.status_code == 409
    assert campaign_rules.UNSEEN.format(1) in refused.text
    assert states(group) == ["open"] * 3
    assert decide(window, group[:2]).status_code == 200
    assert states(group) == ["decided", "decided", "open"]


def test_every_decision_is_an_ordinary_one(group: list[ReviewItem], login: Login, sam: User) -> None:
    window = login(sam)
    look(window, group)
    assert "Recorded for 3 of 3" in decide(window, group, note="one picture, three names").text
    rows = Decision.objects.order_by("pk")
    assert [(row.reviewer, row.label, row.note) for row in rows] == [
        (sam, "fake", "one picture, three names")
    ] * 3
    assert {row.submission.result for row in rows} == {"rejected"}
    for action in ("item.claimed", "item.decided", "item.settled"):
        assert Event.objects.filter(action=action).count() == 3
    assert Event.objects.get(action="campaign.decided").detail["label"] == "fake"


def test_decided_members_are_corrected_by_the_rules_of_corrections(
    group: list[ReviewItem], login: Login, sam: User, alice: User, settings: LazySettings
) -> None:
    from kyc_review.review.decisions import decision_record

    for _ in range(4):
        item = item_claim_next(reviewer=alice)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=alice, label="real")
    window = login(sam)
    assert "cleared" in window.get(reverse("review:campaign", args=[group[0].submission_id])).text
    look(window, group)
    settings.CORRECTIONS_NEED_TWO = False
    decide(window, group[1:])
    found = Submission.objects.filter(pk__in=[item.submission_id for item in group[1:]])
    assert {row.result for row in found} == {"rejected"}
    settings.CORRECTIONS_NEED_TWO = True
    decide(window, group[:1])
    first = Submission.objects.get(pk=group[0].submission_id)
    assert first.result == "clear", "it waits for a second person"
    assert ReviewItem.objects.get(submission=first, reason="second_opinion").is_blind


@pytest.mark.parametrize("chosen", [(0,), (0, 1), (0, 1, 2)])
def test_corrections_that_wait_lead_to_what_is_left_and_say_so(
    group: list[ReviewItem],
    login: Login,
    sam: User,
    alice: User,
    settings: LazySettings,
    chosen: tuple[int, ...],
) -> None:
    from kyc_review.review.decisions import decision_record

    settings.CORRECTIONS_NEED_TWO = True
    Submission.objects.filter(pk=group[1].submission_id).update(applicant_ref="p-4")
    for _ in range(4):
        item = item_claim_next(reviewer=alice)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=alice, label="real")
    window = login(sam)
    look(window, group)
    answer = decide(window, [group[place] for place in chosen])
    assert answer.status_code == 200
    told = f"Corrections among them: {len(chosen)}. They take effect once a second person agrees."
    assert told in answer.text
    page = reverse("review:campaign", args=[group[1].submission_id])
    left = page if len(chosen) == 1 else reverse("review:campaigns")
    assert answer.redirect_chain[-1][0] == left


def test_nothing_is_chosen_beforehand(group: list[ReviewItem], login: Login, sam: User) -> None:
    page = login(sam).get(reverse("review:campaign", args=[group[0].submission_id]))
    assert page.status_code == 200
    assert "checked" not in page.text


@pytest.mark.parametrize(("obstacle", "seen", "status"), [("", 3, 422), ("blurred", 1, 409)])
def test_a_refused_answer_keeps_what_was_chosen_and_written(
    group: list[ReviewItem], login: Login, sam: User, obstacle: str, seen: int, status: int
) -> None:
    window = login(sam)
    look(window, group[:seen])
    more = {"obstacle": obstacle, "note": "one <b> picture"}
    refused = decide(window, group[1:], label="not_assessable", **more)
    assert refused.status_code == status
    page = " ".join(refused.text.split())
    ticked = [f'value="{item.submission_id}" checked' in page for item in group]
    assert ticked == [False, True, True]
    assert 'value="not_assessable" checked' in page
    assert page.count(" checked") == 3
    assert ('value="blurred" selected' in page) == bool(obstacle)
    assert "one &lt;b&gt; picture</textarea>" in page
    assert not Decision.objects.exists()


def test_loading_the_address_of_a_refused_answer_leads_back_to_the_page(
    group: list[ReviewItem], login: Login, sam: User, alice: User
) -> None:
    key = group[0].submission_id
    address = reverse("review:campaign-decision", args=[key])
    answer = login(sam).get(address)
    assert (answer.status_code, answer["Location"]) == (302, reverse("review:campaign", args=[key]))
    assert login(alice).get(address).status_code == 403
    assert not Decision.objects.exists()


def test_what_must_be_judged_blind_is_no_member_until_then(
    group: list[ReviewItem], login: Login, sam: User
) -> None:
    blind = group[1]
    ReviewItem.objects.filter(pk=blind.pk).update(is_blind=True)
    (found,) = campaigns(viewer=sam)
    assert [row.pk for row in found.members] == [group[0].submission_id, group[2].submission_id]
    ReviewItem.objects.filter(pk=blind.pk).update(is_blind=False)
    ReviewItem.objects.filter(pk=group[2].pk).update(is_blind=True)
    (found,) = campaigns(viewer=sam)
    assert [row.pk for row in found.members] == [item.submission_id for item in group[:2]]
    window, key = login(sam), group[0].submission_id
    address = reverse("review:campaign-picture", args=[key, group[2].submission_id])
    assert window.get(address).status_code == 404
    look(window, group[:2])
    assert decide(window, group).status_code == 200
    assert states(group) == ["decided", "decided", "open"]


def test_members_that_others_hold_are_left_alone_and_the_rest_is_recorded(
    group: list[ReviewItem], login: Login, sam: User, alice: User
) -> None:
    held = item_claim_next(reviewer=alice)
    assert held in group
    window = login(sam)
    look(window, group)
    answer = decide(window, group)
    assert "Recorded for 2 of 3" in answer.text
    assert "Somebody holds it" in answer.text
    assert ReviewItem.objects.get(pk=held.pk).claimed_by == alice


def test_a_senior_who_holds_an_item_puts_it_aside_first(
    group: list[ReviewItem], login: Login, sam: User
) -> None:
    window = login(sam)
    look(window, group)
    held = item_claim_next(reviewer=sam)
    assert held is not None
    leads = f'href="{reverse("review:item", args=[held.pk])}">item {held.pk}</a>'
    page = window.get(reverse("review:campaign", args=[group[0].submission_id]))
    assert leads in page.text, "told before anything is chosen"
    answer = decide(window, group)
    assert answer.status_code == 409
    assert leads in answer.text
    assert not Decision.objects.exists()


@pytest.mark.parametrize("form", [{"label": ""}, {"label": "maybe"}, {"label": "not_assessable"}])
def test_an_incomplete_answer_is_refused_with_a_sentence(
    group: list[ReviewItem], login: Login, sam: User, form: dict[str, str]
) -> None:
    window = login(sam)
    look(window, group)
    answer = decide(window, group, **form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert decide(window, group[:1], members="no-uuid").status_code == 422
    assert not Decision.objects.exists()


def test_who_reads_outcomes_on_the_page_is_not_asked_to_judge_these_faces_blind(
    group: list[ReviewItem], login: Login, sam: User, alice: User
) -> None:
    from kyc_review.review.blinding import knows_outcome
    from kyc_review.review.decisions import decision_record

    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert not knows_outcome(submission_id=item.submission_id, person=sam)
    login(sam).get(reverse("review:campaign", args=[item.submission_id]))
    assert knows_outcome(submission_id=item.submission_id, person=sam)


def test_an_erased_member_is_gone(group: list[ReviewItem], sam: User) -> None:
    submission_erase(submission_id=group[0].submission_id, reason="Article 17")
    assert campaign_of(viewer=sam, submission_id=group[0].submission_id) is None
    assert campaigns(viewer=sam) == [], "one applicant is left"


def test_a_large_group_costs_as_many_queries_as_a_small_one(
    group: list[ReviewItem], enqueue: Enqueue, login: Login, sam: User
) -> None:
    window, address = login(sam), reverse("review:campaign", args=[group[0].submission_id])
    Submission.objects.filter(pk=group[0].submission_id).update(
        state="completed", result="clear", completed_at=group[0].opened_at
    )

    def cost() -> int:
        OutcomeExposure.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            assert window.get(address).status_code == 200
        return len(queries)

    cost()
    few = cost()
    for number in range(5):
        later = enqueue(applicant_ref=f"p-{number + 4}")
        Likeness.objects.create(
            submission=later.submission, earlier=group[0].submission, bits_apart=0, same_file=True
        )
    assert cost() == few


def test_an_answer_with_two_labels_is_refused_and_nothing_is_recorded(
    group: list[ReviewItem], login: Login, sam: User
) -> None:
    window = login(sam)
    look(window, group[:3])
    address = reverse("review:campaign-decision", args=[group[0].submission_id])
    chosen = [str(item.submission_id) for item in group[:3]]
    answer = window.post(address, {"members": chosen, "label": ["fake", "real"]})
    assert answer.status_code == 400
    assert "The field `label` occurs more than once" in answer.text
    assert not Decision.objects.exists()
