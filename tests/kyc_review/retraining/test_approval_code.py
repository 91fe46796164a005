"""Who approves confirms it with a code of the second factor, at that moment."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.training.gate_changes import gate_change_propose
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.proposals import proposal_open
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
OVERVIEW, GATE = "retraining:overview", "retraining:gate"


@pytest.fixture
def approver(client: Client, staff: Callable[..., User], clock: list[float], settings: LazySettings) -> User:
    settings.APPROVER_SECOND_FACTOR = True
    maya = staff("maya", "admin")
    second_factor_enrol(user=maya, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    maya.refresh_from_db()
    client.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    return maya


@pytest.mark.parametrize("wrong", ["", "000000"])
def test_a_promotion_needs_the_code_at_the_moment_of_approval(
    wrong: str,
    client: Client,
    approver: User,
    staff: Callable[..., User],
    comparison: Comparison,
    clock: list[float],
) -> None:
    proposal = proposal_open(comparison=comparison, actor=staff("ada", "admin"), reason="It is better.")
    assert 'name="code"' in client.get(reverse(OVERVIEW)).text
    there = reverse("retraining:approval", args=[proposal.pk])
    assert "code" in client.post(there, {"code": wrong}, follow=True).text
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.OPEN
    client.post(there, {"code": code_at(clock[0])})
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.APPROVED


def test_other_settings_of_the_gate_need_it_too(
    client: Client, approver: User, staff: Callable[..., User], clock: list[float]
) -> None:
    limits = replace(Limits.of_environment(), recall_min=0.1)
    proposal = gate_change_propose(limits=limits, reason="Fewer misses.", actor=staff("ada", "admin"))
    there = reverse("retraining:gate_approval", args=[proposal.pk])
    assert 'name="code"' in client.get(reverse(GATE)).text
    client.post(there)
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.OPEN
    client.post(there, {"code": code_at(clock[0])})
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.APPROVED


def test_without_the_setting_no_code_is_asked_for(
    client: Client,
    approver: User,
    staff: Callable[..., User],
    comparison: Comparison,
    settings: LazySettings,
) -> None:
    settings.APPROVER_SECOND_FACTOR = False
    proposal = proposal_open(comparison=comparison, actor=staff("ada", "admin"), reason="It is better.")
    assert 'name="code"' not in client.get(reverse(OVERVIEW)).text
    client.post(reverse("retraining:approval", args=[proposal.pk]))
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.APPROVED
