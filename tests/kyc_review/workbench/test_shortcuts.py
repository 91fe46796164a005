import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from detection.forensics.catalogue import FORENSIC_VIEWS
from kyc_review.accounts.models import User
from kyc_review.review.shortcuts import KEYS, OBSTACLE_KEYS, PART_KEYS, KeysRefused, keys_choose, keys_of

pytestmark = pytest.mark.django_db


def test_only_what_differs_is_stored_per_person(alice: User, bob: User) -> None:
    keys_choose(user=alice, wished={"s": "Q", "c": "c"}, is_on=True)
    assert keys_of(alice).chosen == {"s": "q"}
    assert keys_of(bob).chosen == {}


def test_two_keys_can_change_places_but_never_share(alice: User) -> None:
    keys_choose(user=alice, wished={"1": "2", "2": "1"}, is_on=True)
    assert keys_of(alice).chosen == {"1": "2", "2": "1"}
    with pytest.raises(KeysRefused, match="two things"):
        keys_choose(user=alice, wished={"s": "c"}, is_on=True)
    with pytest.raises(KeysRefused, match="not a valid key"):
        keys_choose(user=alice, wished={"s": "abc"}, is_on=True)


def test_a_capital_is_the_letter_with_shift_for_reasons_alone(alice: User) -> None:
    keys_choose(user=alice, wished={"D": "X", "M": "_", "s": "W", "w": "s"}, is_on=True)
    assert keys_of(alice).chosen == {"D": "X", "M": "_", "s": "w", "w": "s"}
    with pytest.raises(KeysRefused, match="two things"):
        keys_choose(user=alice, wished={"D": "S"}, is_on=True)


def test_every_reason_has_a_key_on_its_chip_and_on_the_page_of_own_keys(
    login: Callable[[User], Client], enqueue: Callable[..., object], alice: User
) -> None:
    enqueue()
    browser = login(alice)
    page = browser.post("/review/items/next/", follow=True).text
    own = browser.get("/review/keys/").text
    for value, label, key in OBSTACLE_KEYS:
        chip = page[page.index(f'name="obstacle" value="{value}"') :][:300]
        shift = "⇧" if key.isupper() else ""
        assert f'data-key="{key}"' in chip
        assert f"<kbd>{shift}{key.upper()}</kbd>" in chip, label
        assert f'name="key-{key}"' in own


def test_pages_carry_the_persons_keys_and_whether_they_are_off(
    login: Callable[[User], Client], alice: User
) -> None:
    browser = login(alice)
    assert "data-keys" not in browser.get("/review/").text
    browser.post("/review/keys/", {"key-s": "q"})
    page = browser.get("/review/").text
    assert 'data-keys="{&quot;s&quot;: &quot;q&quot;}" data-keys-off' in page
    refused = browser.post("/review/keys/", {"key-s": "c", "is_on": "on"})
    assert (refused.status_code, "two things" in refused.text) == (422, True)


def test_keeping_the_zoom_is_a_choice_of_the_person(login: Callable[[User], Client], alice: User) -> None:
    browser = login(alice)
    assert "data-keeps-zoom" not in browser.get("/review/").text
    browser.post("/review/keys/", {"is_on": "on", "keeps_zoom": "on"})
    assert "data-keeps-zoom" in browser.get("/review/").text
    browser.post("/review/keys/", {"is_on": "on"})
    assert "data-keeps-zoom" not in browser.get("/review/").text


def test_a_key_of_the_viewer_or_of_an_obstacle_is_taken_too(alice: User) -> None:
    for own in ("l", "6", "+", "b", "?"):
        with pytest.raises(KeysRefused, match="two things"):
            keys_choose(user=alice, wished={"s": own}, is_on=True)


def test_every_printed_key_can_be_chosen_anew() -> None:
    """Of the desk's templates and panes; Backspace, which removes the last box, is on no sheet."""
    folder = settings.BASE_DIR / "templates"
    printed = set()
    for template in folder.rglob("*.html"):
        printed |= set(re.findall(r'data-(?:for-)?key="([^{"]+)"', template.read_text()))
    assert printed - {"Backspace"} <= set(KEYS)


def test_no_two_controls_have_the_same_key() -> None:
    """A key that is written twice in the table would silently have its last meaning alone."""
    meanings = list(KEYS.values())
    for view in FORENSIC_VIEWS:
        assert KEYS[view.key] == view.title
    for _, label, key in OBSTACLE_KEYS:
        assert KEYS[key] == f"Cannot tell: {label.lower()}"
    for _, label, key in PART_KEYS:
        assert KEYS[key] == f"Fake part: {label.lower()}"
    chips = [key for *_, key in [*OBSTACLE_KEYS, *PART_KEYS]]
    assert len(set(chips)) == len(chips)
    for control in ("Skip", "Turn", "Mirror", "Tone", "Undo what you did last", "Claim the next item"):
        assert control in meanings


def test_the_list_of_keys_names_every_forensic_view(login: Callable[[User], Client], alice: User) -> None:
    page = login(alice).get("/review/").text
    for view in FORENSIC_VIEWS:
        assert f'data-for-key="{view.key}"' in page
