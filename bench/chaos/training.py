"""A training whose workers are killed half-way: the next one goes on from the members that were finished."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.chaos.faults import Faults
from bench.chaos.traffic import can_train, training_ask
from bench.product import Product
from devstack.progress import Say

TIMEOUT_S = 1800
LOOK_EVERY_S = 0.02
NAME = "half-way"
RUN = """SELECT r.id FROM training_trainingrun r JOIN datasets_snapshot s ON s.id = r.snapshot_id
    WHERE s.name = %s ORDER BY r.id DESC LIMIT 1"""
COMPARED = """SELECT c.state FROM training_comparison c JOIN training_trainingrun r USING (candidate_id)
    WHERE r.id = %s AND c.state NOT IN ('queued', 'running')"""
PROGRESS = """SELECT coalesce(string_agg(text, '' ORDER BY id), '') FROM training_joboutput
    WHERE noun = 'training' AND part = 'progress' AND job = %s"""


def killed_half_way(faults: Faults, post: Callable[[], None], say: Say) -> Iterator[str]:
    """Train while nothing else fails, and kill all training workers when a member is finished. What did not hold.

    post: posts for some seconds; it is called until people have decided on enough pictures.
    """
    running, ends = faults.running, time.monotonic() + TIMEOUT_S
    while not can_train(running):
        if time.monotonic() > ends:
            yield "no training: too few decisions"
            return
        post()
    if not training_ask(running, NAME, say):
        yield "no training: it was refused"
        return
    run = running.rows(RUN, NAME)[0][0]
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
