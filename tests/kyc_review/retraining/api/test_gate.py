"""The gate's settings by API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.audit.models import Event
from kyc_review.training.gate_changes import gate_change_approve
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import GateProposal, RefusedTraining
from tests.factories.scripts import Script
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
WHY = "Decision of the risk committee, 2026-11-20."
NEW: dict[str, Any] = {
    "recall_margin": 0.05,
    "recall_min": 0.7,
    "load_factor": 1.2,
    "load_max": 0.4,
    "group_margin": None,
    "audited_fakes": 8,
}


def changed(by: Script, approved_by: Script, **sent: Any) -> Any:
    """The answer of the approval."""
    answer = by.send("PUT", "/gate-settings", **sent)
    assert answer.status_code == 202, answer.json()
    number = answer.json()["proposed"]["id"]
    return approved_by.send("POST", f"/gate-settings/proposals/{number}/approval", remark="Agreed.")


def test_two_admins_change_them_and_history_and_audit_log_say_so(
    ada: Script, amir: Script, script: Callable[..., Script]
) -> None:
    before = ada.get("/gate-settings").json()
    assert before["history"] == []
    proposed = ada.send("PUT", "/gate-settings", **NEW, reason=WHY)
    assert proposed.status_code == 202, proposed.json()
    waits = proposed.json()["proposed"]
    assert (waits["proposed_by"], waits["reason"]) == ("ada", WHY)
    assert {"name": "recall_min", "before": before["recall_min"], "after": 0.7} in waits["limits"]
    own = ada.send("POST", f"/gate-settings/proposals/{waits['id']}/approval")
    assert (own.status_code, own.json()["code"]) == (409, "gate_settings_refused")
    assert Limits.current() == Limits.of_environment()
    answer = amir.send("POST", f"/gate-settings/proposals/{waits['id']}/approval")
    assert answer.status_code == 200, answer.json()
    read = script("otto", "auditor").get("/gate-settings").json()
    assert read == answer.json()
    assert {name: read[name] for name in NEW} == NEW
    assert Limits.current() == Limits(**NEW)
    change = read["history"][0]
    assert (change["changed_by"], change["approved_by"], change["reason"]) == ("ada", "amir", WHY)
    assert read["proposed"] is None
    assert {"name": "load_max", "before": before["load_max"], "after": 0.4} in change["limits"]
    assert Event.objects.get(action="gate.settings_changed").detail["token"]


def test_a_token_does_not_approve_where_approvals_need_a_second_factor(
    ada: Script, amir: Script, settings: LazySettings, clock: list[float]
) -> None:
    settings.APPROVER_SECOND_FACTOR = True
    second_factor_enrol(user=amir.person, secret=SECRET, code=code_at(clock[0]))
    refused = changed(ada, amir, **NEW, reason=WHY)
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_by_token")
    assert Limits.current() == Limits.of_environment()
    gate_change_approve(proposal=GateProposal.objects.get(), actor=amir.person)
    assert Limits.current() == Limits(**NEW)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reason": "short"}, 409),
        ({"recall_min": 1.5}, 400),
        ({"recall_min": "nan"}, 400),
        ({"load_factor": "inf"}, 400),
        ({"audited_fakes": -1}, 400),
        ({"recall_min": None}, 400),
        ({"recall_min": True}, 400),
        ({"audited_fakes": False}, 400),
        ({"load_max": True}, 400),
        ({"version": True}, 400),
        ({"version": 99}, 409),
    ],
)
def test_senseless_settings_are_refused(ada: Script, change: dict, status: int) -> None:
    answer = ada.send("PUT", "/gate-settings", **{**NEW, "reason": WHY, **change})
    assert answer.status_code == status
    assert not GateProposal.objects.exists()


def test_a_proposal_can_be_rejected(ada: Script, amir: Script) -> None:
    number = ada.send("PUT", "/gate-settings", **NEW, reason=WHY).json()["proposed"]["id"]
    answer = amir.send("POST", f"/gate-settings/proposals/{number}/rejection", remark="Not now.")
    assert (answer.status_code, answer.json()["proposed"], answer.json()["history"]) == (200, None, [])
    assert amir.send("POST", "/gate-settings/proposals/99/rejection").status_code == 404


def test_every_limit_has_to_be_sent(ada: Script) -> None:
    for name in NEW:
        sent = {other: value for other, value in NEW.items() if other != name}
        answer = ada.send("PUT", "/gate-settings", **sent, reason=WHY)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"#/{name}")


def test_refused_trainings_are_listed(ada: Script) -> None:
    RefusedTraining.objects.create(reason="Too few decisions.")
    body = ada.get("/refused-trainings").json()
    assert [row["reason"] for row in body["data"]] == ["Too few decisions."]
    assert body["has_more"] is False


def test_a_change_of_settings_that_are_no_longer_in_force_is_refused(ada: Script, amir: Script) -> None:
    version = ada.get("/gate-settings").json()["version"]
    assert version == 0
    first = changed(ada, amir, **NEW, reason=WHY, version=version)
    assert first.status_code == 200
    later = NEW | {"recall_min": 0.9}
    stale = ada.send("PUT", "/gate-settings", **later, reason=WHY, version=version)
    assert (stale.status_code, stale.json()["code"]) == (409, "gate_settings_refused")
    assert "ada changed these settings at " in stale.json()["detail"]
    assert Limits.current() == Limits(**NEW)
    fresh = ada.send("PUT", "/gate-settings", **later, reason=WHY, version=first.json()["version"])
    assert fresh.status_code == 202
