"""Sessions: idle and absolute time, all others ended by what changes a login, the list, and the events."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor import services as factor
from kyc_review.accounts.sessions.activity import BY_ITSELF, SessionActivity
from kyc_review.accounts.tasks import clear_sessions
from kyc_review.audit.models import Event
from kyc_review.core.valkey import client as valkey
from tests.factories.people import PASSWORD
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
ACCOUNT = "/account/"


def logged_in(name: str = "alice") -> Client:
    client = Client(headers={"User-Agent": "Firefox"})
    assert client.post("/login/", {"username": name, "password": PASSWORD}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def age(field: str, seconds: float) -> None:
    UserSession.objects.update(**{field: timezone.now() - timedelta(seconds=seconds)})


def test_a_session_ends_half_an_hour_after_the_last_act_and_polls_are_none(alice: User) -> None:
    client = logged_in()
    age("last_seen_at", 1500)
    assert client.get(ACCOUNT, headers={BY_ITSELF: "1"}).status_code == 200
    age("last_seen_at", 1700)
    assert is_in(client), "an act"
    age("last_seen_at", 1700)
    assert is_in(client)
    age("last_seen_at", 1801)
    answer = client.get(ACCOUNT)
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/account/")
    assert Event.objects.get(action="staff.session_ended").detail == {"reason": "idle"}


def test_a_session_ends_half_a_day_after_the_login_whatever_is_done_in_it(alice: User) -> None:
    client = logged_in()
    age("created_at", 12 * 3600 - 60)
    assert is_in(client)
    age("created_at", 12 * 3600 + 1)
    assert not is_in(client)


@pytest.mark.parametrize("act", ["password", "enrol", "renew", "turn off", "button"])
def test_what_changes_a_login_ends_every_other_session_and_keeps_its_own(
    act: str, alice: User, clock: list[float]
) -> None:
    if act in ("renew", "turn off"):
        factor.second_factor_enrol(user=alice, secret=SECRET, code=code_at(clock[0]))
        clock[0] += 60
    mine, other = Client(), Client()
    for client in (mine, other):
        client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        assert is_in(client)
    new = {"old_password": PASSWORD, "new_password1": "quite-Long-3", "new_password2": "quite-Long-3"}
    code = {"password": PASSWORD, "code": code_at(clock[0])}
    if act == "enrol":
        secret = mine.get("/account/second-factor/").context["secret"].replace(" ", "")
        code["code"] = code_at(clock[0], secret)
    path, fields = {
        "password": ("password/", new),
        "enrol": ("second-factor/", code),
        "renew": ("second-factor/recovery-codes/", code),
        "turn off": ("second-factor/end/", code),
        "button": ("sessions/end/", {}),
    }[act]
    began = UserSession.objects.order_by("pk").first()
    answer = mine.post(ACCOUNT + path, fields)
    assert answer.status_code == 302, answer.text
    assert is_in(mine)
    assert not is_in(other)
    kept = UserSession.objects.get(pk=began.pk if began else 0)
    assert kept.session_key == mine.session.session_key, "its time goes on"


@pytest.mark.parametrize("path", ["recovery-codes/", "end/"])
def test_the_second_factor_cannot_be_renewed_or_ended_with_the_password_alone(
    path: str, alice: User, clock: list[float], login: Callable[[User], Client]
) -> None:
    factor.second_factor_enrol(user=alice, secret=SECRET, code=code_at(clock[0]))
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(f"/account/second-factor/{path}", {"password": PASSWORD})
    assert answer.status_code == 422
    assert not Event.objects.filter(action__in=("staff.recovery_codes_renewed", "staff.second_factor_ended"))


def test_a_reset_by_an_admin_ends_all_sessions(alice: User, staff: Callable, clock: list[float]) -> None:
    factor.second_factor_enrol(user=alice, secret=SECRET, code=code_at(clock[0]))
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert is_in(client)
    factor.second_factor_reset(user=alice, actor=staff("ada", "admin"))
    assert not is_in(client)


def test_the_account_page_lists_the_sessions(alice: User) -> None:
    client = logged_in()
    other = logged_in()
    page = client.get(ACCOUNT).text
    assert page.count("Firefox") == 2
    assert page.count("this session") == 1
    other.post("/logout/")
    assert client.get(ACCOUNT).text.count("Firefox") == 1


def test_rows_of_sessions_that_are_over_are_deleted(alice: User) -> None:
    logged_in()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    clear_sessions()
    assert not Session.objects.exists()
    assert not UserSession.objects.exists()


def test_an_issued_password_cannot_stay_and_the_lock_holds_on_the_password_page(alice: User) -> None:
    client = logged_in()
    same = {"old_password": PASSWORD, "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert "differs" in client.post("/account/password/", same).text
    other = {"old_password": "wrong", "new_password1": "quite-Long-3", "new_password2": "quite-Long-3"}
    assert [client.post("/account/password/", other).status_code for _ in range(4)] == [422] * 4
    client.post("/account/password/", other)
    right = client.post("/account/password/", other | {"old_password": PASSWORD})
    assert right.status_code == 429
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_failed_logins_and_logouts_are_events_and_strangers_do_not_fill_the_log(alice: User) -> None:
    for _ in range(20):
        Client().post("/login/", {"username": "alice", "password": "wrong"}, REMOTE_ADDR="198.51.100.7")
    found = Event.objects.filter(action__in=("staff.login_failed", "staff.locked_out"))
    assert sorted(event.action for event in found) == ["staff.locked_out", "staff.login_failed"]
    assert all(event.detail == {"username": "alice", "address": "198.51.100.7"} for event in found)
    logged_in().post("/logout/")
    assert Event.objects.get(action="staff.logged_out").actor_name == "alice"


def test_a_name_that_nobody_has_is_not_kept_for_it_may_be_a_password(alice: User) -> None:
    for name in ("correct-horse-battery", "hunter2"):
        Client().post("/login/", {"username": name, "password": "x"}, REMOTE_ADDR="198.51.100.7")
    [found] = Event.objects.filter(action="staff.login_failed")
    assert found.detail == {"is_unknown": True, "address": "198.51.100.7"}
    assert not [key for key in valkey().keys("login-event*") if b"hunter2" in key]


def test_a_request_that_read_the_session_before_another_ended_it_is_not_served(alice: User) -> None:
    client = logged_in()
    request = RequestFactory().get(ACCOUNT)
    request.COOKIES["sessionid"] = key = client.session.session_key or ""
    request.session = SessionStore(key)
    request.session.load()
    request.user = alice
    Session.objects.all().delete()
    UserSession.objects.all().delete()
    SessionActivity(lambda _: HttpResponse())(request)
    assert not request.user.is_authenticated
    assert not UserSession.objects.exists()


def test_an_address_that_tries_many_names_has_to_wait(alice: User, settings: LazySettings) -> None:
    settings.LOGIN_ADDRESS_FAILURES_MAX = 6
    for number in range(6):
        said = {"username": f"name-{number}", "password": "wrong"}
        assert Client().post("/login/", said, REMOTE_ADDR="198.51.100.7").status_code == 200
    right = {"username": "alice", "password": PASSWORD}
    assert Client().post("/login/", right, REMOTE_ADDR="198.51.100.7").status_code == 429
    assert Client().post("/login/", right, REMOTE_ADDR="198.51.100.8").status_code == 302
