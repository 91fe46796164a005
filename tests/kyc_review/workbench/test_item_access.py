"""Who sees a face, and how the pages are protected."""

from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review.claims import claims_expire
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from tests.factories.claims import expire
from tests.factories.pages import collapsed
from tests.factories.workbench import decide, url

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]


def test_somebody_without_a_role_sees_nothing(login: Login, alice: User) -> None:
    alice.groups.clear()
    assert login(alice).get("/review/").status_code == 403


@pytest.mark.parametrize("name", ["item", "image"])
def test_only_the_holder_and_seniors_see_the_face(
    claimed: ReviewItem, login: Login, alice: User, bob: User, staff: Callable, name: str
) -> None:
    seen = {
        who.username: login(who).get(url(name, claimed)).status_code
        for who in (alice, bob, staff("sue", "senior"), staff("adam", "admin"), staff("audrey", "auditor"))
    }
    assert seen == {"alice": 200, "bob": 403, "sue": 200, "adam": 403, "audrey": 403}
    assert Client().get(url(name, claimed)).status_code == 302


@pytest.mark.parametrize("name", ["item", "image"])
def test_the_face_is_gone_once_the_claim_ends(
    claimed: ReviewItem, login: Login, alice: User, name: str
) -> None:
    client = login(alice)
    expire(claimed)
    assert client.get(url(name, claimed)).status_code == 403
    claims_expire()
    assert client.get(url(name, claimed)).status_code == 403


def test_a_waiting_items_face_cannot_be_opened_by_its_address(
    enqueue: Enqueue, login: Login, alice: User
) -> None:
    item = enqueue()
    assert login(alice).get(url("image", item)).status_code == 403
    assert login(alice).get("/review/items/424242/image/").status_code == 404


def test_a_senior_looks_on_without_buttons(claimed: ReviewItem, login: Login, staff: Callable) -> None:
    page = login(staff("sue", "senior")).get(url("item", claimed)).text
    assert "alice holds this item" in page
    assert 'name="label"' not in page


def test_a_senior_who_looks_at_a_colleagues_face_leaves_a_trace(
    claimed: ReviewItem, login: Login, alice: User, staff: Callable
) -> None:
    login(alice).get(url("image", claimed))
    assert not Event.objects.filter(action="item.looked_at").exists()
    login(staff("sue", "senior")).get(url("image", claimed))
    assert Event.objects.get(action="item.looked_at").actor_name == "sue"


def test_a_senior_reads_what_was_decided(
    claimed: ReviewItem, login: Login, alice: User, staff: Callable
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="real", note="twin")
    page = collapsed(login(staff("sue", "senior")).get(url("item", claimed)))
    assert "Decided <strong>real</strong> by alice" in page
    assert "twin" in page


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_readers_see_the_queue_and_never_act(
    claimed: ReviewItem, login: Login, staff: Callable, role: str
) -> None:
    client = login(staff("reader", role))
    assert "Claim next" not in client.get("/review/").text
    for name in ("decision", "claim", "release"):
        assert client.post(url(name, claimed), {"label": "real"}).status_code == 403
    assert client.post("/review/items/next/").status_code == 403
    assert not Decision.objects.exists()


def test_the_image_is_never_stored_by_the_browser(claimed: ReviewItem, login: Login, alice: User) -> None:
    answer = login(alice).get(url("image", claimed))
    assert answer["Content-Type"] == "image/jpeg"
    assert claimed.submission_id.hex not in str(answer.headers), "the name of the submission stays here"
    assert "no-store" in answer["Cache-Control"]


def test_changes_need_the_csrf_token(claimed: ReviewItem, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert decide(client, claimed).status_code == 403
    assert not Decision.objects.exists()


def test_the_policy_allows_no_inline_script_or_style_and_the_pages_need_none(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    client = login(alice)
    for page in (client.get("/review/"), client.get(url("item", claimed)), Client().get("/login/")):
        policy = page["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert " style=" not in page.text
        assert " onclick=" not in page.text
        assert "<script>" not in page.text
