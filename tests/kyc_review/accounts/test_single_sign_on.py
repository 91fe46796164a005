"""Login at a real, certified OpenID Connect provider on loopback."""

import time
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from kyc_review.accounts.models import AdminRequest, Identity, User
from kyc_review.accounts.people.admin_requests import admin_request_open
from kyc_review.audit.models import Event
from kyc_review.core.permissions import Role
from tests.factories.identity_provider import IdentityProvider
from tests.factories.people import PASSWORD
from tests.factories.second_factor import code_at

pytestmark = pytest.mark.django_db
Through = Callable[..., HttpResponse]
START = "/login/single-sign-on/"


def account(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    claims = {"preferred_username": name, "groups": list(groups), "given_name": name.title()}
    return {name: {"claims": claims | more.pop("claims", {})} | more}


def roles_of(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_a_person_with_a_known_group_is_let_in_and_recorded(
    sso: IdentityProvider, through: Through, client: Client
) -> None:
    sso.write(account("alice", "everybody", "kyc-reviewers"))
    answer = through(client, "alice", f"{START}?next=/review/quality/")
    assert (answer.status_code, answer["Location"]) == (302, "/review/quality/")
    assert client.get("/review/quality/").status_code == 200
    alice = User.objects.get(username="alice")
    assert (roles_of("alice"), alice.first_name, alice.has_usable_password()) == (
        {"reviewer"},
        "Alice",
        False,
    )
    assert Identity.objects.get(user=alice).issuer == sso.issuer
    event = Event.objects.get(action="staff.logged_in")
    assert (event.actor_name, event.detail["by"]) == ("alice", "single_sign_on")


def test_the_request_has_state_nonce_and_pkce(sso: IdentityProvider, client: Client) -> None:
    there = client.get(START)["Location"]
    for part in ("state=", "nonce=", "code_challenge=", "code_challenge_method=S256", "response_type=code"):
        assert part in there


def test_roles_follow_the_groups_at_every_login(
    sso: IdentityProvider, through: Through, client: Client
) -> None:
    sso.write(account("alice", "kyc-reviewers", "kyc-seniors"))
    through(client, "alice")
    assert roles_of("alice") == {"reviewer", "senior"}
    sso.write(account("alice", "kyc-reviewers"))
    through(Client(), "alice")
    assert roles_of("alice") == {"reviewer"}
    sso.write(account("alice", "everybody"))
    refused = through(Client(), "alice")
    assert refused.status_code == 403
    assert "none of your groups" in refused.content.decode()
    assert roles_of("alice") == set()
    assert not is_in(client)  # nor in the session that was open


@pytest.mark.parametrize("groups", [(), ("admin",), ("kyc-admins", "kyc-reviewers")])
def test_without_a_clear_role_there_is_no_account(
    sso: IdentityProvider, through: Through, client: Client, groups: tuple[str, ...]
) -> None:
    sso.write(account("eve", *groups))
    assert through(client, "eve").status_code == 403
    assert not User.objects.filter(username="eve").exists()
    assert not is_in(client)


def test_each_refused_login_is_an_event_with_its_reason_and_who_it_was_and_repeats_are_not(
    sso: IdentityProvider, through: Through
) -> None:
    sso.write(account("alice", "kyc-reviewers"))
    through(Client(), "alice")
    refused = account("alice", "everybody") | account("other", "unknown")
    refused |= account("mixed", "kyc-admins", "kyc-reviewers") | account("Alice", "kyc-reviewers")
    sso.write(refused)
    for name in [*refused, *refused]:
        through(Client(), name)
    for _ in range(2):
        Client().get(f"{START}callback/?state=made-up&sub=eve")  # a stranger's; nothing of it is kept
    events = Event.objects.filter(action="staff.login_failed").order_by("pk")
    assert [
        (event.detail.get("subject"), event.detail.get("username"), event.detail["reason"].split(": ")[1])
        for event in events
    ] == [
        ("alice", "alice", "no_role"),
        ("other", None, "no_role"),
        ("mixed", None, "mixed_roles"),
        ("Alice", None, "name_taken"),
        (None, None, "no_such_request"),
    ]
    assert events[2].detail["claimed_name"] == "mixed"


def test_an_admin_by_the_directory_needs_another_admin(
    sso: IdentityProvider, through: Through, client: Client, settings: LazySettings
) -> None:
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    sso.write(account("ada", "kyc-admins"))
    assert "An admin must approve" in through(client, "ada").content.decode()
    assert roles_of("ada") == set()
    request = AdminRequest.objects.get()
    assert (request.person.username, request.state) == ("ada", "open")
    sso.write(account("ada", "kyc-reviewers"))
    through(client, "ada")
    request.refresh_from_db()
    assert (roles_of("ada"), request.state) == ({"reviewer"}, "withdrawn")


def test_the_directory_takes_the_place_of_an_admins_request_for_another_role(
    sso: IdentityProvider,
    through: Through,
    client: Client,
    settings: LazySettings,
    staff: Callable[..., User],
) -> None:
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    sso.write(account("zoe", "kyc-reviewers"))
    through(client, "zoe")
    zoe = User.objects.get(username="zoe")
    asked = admin_request_open(
        person=zoe, act=AdminRequest.Act.ROLE, role=Role.AUDITOR, actor=staff("otto", "admin")
    )
    sso.write(account("zoe", "kyc-admins"))
    through(client, "zoe")
    asked.refresh_from_db()
    row = AdminRequest.objects.get(state="open")
    assert (asked.state, row.role, row.proposed_by) == ("withdrawn", "admin", zoe)


@pytest.mark.parametrize("name", ["Ada", "ada", "acla", "", "two words", "\u0430da"])
def test_a_name_that_is_taken_looks_like_another_or_is_none_is_refused(
    sso: IdentityProvider, through: Through, client: Client, staff: Callable[..., User], name: str
) -> None:
    ada = staff("ada", "admin")
    sso.write(account("eve", "kyc-reviewers", claims={"preferred_username": name}))
    answer = through(client, "eve")
    assert answer.status_code == 403
    said = {
        "ada": "not connected to your login",
        "acla": "The name acla looks like that of another account here",
    }.get(name.lower(), "no name that can be used")
    text = answer.content.decode()
    assert said in text
    assert ("password and connect it" in text) == (name.lower() == "ada")
    assert list(User.objects.all()) == [ada]


def test_a_mail_address_gives_no_one_the_account_of_an_admin(
    sso: IdentityProvider, through: Through, client: Client, staff: Callable[..., User]
) -> None:
    ada = staff("ada", "admin")
    User.objects.filter(pk=ada.pk).update(email="ada@bank.example")
    sso.write(account("eve", "kyc-reviewers", claims={"email": "ada@bank.example", "email_verified": True}))
    through(client, "eve")
    assert client.get("/people/").status_code == 403
    assert int(client.session["_auth_user_id"]) != ada.pk
    assert not Identity.objects.filter(user=ada).exists()


def test_a_renamed_person_keeps_the_account(sso: IdentityProvider, through: Through, client: Client) -> None:
    sso.write(account("alice", "kyc-reviewers"))
    through(client, "alice")
    sso.write(
        account(
            "alice", "kyc-reviewers", claims={"preferred_username": "alice.married", "family_name": "Newname"}
        )
    )
    assert through(Client(), "alice").status_code == 302
    assert User.objects.count() == 1
    assert Event.objects.get(action="staff.renamed").detail == {
        "before": "Alice",
        "after": "Alice Newname",
        "by": "single_sign_on",
    }


def test_a_deactivated_person_is_refused(sso: IdentityProvider, through: Through, client: Client) -> None:
    sso.write(account("alice", "kyc-reviewers"))
    through(client, "alice")
    User.objects.update(is_active=False)
    assert "deactivated" in through(Client(), "alice").content.decode()


def test_logging_out_ends_the_session_at_the_provider_too(
    sso: IdentityProvider, through: Through, client: Client
) -> None:
    sso.write(account("alice", "kyc-reviewers"))
    through(client, "alice")
    answer = client.post("/logout/")
    assert f"{sso.issuer}/session/end?id_token_hint=" in answer.text
    assert not is_in(client)
    assert Event.objects.filter(action="staff.logged_out", actor_name="alice").exists()


def test_a_person_connects_the_account_with_password(
    sso: IdentityProvider, client: Client, alice: User
) -> None:
    sso.write(account("a.lice", "kyc-seniors"))
    client.force_login(alice)
    assert "single-sign-on" not in client.post(f"{START}connect/", {"password": "wrong"}).headers.get(
        "Location", ""
    )
    page = client.post(f"{START}connect/", {"password": PASSWORD}).text
    there = page.split('primary" href="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(sso.visit(there, "a.lice"))["Location"] == "/account/"
    assert Identity.objects.get(user=alice).subject == "a.lice"


def test_passwords_can_be_switched_off(
    sso: IdentityProvider, client: Client, alice: User, settings: LazySettings
) -> None:
    settings.LOCAL_PASSWORDS = False
    page = client.get("/login/").text
    assert "Bank login" in page
    assert 'name="password"' not in page
    assert client.post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 403
    assert not is_in(client)


def test_break_glass_lets_one_in_once_and_a_second_factor_can_be_set_up(
    sso: IdentityProvider, through: Through, client: Client, settings: LazySettings
) -> None:
    settings.LOCAL_PASSWORDS, settings.REQUIRE_SECOND_FACTOR = False, ["admin"]
    sso.write(account("ada", "kyc-admins"))
    through(client, "ada")
    sso.write({})
    printed = StringIO()
    call_command("staff", "break-glass", "ada", stdout=printed)
    link = printed.getvalue().strip().removeprefix("http://testserver")
    emergency = Client()
    assert emergency.get(link).status_code == 200
    assert not is_in(emergency)
    assert emergency.post(link).status_code == 302
    assert emergency.get("/people/")["Location"] == "/account/second-factor/"
    page = emergency.get("/account/second-factor/").text
    secret = page.split('class="secret">')[1].split("<")[0].replace(" ", "")
    emergency.post("/account/second-factor/", {"code": code_at(time.time(), secret)})
    assert emergency.get("/people/").status_code == 200
    assert not is_in(client)
    assert Client().post(link).status_code == 403
    assert Client().post(link[:-2] + "x/").status_code == 403
    assert Event.objects.filter(action="staff.logged_in", detail__by="break_glass").count() == 1


def test_the_operator_connects_an_admin_who_then_keeps_the_role(
    sso: IdentityProvider,
    through: Through,
    client: Client,
    staff: Callable[..., User],
    settings: LazySettings,
) -> None:
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    ada = staff("ada", "admin")
    call_command("staff", "connect", "ada", "4711", stdout=StringIO())
    with pytest.raises(CommandError):
        call_command("staff", "connect", staff("eve", "reviewer").username, "4711", stdout=StringIO())
    sso.write({"4711": account("ada", "kyc-admins")["ada"]})
    assert through(client, "4711").status_code == 302
    assert int(client.session["_auth_user_id"]) == ada.pk
    assert client.get("/people/").status_code == 200


def test_a_provider_that_does_not_answer_is_said(
    sso: IdentityProvider, client: Client, settings: LazySettings
) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    answer = client.get(START)
    assert answer.status_code == 403
    assert "does not answer" in answer.content.decode()


def test_it_is_off_unless_configured(client: Client, db: None) -> None:
    assert client.get(START).status_code == 404
    assert "single-sign-on" not in client.get("/login/").text
