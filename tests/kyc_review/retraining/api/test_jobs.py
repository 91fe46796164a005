import json

import pytest

from kyc_review.datasets.models import Snapshot
from kyc_review.training.models import Comparison, TrainingRun
from tests.factories.scripts import LOOP, Script

pytestmark = pytest.mark.django_db


def test_a_run_is_asked_for_with_the_pages_defaults_or_ones_own(
    ada: Script, comparison: Comparison, ready: Snapshot
) -> None:
    asked = ada.post("/runs", snapshot="ready")
    assert asked.status_code == 202
    told = ada.client.get(asked["Location"]).json()
    assert (told["state"], told["begin"], told["epochs"], told["seed"], told["miss"]) == (
        "queued",
        "champion",
        3,
        0,
        0.1,
    )
    assert (told["init"], told["candidate"]) == (comparison.champion.digest, None)
    ada.post(
        "/runs", snapshot="ready", begin="scratch", epochs=9, miss=0.05, seed=4, balance="under", weigh=False
    )
    row = TrainingRun.objects.latest("pk")
    assert (row.scratch, row.epochs, row.miss, row.seed, row.created_by) == (True, 9, 0.05, 4, ada.person)
    assert (row.balance, row.weigh) == ("under", False)
    assert ada.post("/runs", snapshot="ready", balance="nonsense").json()["code"] == "work_refused"


def test_a_request_that_was_sent_again_starts_no_second_run(ada: Script, run: TrainingRun) -> None:
    again = ada.post("/runs", snapshot="ready")
    assert again.status_code == 409
    assert f"Run {run.pk} does exactly this" in again.json()["detail"]
    assert ada.post("/runs", snapshot="ready", seed=1).status_code == 202
    ada.post(f"/runs/{run.pk}/cancellation")
    assert ada.post("/runs", snapshot="ready").status_code == 202


def test_a_run_that_cannot_be_is_refused(ada: Script, comparison: Comparison, ready: Snapshot) -> None:
    unknown = ada.post("/runs", snapshot="nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_reference")
    assert unknown.json()["errors"][0]["pointer"] == "#/snapshot"
    assert ada.post("/runs", snapshot="ready", epochs=0).status_code == 400
    assert ada.post("/runs", snapshot="ready", miss="nan").status_code == 400
    small = Snapshot.objects.create(name="small", state="pending")
    assert ada.post("/runs", snapshot=small.name).status_code == 400, "it is not ready"
    assert not TrainingRun.objects.exists()


def test_progress_curves_and_log_are_told_in_numbers(ada: Script, run: TrainingRun) -> None:
    run.progress.parent.mkdir(parents=True)
    lines = [
        {"phase": "train", "done": 1, "of": 8, "member": "north", "loss": 0.7, "auc": 0.6, "eta_s": 70},
        {"phase": "train", "done": 2, "of": 8, "member": "north", "loss": 0.5, "auc": 0.8, "eta_s": 60},
    ]
    run.progress.write_text("\n".join(map(json.dumps, lines)))
    run.log.write_text("epoch 1\nepoch 2\n")
    told = ada.get(f"/runs/{run.pk}").json()
    assert told["progress"] == {
        "done": 2,
        "of": 8,
        "eta_s": 60,
        "phase": "train",
        "member": "north",
        "losses": [{"member": "north", "values": [0.7, 0.5]}],
        "aucs": [{"member": "north", "values": [0.6, 0.8]}],
    }
    assert told["log"] == "epoch 1\nepoch 2"


def test_a_run_is_cancelled_once(ada: Script, run: TrainingRun) -> None:
    stopped = ada.post(f"/runs/{run.pk}/cancellation")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "cancelled")
    again = ada.post(f"/runs/{run.pk}/cancellation")
    assert (again.status_code, again.json()["code"]) == (409, "work_refused")
    assert [row["id"] for row in ada.get("/runs", state="cancelled").json()["data"]] == [run.pk]
    assert ada.get("/runs", state="queued").json()["data"] == []


def test_a_comparison_is_asked_for(ada: Script, comparison: Comparison) -> None:
    body = {"candidate": comparison.candidate.digest, "snapshot": "ready"}
    asked = ada.post("/comparisons", **body)
    assert (asked.status_code, asked.json()["points"], asked.json()["report"]) == (202, [], {})
    assert asked["Location"].startswith("http")
    repeated = ada.post("/comparisons", **body)
    assert (repeated.status_code, repeated.json()["code"]) == (409, "work_refused")
    assert f"Comparison {asked.json()['id']} does exactly this" in repeated.json()["detail"]
    serves = ada.post("/comparisons", **body | {"candidate": comparison.champion.digest})
    assert (serves.status_code, serves.json()["code"]) == (409, "work_refused")
    assert ada.post("/comparisons", **body | {"candidate": "0" * 64}).json()["code"] == "unknown_reference"
    assert ada.post("/comparisons", **body | {"candidate": "v2"}).json()["code"] == "invalid_request"
    assert len(ada.get("/comparisons").json()["data"]) == 2
    assert len(ada.get("/comparisons", candidate=comparison.candidate.digest).json()["data"]) == 2
    assert ada.get("/comparisons", candidate=comparison.champion.digest).json()["data"] == []


def test_a_comparison_tells_its_points_and_the_gate_at_one_of_them(
    ada: Script, comparison: Comparison
) -> None:
    told = ada.get(f"/comparisons/{comparison.pk}").json()
    assert told["is_current"] is True
    assert len(told["points"]) == 61
    assert told["points"][30] == {
        "shift": 0.0,
        "recall": 0.9,
        "false_alarm": 0.25,
        "miss_at_most": pytest.approx(0.2),
        "weighted_recall": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 40},
        "recall_difference": pytest.approx({"value": 0.15, "low": 0.11, "high": 0.19, "n": 40}),
        "weighted_false_alarm": pytest.approx({"value": 0.25, "low": 0.15, "high": 0.35, "n": 200}),
        "load": pytest.approx({"value": 0.25, "low": 0.23, "high": 0.27, "n": 1200}),
        "gate_open": True,
    }
    assert [point["gate_open"] for point in (told["points"][0], told["points"][-1])] == [False, False]
    assert all(check["passed"] for check in told["gate"])
    assert told["report"]["holdout"]["changed"]["fakes_now_caught"]["count"] == 7
    shut = ada.get(f"/comparisons/{comparison.pk}", shift=-3).json()["gate"]
    assert [check["passed"] for check in shut] == [True, True, True, False, False]
    assert shut[-1]["answer"] == "failed"
    for nonsense in ("0.123", "x", "99", "nan"):
        assert ada.get(f"/comparisons/{comparison.pk}", shift=nonsense).status_code == 400


@pytest.mark.parametrize("path", ["/runs/99", "/comparisons/99", "/snapshots/none", "/proposals/99"])
def test_what_is_not_there_is_a_problem(ada: Script, path: str) -> None:
    answer = ada.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ada.client.get(f"{LOOP}{path}/nowhere").json()["code"] == "not_found"
