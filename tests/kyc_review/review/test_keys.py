from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.keys import KeysRefused, keys_choose, keys_of

pytestmark = pytest.mark.django_db


def test_only_what_differs_is_stored_per_person(alice: User, bob: User) -> None:
    keys_choose(user=alice, wished={"s": "X", "c": "c"}, is_on=True)
    assert keys_of(alice).chosen == {"s": "x"}
    assert keys_of(bob).chosen == {}


def test_two_keys_can_change_places_but_never_share(alice: User) -> None:
    keys_choose(user=alice, wished={"1": "2", "2": "1"}, is_on=True)
    assert keys_of(alice).chosen == {"1": "2", "2": "1"}
    with pytest.raises(KeysRefused, match="two things"):
        keys_choose(user=alice, wished={"s": "c"}, is_on=True)
    with pytest.raises(KeysRefused, match="no key"):
        keys_choose(user=alice, wished={"s": "abc"}, is_on=True)


def test_pages_carry_the_persons_keys_and_whether_they_are_off(
    login: Callable[[User], Client], alice: User
) -> None:
    browser = login(alice)
    assert "data-keys" not in browser.get("/review/").text
    browser.post("/review/keys/", {"key-s": "x"})
    page = browser.get("/review/").text
    assert 'data-keys="{&quot;s&quot;: &quot;x&quot;}" data-keys-off' in page
    refused = browser.post("/review/keys/", {"key-s": "c", "is_on": "on"})
    assert (refused.status_code, "two things" in refused.text) == (422, True)
