import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts import services
from kyc_review.accounts.integrations.selectors import integrations_listed, keys_listed
from kyc_review.accounts.models import ApiKey, Integration, User
from kyc_review.audit.models import Event
from kyc_review.training.waiting import waiting_count, waiting_for
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
KEY = {"mode": "live", "scopes": ["submissions:read"]}


@pytest.fixture
def admin(client: Client, staff: Callable[..., User]) -> Client:
    client.force_login(staff("ada", "admin"))
    return client


@pytest.fixture
def page(integration: Integration) -> str:
    return f"/integrations/{integration.slug}/"


def shown_key(response: ClientResponse) -> str:
    found = re.search(r"<code>(kyc_\w+?_[\w-]+)</code>", response.content.decode())
    assert found
    return found[1]


def works(key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    return Client().get("/api/v1/submissions", headers=headers).status_code == 200


def test_a_key_is_shown_once_and_works(admin: Client, page: str) -> None:
    response = admin.post(
        page, KEY | {"label": "app", "expires_days": "30", "networks": "127.0.0.1"}, follow=True
    )
    key = shown_key(response)
    assert works(key)
    assert "no-store" in response["Cache-Control"]
    again = admin.get(page).content.decode()
    assert key not in again
    row = ApiKey.objects.get()
    assert row.prefix in again
    assert (row.label, row.scopes, row.networks) == ("app", ["submissions:read"], ["127.0.0.1/32"])
    assert Event.objects.filter(action="key.created", actor_name="ada").exists()


def erases(key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return Client().delete("/api/v1/submissions?applicant_ref=x", headers=headers).status_code


def test_a_key_that_may_erase_needs_another_admin(
    admin: Client,
    page: str,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    settings: LazySettings,
) -> None:
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    key = shown_key(
        admin.post(page, KEY | {"scopes": ["submissions:read", "submissions:erase"]}, follow=True)
    )
    row = ApiKey.objects.get()
    approval = f"/integrations/keys/{row.prefix}/rights-approval/"
    assert (works(key), erases(key)) == (True, 403)
    assert (
        "submissions:erase"
        not in Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).json()["scopes"]
    )
    admin.post(approval)
    assert erases(key) == 403, "not by the one who made it"
    login(staff("rita", "reviewer")).post(approval)
    assert erases(key) == 403, "not by a reviewer"
    other = staff("maya", "admin")
    assert waiting_count(viewer=other) == len([one for one in waiting_for(viewer=other) if one.since]) == 1
    maya = login(other)
    assert "waits for another admin" in maya.get(page).text
    maya.post(approval)
    assert erases(key) == 200
    assert Event.objects.get(action="key.rights_approved").actor_name == "maya"
    maya.post(approval)
    assert Event.objects.filter(action="key.rights_approved").count() == 1
    told = Event.objects.get(action="key.created").detail
    assert (told["scopes"], told["networks"]) == (["submissions:erase", "submissions:read"], [])
    # Who rotates it sees the new key, so that waits again.
    fresh = shown_key(admin.post(f"/integrations/keys/{row.prefix}/rotation/", follow=True))
    assert erases(fresh) == 403
    _, operators = services.key_create(
        integration=Integration.objects.create(slug="other", name="Other"), scopes=["submissions:erase"]
    )
    assert erases(operators) == 200


def test_a_rotated_key_shows_its_successor_and_both_work(admin: Client, page: str) -> None:
    old = shown_key(admin.post(page, KEY, follow=True))
    new = shown_key(admin.post(f"/integrations/keys/{ApiKey.objects.get().prefix}/rotation/", follow=True))
    assert works(old)
    assert works(new)


def test_a_revoked_key_ends_with_the_next_request(admin: Client, page: str) -> None:
    key = shown_key(admin.post(page, KEY, follow=True))
    assert admin.post(f"/integrations/keys/{ApiKey.objects.get().prefix}/revocation/").status_code == 302
    assert not works(key)


def test_an_integration_is_added_and_kept_out(admin: Client) -> None:
    response = admin.post("/integrations/", {"slug": "branch", "name": "Branch"})
    assert response["Location"] == "/integrations/branch/"
    key = shown_key(admin.post("/integrations/branch/", KEY, follow=True))
    admin.post("/integrations/branch/switch/", {"enabled": "off"})
    assert not works(key)
    admin.post("/integrations/branch/switch/", {"enabled": "on"})
    assert works(key)
    assert admin.post("/integrations/", {"slug": "branch", "name": "Again"}).status_code == 422


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"networks": "here"}, {"expires_days": "0"}])
def test_a_wrong_wish_makes_no_key_and_says_why(admin: Client, page: str, wrong: dict) -> None:
    response = admin.post(page, KEY | wrong)
    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_third_key_is_refused_with_the_names_of_the_two(
    admin: Client, integration: Integration, page: str
) -> None:
    prefixes = [services.key_create(integration=integration)[0].prefix for _ in range(2)]
    response = admin.post(page, KEY)
    assert response.status_code == 422
    assert all(prefix in response.content.decode().split('role="alert"')[1][:400] for prefix in prefixes)
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(("role", "reads"), [("reviewer", 403), ("senior", 403), ("auditor", 200)])
def test_other_roles_change_nothing_and_see_what_theirs_allows(
    client: Client, staff: Callable[..., User], integration: Integration, page: str, role: str, reads: int
) -> None:
    key, _ = services.key_create(integration=integration)
    viewer = staff("zoe", role)
    client.force_login(viewer)
    assert (client.get(page).status_code, client.get("/integrations/").status_code) == (reads, reads)
    for path in (page, "/integrations/", f"{page}switch/", f"/integrations/keys/{key.prefix}/revocation/"):
        assert client.post(path, KEY).status_code == 403
    assert client.post(f"/integrations/keys/{key.prefix}/rotation/").status_code == 403
    assert integrations_listed(viewer=viewer).exists() == (reads == 200)
    assert keys_listed(viewer=viewer, integration=integration).exists() == (reads == 200)
    assert ApiKey.objects.get().is_valid


def test_strangers_are_sent_to_the_login(client: Client, page: str) -> None:
    assert client.get(page).status_code == 302


def test_a_key_that_may_fetch_pictures_needs_another_admin(
    admin: Client,
    page: str,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    settings: LazySettings,
) -> None:
    """Admins see no face by themselves, so one of them must not make a key that fetches them all."""
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    key = shown_key(
        admin.post(page, KEY | {"scopes": ["submissions:read", "submissions:pictures"]}, follow=True)
    )
    row = ApiKey.objects.get()

    def scopes() -> list[str]:
        found: list[str] = (
            Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).json()["scopes"]
        )
        return found

    assert scopes() == ["submissions:read"]
    maya = login(staff("maya", "admin"))
    assert "fetch the pictures that were posted" in maya.get(page).text
    maya.post(f"/integrations/keys/{row.prefix}/rights-approval/")
    assert "submissions:pictures" in scopes()
    assert Event.objects.get(action="key.rights_approved").detail["scopes"] == row.scopes
