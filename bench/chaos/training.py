"""Trainings under faults, and one whose workers are killed half-way: the next one goes on from the members that were
finished."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.chaos.faults import Faults
from bench.chaos.traffic import manage
from bench.product import Product
from devstack.progress import Say

TIMEOUT_S = 1800
LOOK_EVERY_S = 0.02
ASK_EVERY_S = 5.0
DECISIONS_LEAST = 40  # of the product, for this suite
MORE_DECISIONS = 15
DECISIONS = "SELECT count(*) FROM review_decision"
RUNS = "SELECT state, attempts, count(*) FROM training_trainingrun GROUP BY state, attempts ORDER BY state, attempts"
WAITING = "SELECT count(*) FROM training_trainingrun WHERE state IN ('queued', 'running')"
RUN = """SELECT r.id FROM training_trainingrun r JOIN datasets_snapshot s ON s.id = r.snapshot_id
    WHERE s.name = %s ORDER BY r.id DESC LIMIT 1"""
COMPARED = """SELECT c.state FROM training_comparison c JOIN training_trainingrun r USING (candidate_id)
    WHERE r.id = %s AND c.state NOT IN ('queued', 'running')"""
PROGRESS = """SELECT coalesce(string_agg(text, '' ORDER BY id), '') FROM training_joboutput
    WHERE noun = 'training' AND part = 'progress' AND job = %s"""


@dataclass
class Requests:
    """Asks for trainings of one epoch, each on a snapshot of its own.

    Whether the decisions suffice is the product's to say: it counts different applicants of each label, whose decisions
    are final. A snapshot that it refuses is too small for good, so the next one waits for more decisions.
    """

    running: Product
    say: Say
    decisions: int = DECISIONS_LEAST
    snapshots: int = 0
    answer: str = "people decided on too few pictures"

    def ask(self) -> int | None:
        """The run; None while there are too few decisions, or something that is needed is away."""
        with suppress(psycopg.Error):
            made = int(self.running.rows(DECISIONS)[0][0])
            if made < self.decisions:
                return None
            self.snapshots += 1
            name = f"chaos-{self.snapshots}"
            done = manage(self.running, "snapshot", "create", "--name", name)
            if is_frozen := done.returncode == 0:
                done = manage(self.running, "retrain", name, "--epochs", "1")
            said = (done.stdout + done.stderr).strip().splitlines()
            self.answer = said[-1] if said else f"status {done.returncode}"
            self.say(f"{name}: {self.answer}")
            found = self.running.rows(RUN, name)  # also where the answer was lost
            is_refused = is_frozen and "CommandError" in done.stderr  # what was broken off is asked again
            if found or is_refused:
                self.decisions = made + MORE_DECISIONS
            return int(found[0][0]) if found else None
        return None


def train(requests: Requests, stop: threading.Event) -> None:
    """One training after the other, as soon as there are enough decisions, until told to stop."""
    while not stop.wait(ASK_EVERY_S):
        with suppress(psycopg.Error):
            if not requests.running.rows(WAITING)[0][0]:
                requests.ask()


def trainings(running: Product) -> str:
    """How all runs ended, and at which attempt."""
    found = running.rows(RUNS)
    return (
        ", ".join(f"{number} x {state} at attempt {attempts}" for state, attempts, number in found) or "none"
    )


def killed_half_way(faults: Faults, requests: Requests, post: Callable[[], None], say: Say) -> Iterator[str]:
    """Train while nothing else fails, and kill all training workers when a member is finished. What did not hold.

    post: posts for some seconds; it is called until people have decided on enough pictures.
    """
    running, ends = faults.running, time.monotonic() + TIMEOUT_S
    while (run := requests.ask()) is None:
        if time.monotonic() > ends:
            yield f"no training: {requests.answer}"
            return
        post()
    members = Path(running.variables["DATA_DIR"]) / "training" / str(run) / "work" / "members"

    def has_ended() -> bool:
        state = running.rows("SELECT state FROM training_trainingrun WHERE id = %s", run)[0][0]
        return state not in ("queued", "running")

    running.wait(
        lambda: any(members.glob("*.safetensors")) or has_ended(),
        timeout_s=TIMEOUT_S,
        what="the first member",
        every_s=LOOK_EVERY_S,
    )
    if has_ended():
        say(f"run {run} ended before its workers could be killed: this shows nothing")
        return
    finished = [file.stem for file in members.glob("*.safetensors")]
    before = _lines(members.parent / "progress.jsonl", finished)
    for name in faults.programs:
        if name.startswith("training"):
            faults.kill(name)
    say(f"run {run}: its workers were killed after {', '.join(finished)}")
    running.wait(has_ended, timeout_s=TIMEOUT_S, what="the training")
    state, attempts, error = running.rows(
        "SELECT state, attempts, error FROM training_trainingrun WHERE id = %s", run
    )[0]
    say(f"run {run}: {state} at attempt {attempts}")
    if (state, attempts) != ("succeeded", 2):
        yield f"a training that was killed once ended as {state} at attempt {attempts}: {error}"
    else:
        running.wait(lambda: _compared(running, run) != "", timeout_s=TIMEOUT_S, what="the comparison")
        if (compared := _compared(running, run)) != "succeeded":
            yield f"the comparison that follows a training ended as {compared}"
    text = running.rows(PROGRESS, run)[0][0]
    again = [name for name in finished if text.count(f'"{name}"') > before[name]]
    if again:
        yield f"finished members were trained again: {', '.join(again)}"


def _compared(running: Product, run: int) -> str:
    """How the comparison of the run's candidate ended; empty while there is none, or it goes on."""
    found = running.rows(COMPARED, run)
    return str(found[0][0]) if found else ""


def _lines(progress: Path, members: list[str]) -> dict[str, int]:
    """How often the progress names each of them."""
    text = progress.read_text() if members else ""
    return {name: text.count(f'"{name}"') for name in members}
