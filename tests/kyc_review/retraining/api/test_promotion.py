from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.audit.models import Event
from kyc_review.registry.models import Bundle, Shadow
from kyc_review.registry.selectors import champion, serving_promotion
from kyc_review.registry.states import BundleState, bundle_states
from kyc_review.training.lineage import Lineage, lineage
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from tests.factories.reports import report
from tests.factories.scripts import Script
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
WHY = "It catches more of the forged mouths of last month."


def proposed(script: Script, comparison: Comparison, **more: object) -> int:
    answer = script.post("/proposals", comparison=comparison.pk, reason=WHY, **more)
    assert answer.status_code == 201, answer.json()
    return int(answer.json()["id"])


def test_one_proposes_another_approves_and_the_log_names_both_with_their_tokens(
    ada: Script, amir: Script, comparison: Comparison
) -> None:
    number = proposed(ada, comparison, shift=-0.5, override="Recall comes first in this season.")
    done = amir.post(f"/proposals/{number}/approval", remark="agreed")
    assert done.status_code == 200
    told = done.json()
    assert (told["state"], told["proposed_by"], told["decided_by"], told["remark"]) == (
        "approved",
        "ada",
        "amir",
        "agreed",
    )
    step = serving_promotion()
    assert step is not None
    assert (step.bundle, step.shift, step.promoted_by) == (comparison.candidate, -0.5, amir.person)
    promotions = ada.get("/promotions").json()["data"]
    assert [(row["version"], row["promoted_by"]) for row in promotions] == [("v2", "amir"), ("v1", None)]
    told_of = Event.objects.filter(action__in=["promotion.proposed", "promotion.approved", "bundle.promoted"])
    named = {(event.action, event.actor_name) for event in told_of if "token" in event.detail}
    assert named == {
        ("promotion.proposed", "ada"),
        ("promotion.approved", "amir"),
        ("bundle.promoted", "amir"),
    }


def test_nobody_approves_an_own_proposal_by_api_either(ada: Script, comparison: Comparison) -> None:
    number = proposed(ada, comparison)
    refused = ada.post(f"/proposals/{number}/approval")
    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_refused")
    assert "Another admin" in refused.json()["detail"]
    another = Script(ada.person)
    assert another.post(f"/proposals/{number}/approval").status_code == 409, "nor with a second token"
    assert champion() == comparison.champion


def test_a_token_does_not_approve_where_approvals_need_a_second_factor(
    ada: Script, amir: Script, comparison: Comparison, settings: LazySettings, clock: list[float]
) -> None:
    settings.APPROVER_SECOND_FACTOR = True
    second_factor_enrol(user=amir.person, secret=SECRET, code=code_at(clock[0]))
    number = proposed(ada, comparison)
    refused = amir.post(f"/proposals/{number}/approval")
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_by_token")
    assert "approve on the page" in refused.json()["detail"]
    assert (Proposal.objects.get().is_open, champion()) == (True, comparison.champion)
    window = Client()
    window.force_login(amir.person)
    clock[0] += 30  # a code counts once
    window.post(f"/retraining/proposals/{number}/approval/", {"code": code_at(clock[0])})
    assert champion() == comparison.candidate
    back = ada.post("/rollback", reason="Only a test.", leaving=comparison.candidate.digest)
    assert back.status_code == 201


def test_a_closed_gate_and_a_second_proposal_are_refused(
    ada: Script, amir: Script, comparison: Comparison
) -> None:
    comparison.report = report(candidate=(14, 190), loads=(360, 1100))
    comparison.save(update_fields=["report"])
    shut = ada.post("/proposals", comparison=comparison.pk, reason=WHY)
    assert (shut.status_code, shut.json()["code"]) == (409, "proposal_refused")
    assert "The gate is closed" in shut.json()["detail"]
    number = proposed(ada, comparison, override="A new kind of forgery must be caught today.")
    assert [check["passed"] for check in ada.get(f"/proposals/{number}").json()["gate"]] == [
        True,
        False,
        False,
        False,
        False,
    ]
    second = amir.post("/proposals", comparison=comparison.pk, reason=WHY, override="x" * 20)
    assert "is open" in second.json()["detail"]


@pytest.mark.parametrize(("who", "state"), [("ada", "withdrawn"), ("amir", "rejected")])
def test_a_proposal_is_withdrawn_or_rejected_once(
    ada: Script, amir: Script, comparison: Comparison, who: str, state: str
) -> None:
    number = proposed(ada, comparison)
    decider = {"ada": ada, "amir": amir}[who]
    assert decider.post(f"/proposals/{number}/rejection", remark="not now").json()["state"] == state
    assert amir.post(f"/proposals/{number}/approval").status_code == 409
    assert ada.get("/proposals", state=state).json()["data"][0]["id"] == number
    assert ada.get("/proposals", state="open").json()["data"] == []


def test_a_proposal_needs_its_fields(ada: Script, comparison: Comparison) -> None:
    empty = ada.post("/proposals").json()
    assert {error["pointer"] for error in empty["errors"]} == {"#/comparison", "#/reason"}
    assert ada.post("/proposals", comparison=999_999, reason=WHY).json()["code"] == "unknown_reference"
    assert ada.post("/proposals", comparison=comparison.pk, reason=WHY, shift=0.123).status_code == 409


def test_files_that_changed_stop_the_promotion(ada: Script, amir: Script, comparison: Comparison) -> None:
    number = proposed(ada, comparison)
    (comparison.candidate.directory / "one.safetensors").write_text("changed")
    refused = amir.post(f"/proposals/{number}/approval")
    assert (refused.status_code, refused.json()["code"]) == (409, "bundle_refused")
    assert Proposal.objects.get().is_open


def test_one_admin_rolls_back_with_a_reason(ada: Script, amir: Script, comparison: Comparison) -> None:
    amir.post(f"/proposals/{proposed(ada, comparison)}/approval")
    missing = {error["pointer"] for error in ada.post("/rollback").json()["errors"]}
    assert missing == {"#/reason", "#/leaving"}
    body = {"reason": "Too many flags.", "leaving": comparison.candidate.digest}
    back = ada.post("/rollback", **body)
    assert (back.status_code, back.json()["kind"], back.json()["version"]) == (201, "rollback", "v1")
    assert champion() == comparison.champion
    repeated = ada.post("/rollback", **body)
    assert (repeated.status_code, repeated.json()["detail"][:31]) == (409, "Another bundle is in production")
    again = ada.post("/rollback", reason="More.", leaving=comparison.champion.digest)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_roll_back")


def test_a_bundle_tells_its_card_its_lineage_and_what_it_is(
    ada: Script, comparison: Comparison, run: TrainingRun
) -> None:
    TrainingRun.objects.update(state="succeeded", candidate=comparison.candidate)
    listed = ada.get("/bundles").json()["data"]
    assert [(row["version"], row["state"]) for row in listed] == [("v2", "candidate"), ("v1", "champion")]
    told = ada.get(f"/bundles/{comparison.candidate.digest}").json()
    assert told["model_card"] == "# v2\n"
    assert told["metrics"] == {"auc": 0.75}
    assert told["lineage"] == {"run": run.pk, "snapshot": None, "parent": None}
    served = ada.get(f"/bundles/{comparison.champion.digest}").json()
    assert [step["kind"] for step in served["promotions"]] == ["promote"]
    assert ada.get("/bundles/v2").status_code == 404
    assert [row["version"] for row in ada.get("/bundles", source="baseline").json()["data"]] == ["v1"]
    page = ada.get("/bundles", limit=1).json()
    assert ada.get("/bundles", after=page["next"]).json()["data"][0]["version"] == "v1"


def test_lineage_names_the_snapshot_and_the_parent(serving: Bundle, ready: object, staff: Callable) -> None:
    told = {"snapshot_sha256": "e" * 64, "trained_from_digest": serving.digest}
    child = Bundle(digest="c" * 64, version="child", source="trained", provenance=told)
    child.save()
    found = lineage(viewer=staff("ada", "admin"), bundle=child)
    assert found == Lineage(run=None, snapshot="ready", parent=serving.digest)


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_others_learn_nothing_of_bundles(
    comparison: Comparison, staff: Callable[..., User], role: str
) -> None:
    viewer = staff("curious", role)
    assert bundle_states(viewer=viewer) == {}
    assert lineage(viewer=viewer, bundle=comparison.candidate) == Lineage()


def test_the_shadow_is_put_there_once_and_ended(ada: Script, comparison: Comparison) -> None:
    assert ada.get("/shadow").status_code == 404
    put = ada.send("PUT", "/shadow", bundle=comparison.candidate.digest)
    assert (put.status_code, put.json()["running"], put.json()["counts"]["scored"]) == (200, True, 0)
    assert ada.send("PUT", "/shadow", bundle=comparison.candidate.digest).json()["id"] == put.json()["id"]
    assert Shadow.objects.count() == 1
    states = bundle_states(viewer=ada.person)
    assert states[comparison.candidate.pk] == BundleState.SHADOW
    serves = ada.send("PUT", "/shadow", bundle=comparison.champion.digest)
    assert (serves.status_code, serves.json()["code"]) == (409, "shadow_refused")
    ended = ada.client.delete("/api/v1/retraining/shadow?remark=enough")
    assert (ended.status_code, ended.json()["running"], ended.json()["remark"]) == (200, False, "enough")
    assert ada.client.delete("/api/v1/retraining/shadow").status_code == 409
    assert ada.get("/shadow").json()["remark"] == "enough"


def test_what_calls_for_training_is_told_in_words(ada: Script, comparison: Comparison) -> None:
    told = ada.get("/signals").json()
    assert (told["calls"], told["unused_decisions"], told["every_days"]) == (False, 0, 0)
    assert {signal["name"] for signal in told["signals"]} == {
        "New decisions",
        "Scores",
        "Split votes",
        "Load since the promotion",
        "Audit",
    }
