"""Login at a real, certified OpenID Connect provider on loopback."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from authlib.integrations.django_client import DjangoOAuth2App
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from joserfc.jwk import OctKey, RSAKey

from kyc_review.accounts.models import AdminRequest, Identity, User
from kyc_review.accounts.people.admin_requests import admin_request_open
from kyc_review.accounts.single_sign_on import services as single_sign_on
from kyc_review.accounts.single_sign_on.client import Answer
from kyc_review.accounts.single_sign_on.services import person_admit
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


@pytest.mark.parametrize("name", ["Ada", "ada", "", "two words", "\u0430da"])
def test_a_name_that_is_taken_looks_like_another_or_is_none_is_refused(
    sso: IdentityProvider, through: Through, client: Client, staff: Callable[..., User], name: str
) -> None:
    ada = staff("ada", "admin")
    sso.write(account("eve", "kyc-reviewers", claims={"preferred_username": name}))
    answer = through(client, "eve")
    assert answer.status_code == 403
    said = (
        "not connected to your login"
        if name.isascii() and name.lower() == "ada"
        else "no name that can be used"
    )
    assert said in answer.content.decode()
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
    sso.write(account("alice", "kyc-reviewers", claims={"preferred_username": "alice.married"}))
    assert through(Client(), "alice").status_code == 302
    assert User.objects.count() == 1


def test_a_deactivated_person_is_refused(sso: IdentityProvider, through: Through, client: Client) -> None:
    sso.write(account("alice", "kyc-reviewers"))
    through(client, "alice")
    User.objects.update(is_active=False)
    assert "deactivated" in through(Client(), "alice").content.decode()


class TestAttacks:
    def test_the_callback_counts_once_and_only_where_it_was_begun(
        self, sso: IdentityProvider, client: Client
    ) -> None:
        sso.write(account("alice", "kyc-reviewers"))
        back = sso.visit(client.get(START)["Location"], "alice")
        assert Client().get(back).status_code == 403  # another browser
        assert client.get(back).status_code == 302
        other = Client()
        state = other.get(START)["Location"].split("state=")[1].split("&")[0]
        code = back.split("code=")[1].split("&")[0]
        replayed = f"{START}callback/?code={code}&state={state}"
        assert other.get(replayed).status_code == 403  # the provider and PKCE refuse the code
        assert client.get(back).status_code == 403
        assert not is_in(other)

    @pytest.mark.parametrize("answer", ["", "&code=", "&code=%00", "&error=", "&code=a&code=b"], ids=str)
    def test_a_callback_without_a_usable_code_is_refused(
        self, sso: IdentityProvider, client: Client, answer: str
    ) -> None:
        state = client.get(START)["Location"].split("state=")[1].split("&")[0]
        assert client.get(f"{START}callback/?state={state}{answer}").status_code == 403

    @pytest.mark.parametrize(
        "groups", [[["kyc-reviewers"]], [{"a": 1}, None, 3], {"kyc-reviewers": 1}, 7], ids=str
    )
    def test_groups_of_another_kind_give_no_role(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, groups: Any
    ) -> None:
        assert _with_token(sso, client, monkeypatch, {"groups": groups}).status_code == 403
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"aud": "another-client"},
            {"aud": "another-client", "azp": "kyc-review"},
            {"nonce": "of-another-login"},
            {"nonce": None},
            {"exp": 1_700_000_000},
            {"sub": ""},
        ],
        ids=str,
    )
    def test_a_token_with_a_wrong_claim_is_refused(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any]
    ) -> None:
        assert _with_token(sso, client, monkeypatch, claims).status_code == 403
        assert not is_in(client)

    @pytest.mark.parametrize("kind", ["other key", "none", "shared secret"])
    def test_a_token_that_the_provider_did_not_sign_is_refused(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        key: Any = {
            "other key": lambda: RSAKey.generate_key(2048),
            "none": lambda: OctKey.import_key("x" * 32),
            "shared secret": lambda: OctKey.import_key("only-for-tests" * 3),
        }[kind]()
        alg = {"other key": "RS256", "none": "none", "shared secret": "HS256"}[kind]
        assert _with_token(sso, client, monkeypatch, {}, key=key, alg=alg).status_code == 403
        assert not is_in(client)

    def test_the_same_token_rightly_signed_is_accepted(
        self, sso: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise the tests above would prove nothing."""
        assert _with_token(sso, client, monkeypatch, {}).status_code == 302
        assert is_in(client)


@pytest.mark.django_db(transaction=True)
def test_two_first_logins_at_the_same_moment_make_one_account(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_ISSUER, settings.OIDC_ROLES = "https://id.bank.example", {"kyc-reviewers": "reviewer"}
    claims = {"sub": "7", "preferred_username": "alice", "groups": ["kyc-reviewers"]}
    answer = Answer(claims=claims, purpose="login", there="/", asked_at=0.0, id_token="")
    create = single_sign_on._person_create

    def created_slowly(answer: Answer, roles: set[Role]) -> User:
        time.sleep(0.3)  # both have looked for the person, if they can
        return create(answer, roles)

    monkeypatch.setattr(single_sign_on, "_person_create", created_slowly)

    def admitted(_: int) -> str:
        try:
            return person_admit(answer=answer)[0].username
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(admitted, range(2))) == ["alice", "alice"]
    assert (User.objects.count(), Identity.objects.count()) == (1, 1)


def _with_token(
    sso: IdentityProvider,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, Any],
    **signed: Any,
) -> HttpResponse:
    """The callback, where the provider's token end answers with this token for eve, a reviewer."""
    there = client.get(START)["Location"]
    state, nonce = (there.split(f"{name}=")[1].split("&")[0] for name in ("state", "nonce"))
    said = {"nonce": nonce, "preferred_username": "eve", "groups": ["kyc-reviewers"]} | claims
    said = {name: value for name, value in said.items() if value is not None}
    token = {"id_token": sso.forged(said, **signed), "token_type": "Bearer"}
    monkeypatch.setattr(DjangoOAuth2App, "fetch_access_token", lambda *_, **__: token)
    return client.get(f"{START}callback/?code=x&state={state}")  # type: ignore[return-value]


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _counts(self, settings: LazySettings) -> None:
        settings.OIDC_SECOND_FACTOR, settings.REQUIRE_SECOND_FACTOR = ["amr:mfa", "acr:gold"], ["senior"]

    @pytest.mark.parametrize(
        ("said", "counts"),
        [({"amr": ["pwd", "mfa"]}, True), ({"acr": "gold"}, True), ({"amr": ["pwd"]}, False), ({}, False)],
    )
    def test_the_factor_of_the_provider_counts_where_it_says_so(
        self, sso: IdentityProvider, through: Through, client: Client, said: dict[str, Any], counts: bool
    ) -> None:
        sso.write(account("sam", "kyc-seniors", **said))
        assert through(client, "sam").status_code == 302
        answer = client.get("/review/")
        assert (answer.status_code == 200) is counts
        assert counts or answer["Location"] == "/account/second-factor/"

    def test_a_new_login_there_confirms_who_asks(
        self, sso: IdentityProvider, through: Through, client: Client
    ) -> None:
        sso.write(account("sam", "kyc-seniors", amr=["mfa"]) | account("eve", "kyc-seniors", amr=["mfa"]))
        through(client, "sam")
        fields = {"password": PASSWORD, "code": "000000"}
        assert "Confirm at your identity provider" in client.post("/account/second-factor/", fields).text
        there = client.get(f"{START}confirm/?next=/account/second-factor/")["Location"]
        assert "prompt=login" in there
        assert "max_age=0" in there
        assert client.get(sso.visit(there, "eve")).status_code == 403
        answer = through(client, "sam", f"{START}confirm/?next=/account/second-factor/")
        assert answer["Location"] == "/account/second-factor/"
        assert "Incorrect code" in client.post("/account/second-factor/", fields).text
        assert client.get("/account/password/").status_code == 403

    def test_each_approval_needs_a_new_login_there_with_the_factor(
        self,
        sso: IdentityProvider,
        through: Through,
        client: Client,
        staff: Callable[..., User],
        settings: LazySettings,
    ) -> None:
        sso.write(account("ada", "kyc-admins", amr=["mfa"]))
        through(client, "ada")
        settings.APPROVER_SECOND_FACTOR = settings.ADMIN_ACCESS_NEEDS_TWO = True
        amir = staff("amir", "admin")
        requests = [
            admin_request_open(person=staff(name, "reviewer"), act=AdminRequest.Act.ROLE, actor=amir)
            for name in ("bert", "carla")
        ]

        def approve(request: AdminRequest) -> str:
            client.post(f"/people/requests/{request.pk}/approval/")
            request.refresh_from_db()
            return request.state

        assert approve(requests[0]) == "open"
        sso.write(account("ada", "kyc-admins", amr=["pwd"]))
        through(client, "ada", f"{START}confirm/?next=/people/")
        assert approve(requests[0]) == "open"
        sso.write(account("ada", "kyc-admins", amr=["mfa"]))
        through(client, "ada", f"{START}confirm/?next=/people/")
        assert approve(requests[0]) == "approved"
        assert approve(requests[1]) == "open"

    def test_an_old_login_there_confirms_nothing(
        self, sso: IdentityProvider, through: Through, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sso.write(account("sam", "kyc-seniors", amr=["mfa"]))
        through(client, "sam")
        there = client.get(f"{START}confirm/")["Location"]
        state, nonce = (there.split(f"{name}=")[1].split("&")[0] for name in ("state", "nonce"))
        for auth_time in (int(time.time()) - 3600, None):
            claims: dict[str, Any] = {"sub": "sam", "nonce": nonce, "groups": [], "auth_time": auth_time}
            said = {name: value for name, value in claims.items() if value is not None}
            token = {"id_token": sso.forged(said), "token_type": "Bearer"}
            monkeypatch.setattr(DjangoOAuth2App, "fetch_access_token", lambda *_, token=token, **__: token)
            answer = client.get(f"{START}callback/?code=x&state={state}")
            assert answer.status_code == 403
        assert "confirmed_at_provider" not in client.session


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
