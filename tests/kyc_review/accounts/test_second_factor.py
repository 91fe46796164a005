"""The code after the password: enrolling, the login's second step, replay, guessing, recovery, duty, reset."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor import codes, services
from kyc_review.accounts.second_factor.selectors import Checked, own_factor
from kyc_review.accounts.second_factor.services import FactorRefused
from kyc_review.audit.models import Event
from tests.factories.people import PASSWORD
from tests.factories.responses import ClientResponse
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def enrolled(alice: User, clock: list[float]) -> list[str]:
    """alice has a second factor; her recovery codes."""
    codes = services.second_factor_enrol(user=alice, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    return codes


def password_step(client: Client, name: str = "alice", password: str = PASSWORD) -> ClientResponse:
    return client.post("/login/", {"username": name, "password": password})


def test_the_reference_gives_the_vectors_of_the_rfc() -> None:
    assert [code_at(at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_password_alone_lets_nobody_in_who_has_a_second_factor(
    enrolled: list[str], clock: list[float]
) -> None:
    client = Client()
    assert password_step(client)["Location"] == "/login/code/"
    assert client.get("/review/").status_code == 302
    assert "Second factor" in client.get("/login/code/").text
    answer = client.post("/login/code/", {"code": code_at(clock[0])})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/review/").status_code == 200
    event = Event.objects.get(action="staff.logged_in")
    assert event.detail["second_factor"] == "totp"


def test_the_product_takes_the_codes_of_the_rfc_and_its_neighbours(clock: list[float]) -> None:
    for moment in (1111111109, 1234567890, 20000000000):
        clock[0] = moment
        steps = [codes.matching_step(SECRET, code_at(moment + shift)) for shift in (-60, -30, 0, 30, 60)]
        assert steps == [None, *(moment // 30 + step for step in (-1, 0, 1)), None]


def test_recovery_codes_may_be_typed_with_blanks_and_dashes_and_count_once(
    alice: User, enrolled: list[str], clock: list[float]
) -> None:
    first, second = enrolled[:2]
    assert services.code_check(user=alice, code=first.replace(" ", "-")) is Checked.RECOVERY_CODE
    assert services.code_check(user=alice, code=first) is Checked.REFUSED
    assert services.code_check(user=alice, code=f" {second} ") is Checked.RECOVERY_CODE
    factor = own_factor(viewer=alice)
    assert factor is not None
    assert factor.codes_left == len(enrolled) - 2


def test_the_way_on_survives_both_steps(enrolled: list[str], clock: list[float]) -> None:
    client = Client()
    client.post("/login/", {"username": "alice", "password": PASSWORD, "next": "/review/keys/"})
    assert client.post("/login/code/", {"code": code_at(clock[0])})["Location"] == "/review/keys/"


def test_a_code_counts_once_and_an_older_one_never_after_it(
    alice: User, enrolled: list[str], clock: list[float]
) -> None:
    now = code_at(clock[0])
    assert services.code_check(user=alice, code=now) is Checked.TOTP
    assert services.code_check(user=alice, code=now) is Checked.REFUSED
    assert services.code_check(user=alice, code=code_at(clock[0] - 30)) is Checked.REFUSED
    assert services.code_check(user=alice, code=code_at(clock[0] + 30)) is Checked.TOTP


def test_a_recovery_code_counts_once(alice: User, enrolled: list[str]) -> None:
    assert len(set(enrolled)) == 10
    assert services.code_check(user=alice, code=enrolled[3]) is Checked.RECOVERY_CODE
    assert services.code_check(user=alice, code=enrolled[3]) is Checked.REFUSED
    assert services.code_check(user=alice, code=enrolled[4].replace(" ", "")) is Checked.RECOVERY_CODE


def test_wrong_codes_lock_the_name_for_that_address_like_wrong_passwords(
    enrolled: list[str], clock: list[float]
) -> None:
    client = Client()
    password_step(client)
    tries = [client.post("/login/code/", {"code": "000000"}).status_code for _ in range(5)]
    assert tries == [422] * 4 + [429]
    assert client.post("/login/code/", {"code": code_at(clock[0])}).status_code == 429
    assert password_step(Client()).status_code == 429
    assert Event.objects.filter(action="staff.code_refused").count() == 5
    elsewhere = Client(REMOTE_ADDR="198.51.100.8")
    password_step(elsewhere)
    assert elsewhere.post("/login/code/", {"code": code_at(clock[0])}).status_code == 302


def test_ten_wrong_codes_from_many_addresses_stop_all_codes_until_the_lock_ends(
    alice: User, enrolled: list[str], clock: list[float], settings: LazySettings
) -> None:
    for number in range(10):
        client = Client(REMOTE_ADDR=f"198.51.100.{number}")
        password_step(client)
        client.post("/login/code/", {"code": "000000"})
    assert services.code_check(user=alice, code=code_at(clock[0])) is Checked.PAUSED
    clock[0] += settings.LOGIN_LOCK_S + 30
    assert services.code_check(user=alice, code=code_at(clock[0])) is Checked.TOTP


def test_a_failed_attempt_stores_neither_code_nor_password(enrolled: list[str]) -> None:
    from axes.models import AccessAttempt

    client = Client()
    password_step(client)
    client.post("/login/code/", {"code": "123456"})
    stored = AccessAttempt.objects.get().post_data
    assert "123456" not in stored


@pytest.mark.parametrize("what", ["late", "password", "inactive"])
def test_the_half_open_login_ends_when_it_must(
    alice: User, enrolled: list[str], clock: list[float], what: str
) -> None:
    client = Client()
    password_step(client)
    if what == "late":
        clock[0] += 301
    elif what == "password":
        alice.set_password("another long password")
        alice.save()
    else:
        User.objects.update(is_active=False)
    assert client.post("/login/code/", {"code": code_at(clock[0])})["Location"] == "/login/"
    assert client.get("/review/").status_code == 302


def test_the_secret_and_the_seed_are_sealed_at_rest(enrolled: list[str]) -> None:
    for row in Authenticator.objects.all():
        text = str(row.data)
        assert SECRET not in text
        assert re.search(r"gAAAAA", text)


def test_somebody_sets_one_up_with_app_code_and_password(alice: User, clock: list[float]) -> None:
    client = Client()
    password_step(client)
    page = client.get("/account/second-factor/").text
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found
    secret = found[1].replace(" ", "")
    picture = client.get("/account/second-factor/qr.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert "<script" not in picture.text
    assert "style=" not in picture.text
    wrong = client.post("/account/second-factor/", {"code": code_at(clock[0], secret), "password": "wrong"})
    assert wrong.status_code == 422
    assert client.post("/account/second-factor/", {"code": "000000", "password": PASSWORD}).status_code == 422
    assert not Authenticator.objects.exists()
    right = {"code": code_at(clock[0], secret), "password": PASSWORD}
    assert client.post("/account/second-factor/", right).status_code == 302
    done = client.post("/account/second-factor/", right, follow=True)  # clicked twice
    assert len(re.findall(r"<li><code>\d{4} \d{4}</code>", done.text)) == 10
    assert "<code>" not in client.get("/account/second-factor/").text
    assert client.get("/account/second-factor/qr.svg").status_code == 404
    assert Event.objects.filter(action="staff.second_factor_enrolled", actor_name="alice").count() == 1


def test_ending_and_new_codes_ask_for_password_and_code(
    alice: User, enrolled: list[str], clock: list[float]
) -> None:
    client = Client()
    client.force_login(alice)
    both = {"password": PASSWORD, "code": code_at(clock[0])}
    for page in ("end/", "recovery-codes/"):
        for wrong in ({"password": "wrong"}, {"code": "000000"}):
            assert client.post(f"/account/second-factor/{page}", both | wrong).status_code == 422
    answer = client.post("/account/second-factor/recovery-codes/", both, follow=True)
    renewed = answer.text
    assert len(re.findall(r"<code>\d{4} \d{4}</code>", renewed)) == 10
    assert not any(code in renewed for code in enrolled)
    assert services.code_check(user=alice, code=enrolled[0]) is Checked.REFUSED
    clock[0] += 30
    both["code"] = code_at(clock[0])
    assert client.post("/account/second-factor/end/", both).status_code == 302
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("asked", [["reviewer", "admin"], ["all"]])
def test_a_required_factor_comes_before_everything_else(
    alice: User, settings: LazySettings, clock: list[float], asked: list[str]
) -> None:
    settings.REQUIRE_SECOND_FACTOR = asked
    client = Client()
    password_step(client)
    for page in ("/review/", "/account/", "/review/keys/"):
        assert client.get(page)["Location"] == "/account/second-factor/"
    assert client.get("/review/", headers={"HX-Request": "true"})["HX-Redirect"] == "/account/second-factor/"
    page = client.get("/account/second-factor/").text
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")  # type: ignore[index]
    client.post("/account/second-factor/", {"code": code_at(clock[0], secret), "password": PASSWORD})
    assert client.get("/review/").status_code == 200
    assert client.post("/account/second-factor/end/", {"password": PASSWORD}).status_code == 422
    with pytest.raises(FactorRefused):
        services.second_factor_require(user=alice, is_asked=False)


def test_other_roles_go_on_without_one(alice: User, settings: LazySettings) -> None:
    settings.REQUIRE_SECOND_FACTOR = ["admin"]
    client = Client()
    password_step(client)
    assert client.get("/review/").status_code == 200


def test_one_person_can_be_asked(alice: User, bob: User) -> None:
    services.second_factor_require(user=alice, is_asked=True, actor=bob)
    client = Client()
    password_step(client)
    assert client.get("/review/").status_code == 302
    assert Event.objects.get(action="staff.second_factor_required").actor_name == "bob"


def test_a_password_that_somebody_else_made_must_be_changed_first(alice: User) -> None:
    User.objects.update(must_change_password=True)
    client = Client()
    password_step(client)
    assert client.get("/review/")["Location"] == "/account/password/"
    own = "another long password"
    said = {"old_password": PASSWORD, "new_password1": own, "new_password2": own}
    assert client.post("/account/password/", said | {"old_password": "wrong"}).status_code == 422
    assert client.post("/account/password/", said)["Location"] == "/"
    assert client.get("/review/").status_code == 200
    assert password_step(Client(), password=own).status_code == 302


def test_a_change_of_the_password_asks_for_the_second_factor(
    alice: User, enrolled: list[str], clock: list[float]
) -> None:
    clock[0] += 60
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    own = "another long password"
    said = {"old_password": PASSWORD, "new_password1": own, "new_password2": own}
    assert 'name="code"' in client.get("/account/password/").text
    for wrong in ({}, {"code": "000000"}):
        refused = client.post("/account/password/", said | wrong)
        assert (refused.status_code, "code" in refused.text) == (422, True)
    now = code_at(clock[0])
    unlike = client.post("/account/password/", said | {"new_password2": "x", "code": now})
    assert unlike.status_code == 422
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)
    assert client.post("/account/password/", said | {"code": now}).status_code == 302  # it was not used up
    assert User.objects.get(pk=alice.pk).check_password(own)


def test_the_command_resets_a_lost_factor_and_ends_locks(
    alice: User, enrolled: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    services.code_check(user=alice, code="000000")
    call_command("staff", "unlock", "alice")
    call_command("staff", "reset-second-factor", "alice")
    assert not Authenticator.objects.exists()
    assert capsys.readouterr().out.count("Done.") == 2
    assert Event.objects.filter(action__in=["staff.unlocked", "staff.second_factor_reset"]).count() == 2


def test_a_factor_sealed_with_another_key_says_so(enrolled: list[str], settings: LazySettings) -> None:
    settings.SECRET_KEY = "another key of this process, long enough to sign"
    client = Client()
    password_step(client)
    assert "is unreadable" in client.post("/login/code/", {"code": "123456"}).text


def test_no_page_of_allauth_is_routed(client: Client, staff: Callable[..., User]) -> None:
    for page in ("accounts/login/", "accounts/signup/", "accounts/2fa/", "accounts/"):
        assert client.get(f"/{page}").status_code == 404
