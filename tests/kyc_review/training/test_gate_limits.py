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
from kyc_review.training.gate_limits import (
    GateSettingsRefused,
    Limits,
    gate_settings_change,
    gate_settings_history,
)
from kyc_review.training.models import GateSettings
from tests.factories.reports import report

WHY = "The board decided on 2026-11-20."
URL = "/retraining/gate/"


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


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


def test_a_change_counts_from_then_on_and_is_in_history_and_audit_log(ada: User) -> None:
    start = Limits.of_environment()
    first = replace(start, recall_min=0.9, load_max=0.3)
    gate_settings_change(limits=first, reason=WHY, actor=ada)
    gate_settings_change(limits=replace(first, load_max=None), reason=WHY, actor=ada)
    assert Limits.current() == replace(start, recall_min=0.9)
    latest, before = gate_settings_history(viewer=ada)
    assert (latest.changed_by, latest.reason) == ("ada", WHY)
    assert latest.limits == [("load_max", 0.3, None)]
    assert before.limits == [("recall_min", start.recall_min, 0.9), ("load_max", start.load_max, 0.3)]
    event = Event.objects.filter(action="gate.settings_changed").latest("pk")
    assert event.actor_name == "ada"
    assert event.detail["before"] == asdict(first)
    assert event.detail["after"]["load_max"] is None


def test_history_stays_when_the_environment_changes(ada: User, settings: Any) -> None:
    settings.GATE_RECALL_MIN = 0.5
    start = Limits.of_environment()
    gate_settings_change(limits=replace(start, recall_min=0.9), reason=WHY, actor=ada)
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


def test_the_gate_uses_what_counts_now(ada: User) -> None:
    passed = [check.passed for check in gate(report(), limits=Limits.current())]
    gate_settings_change(limits=replace(Limits.of_environment(), recall_min=0.99), reason=WHY, actor=ada)
    now = [check.passed for check in gate(report(), limits=Limits.current())]
    assert passed[2]
    assert not now[2]


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
        gate_settings_change(limits=replace(Limits.of_environment(), **change), reason=WHY, actor=ada)
    assert not GateSettings.objects.exists()


def test_a_change_needs_a_reason_and_an_admin(ada: User, otto: User) -> None:
    wished = replace(Limits.of_environment(), recall_min=0.9)
    with pytest.raises(GateSettingsRefused, match="at least 10"):
        gate_settings_change(limits=wished, reason=" because ", actor=ada)
    with pytest.raises(GateSettingsRefused, match="Only admins"):
        gate_settings_change(limits=wished, reason=WHY, actor=otto)


def test_settings_are_written_once(ada: User) -> None:
    gate_settings_change(limits=replace(Limits.of_environment(), recall_min=0.9), reason=WHY, actor=ada)
    for act in (lambda: GateSettings.objects.update(recall_min=0.1), GateSettings.objects.all().delete):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            act()


def test_admins_change_them_on_a_page_and_auditors_read(ada: User, otto: User, alice: User) -> None:
    form = asdict(Limits.of_environment()) | {
        "load_max": "",
        "recall_min": "0.8",
        "reason": WHY,
        "version": "0",
    }
    assert logged_in(alice).get(URL).status_code == 403
    assert logged_in(otto).get(URL).status_code == 200
    assert logged_in(otto).post(URL, form).status_code == 403
    assert logged_in(ada).post(URL, form | {"recall_min": "8"}).status_code == 422
    assert logged_in(ada).post(URL, form | {"reason": "short"}).status_code == 422
    assert Limits.current() == Limits.of_environment()
    assert logged_in(ada).post(URL, form).status_code == 302
    assert Limits.current().recall_min == 0.8
    page = logged_in(otto).get(URL).content.decode()
    assert WHY in page
    assert "0.5 →" in page


def test_a_stale_form_is_refused_and_keeps_what_was_entered(ada: User, staff: Callable[..., User]) -> None:
    start, client = Limits.of_environment(), logged_in(ada)
    shown = client.get(URL).context["form"]["version"].value()
    maya = staff("maya", "admin")
    gate_settings_change(limits=replace(start, recall_min=0.91), reason=WHY, actor=maya, version=shown)
    form = asdict(start) | {"load_max": "", "group_margin": "0.2", "reason": WHY, "version": shown}
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
    assert Limits.current().group_margin == 0.2


def test_a_form_without_a_version_is_refused(ada: User) -> None:
    form = asdict(Limits.of_environment()) | {"load_max": "", "recall_min": "0.8", "reason": WHY}
    assert logged_in(ada).post(URL, form).status_code == 422
    assert not GateSettings.objects.exists()


def test_the_retraining_page_links_to_the_settings(ada: User) -> None:
    assert f'href="{URL}"' in logged_in(ada).get("/retraining/").content.decode()
