"""Personal tokens: made after password and code, good for the retraining API alone, ended at once."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.models import PersonalToken, User
from kyc_review.accounts.people.selectors import people_listed
from kyc_review.accounts.people.services import password_reissue, person_activate, person_deactivate
from kyc_review.accounts.second_factor import services as factors
from kyc_review.accounts.services import password_change
from kyc_review.accounts.tokens.selectors import tokens_listed
from kyc_review.accounts.tokens.services import (
    VALID_TOKENS_MAX,
    TokenRefused,
    token_create,
    token_revoke,
)
from kyc_review.audit.models import Event
from tests.factories.people import PASSWORD
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
LOOP = "/api/v1/retraining/snapshots"
WISH = {"label": "nightly job", "days": "30", "password": PASSWORD}


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def amir(staff: Callable[..., User]) -> User:
    return staff("amir", "admin")


@pytest.fixture
def token(ada: User) -> str:
    return token_create(owner=ada, label="nightly job", days=30)[1]


def window(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(token: str | None, path: str = LOOP, method: str = "GET") -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client().generic(method, path, headers=headers).status_code


def shown(text: str) -> str:
    found = re.search(r"<code>(kyc_person_[0-9a-f]{12}_[\w-]{43})</code>", text)
    assert found
    return found[1]


def test_somebody_makes_one_with_the_password_and_sees_it_once(ada: User) -> None:
    desk = window(ada)
    answer = desk.post("/account/tokens/", WISH, follow=True)
    made = shown(answer.text)
    assert answer["Cache-Control"].find("no-store") >= 0
    assert asked(made) == 200
    assert made not in desk.get("/account/tokens/").text
    row = PersonalToken.objects.get()
    assert row.digest == key_digest(made)
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    event = Event.objects.get(action="token.created")
    assert (event.actor_name, event.detail["label"]) == ("ada", "nightly job")
    assert made not in str(event.detail)


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"days": "91"}, {"days": "0"}, {"days": ""}, {"label": ""}, {"label": "x" * 61}],
)
def test_what_is_wrong_makes_no_token(ada: User, wrong: dict[str, str]) -> None:
    assert window(ada).post("/account/tokens/", WISH | wrong).status_code == 422
    assert not PersonalToken.objects.exists()


@pytest.mark.parametrize(("chosen", "status"), [("true", 403), ("false", 409)])
def test_it_reads_only_or_does_what_the_role_can(ada: User, chosen: str, status: int) -> None:
    made = shown(window(ada).post("/account/tokens/", WISH | {"is_read_only": chosen}, follow=True).text)
    assert asked(made) == 200
    assert asked(made, method="POST") == status


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_whom_the_api_does_not_answer_gets_no_token(staff: Callable[..., User], role: str) -> None:
    person = staff("person", role)
    assert window(person).post("/account/tokens/", WISH).status_code == 403
    assert "Tokens" not in window(person).get("/account/").text
    with pytest.raises(TokenRefused, match="your role does not"):
        token_create(owner=person, label="of no use", days=1)


def test_an_auditor_has_no_choice_but_to_read(staff: Callable[..., User]) -> None:
    page = window(staff("audrey", "auditor")).get("/account/tokens/").text
    assert "propose" not in page
    assert 'type="hidden" name="is_read_only" value="true"' in page


def test_who_lost_the_role_still_ends_their_token(ada: User, token: str) -> None:
    ada.groups.clear()
    ada.groups.add(Group.objects.get(name="reviewer"))
    row = PersonalToken.objects.get()
    there = window(ada).post(f"/account/tokens/{row.prefix}/revocation/")
    assert there["Location"] == "/account/"
    assert asked(token) == 401


def test_wrong_passwords_lock_as_at_the_login(ada: User) -> None:
    desk = window(ada)
    for _ in range(5):
        desk.post("/account/tokens/", WISH | {"password": "wrong"})
    assert desk.post("/account/tokens/", WISH).status_code == 429
    assert Client().post("/login/", {"username": "ada", "password": PASSWORD}).status_code == 429
    assert not PersonalToken.objects.exists()


def test_who_has_a_second_factor_types_its_code_too(ada: User, clock: list[float]) -> None:
    factors.second_factor_enrol(user=ada, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    desk = window(ada)
    assert 'name="code"' in desk.get("/account/tokens/").text
    assert desk.post("/account/tokens/", WISH).status_code == 422
    assert desk.post("/account/tokens/", WISH | {"code": "000000"}).status_code == 422
    code = code_at(clock[0])
    assert desk.post("/account/tokens/", WISH | {"code": code}).status_code == 302
    assert desk.post("/account/tokens/", WISH | {"code": code}).status_code == 422, "a code counts once"
    assert PersonalToken.objects.count() == 1


def test_without_the_second_factor_that_the_office_asks_for_there_is_no_token(
    ada: User, token: str, settings: LazySettings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = ["admin"]
    with pytest.raises(TokenRefused, match="second factor"):
        token_create(owner=ada, label="another", days=1)
    assert window(ada).get("/account/tokens/")["Location"] == "/account/second-factor/"
    assert asked(token) == 403, "and one that there was waits until there is a second factor"


def test_a_password_that_must_be_changed_comes_first(ada: User, token: str) -> None:
    User.objects.update(must_change_password=True)
    assert asked(token) == 403


@pytest.mark.parametrize("wrong", [None, "", "x", "kyc_person_000000000000_" + "a" * 43])
def test_a_missing_or_unknown_token_is_refused(token: str, wrong: str | None) -> None:
    assert asked(wrong) == 401


def test_a_token_with_one_other_character_is_refused(token: str) -> None:
    assert asked(token[:-1] + ("a" if token[-1] != "a" else "b")) == 401


def test_every_refusal_has_the_same_words(ada: User, token: str) -> None:
    token_revoke(token=PersonalToken.objects.get())
    said = {
        Client().get(LOOP, headers={"Authorization": f"Bearer {sent}"}).json()["detail"]
        for sent in (token, "kyc_person_000000000000_" + "a" * 43, "nonsense")
    }
    assert len(said) == 1


def test_an_expired_token_is_refused(token: str) -> None:
    PersonalToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert asked(token) == 401


def test_the_database_keeps_no_token_beyond_ninety_days(token: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        PersonalToken.objects.update(expires_at=timezone.now() + timedelta(days=91))


def test_its_owner_ends_it_and_nobody_elses(ada: User, amir: User, token: str) -> None:
    row = PersonalToken.objects.get()
    there = f"/account/tokens/{row.prefix}/revocation/"
    assert window(amir).post(there).status_code == 404
    assert asked(token) == 200
    assert window(ada).post(there).status_code == 302
    assert asked(token) == 401
    assert Event.objects.get(action="token.revoked").actor_name == "ada"


def test_an_admin_ends_somebodys_token_and_an_auditor_only_sees_it(
    amir: User, ada: User, token: str, staff: Callable[..., User]
) -> None:
    row = PersonalToken.objects.get()
    page, there = f"/people/{ada.pk}/", f"/people/{ada.pk}/tokens/{row.prefix}/revocation/"
    auditor = window(staff("audrey", "auditor"))
    assert row.prefix in auditor.get(page).text
    assert there not in auditor.get(page).text
    assert auditor.post(there).status_code == 403
    assert asked(token) == 200
    assert window(amir).post(f"/people/{amir.pk}/tokens/{row.prefix}/revocation/").status_code == 404
    assert window(amir).post(there, follow=True).status_code == 200
    assert asked(token) == 401
    event = Event.objects.get(action="token.revoked")
    assert (event.actor_name, event.detail["owner"]) == ("amir", "ada")


def test_who_is_deactivated_has_no_token_any_more_even_when_activated_again(
    ada: User, amir: User, token: str
) -> None:
    person_deactivate(person=ada, actor=amir)
    assert asked(token) == 401
    person_activate(person=ada, actor=amir)
    assert asked(token) == 401


def test_an_account_that_is_off_in_the_database_alone_is_refused(token: str) -> None:
    User.objects.update(is_active=False)
    assert asked(token) == 401


def test_a_password_that_an_admin_made_anew_ends_the_tokens(ada: User, amir: User, token: str) -> None:
    password_reissue(person=ada, actor=amir)
    User.objects.update(must_change_password=False)
    assert asked(token) == 401


def test_a_password_that_its_owner_changed_ends_the_tokens(ada: User, amir: User, token: str) -> None:
    other = token_create(owner=amir, label="stays", days=1)[1]
    password_change(user=ada, password="a-long-new-password-7")
    assert (asked(token), asked(other)) == (401, 200)
    assert Event.objects.filter(action="token.revoked", actor_name="ada").count() == 1


@pytest.mark.parametrize("by_command", [False, True])
def test_a_second_factor_that_was_reset_ends_the_tokens(
    ada: User, amir: User, token: str, clock: list[float], by_command: bool
) -> None:
    factors.second_factor_enrol(user=ada, secret=SECRET, code=code_at(clock[0]))
    assert asked(token) == 200
    if by_command:
        call_command("staff", "reset-second-factor", "ada")
    else:
        factors.second_factor_reset(user=ada, actor=amir)
    assert asked(token) == 401


def test_the_command_ends_all_of_somebodys(ada: User, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("staff", "end-tokens", "ada")
    assert asked(token) == 401
    assert "Done." in capsys.readouterr().out


def test_nobody_has_more_than_five(ada: User, token: str) -> None:
    for _ in range(VALID_TOKENS_MAX - 1):
        token_create(owner=ada, label="more", days=1)
    with pytest.raises(TokenRefused, match="revoke one"):
        token_create(owner=ada, label="more", days=1)
    token_revoke(token=PersonalToken.objects.all()[0])
    token_create(owner=ada, label="more", days=1)


@pytest.mark.parametrize("page", ["/review/", "/account/", "/retraining/", "/people/", "/insights/"])
def test_a_token_opens_no_page(token: str, page: str) -> None:
    assert asked(token, page) == 302


def test_a_token_opens_nothing_that_integrations_do_and_their_keys_nothing_of_the_loop(
    token: str, api_key: str
) -> None:
    for path in ("/api/v1/submissions", "/api/v1/webhook-endpoints"):
        assert asked(token, path) == 401
        assert asked(api_key, path) == 200
    assert asked(api_key) == 401


@pytest.mark.parametrize(("role", "seen"), [("reviewer", 0), ("senior", 0), ("admin", 1), ("auditor", 1)])
def test_others_tokens_are_found_by_those_who_see_people(
    staff: Callable[..., User], ada: User, token: str, role: str, seen: int
) -> None:
    assert tokens_listed(viewer=staff("viewer", role), owner=ada).count() == seen
    assert tokens_listed(viewer=ada, owner=ada).count() == 1


def test_the_list_of_people_counts_valid_tokens(ada: User, amir: User, token: str) -> None:
    for label in ("second", "third"):
        token_create(owner=ada, label=label, days=1)
    token_revoke(token=PersonalToken.objects.earliest("pk"))
    listed = people_listed(viewer=amir)
    counts = {person.username: person.token_count for person in listed}  # type: ignore[attr-defined]
    roles = {person.username: person.role for person in listed}  # type: ignore[attr-defined]
    assert counts == {"ada": 2, "amir": 0}
    assert roles == {"ada": "admin", "amir": "admin"}
    assert "Tokens" in window(amir).get("/people/").text


def test_the_last_use_is_noted(ada: User, token: str) -> None:
    assert asked(token) == 200
    row = PersonalToken.objects.get()
    assert row.last_used_at is not None
    assert f"{row.last_used_at:%Y-%m-%d %H:%M}" in window(ada).get("/account/tokens/").text


def test_a_tokens_requests_are_counted(token: str, settings: LazySettings) -> None:
    settings.API_RATE_PER_MINUTE = 2
    answers = [Client().get(LOOP, headers={"Authorization": f"Bearer {token}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] in ([200, 200, 429], [200, 200, 200])  # a minute ended
    assert answers[0]["RateLimit-Policy"] == '"key";q=2;w=60'
