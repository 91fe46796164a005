import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.bundles import bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.retraining.training_charts import charts
from kyc_review.training.jobs import job_lease
from kyc_review.training.models import TrainingRun
from kyc_review.training.progress import Progress, progress_of
from kyc_review.training.runs import run_request
from tests.factories.pages import collapsed

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture
def as_role(staff: Callable[..., User]) -> Callable[[str], Client]:
    def make(role: str) -> Client:
        client = Client()
        client.force_login(staff(f"the-{role}", role))
        return client

    return make


def run_form(snapshot: Snapshot, **changes: object) -> dict:
    return {"snapshot": snapshot.pk, "begin": "champion", "epochs": 3, "miss": 0.1, "seed": 0} | changes


def tell(run: TrainingRun, *lines: object) -> None:
    run.progress.parent.mkdir(parents=True, exist_ok=True)
    run.progress.write_text("".join(json.dumps(line) + "\n" for line in lines))


def step(member: str, done: int, loss: float) -> dict:
    return {"phase": "train", "member": member, "done": done, "of": 40, "loss": loss, "auc": 0.7, "eta_s": 30}


@pytest.mark.parametrize(
    ("role", "see", "act"),
    [("reviewer", 403, 403), ("senior", 403, 403), ("auditor", 200, 403), ("admin", 200, 302)],
)
def test_who_may_do_what(
    as_role: Callable[[str], Client], run: TrainingRun, ready: Snapshot, role: str, see: int, act: int
) -> None:
    client = as_role(role)
    assert client.get(f"/retraining/runs/{run.pk}/").status_code == see
    assert client.get("/retraining/runs/new/").status_code == (200 if act == 302 else 403)
    assert client.post("/retraining/runs/", run_form(ready, seed=1)).status_code == act
    assert client.post(f"/retraining/runs/{run.pk}/cancellation/").status_code == act
    assert TrainingRun.objects.count() == (2 if act == 302 else 1)


def test_an_admin_asks_for_a_run_and_is_taken_to_its_page(
    as_role: Callable[[str], Client], serving: Bundle, ready: Snapshot
) -> None:
    answer = as_role("admin").post(
        "/retraining/runs/", run_form(ready, begin="scratch", epochs=7), follow=True
    )
    run = TrainingRun.objects.get()
    assert (run.scratch, run.epochs, str(run.created_by)) == (True, 7, "the-admin")
    assert "takes one run at a time" in answer.text


def test_a_wish_that_cannot_be_met_says_why_and_keeps_what_was_typed(
    as_role: Callable[[str], Client], serving: Bundle, ready: Snapshot
) -> None:
    answer = as_role("admin").post("/retraining/runs/", run_form(ready, epochs=5000))
    assert answer.status_code == 422
    assert "less than or equal to 200" in answer.text
    assert 'value="5000"' in answer.text
    assert not TrainingRun.objects.exists()


def test_a_running_page_shows_progress_and_asks_for_itself(
    as_role: Callable[[str], Client], run: TrainingRun
) -> None:
    job_lease(TrainingRun)
    tell(run, step("north", 10, 0.6), step("north", 20, 0.5), step("east", 25, 0.55))
    client = as_role("admin")
    whole = collapsed(client.get(f"/retraining/runs/{run.pk}/"))
    assert "25 of 40 steps (62 %)" in whole
    assert "Training east, about 30 s to go" in whole
    assert 'hx-trigger="every 2s"' in whole
    part = client.get(f"/retraining/runs/{run.pk}/", headers={"HX-Request": "true", "HX-Target": "run"}).text
    assert part.lstrip().startswith('<div id="run"')


def test_an_ended_page_is_quiet_and_shows_what_the_candidate_can_do(
    as_role: Callable[[str], Client], run: TrainingRun, made_bundle: Callable[..., Path]
) -> None:
    estimate = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 20}
    votes = {"recall_with_human": estimate, "false_alarm": estimate, "review_load": estimate}
    metrics = {"test": {"votes": {"all": votes}, "auc": {"all": {"stack": estimate}}}}
    candidate = bundle_register(path=made_bundle("candidate-7", metrics), source="trained")
    TrainingRun.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, candidate=candidate)
    page = as_role("auditor").get(f"/retraining/runs/{run.pk}/").text
    assert "hx-trigger" not in page
    assert "80 % (70 to 90)" in page
    assert "Cancel the run" not in page


def test_the_overview_lists_runs_with_their_reasons(
    as_role: Callable[[str], Client], run: TrainingRun
) -> None:
    TrainingRun.objects.update(state=State.FAILED, error="The disk has 3 MB free.")
    page = as_role("auditor").get("/retraining/").text
    assert "The disk has 3 MB free." in page
    assert "Train a candidate" not in page


def test_half_a_line_and_a_strangers_line_are_passed_over(run: TrainingRun) -> None:
    tell(run, step("north", 10, 0.6))
    with open(run.progress, "a") as file:
        file.write('[1, 2]\n"text"\n{"phase": "train", "do')
    assert progress_of(run).done == 10


def test_the_steps_of_several_processes_add_up_and_the_slowest_says_how_long(run: TrainingRun) -> None:
    tell(
        run,
        step("west", 20, 0.5) | {"rank": 3, "ranks": 4},  # an earlier attempt on more GPUs
        step("north", 10, 0.6) | {"rank": 0, "ranks": 2, "eta_s": 30},
        step("east", 4, 0.6) | {"rank": 1, "ranks": 2, "eta_s": 50},
    )
    progress = progress_of(run)
    assert (progress.done, progress.of, progress.eta_s) == (14, 40, 50)


def test_without_a_file_there_is_no_progress(serving: Bundle, ready: Snapshot) -> None:
    assert progress_of(run_request(snapshot=ready)).of == 0


def test_charts_share_their_axes_and_tell_each_measurement(run: TrainingRun) -> None:
    lines = [step("north", 10 * n, 0.6) | {"loss": 0.8 / n, "auc": 0.7 + 0.02 * n} for n in (1, 2, 3, 4)]
    lines += [step("east", 50, 0.6) | {"loss": 0.5, "auc": 0.5}]
    tell(run, *lines)
    loss, auc = charts(progress_of(run))
    north, east = (line.points.split() for line in loss.lines)
    assert (north[0], north[-1], east) == ("0.0,0.0", "320.0,90.0", ["0.0,45.0"]), (
        "east was measured once yet"
    )
    assert [tick.text for tick in loss.up] == ["0.00", "0.40", "0.80"]
    assert [tick.text for tick in loss.across] == ["1", "2", "3", "4"]
    assert (loss.measurements[0].told, loss.measurements[3].told) == (
        "measurement 1: north 0.800, east 0.500",
        "measurement 4: north 0.200",
    )
    assert [tick.text for tick in auc.up] == ["0.50", "0.75", "1.00"]
    assert charts(None) == charts(Progress()) == []
