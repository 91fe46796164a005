from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.pipeline import evidence_worker
from kyc_review.review.decisions import first_call_record
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives
from kyc_review.workbench.evidence import selectors
from tests.factories.claims import expire

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
Examine = Callable[[ReviewItem], Evidence]


def url(item: ReviewItem, name: str = "") -> str:
    return (
        reverse("evidence:picture", args=[item.pk, name])
        if name
        else reverse("evidence:panel", args=[item.pk])
    )


@pytest.mark.parametrize("name", ["", "noise"])
def test_only_who_sees_the_face_sees_the_evidence(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User, bob: User, staff: Callable, name: str
) -> None:
    examine(claimed)
    face = reverse("review:image", args=[claimed.pk])
    people = (alice, bob, staff("sue", "senior"), staff("adam", "admin"), staff("audrey", "auditor"))
    for person in people:
        client = login(person)
        assert client.get(url(claimed, name)).status_code == client.get(face).status_code
    assert login(alice).get(url(claimed, name)).status_code == 200
    assert login(bob).get(url(claimed, name)).status_code == 403
    assert Client().get(url(claimed, name)).status_code == 302


def test_the_evidence_is_gone_once_the_claim_ends(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User
) -> None:
    examine(claimed)
    client = login(alice)
    expire(claimed)
    assert client.get(url(claimed)).status_code == 403
    assert client.get(url(claimed, "noise")).status_code == 403


def test_an_unknown_view_or_item_is_not_found(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User
) -> None:
    examine(claimed)
    client = login(alice)
    assert client.get(url(claimed, "original")).status_code == 404
    assert client.get("/review/items/424242/evidence/").status_code == 404


def test_opening_never_waits_and_the_panel_asks_until_it_is_there(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User
) -> None:
    client = login(alice)
    page = client.get(reverse("review:item", args=[claimed.pk])).text
    assert "Being computed" in page
    assert f'hx-get="{url(claimed)}"' in page
    examine(claimed)
    part = client.get(url(claimed)).text
    assert f'hx-get="{url(claimed)}"' not in part
    assert 'hx-swap-oob="true"' in part
    assert "quality 90" in part


def test_evidence_that_failed_says_so_and_is_not_asked_for_again(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    Evidence.objects.create(submission=claimed.submission, state="failed", attempts=2)
    part = login(alice).get(url(claimed)).text
    assert "could not be computed" in part
    assert f'hx-get="{url(claimed)}"' not in part


def test_a_view_is_never_kept_by_the_browser(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User
) -> None:
    examine(claimed)
    answer = login(alice).get(url(claimed, "noise"))
    assert answer["Content-Type"] == "image/jpeg"
    assert "no-store" in answer["Cache-Control"]


def test_other_submissions_of_the_applicant_are_listed_for_the_same_integration_only(
    enqueue: Callable[..., ReviewItem],
    submit: Callable[..., Submission],
    login: Login,
    alice: User,
    bob: User,
) -> None:
    from kyc_review.accounts import services as accounts
    from tests.factories.claims import item_claim_next

    before = submit(applicant_ref="person-1")
    submit(applicant_ref="person-1", integration=accounts.integration_create(slug="branch", name="Branch"))
    submit(applicant_ref="")
    item = enqueue(applicant_ref="person-1")
    item_claim_next(reviewer=alice)
    assert [seen.submission.pk for seen in selectors.applicants_others(viewer=alice, item=item)] == [
        before.pk
    ]
    assert selectors.applicants_others(viewer=bob, item=item) == []
    assert selectors.look_alikes(viewer=bob, item=item) == []


def test_an_item_without_an_applicant_names_none(claimed: ReviewItem, alice: User) -> None:
    assert selectors.applicants_others(viewer=alice, item=claimed) == []


def test_a_blind_item_shows_no_evidence_until_the_first_call(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User, staff: Callable
) -> None:
    examine(claimed)
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    client, sue = login(alice), login(staff("sue", "senior"))
    for person in (client, sue):
        page = person.get(reverse("review:item", args=[claimed.pk])).text
        assert "data-pane=" not in page
        assert "quality 90" not in page
        assert "data-pane=" not in person.get(url(claimed)).text
        assert person.get(url(claimed, "noise")).status_code == 404
    assert client.get(reverse("review:image", args=[claimed.pk])).status_code == 200
    first_call_record(item_id=claimed.pk, reviewer=alice, label="real")
    assert "quality 90" in client.get(url(claimed)).text
    assert client.get(url(claimed, "noise")).status_code == 200
    assert sue.get(url(claimed, "noise")).status_code == 404, "her own first call is still to come"


def test_a_view_whose_file_is_gone_is_made_again(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User
) -> None:
    evidence = examine(claimed)
    derivatives.delete(evidence.key_of("noise"))
    client = login(alice)
    assert client.get(url(claimed, "noise")).status_code == 404
    assert evidence_worker.run_until_idle() == 1
    assert client.get(url(claimed, "noise")).status_code == 200


def test_views_of_the_kept_item_can_be_fetched_ahead_by_that_person_alone(
    claimed: ReviewItem, enqueue: Callable, examine: Examine, login: Login, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    examine(following)
    assert login(alice).get(url(following, "noise")).status_code == 403, "not kept yet"
    ahead = login(alice).post("/review/items/ahead/").json()
    assert {view["name"] for view in ahead["views"]} >= {"noise"}
    assert all(login(alice).get(view["source"]).status_code == 200 for view in ahead["views"])
    assert login(bob).get(url(following, "noise")).status_code == 403
    assert login(alice).get(url(following)).status_code == 403, "the panel waits for the claim"


def test_of_a_blind_item_nothing_but_the_face_is_fetched_ahead(
    claimed: ReviewItem, enqueue: Callable, examine: Examine, login: Login, alice: User
) -> None:
    following = enqueue(risk=0.1)
    examine(following)
    ReviewItem.objects.filter(pk=following.pk).update(is_blind=True)
    ahead = login(alice).post("/review/items/ahead/").json()
    assert (ahead["is_blinded"], ahead["views"]) == (True, [])
    assert login(alice).get(ahead["image"]).status_code == 200
    assert login(alice).get(url(following, "noise")).status_code == 403
