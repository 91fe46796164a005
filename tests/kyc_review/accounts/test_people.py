"""The people page: who may look, who may change, and what no admin can do to himself."""

import io
import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.people import services
from kyc_review.accounts.people.selectors import locks_of, people_listed
from kyc_review.accounts.people.services import PeopleRefused
from kyc_review.accounts.second_factor.codes import secret_new
from kyc_review.audit.models import Event
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from tests.factories.pages import collapsed
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
CHANGES = ("role/", "activation/", "password/", "lock/", "second-factor/", "second-factor/duty/")


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def desk(ada: User) -> Client:
    """ada's window."""
    client = Client()
    client.force_login(ada)
    return client


def actions() -> QuerySet[Event, str]:
    return Event.objects.filter(action__startswith="staff.").values_list("action", flat=True)


def test_without_a_terminal_staff_add_says_how_to_give_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe it must be asked for\n"))
    with pytest.raises(CommandError, match="--password-stdin"):
        call_command("staff", "add", "zoe", "--role", "reviewer")
    assert not User.objects.filter(username="zoe").exists()


def give_factor(user: User) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": secret_new()})


@pytest.mark.parametrize(("role", "seen"), [("reviewer", 0), ("senior", 0), ("admin", 2), ("auditor", 2)])
def test_only_admins_and_auditors_find_people(
    staff: Callable[..., User], alice: User, role: str, seen: int
) -> None:
    viewer = staff("viewer", role)
    assert people_listed(viewer=viewer).count() == seen
    for _ in range(5):
        Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert len(locks_of(viewer=viewer, person=alice)) == bool(seen)


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_nobody_but_admins_changes_anybody(staff: Callable[..., User], alice: User, role: str) -> None:
    client = Client()
    client.force_login(staff("curious", role))
    before = list(actions())
    for change in CHANGES:
        assert client.post(f"/people/{alice.pk}/{change}", {"role": "admin"}).status_code == 403
    assert client.post("/people/", {"username": "eve", "role": "admin"}).status_code == 403
    assert (list(actions()), User.objects.count()) == (before, 2)


def test_an_auditor_looks_and_finds_nothing_to_press(staff: Callable[..., User], alice: User) -> None:
    client = Client()
    client.force_login(staff("audrey", "auditor"))
    for page in ("/people/", f"/people/{alice.pk}/"):
        text = client.get(page).text
        assert "alice" in text
        assert '<form method="post" action="/people/' not in text
        assert "Add person" not in text


def test_a_new_person_gets_a_password_once_and_changes_it_first(desk: Client) -> None:
    new = {"username": "rosa", "first_name": "Rosa", "last_name": "Luz", "role": "senior"}
    page = desk.post("/people/", new, follow=True)
    found = re.search(r"<code>([a-z2-9-]{19})</code>", page.text)
    assert found
    rosa = User.objects.get(username="rosa")
    assert rosa.has_role("senior")
    assert found[1] not in desk.get(f"/people/{rosa.pk}/").text
    client = Client()
    assert client.post("/login/", {"username": "rosa", "password": found[1]}).status_code == 302
    assert client.get("/review/")["Location"] == "/account/password/"
    assert "staff.created" in actions()
    assert desk.post("/people/", {"username": "rosa", "role": "senior"}).status_code == 422


def test_a_deactivated_reviewer_is_out_at_once_and_the_claim_is_free(
    desk: Client,
    alice: User,
    claimed: ReviewItem,
) -> None:
    hers = Client()
    hers.force_login(alice)
    assert hers.get("/review/").status_code == 200
    for _ in range(2):  # pressed twice, it does not turn back
        desk.post(f"/people/{alice.pk}/activation/", {"enabled": "off"})
    assert hers.get("/review/").status_code == 302
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 200
    claimed.refresh_from_db()
    assert (claimed.state, claimed.claimed_by) == ("open", None)
    assert Event.objects.get(action="staff.deactivated").detail == {"claims_released": 1}
    assert desk.post(f"/people/{alice.pk}/activation/").status_code == 400
    desk.post(f"/people/{alice.pk}/activation/", {"enabled": "on"})
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 302


def test_a_reviewer_made_auditor_gives_back_what_was_handed_over(
    ada: User,
    alice: User,
    claimed: ReviewItem,
) -> None:
    services.role_change(person=alice, role="auditor", actor=ada)
    claimed.refresh_from_db()
    assert claimed.state == "open"
    event = Event.objects.get(action="staff.role_changed")
    assert event.detail == {"before": ["reviewer"], "after": "auditor", "claims_released": 1}
    services.role_change(person=alice, role="auditor", actor=ada)
    assert Event.objects.filter(action="staff.role_changed").count() == 1


def test_an_admin_cannot_demote_deactivate_or_reset_himself(desk: Client, ada: User) -> None:
    give_factor(ada)
    for change in ("role/", "activation/", "password/", "second-factor/"):
        assert (
            desk.post(f"/people/{ada.pk}/{change}", {"role": "reviewer", "enabled": "off"}).status_code == 422
        )
    ada.refresh_from_db()
    assert ada.is_active
    assert User.objects.get(pk=ada.pk).has_role("admin")
    assert Authenticator.objects.exists()


def test_the_last_active_admin_stays(ada: User, staff: Callable[..., User]) -> None:
    ben = staff("ben", "admin")
    services.person_deactivate(person=ben, actor=ada)
    for change in (services.person_deactivate, lambda **who: services.role_change(role="auditor", **who)):
        with pytest.raises(PeopleRefused):
            change(person=ada, actor=ben)
    assert User.objects.get(pk=ada.pk).has_role("admin")


def test_unlocking_lets_a_locked_person_in_again(desk: Client, alice: User) -> None:
    for _ in range(5):
        Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert "Locked out" in desk.get("/people/").text
    assert "127.0.0.1" in desk.get(f"/people/{alice.pk}/").text
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 429
    desk.post(f"/people/{alice.pk}/lock/")
    assert "Locked out" not in desk.get("/people/").text
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 302
    assert "staff.unlocked" in actions()


def test_a_new_password_ends_sessions_and_must_be_changed(desk: Client, alice: User) -> None:
    hers = Client()
    hers.force_login(alice)
    text = desk.post(f"/people/{alice.pk}/password/", follow=True).text
    fresh = re.search(r"<code>([a-z2-9-]{19})</code>", text)[1]  # type: ignore[index]
    assert hers.get("/review/").status_code == 302
    assert Client().post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 200
    assert Client().post("/login/", {"username": "alice", "password": fresh}).status_code == 302
    assert "staff.password_reissued" in actions()


def test_an_admin_resets_and_asks_for_second_factors(desk: Client, alice: User) -> None:
    give_factor(alice)
    desk.post(f"/people/{alice.pk}/second-factor/")
    assert not Authenticator.objects.exists()
    desk.post(f"/people/{alice.pk}/second-factor/duty/", {"enabled": "on"})
    assert User.objects.get(pk=alice.pk).must_use_second_factor
    assert {"staff.second_factor_reset", "staff.second_factor_required"} <= set(actions())


def test_a_role_that_does_not_exist_is_refused(desk: Client, alice: User) -> None:
    assert desk.post(f"/people/{alice.pk}/role/", {"role": "owner"}).status_code == 422
    assert desk.get("/people/999999/").status_code == 404


def test_a_renaming_is_an_event_and_acts_of_before_keep_the_name_of_then(
    claimed: ReviewItem, alice: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    said = io.StringIO()
    call_command("staff", "rename", "alice", "alicia", stdout=said)
    call_command("staff", "rename", "alicia", "alicia", stdout=said)
    assert said.getvalue().splitlines() == ["Done.", "Nothing to do."]
    event = Event.objects.get(action="staff.renamed")
    assert event.detail == {"before": "alice", "after": "alicia", "username": "alicia"}
    window = login(staff("audrey", "auditor"))
    history = collapsed(window.get(f"/insights/submissions/{claimed.submission_id}/"))
    assert 'alice <span class="soft"> now alicia </span>' in history
    page = collapsed(window.get(f"/people/{alice.pk}/"))
    assert "Renamed from alice to alicia" in page
    assert '?actor=alice"' in page
    with pytest.raises(CommandError, match="looks like audrey"):
        call_command("staff", "rename", "alicia", "Audrey")
