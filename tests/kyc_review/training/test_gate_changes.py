"""Changes of the gate's settings by two admins: what is refused, what each page shows, and who is told."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import person_create
from kyc_review.audit.models import Event
from kyc_review.notices.models import Kind, Notice
from kyc_review.notices.services import channel_create
from kyc_review.training.gate_changes import (
    GateSettingsRefused,
    GateSettingsStale,
    gate_change_approve,
    gate_change_propose,
    gate_change_reject,
)
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import GateProposal, GateSettings
from kyc_review.training.waiting import waiting_count, waiting_for
from tests.factories.gate_settings import WHY, gate_changed

# What the product does here, it may do with the rights of its own role of the database.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_application")]
URL = "/retraining/gate/"


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def maya(staff: Callable[..., User]) -> User:
    return staff("maya", "admin")


@pytest.fixture
def otto(staff: Callable[..., User]) -> User:
    return staff("otto", "auditor")


@pytest.fixture
def wanted(db: None) -> Limits:
    return replace(Limits.of_environment(), recall_min=0.1)


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def form_of(limits: Limits, version: int = 0, reason: str = WHY) -> dict[str, object]:
    entered = {name: "" if value is None else value for name, value in asdict(limits).items()}
    return entered | {"reason": reason, "version": version}


def test_one_admin_alone_changes_nothing(ada: User, maya: User, wanted: Limits) -> None:
    proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    assert Limits.current() == Limits.of_environment()
    with pytest.raises(GateSettingsRefused, match="Another admin"):
        gate_change_approve(proposal=proposal, actor=ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        GateProposal.objects.filter(pk=proposal.pk).update(state="approved", decided_by=ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        GateSettings.objects.create(**asdict(wanted), reason=WHY, changed_by=ada, approved_by=ada)
    gate_change_approve(proposal=proposal, actor=maya)
    assert Limits.current() == wanted


def test_an_account_that_the_proposer_made_cannot_approve(ada: User, wanted: Limits) -> None:
    proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    puppet, _ = person_create(username="zoe", role="admin", actor=ada)
    with pytest.raises(GateSettingsRefused, match="ada created the account of zoe"):
        gate_change_approve(proposal=proposal, actor=puppet)
    assert Limits.current() == Limits.of_environment()


def test_one_proposal_is_open_at_a_time_and_each_can_be_closed(ada: User, maya: User, wanted: Limits) -> None:
    for closes, state in ((maya, "rejected"), (ada, "withdrawn")):
        proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
        with pytest.raises(GateSettingsRefused, match="waits for a decision"):
            gate_change_propose(limits=replace(wanted, load_max=0.2), reason=WHY, actor=maya)
        if closes == maya:
            with pytest.raises(GateSettingsRefused, match="why you reject"):
                gate_change_reject(proposal=proposal, actor=closes, remark=" ")
        assert gate_change_reject(proposal=proposal, actor=closes, remark="No.").state == state
        with pytest.raises(GateSettingsRefused, match="already closed"):
            gate_change_approve(proposal=proposal, actor=maya)
        assert Event.objects.filter(action=f"gate.settings_{state}", actor_name=str(closes)).exists()
    assert not GateSettings.objects.exists()


def test_a_proposal_against_settings_that_no_longer_count_is_refused(
    ada: User, maya: User, wanted: Limits
) -> None:
    proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    GateSettings.objects.create(**asdict(replace(wanted, load_max=0.5)), reason=WHY, changed_by=ada)
    with pytest.raises(GateSettingsStale, match="propose again"):
        gate_change_approve(proposal=proposal, actor=maya)


def test_both_steps_reach_people_at_once(ada: User, maya: User, otto: User, wanted: Limits) -> None:
    for person in (ada, maya, otto):
        channel_create(
            actor=person,
            medium="email",
            address=f"{person}@bank.example",
            kinds=[Kind.PROPOSAL.value, Kind.CHANGED.value],
        )
    proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    assert [one.text for one in waiting_for(viewer=maya)] == ["ada proposes other settings of the gate."]
    assert (waiting_count(viewer=maya), waiting_count(viewer=ada)) == (1, 0)
    gate_change_approve(proposal=proposal, actor=maya)
    told = {
        notice.kind: {
            str(delivery.channel.owner) for delivery in notice.deliveries.select_related("channel__owner")
        }
        for notice in Notice.objects.all()
    }
    assert told == {"proposal.waits": {"maya", "otto"}, "production.changed": {"ada", "otto"}}
    assert "Least recall changes from 0.5 to 0.1." in Notice.objects.get(kind="proposal.waits").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Nothing differs"),
        ({"recall_min": 1.5}, "recall_min"),
        ({"recall_margin": -0.1}, "recall_margin"),
        ({"recall_min": float("nan")}, "finite"),
        ({"load_max": 2.0}, "load_max"),
        ({"audited_fakes": -1}, "audited_fakes"),
    ],
)
def test_senseless_changes_are_refused(ada: User, change: dict, said: str) -> None:
    with pytest.raises(GateSettingsRefused, match=said):
        gate_change_propose(limits=replace(Limits.of_environment(), **change), reason=WHY, actor=ada)
    assert not GateProposal.objects.exists()


def test_a_change_needs_a_reason_and_an_admin(ada: User, otto: User) -> None:
    wished = replace(Limits.of_environment(), recall_min=0.9)
    for reason in (" because ", "x" * 301):
        with pytest.raises(GateSettingsRefused, match="10 to 300 characters"):
            gate_change_propose(limits=wished, reason=reason, actor=ada)
    with pytest.raises(PermissionDenied):
        gate_change_propose(limits=wished, reason=WHY, actor=otto)
    proposal = gate_change_propose(limits=wished, reason=WHY, actor=ada)
    for decide in (gate_change_approve, gate_change_reject):
        with pytest.raises(PermissionDenied):
            decide(proposal=proposal, actor=otto)


def test_two_admins_change_them_on_the_page_and_auditors_read(
    ada: User, maya: User, otto: User, alice: User
) -> None:
    form = form_of(replace(Limits.of_environment(), recall_min=0.8))
    assert logged_in(alice).get(URL).status_code == 403
    assert logged_in(otto).get(URL).status_code == 200
    assert logged_in(otto).post(URL, form).status_code == 403
    assert logged_in(ada).post(URL, form | {"recall_min": "8"}).status_code == 422
    assert logged_in(ada).post(URL, form | {"reason": "short"}).status_code == 422
    assert Limits.current() == Limits.of_environment()
    assert logged_in(ada).post(URL, form).status_code == 302
    number = GateProposal.objects.get().pk
    approval, rejection = (f"{URL}proposals/{number}/{what}/" for what in ("approval", "rejection"))
    assert approval not in logged_in(ada).get(URL).content.decode()
    assert approval in logged_in(maya).get(URL).content.decode()
    assert rejection not in logged_in(otto).get(URL).content.decode()
    assert logged_in(otto).post(approval).status_code == 403
    assert logged_in(ada).post(approval).status_code == 302
    assert Limits.current() == Limits.of_environment()
    assert logged_in(maya).post(approval, {"remark": "Agreed."}).status_code == 302
    assert Limits.current().recall_min == 0.8
    page = logged_in(otto).get(URL).content.decode()
    assert "Agreed." in page
    assert WHY in page
    assert "0.5 →" in page
    assert "ada, approved by maya" in page


def test_a_refused_approver_reads_why_and_has_no_button(ada: User, wanted: Limits) -> None:
    proposal = gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    puppet, _ = person_create(username="zoe", role="admin", actor=ada)
    User.objects.update(must_change_password=False)
    page = logged_in(puppet).get(URL).content.decode()
    assert "ada created the account of zoe" in page
    assert f"{URL}proposals/{proposal.pk}/approval/" not in page


def test_a_form_that_another_proposal_overtook_keeps_what_was_entered(
    ada: User, maya: User, wanted: Limits
) -> None:
    gate_change_propose(limits=wanted, reason=WHY, actor=ada)
    refused = logged_in(maya).post(URL, form_of(replace(wanted, load_max=0.25)))
    assert refused.status_code == 422
    assert "What ada proposed at" in refused.content.decode()
    assert refused.context["form"]["load_max"].value() == "0.25"


def test_a_stale_form_is_refused_and_keeps_what_was_entered(ada: User, maya: User) -> None:
    start, client = Limits.of_environment(), logged_in(ada)
    shown = client.get(URL).context["form"]["version"].value()
    gate_changed(replace(start, recall_min=0.91), by=maya, approved_by=ada, version=int(shown))
    form = form_of(replace(start, group_margin=0.2), version=int(shown))
    refused = client.post(URL, form)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "maya changed these settings at " in page
    assert "0.91" in page.split('data-testid="in-force"')[1].split("</dl>")[0]
    assert refused.context["form"]["group_margin"].value() == "0.2"
    assert Limits.current() == replace(start, recall_min=0.91)
    version = refused.context["form"]["version"].value()
    assert f'name="version" value="{version}"' in page
    assert client.post(URL, form | {"version": version}).status_code == 302
    assert GateProposal.objects.get(state="open").limits["group_margin"] == 0.2


def test_a_form_without_a_version_is_refused(ada: User) -> None:
    form = form_of(replace(Limits.of_environment(), recall_min=0.8))
    del form["version"]
    assert logged_in(ada).post(URL, form).status_code == 422
    assert not GateProposal.objects.exists()
