from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review import services
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from tests.factories.claims import expire
from tests.factories.pages import collapsed
from tests.factories.people import PASSWORD
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def url(name: str, item: ReviewItem | None = None) -> str:
    return reverse(f"review:{name}", args=[item.pk] if item else [])


def decide(
    client: Client, item: ReviewItem, headers: dict[str, str] | None = None, **fields: str
) -> ClientResponse:
    return client.post(
        url("decision", item), {"label": "fake", "shown_item": str(item.pk)} | fields, headers=headers or {}
    )


def test_home_leads_to_the_queue_and_a_stranger_to_the_login(client: Client) -> None:
    assert client.get("/")["Location"] == "/login/"
    assert client.get("/review/")["Location"] == "/login/?next=/review/"


def test_a_session_that_ended_leaves_the_page_instead_of_swapping_the_login_into_it(client: Client) -> None:
    headers = HTMX | {"HX-Current-URL": "http://testserver/review/items/7/"}
    answer = client.post("/review/items/next/", headers=headers)
    assert answer["HX-Redirect"] == "/login/?next=/review/items/7/"


def test_logging_in_shows_the_queue(client: Client, alice: User) -> None:
    answer = client.post("/login/", {"username": "alice", "password": PASSWORD}, follow=True)
    assert "Review queue" in answer.text
    assert "The queue is empty" in answer.text


def test_a_wrong_password_says_so(client: Client, alice: User) -> None:
    assert (
        "Incorrect user name or password"
        in client.post("/login/", {"username": "alice", "password": "x"}).text
    )


def test_somebody_without_a_role_sees_nothing(login: Login, alice: User) -> None:
    alice.groups.clear()
    assert login(alice).get("/review/").status_code == 403


def test_the_queue_shows_counts_reasons_risk_and_state_but_no_face(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, bob: User
) -> None:
    enqueue("unanimous_fake", 0.97)
    page = login(bob).get("/review/").text
    assert "All five say fake" in page
    assert "0.97" in page
    assert "With alice" in page
    assert "<img" not in page


def test_the_queues_poll_answers_with_the_list_alone(enqueue: Enqueue, login: Login, alice: User) -> None:
    enqueue()
    part = login(alice).get("/review/", headers=HTMX | {"HX-Target": "queue"}).text
    assert "<html" not in part
    assert "Votes disagree" in part


def test_claiming_leads_to_the_item_with_its_votes(enqueue: Enqueue, login: Login, alice: User) -> None:
    item = enqueue()
    client = login(alice)
    assert client.post("/review/items/next/")["Location"] == url("item", item)
    page = client.get(url("item", item)).text
    for expected in (
        "2 of 4 models and their combination say fake",
        "91 %",
        "50 %",
        "not an independent vote",
    ):
        assert expected in page
    assert page.count('<th scope="row">') == 5


def test_an_unscorable_item_says_that_there_are_no_votes(enqueue: Enqueue, login: Login, alice: User) -> None:
    enqueue("unscorable", 1.0)
    page = login(alice).post("/review/items/next/", follow=True).text
    assert "could not score this image" in page


def test_a_decision_answers_with_the_next_item(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    following = enqueue()
    answer = decide(login(alice), claimed, HTMX)
    assert answer["HX-Push-Url"] == url("item", following)
    assert f"Item {following.pk}" in answer.text
    assert f"Item {claimed.pk}: fake. Recorded." in answer.text
    assert "<html" not in answer.text
    assert Decision.objects.get().item == claimed


def test_the_last_decision_answers_with_the_empty_queue(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    answer = decide(login(alice), claimed, HTMX)
    assert answer["HX-Push-Url"] == "/review/"
    assert "The queue is empty" in answer.text


def test_without_scripts_a_decision_redirects_to_the_next_item(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    following = enqueue()
    assert decide(login(alice), claimed)["Location"] == url("item", following)


def test_a_decision_without_a_choice_says_what_is_missing_and_keeps_the_note(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    client = login(alice)
    answer = decide(client, claimed, HTMX, label="")
    assert (answer.status_code, answer["HX-Retarget"]) == (422, "#problem")
    assert "Choose real, fake or not assessable first." in answer.text
    plain = decide(client, claimed, label="", note="odd ear")
    assert plain.status_code == 422
    assert "odd ear</textarea>" in plain.text


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("name", ["decision", "first-call"])
@pytest.mark.parametrize("shown", ["another", "none", "nonsense"])
def test_an_answer_given_at_another_picture_is_refused_and_brings_the_items_own_page(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User, headers: dict, name: str, shown: str
) -> None:
    following = enqueue()
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    said: dict[str, dict[str, object]] = {
        "another": {"shown_item": following.pk},
        "none": {},
        "nonsense": {"shown_item": f"{claimed.pk}; 1"},
    }
    client, before = login(alice), ReviewItem.objects.get(pk=claimed.pk).claim_expires_at
    form = {"label": "real", "note": "odd <ear>"} | said[shown]
    answer = client.post(url(name, claimed), form, headers=headers)
    assert answer.status_code == 409
    assert f"Nothing was recorded for item {claimed.pk}" in answer.text
    assert url("image", claimed) in answer.text
    assert url("decision", claimed) in answer.text
    assert url("image", following) not in answer.text
    assert "odd &lt;ear&gt;</textarea>" in answer.text
    assert not Decision.objects.exists()
    assert not FirstCall.objects.exists()
    claimed.refresh_from_db()
    assert claimed.claimed_by == alice
    assert before is not None
    assert claimed.claim_expires_at is not None
    assert claimed.claim_expires_at > before
    if headers:
        assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#main", "innerHTML")
        assert "<html" not in answer.text


def test_an_answer_at_another_picture_after_the_claim_ended_says_that_it_ended(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    expire(claimed)
    answer = decide(login(alice), claimed, HTMX, shown_item="0", note="odd ear")
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#decision")
    assert "odd ear</textarea>" in answer.text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_late_decision_loses_with_a_message_and_keeps_the_note(
    claimed: ReviewItem, login: Login, alice: User, headers: dict
) -> None:
    expire(claimed)
    answer = decide(login(alice), claimed, headers, note="odd <ear>")
    assert answer.status_code == 409
    assert "Nothing was recorded" in answer.text
    assert "Your claim on this item has ended" in answer.text
    assert "odd &lt;ear&gt;</textarea>" in answer.text
    assert not Decision.objects.exists()


def test_a_decision_by_somebody_who_does_not_hold_the_item_loses(
    claimed: ReviewItem, login: Login, bob: User
) -> None:
    answer = decide(login(bob), claimed, HTMX)
    assert answer.status_code == 409
    assert "A colleague holds this item now." in answer.text
    assert not Decision.objects.exists()


def test_a_heartbeat_renews_the_claim_and_tells_how_long_it_lasts(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    answer = login(alice).post(url("claim", claimed), headers=HTMX)
    assert answer.status_code == 204
    assert '"remaining_s": 600' in answer["HX-Trigger"]


def test_a_heartbeat_after_the_end_brings_the_message(claimed: ReviewItem, login: Login, alice: User) -> None:
    expire(claimed)
    answer = login(alice).post(url("claim", claimed), headers=HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#decision")


def test_skipping_goes_on_to_another_item(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    other = enqueue(risk=0.1)
    client = login(alice)
    answer = client.post(url("release", claimed), {"shown_item": claimed.pk}, headers=HTMX)
    assert answer["HX-Push-Url"] == url("item", other)
    page = client.post(url("release", other), {"shown_item": other.pk}, headers=HTMX).text
    assert "You skipped 2 waiting items" in page
    assert client.post("/review/items/next/", {"skipped": "on"})["Location"] == url("item", claimed)


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
    services.claims_expire()
    assert client.get(url(name, claimed)).status_code == 403


def test_a_waiting_items_face_cannot_be_opened_by_its_address(
    enqueue: Enqueue, login: Login, alice: User
) -> None:
    item = enqueue()
    assert login(alice).get(url("image", item)).status_code == 403
    assert login(alice).get("/review/items/424242/image/").status_code == 404


def test_the_queue_links_to_items_only_for_seniors(
    claimed: ReviewItem, login: Login, bob: User, staff: Callable
) -> None:
    assert url("item", claimed) not in login(bob).get("/review/").text
    assert url("item", claimed) in login(staff("sue", "senior")).get("/review/").text


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
    services.decision_record(item_id=claimed.pk, reviewer=alice, label="real", note="twin")
    page = collapsed(login(staff("sue", "senior")).get(url("item", claimed)))
    assert "Decided <strong>real</strong> by alice" in page
    assert "twin" in page


@pytest.mark.parametrize("act", ["release", "snooze", "escalation", "handover"])
@pytest.mark.parametrize("shown", [{}, {"shown_item": "0"}])
def test_an_item_is_not_put_aside_while_another_picture_is_on_the_screen(
    claimed: ReviewItem, login: Login, alice: User, bob: User, staff: Callable, act: str, shown: dict
) -> None:
    staff("sue", "senior")
    form = {"minutes": "15", "to": str(bob.pk)}
    answer = login(alice).post(url(act, claimed), form | shown, headers=HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#main")
    assert ReviewItem.objects.get().claimed_by == alice
    assert login(alice).post(url(act, claimed), form | {"shown_item": ""}, headers=HTMX).status_code == 200
    assert ReviewItem.objects.get().claimed_by is None, "an item without a picture can be put aside"


@pytest.mark.parametrize("regions", ["x" * 5, "[" * 5000, f"[{','.join(['1'] * 21)}]"])
def test_regions_that_cannot_be_taken_hold_up_fake_only(
    claimed: ReviewItem, login: Login, alice: User, regions: str
) -> None:
    client = login(alice)
    assert decide(client, claimed, HTMX, regions=regions).status_code == 422
    assert decide(client, claimed, HTMX, label="real", regions=regions).status_code == 200
    assert (Decision.objects.get().label, Decision.objects.get().regions) == ("real", [])


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


def test_query_counts_do_not_grow_with_the_queue(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    client = login(alice)
    addresses = ("/review/", url("item", claimed))
    client.get("/review/")

    def queries() -> list[int]:
        found = []
        for address in addresses:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert client.get(address).status_code == 200
            found.append(len(captured))
        return found

    before = queries()
    for number in range(30):
        enqueue("unanimous_fake" if number % 2 else "split_vote", number / 30)
    assert queries() == before
    assert max(before) <= 15


@pytest.mark.parametrize("act", ["open", "back to my item", "first call", "refused answer"])
def test_opening_the_item_and_each_act_renew_the_claim(
    claimed: ReviewItem, login: Login, alice: User, act: str
) -> None:
    ends = Now() + timedelta(seconds=25)
    ReviewItem.objects.filter(pk=claimed.pk).update(claim_expires_at=ends, is_blind=True)
    client, form = login(alice), {"label": "real", "shown_item": claimed.pk}
    if act == "open":
        client.get(url("item", claimed))
    elif act == "back to my item":
        client.post("/review/items/next/", headers=HTMX)
    elif act == "first call":
        answer = client.post(url("first-call", claimed), form, headers=HTMX)
        assert '"remaining_s": 600' in answer["HX-Trigger"]
    else:
        answer = client.post(url("decision", claimed), form | {"label": ""}, headers=HTMX)
        assert answer.status_code == 422
        assert '"remaining_s": 600' in answer["HX-Trigger"]
    claimed.refresh_from_db()
    assert claimed.claim_expires_at is not None
    assert claimed.claim_expires_at - timezone.now() > timedelta(seconds=500)


def test_right_after_deciding_its_author_opens_the_item_and_undoes_that_very_decision(
    enqueue: Enqueue, login: Login, alice: User, bob: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 10
    items = [enqueue(risk=risk) for risk in (0.9, 0.5, 0.1)]
    ReviewItem.objects.filter(pk=items[0].pk).update(is_blind=True)
    client = login(alice)
    client.post("/review/items/next/")
    for item in items[:2]:
        decide(client, item)
    page = client.get(url("item", items[0]))
    assert page.status_code == 200
    assert "Decided <strong>fake</strong> by alice" in collapsed(page)
    assert f'action="{url("undo", items[0])}"' in page.text
    assert f'action="{url("decision", items[0])}"' not in page.text
    assert client.get(url("image", items[0])).status_code == 200
    assert login(bob).get(url("item", items[0])).status_code == 403
    assert f'action="{url("undo", items[1])}"' in client.get(url("item", items[2])).text
    assert client.post(url("undo", items[0]))["Location"] == url("item", items[0])
    assert list(Decision.objects.standing().values_list("item", flat=True)) == [items[1].pk]


def test_the_queue_is_filtered_by_reason_and_its_poll_keeps_the_filter(
    enqueue: Enqueue, staff: Callable[..., User], login: Login
) -> None:
    doubted, split = enqueue("checks"), enqueue("split_vote")
    client = login(staff("audrey", "auditor"))
    text = client.get("/review/?reason=checks").text
    assert [item.pk for item in client.get("/review/?reason=checks").context["items"]] == [doubted.pk]
    assert 'hx-get="/review/?reason=checks"' in text
    assert 'href="/review/?reason=split_vote"' in text
    everything = client.get("/review/?reason=nonsense").context["items"]
    assert [item.pk for item in everything] == [split.pk, doubted.pk]
    headers = HTMX | {"HX-Target": "queue"}
    polled = client.get("/review/?reason=checks", headers=headers)
    assert 'hx-get="/review/?reason=checks"' in polled.text


def test_a_filter_whose_last_item_is_gone_says_so(enqueue: Enqueue, alice: User, login: Login) -> None:
    enqueue("split_vote")
    answer = login(alice).get("/review/?reason=checks")
    assert answer.context["items"] == []
    assert "No items of this reason are waiting." in answer.text
