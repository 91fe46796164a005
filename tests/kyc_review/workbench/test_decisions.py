"""Deciding on an item's page, with and without scripts."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from tests.factories.claims import expire
from tests.factories.pages import collapsed
from tests.factories.workbench import decide, url

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


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


@pytest.mark.parametrize("regions", ["x" * 5, "[" * 5000, f"[{','.join(['1'] * 21)}]"])
def test_regions_that_cannot_be_taken_hold_up_fake_only(
    claimed: ReviewItem, login: Login, alice: User, regions: str
) -> None:
    client = login(alice)
    assert decide(client, claimed, HTMX, regions=regions).status_code == 422
    assert decide(client, claimed, HTMX, label="real", regions=regions).status_code == 200
    assert (Decision.objects.get().label, Decision.objects.get().regions) == ("real", [])


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


@pytest.mark.parametrize("page", ["decision", "first-call", "correction"])
@pytest.mark.parametrize(
    ("field", "values"), [("label", ["fake", "real"]), ("label", ["real", "real"]), ("note", ["a", "b"])]
)
def test_a_field_with_two_values_is_refused_by_name_and_nothing_is_recorded(
    claimed: ReviewItem, login: Login, alice: User, page: str, field: str, values: list[str]
) -> None:
    sent = {"shown_item": str(claimed.pk), "label": "fake"} | {field: values}
    answer = login(alice).post(url(page, claimed), sent)
    assert answer.status_code == 400
    assert f"The field `{field}` occurs more than once. Send it once." in answer.text
    assert not Decision.objects.exists()
    assert not FirstCall.objects.exists()


def test_several_parts_and_methods_are_several_values(claimed: ReviewItem, login: Login, alice: User) -> None:
    parts, methods = list(Decision.Part)[:2], list(Decision.Method)[:2]
    sent = {"shown_item": str(claimed.pk), "label": "fake", "parts": parts, "methods": methods}
    login(alice).post(url("decision", claimed), sent)
    made = Decision.objects.get()
    assert (made.parts, made.methods) == (parts, methods)
