"""A second factor counts for approvals once it is as old as accounts must be to count as two people."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.approving import factor_told, why_used_factor_does_not_count
from kyc_review.accounts.second_factor.naming import factors_name
from kyc_review.accounts.second_factor.selectors import Checked
from kyc_review.accounts.second_factor.services import second_factor_enrol, second_factor_reset
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.audit.record_checks import record_problems
from kyc_review.training.gate_changes import gate_change_propose
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import GateProposal
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked(settings: LazySettings) -> None:
    settings.APPROVER_SECOND_FACTOR = True


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def maya(staff: Callable[..., User]) -> User:
    return staff("maya", "admin")


def enrol(person: User, clock: list[float]) -> list[str]:
    codes = second_factor_enrol(user=person, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    return codes


def days_pass(days: int) -> None:
    """All events are older by that."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_event SET at = at - make_interval(days => %s)", [days])
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")


def test_on_a_fresh_installation_the_first_admins_approve_at_once(
    ada: User, maya: User, clock: list[float]
) -> None:
    days_pass(29)
    enrol(maya, clock)
    assert why_not_approver(proposer=ada, approver=maya) == ""


def test_a_new_factor_does_not_count_until_the_time_is_over(
    ada: User, maya: User, clock: list[float], settings: LazySettings
) -> None:
    days_pass(31)
    enrol(maya, clock)
    refusal = why_not_approver(proposer=ada, approver=maya)
    assert "You set up this second factor on" in refusal
    assert "another admin must approve" in refusal
    settings.APPROVER_INDEPENDENCE_DAYS = 0
    assert why_not_approver(proposer=ada, approver=maya) == ""
    settings.APPROVER_INDEPENDENCE_DAYS = 30
    days_pass(31)
    assert why_not_approver(proposer=ada, approver=maya) == ""
    assert second_factor_reset(user=maya)
    enrol(maya, clock)
    assert "You set up this second factor on" in why_not_approver(proposer=ada, approver=maya)


@pytest.mark.parametrize("of_other", [False, True], ids=["own row, made again", "content of another's"])
def test_a_factor_that_was_written_into_the_database_does_not_count(
    of_other: bool, ada: User, maya: User, staff: Callable[..., User], clock: list[float]
) -> None:
    enrol(maya, clock)
    mallory = staff("mallory", "reviewer")
    enrol(mallory, clock)
    days_pass(31)
    foreign = Authenticator.objects.get(user=mallory, type="totp")
    rows = Authenticator.objects.filter(user=maya, type="totp")
    if of_other:
        rows.update(data=foreign.data, created_at="2020-01-01T00:00Z")
    else:
        rows.delete()
        Authenticator.objects.create(user=maya, type="totp", data=foreign.data)
    assert "audit log does not say" in why_not_approver(proposer=ada, approver=maya)


def test_beside_an_older_factor_a_new_one_does_not_approve(ada: User, maya: User, clock: list[float]) -> None:
    enrol(maya, clock)
    days_pass(31)
    Authenticator.objects.create(
        user=maya, type="webauthn", data={"credential": "x", "name": "n"}, last_used_at=Now()
    )
    assert why_not_approver(proposer=ada, approver=maya) == ""
    assert why_used_factor_does_not_count(maya, Checked.TOTP) == ""
    assert "audit log does not say" in why_used_factor_does_not_count(maya, Checked.PASSKEY)


def test_a_recovery_code_does_not_approve_and_the_app_does(
    ada: User, maya: User, clock: list[float], client: Client
) -> None:
    codes = enrol(maya, clock)
    days_pass(31)
    proposal = gate_change_propose(
        limits=replace(Limits.of_environment(), recall_min=0.1), reason="Fewer misses.", actor=ada
    )
    maya.refresh_from_db()
    client.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    there = reverse("retraining:gate_approval", args=[proposal.pk])
    assert "recovery code does not count" in client.post(there, {"code": codes[0]}, follow=True).text
    assert GateProposal.objects.get(pk=proposal.pk).state == "open"
    client.post(there, {"code": code_at(clock[0])})
    assert GateProposal.objects.get(pk=proposal.pk).state == "approved"


def names_forgotten() -> None:
    """All events are as those of an earlier version."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_event SET detail = detail - 'factor_sha256'")
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")


def of_factors() -> list[str]:
    return [named for named in record_problems() if "second factor" in named]


def test_a_factor_from_before_events_named_it_counts_since_then_and_no_other_does(
    ada: User, maya: User, staff: Callable[..., User], clock: list[float]
) -> None:
    enrol(maya, clock)
    mallory = staff("mallory", "admin")
    Authenticator.objects.create(user=mallory, type="totp", data={"secret": "written"})
    days_pass(31)
    names_forgotten()
    assert "audit log does not say" in why_not_approver(proposer=ada, approver=maya)
    assert (factors_name(), factors_name()) == (1, 0)
    assert why_not_approver(proposer=ada, approver=maya) == ""
    assert "audit log does not say" in why_not_approver(proposer=ada, approver=mallory)
    (of_mallory,) = of_factors()
    assert of_mallory.startswith("no event: second factor")
    rows = Authenticator.objects.filter(user=maya, type="totp")
    rows.update(data={"secret": "forged"})
    forged = rows.get()
    audit.record(
        action="staff.second_factor_named", target=maya, detail={"type": "totp"} | factor_told(forged)
    )
    assert factors_name() == 0
    assert "audit log does not say" in why_not_approver(proposer=ada, approver=maya)
    missing, gone = of_factors()
    assert missing.count("second factor") == 2
    assert gone.startswith("no record: event")  # of maya's own
    assert second_factor_reset(user=maya)
    assert len(of_factors()) == 1


def test_a_new_installation_names_nothing(ada: User, clock: list[float]) -> None:
    enrol(ada, clock)
    assert factors_name() == 0
    assert not Event.objects.filter(action="staff.second_factors_named").exists()
    assert of_factors() == []
