"""The gate's settings: start values, changes with their history, and who may make them."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.training.gate import gate
from kyc_review.training.gate_limits import Limits, gate_settings_history
from kyc_review.training.models import GateSettings
from tests.factories.gate_settings import WHY, gate_changed
from tests.factories.reports import report

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


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_environment_counts_until_somebody_changes_it(db: None, settings: Any) -> None:
    settings.GATE_RECALL_MIN = 0.7
    assert Limits.current() == Limits.of_environment()
    assert Limits.current().recall_min == 0.7


def test_a_change_counts_from_then_on_and_is_in_history_and_audit_log(ada: User, maya: User) -> None:
    start = Limits.of_environment()
    first = replace(start, recall_min=0.9, load_max=0.3)
    gate_changed(first, by=ada, approved_by=maya)
    gate_changed(replace(first, load_max=None), by=ada, approved_by=maya)
    assert Limits.current() == replace(start, recall_min=0.9)
    latest, before = gate_settings_history(viewer=ada)
    assert (latest.changed_by, latest.approved_by, latest.reason) == ("ada", "maya", WHY)
    assert latest.limits == [("load_max", 0.3, None)]
    assert before.limits == [("recall_min", start.recall_min, 0.9), ("load_max", start.load_max, 0.3)]
    event = Event.objects.filter(action="gate.settings_changed").latest("pk")
    assert (event.actor_name, event.detail["proposed_by"]) == ("maya", "ada")
    assert event.detail["before"] == asdict(first)
    assert event.detail["after"]["load_max"] is None


def test_history_stays_when_the_environment_changes(ada: User, maya: User, settings: Any) -> None:
    settings.GATE_RECALL_MIN = 0.5
    start = Limits.of_environment()
    gate_changed(replace(start, recall_min=0.9), by=ada, approved_by=maya)
    history = gate_settings_history(viewer=ada)
    settings.GATE_RECALL_MIN, settings.GATE_AUDITED_FAKES_MIN = 0.9, 77
    assert gate_settings_history(viewer=ada) == history
    assert history[0].limits == [("recall_min", 0.5, 0.9)]


def test_a_first_change_without_stored_limits_states_no_difference(ada: User) -> None:
    limits = asdict(Limits.of_environment())
    GateSettings.objects.create(**limits, reason=WHY, changed_by=ada)
    GateSettings.objects.create(**limits | {"recall_min": 0.9}, reason=WHY, changed_by=ada)
    latest, first = gate_settings_history(viewer=ada)
    assert first.limits == []
    assert latest.limits == [("recall_min", limits["recall_min"], 0.9)]


def test_the_gate_uses_what_counts_now(ada: User, maya: User) -> None:
    passed = [check.passed for check in gate(report(), limits=Limits.current())]
    gate_changed(replace(Limits.of_environment(), recall_min=0.99), by=ada, approved_by=maya)
    now = [check.passed for check in gate(report(), limits=Limits.current())]
    assert passed[2]
    assert not now[2]


def test_settings_are_written_once(ada: User, maya: User) -> None:
    gate_changed(replace(Limits.of_environment(), recall_min=0.9), by=ada, approved_by=maya)
    for act in (lambda: GateSettings.objects.update(recall_min=0.1), GateSettings.objects.all().delete):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            act()


def test_the_retraining_page_links_to_the_settings(ada: User) -> None:
    assert f'href="{URL}"' in logged_in(ada).get("/retraining/").content.decode()
