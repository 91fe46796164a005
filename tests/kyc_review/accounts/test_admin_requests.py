"""What lets somebody act as an admin needs two admins."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import AdminRequest, User
from kyc_review.accounts.people.admin_requests import admin_request_approve, admin_request_open
from kyc_review.accounts.people.services import (
    PeopleRefused,
    password_reissue,
    person_deactivate,
    role_change,
)
from kyc_review.accounts.second_factor.selectors import has_second_factor
from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.accounts.services import password_change
from kyc_review.audit.models import Event
from kyc_review.audit.record_checks import record_problems
from kyc_review.core.permissions import Role
from kyc_review.training.waiting import waiting_count, waiting_for
from tests.factories.people import PASSWORD
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
NEW = {"username": "zoe", "first_name": "", "last_name": "", "role": "admin"}


@pytest.fixture(autouse=True)
def _two(settings: LazySettings) -> None:
    settings.ADMIN_ACCESS_NEEDS_TWO = True


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def maya(staff: Callable[..., User]) -> User:
    return staff("maya", "admin")


def approve(login: Callable[[User], Client], person: User, row: AdminRequest, **fields: str) -> str:
    return login(person).post(f"/people/requests/{row.pk}/approval/", fields, follow=True).text


def test_a_new_admin_has_no_role_until_another_admin_approves(
    ada: User, maya: User, login: Callable[[User], Client]
) -> None:
    login(ada).post("/people/", NEW)
    zoe = User.objects.get(username="zoe")
    assert not zoe.groups.exists()
    row = AdminRequest.objects.get()
    assert "zoe" in login(maya).get("/people/").text
    assert waiting_count(viewer=maya) == len([w for w in waiting_for(viewer=maya) if w.since]) == 1
    assert waiting_count(viewer=ada) == 0
    assert "Another admin must approve" in approve(login, ada, row)
    assert not zoe.groups.exists()
    assert "Approved and carried out." in approve(login, maya, row)
    assert zoe.has_role("admin")
    assert Event.objects.get(action="staff.admin_request_approved").detail == {
        "act": "role",
        "role": "admin",
        "asked_by": "ada",
        "request": row.pk,
    }


def test_an_account_of_the_proposers_making_cannot_approve(
    ada: User, maya: User, login: Callable[[User], Client]
) -> None:
    login(ada).post("/people/", NEW)
    approve(login, maya, AdminRequest.objects.get())
    other = login(ada).post("/people/", NEW | {"username": "yan"})
    assert other.status_code == 302
    row = AdminRequest.objects.get(state="open")
    zoe = User.objects.get(username="zoe")
    zoe.must_change_password = False
    zoe.save()
    assert "count as one person" in approve(login, zoe, row)
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize("act", ["role", "activation", "password", "second-factor"])
def test_nothing_changes_for_an_admin_before_the_second_one_approves(
    act: str,
    ada: User,
    maya: User,
    alice: User,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    clock: list[float],
) -> None:
    person = alice if act == "role" else staff("otto", "admin")
    second_factor_enrol(user=person, secret=SECRET, code=code_at(clock[0]))
    if act == "activation":
        User.objects.filter(pk=person.pk).update(is_active=False)
    login(ada).post(f"/people/{person.pk}/{act}/", {"role": "admin", "enabled": "on"})

    def state() -> tuple[object, ...]:
        now = User.objects.get(pk=person.pk)
        roles = tuple(now.groups.values_list("name", flat=True))
        return roles, now.is_active, now.check_password(PASSWORD), has_second_factor(now)

    role = "reviewer" if act == "role" else "admin"
    assert state() == ((role,), act != "activation", True, True)
    text = approve(login, maya, AdminRequest.objects.get())
    expected = (("admin",), True, act != "password", act != "second-factor")
    assert state() == expected
    assert bool(re.search(r"<code>\w{4}-\w{4}-\w{4}-\w{4}</code>", text)) == (act == "password")


@pytest.mark.parametrize("act", ["password", "second-factor"])
def test_who_takes_the_role_of_an_admin_away_does_not_get_the_account(
    act: str, ada: User, maya: User, login: Callable[[User], Client], clock: list[float]
) -> None:
    second_factor_enrol(user=maya, secret=SECRET, code=code_at(clock[0]))
    role_change(person=maya, role="reviewer", actor=ada)
    login(ada).post(f"/people/{maya.pk}/{act}/")
    now = User.objects.get(pk=maya.pk)
    assert (now.check_password(PASSWORD), has_second_factor(now)) == (True, True)
    assert AdminRequest.objects.get().act == act.replace("-", "_")


@pytest.mark.parametrize(
    ("path", "act"), [("role", "role"), ("activation", "deactivation")], ids=["role", "account"]
)
def test_no_admin_alone_takes_the_role_of_an_admin_away(
    path: str, act: str, ada: User, maya: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    otto = staff("otto", "admin")
    wanted = {"role": "reviewer", "enabled": "off"}
    login(ada).post(f"/people/{maya.pk}/{path}/", wanted)
    login(ada).post(f"/people/{otto.pk}/{path}/", wanted)
    assert User.objects.filter(is_active=True, groups__name="admin").count() == 3
    of_maya, of_otto = AdminRequest.objects.order_by("pk")
    assert (of_maya.act, of_otto.act) == (act, act)
    assert "Another admin must approve" in approve(login, ada, of_otto)
    assert "Approved and carried out." in approve(login, maya, of_otto)
    assert not User.objects.get(pk=otto.pk).has_role("admin")
    assert waiting_count(viewer=maya) == 1
    login(maya).post(f"/people/requests/{of_maya.pk}/approval/")  # the person agrees
    assert not User.objects.get(pk=maya.pk).has_role("admin")
    event = Event.objects.filter(
        target_id=str(maya.pk), action__in=("staff.role_changed", "staff.deactivated")
    )
    assert event.get().actor_name == "ada"


def test_the_operator_takes_an_admin_away_but_not_the_last_one(ada: User, maya: User) -> None:
    said = StringIO()
    call_command("staff", "deactivate", "maya", stdout=said)
    call_command("staff", "deactivate", "maya", stdout=said)
    assert said.getvalue().splitlines() == ["Done.", "Nothing to do."]
    assert Event.objects.get(action="staff.deactivated").actor_kind == "system"
    with pytest.raises(CommandError, match="last active admin"):
        call_command("staff", "deactivate", "ada")


def test_an_admin_is_not_offered_to_approve_what_is_about_the_own_account(
    ada: User, maya: User, staff: Callable[..., User], login: Callable[[User], Client], clock: list[float]
) -> None:
    second_factor_enrol(user=maya, secret=SECRET, code=code_at(clock[0]))
    login(ada).post(f"/people/{maya.pk}/second-factor/")
    row = AdminRequest.objects.get()
    approval = f"/people/requests/{row.pk}/approval/"
    assert approval not in login(maya).get("/people/").text
    assert waiting_count(viewer=maya) == 0
    assert "about your own account" in approve(login, maya, row)
    row.refresh_from_db()
    assert (row.state, has_second_factor(maya)) == ("open", True)
    assert approval in login(staff("otto", "admin")).get("/people/").text


@pytest.mark.parametrize("role", ["senior", "auditor"])
def test_no_admin_alone_makes_or_takes_over_an_account_that_sees_faces(
    role: str, ada: User, maya: User, alice: User, staff: Callable[..., User],
    login: Callable[[User], Client], clock: list[float],
) -> None:  # fmt: skip
    holder = staff("holly", role)
    second_factor_enrol(user=holder, secret=SECRET, code=code_at(clock[0]))
    client = login(ada)
    client.post("/people/", NEW | {"role": role})
    client.post(f"/people/{alice.pk}/role/", {"role": role})
    client.post(f"/people/{holder.pk}/password/")
    client.post(f"/people/{holder.pk}/second-factor/")
    holder.refresh_from_db()
    assert (holder.check_password(PASSWORD), has_second_factor(holder)) == (True, True)
    assert not User.objects.get(username="zoe").groups.exists()
    assert alice.groups.get().name == "reviewer"
    rows = AdminRequest.objects.order_by("pk")
    assert [(row.person.username, row.act, row.role) for row in rows] == [
        ("zoe", "role", role),
        ("alice", "role", role),
        ("holly", "password", role),
        ("holly", "second_factor", role),
    ]
    assert f"({Role(role).label})" in login(maya).get("/people/").text
    approve(login, maya, rows[0])
    assert User.objects.get(username="zoe").groups.get().name == role
    client.post(f"/people/{holder.pk}/role/", {"role": "reviewer"})
    client.post(f"/people/{holder.pk}/activation/", {"enabled": "off"})
    client.post(f"/people/{holder.pk}/activation/", {"enabled": "on"})
    assert AdminRequest.objects.get(act="activation").role == role
    assert not User.objects.get(pk=holder.pk).is_active


def test_acts_on_other_people_need_one_admin(ada: User, alice: User, login: Callable[[User], Client]) -> None:
    login(ada).post(f"/people/{alice.pk}/password/")
    login(ada).post("/people/", NEW | {"role": "reviewer"})
    assert not User.objects.get(pk=alice.pk).check_password(PASSWORD)
    assert not AdminRequest.objects.exists()


def test_the_operator_needs_no_second_admin(ada: User, alice: User) -> None:
    said = StringIO()
    call_command("staff", "role", "alice", "auditor", stdout=said)
    call_command("staff", "new-password", "alice", stdout=said)
    person_deactivate(person=alice, actor=ada)
    call_command("staff", "activate", "alice", stdout=said)
    call_command("staff", "role", "alice", "auditor", stdout=said)
    changed, password, activated, again = said.getvalue().splitlines()
    assert (changed, activated, again) == ("Done.", "Done.", "Nothing to do.")
    now = User.objects.get(username="alice")
    assert now.check_password(password)
    assert now.has_role("auditor")
    acts = Event.objects.filter(target_id=str(alice.pk), actor_kind="system").values_list("action", flat=True)
    assert set(acts) >= {"staff.role_changed", "staff.password_reissued", "staff.activated"}
    with pytest.raises(CommandError, match="last active admin"):
        call_command("staff", "role", "ada", "reviewer")


def test_an_approval_asks_for_the_code(
    ada: User, maya: User, alice: User, login: Callable[[User], Client], settings: LazySettings,
    clock: list[float],
) -> None:  # fmt: skip
    settings.APPROVER_SECOND_FACTOR = True
    row = admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=ada)
    second_factor_enrol(user=maya, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    maya.refresh_from_db()
    client = Client()
    client.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    assert 'name="code"' in client.get("/people/").text
    client.post(f"/people/requests/{row.pk}/approval/")
    assert not alice.has_role("admin")
    client.post(f"/people/requests/{row.pk}/approval/", {"code": code_at(clock[0])})
    assert User.objects.get(pk=alice.pk).has_role("admin")


def test_a_request_is_open_once_closed_once_and_never_approved_by_its_maker(
    ada: User, maya: User, alice: User, login: Callable[[User], Client]
) -> None:
    row = admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=ada)
    with pytest.raises(PeopleRefused, match="already"):
        admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=maya)
    with pytest.raises(IntegrityError), transaction.atomic():
        AdminRequest.objects.filter(pk=row.pk).update(state="approved", decided_by=ada)
    login(ada).post(f"/people/requests/{row.pk}/rejection/")
    row.refresh_from_db()
    assert row.state == "withdrawn"
    with pytest.raises(PeopleRefused, match="decided already"):
        admin_request_approve(request=row, actor=maya)
    assert not alice.has_role("admin")


PASSWORD_SHOWN = re.compile(r"<code>(\w{4}-\w{4}-\w{4}-\w{4})</code>")


def test_who_makes_an_account_never_knows_the_password_with_which_it_gets_a_guarded_role(
    ada: User, maya: User, login: Callable[[User], Client]
) -> None:
    made = login(ada).post("/people/", NEW | {"role": "auditor"}, follow=True)
    assert not PASSWORD_SHOWN.search(made.text)
    shown = PASSWORD_SHOWN.search(approve(login, maya, AdminRequest.objects.get()))
    assert shown
    assert User.objects.get(username="zoe").check_password(shown[1])


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_asks_for_a_guarded_role_does_not_get_the_account_meanwhile(
    when: str,
    ada: User,
    maya: User,
    alice: User,
    login: Callable[[User], Client],
) -> None:
    known = ""
    if when == "before":
        known = password_reissue(person=alice, actor=ada)
        password_change(user=alice, password="as-alice-herself-1")  # or ada in that account
    client = login(ada)
    client.post(f"/people/{alice.pk}/role/", {"role": "auditor"})
    if when == "after":
        client.post(f"/people/{alice.pk}/password/")
        client.post(f"/people/{alice.pk}/second-factor/")
        rows = AdminRequest.objects.exclude(act="role")
        assert {(row.act, row.role) for row in rows} == {
            ("password", "auditor"),
            ("second_factor", "auditor"),
        }
    text = approve(login, maya, AdminRequest.objects.get(act="role"))
    alice.refresh_from_db()
    assert alice.has_role("auditor")
    shown = PASSWORD_SHOWN.search(text)
    if when == "after":
        assert not shown
        assert alice.check_password(PASSWORD)
    else:
        assert shown
        assert alice.check_password(shown[1])
        assert not alice.check_password(known)


@pytest.mark.parametrize("how", ["age", "role", "account"])
def test_a_request_lapses_with_time_and_with_the_rights_of_who_asked(
    how: str, ada: User, maya: User, alice: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    otto = staff("otto", "admin")
    row = admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.AUDITOR, actor=ada)
    match how:
        case "age":
            AdminRequest.objects.update(proposed_at=timezone.now() - timedelta(days=31))
        case "role":
            role_change(person=ada, role="reviewer", actor=otto)
        case "account":
            person_deactivate(person=ada, actor=otto)
    assert f"/people/requests/{row.pk}/approval/" not in login(maya).get("/people/").text
    assert waiting_count(viewer=maya) == 0
    assert "ask for it again" in approve(login, maya, row)
    again = admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.SENIOR, actor=otto)
    row.refresh_from_db()
    assert (row.state, row.decided_by, again.role) == ("withdrawn", None, "senior")
    assert not [named for named in record_problems() if "decided admin request" in named]
    approve(login, maya, again)
    assert alice.has_role("senior")


@pytest.mark.parametrize("act", [AdminRequest.Act.ROLE, AdminRequest.Act.DEACTIVATION])
def test_an_admin_does_not_reject_the_loss_of_the_own_rights(
    act: AdminRequest.Act,
    ada: User,
    maya: User,
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    row = admin_request_open(person=maya, act=act, role=Role.REVIEWER, actor=ada)
    rejection = f"/people/requests/{row.pk}/rejection/"
    assert rejection not in login(maya).get("/people/").text
    assert "Another admin must reject" in login(maya).post(rejection, follow=True).text
    row.refresh_from_db()
    assert row.state == "open"
    login(staff("otto", "admin")).post(rejection)
    row.refresh_from_db()
    assert row.state == "rejected"


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_others_neither_ask_nor_decide(
    role: str, ada: User, alice: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    row = admin_request_open(person=alice, act=AdminRequest.Act.ROLE, role=Role.ADMIN, actor=ada)
    client = login(staff("other", role))
    for path in ("approval", "rejection"):
        assert client.post(f"/people/requests/{row.pk}/{path}/").status_code == 403
    row.refresh_from_db()
    assert row.state == "open"
