"""`python -m bench chaos`: two of every process, faults from a seed, then the checker."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bench.background import Load
from bench.chaos import invariants, traffic, training
from bench.chaos.disk import small_disk
from bench.chaos.faults import Faults
from bench.chaos.object_storage import bucket
from bench.chaos.plan import Fault, draw
from bench.chaos.relay import Relay
from bench.chaos.traffic import Told
from bench.product import Product, product
from bench.report import line
from devstack.progress import Say

WATCH_EVERY_S = 0.05
SETTLE_TIMEOUT_S = 900
MORE_S = 10.0
# Leases that pauses and silent networks outlast; no item but those of faults and votes.
SETTINGS = {
    "SCORING_LEASE_S": "5",
    "EVIDENCE_LEASE_S": "10",
    "UNDO_WINDOW_S": "2",
    "AUDIT_SHARE": "0",
    "AUDIT_RISK_SHARE": "0",
    "GOLD_RATE": "0",
    "TRAINING_DECISIONS_MIN": str(training.DECISIONS_LEAST),
    "KEY_ENCRYPTION": "false",  # the checker reads originals by itself
}
UNFINISHED = """SELECT
    (SELECT count(*) FROM submissions_submission WHERE state IN ('received', 'scoring'))
    + (SELECT count(*) FROM training_trainingrun WHERE state IN ('queued', 'running'))
    + (SELECT count(*) FROM training_comparison WHERE state IN ('queued', 'running'))
    + (SELECT count(*) FROM datasets_snapshot WHERE state = 'building')
    + (SELECT count(*) FROM review_reviewitem WHERE state = 'settling')"""


@dataclass(frozen=True)
class Outcome:
    """What was done, what is still due, and what did not hold."""

    faults: int
    told: Told
    scored: int
    trainings: str
    undelivered: int
    settled_s: float
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """seconds: of traffic under faults. patience_s: how long afterwards webhooks are waited for.

    A delivery whose answer was lost is sent again after a minute, so a shorter patience may leave some that are due.
    """

    seconds: float
    seed: int
    per_s: float = 4.0
    times: int = 2
    trains: bool = True
    object_storage: bool = False
    patience_s: float = 300.0


def run(bundle: Path, images: list[bytes], scenario: Scenario, say: Say) -> Outcome:
    with system(bundle, scenario, say) as faults:
        return play(faults, images, scenario, say)


@contextmanager
def system(bundle: Path, scenario: Scenario, say: Say) -> Iterator[Faults]:
    """The running product, with everything between its parts that can be broken."""
    with ExitStack() as until_end:
        disk = until_end.enter_context(small_disk())
        relays: dict[str, Relay] = {}
        settings = SETTINGS | ({"DATA_DIR": str(disk.folder)} if disk else {})
        stored = None
        if scenario.object_storage:
            folder = disk.folder if disk else Path(until_end.enter_context(tempfile.TemporaryDirectory()))
            stored = until_end.enter_context(bucket(folder / "objects"))
            relays["network of s3"] = Relay("network of s3", "127.0.0.1", stored.port)
            settings |= stored.settings(relays["network of s3"].port)
        running = until_end.enter_context(
            product(bundle, say, settings, rewired=lambda own: _rewired(own, relays), times=scenario.times)
        )
        programs = {program.name: program for program in running.started}
        originals = stored.originals if stored else Path(running.variables["DATA_DIR"]) / "originals"
        yield Faults(running, programs, relays, disk, originals)


def play(faults: Faults, images: list[bytes], scenario: Scenario, say: Say) -> Outcome:
    """Traffic under faults, the time to settle, and what does not hold then."""
    running = faults.running
    for text in faults.missing():
        say(text)
    planned = draw(faults.targets(), seconds=scenario.seconds, seed=scenario.seed)
    say(f"seed {scenario.seed}: {len(planned)} faults in {scenario.seconds:g} s")
    told, stop = Told(), threading.Event()
    receiver = traffic.Receiver(told)
    receiver.register(running.target)
    # Where two people disagree a third one decides: a training needs pictures that are settled.
    people = traffic.staff(running, ["alice", "bob", "carol"] if scenario.trains else ["alice", "bob"])
    threads = [
        threading.Thread(target=traffic.review, args=(running, person, told, stop, seed), daemon=True)
        for seed, person in enumerate(people)
    ]
    requests, no_more_training = training.Requests(running, say), threading.Event()
    trainer = threading.Thread(target=training.train, args=(requests, no_more_training), daemon=True)
    targets = [replace(running.target, port=port) for port in _web_ports(running)]

    def posting_for(seconds: float) -> Load[None]:
        per_s = scenario.per_s
        return Load(lambda _: traffic.post_all(targets, images, told, seconds=seconds, per_s=per_s))

    def post_more() -> None:
        more = posting_for(MORE_S)
        running.wait(lambda: more.is_done, timeout_s=SETTLE_TIMEOUT_S, what="the last post")

    posting = posting_for(scenario.seconds)
    for thread in [*threads, trainer] if scenario.trains else threads:
        thread.start()
    _break(running, faults, planned, scenario.seconds, say)
    began = time.monotonic()
    running.wait(lambda: posting.is_done, timeout_s=SETTLE_TIMEOUT_S, what="the last post")
    if scenario.trains:
        no_more_training.set()
        _join(running, trainer)
    settles_s = training.TIMEOUT_S if scenario.trains else SETTLE_TIMEOUT_S
    running.wait(lambda: _is_done(running), timeout_s=settles_s, what="the last verdict or training")
    settled_s = time.monotonic() - began
    half_way: tuple[str, ...] = ()
    if scenario.trains:
        half_way = tuple(training.killed_half_way(faults, requests, post_more, say))
        began = time.monotonic()
        running.wait(lambda: _is_done(running), timeout_s=settles_s, what="the last comparison")
    stop.set()
    for thread in threads:
        _join(running, thread)
    all_stopped = time.monotonic()
    _wait_patiently(running, began + scenario.patience_s)
    settled_s += time.monotonic() - all_stopped
    receiver.close()
    return Outcome(
        faults=len(planned),
        told=told,
        scored=running.scored(),
        trainings=training.trainings(running),
        undelivered=invariants.undelivered(running),
        settled_s=settled_s,
        violations=half_way + tuple(invariants.violations(running, told, faults.originals)),
    )


def _break(running: Product, faults: Faults, planned: list[Fault], seconds: float, say: Say) -> None:
    """Begin and end each fault at its time; supervise the stack meanwhile."""
    began, waiting = time.monotonic(), list(planned)
    ends: list[tuple[float, Callable[[], None]]] = []
    while (now := time.monotonic() - began) < seconds or ends:
        for end in [end for end in ends if end[0] <= now]:
            ends.remove(end)
            end[1]()
        if waiting and waiting[0].at_s <= now:
            fault = waiting.pop(0)
            say(str(fault))
            ends.append((fault.ends_s, faults.begin(fault)))
        running.runner.watch()
        time.sleep(WATCH_EVERY_S)


def _join(running: Product, thread: threading.Thread) -> None:
    while thread.is_alive():
        running.runner.watch()
        thread.join(WATCH_EVERY_S)


def _is_done(running: Product) -> bool:
    try:
        return int(running.rows(UNFINISHED)[0][0]) == 0
    except Exception:  # Postgres is starting
        return False


def _wait_patiently(running: Product, until: float) -> None:
    """For decisions to settle and webhooks to arrive."""
    while time.monotonic() < until and not (_is_done(running) and invariants.undelivered(running) == 0):
        running.runner.watch()
        time.sleep(WATCH_EVERY_S)


def _web_ports(running: Product) -> list[int]:
    commands = [program.command for program in running.started if program.name.startswith("web")]
    return [int(command[command.index("--port") + 1]) for command in commands]


def _rewired(own: dict[str, str], relays: dict[str, Relay]) -> dict[str, str]:
    """The environment of the product's processes, whose services are behind relays."""
    services = {"network of postgres": "DATABASE_URL", "network of valkey": "VALKEY_URL"}
    for name, variable in services.items():
        address = urlsplit(own[variable])
        if name not in relays:
            relays[name] = Relay(name, address.hostname or "127.0.0.1", address.port or 0)
        login, _, _ = address.netloc.rpartition("@")
        own = own | {variable: urlunsplit(address._replace(netloc=f"{login}@127.0.0.1:{relays[name].port}"))}
    return own


def report(outcome: Outcome) -> bool:
    told = outcome.told
    line("faults", str(outcome.faults))
    line("answers to posts", _counted(told.statuses))
    line("accepted pictures, verdicts", f"{len(told.accepted)}, {outcome.scored}")
    line("decisions that were acknowledged", str(len(told.decided)))
    line("errors that reviewers saw", _counted(told.pages))
    line("trainings", outcome.trainings)
    line("webhooks that were received", str(len(told.events)))
    heard = line("  still due", str(outcome.undelivered), reached=outcome.undelivered == 0, target="0")
    line("all settled after the last fault", f"{outcome.settled_s:.0f} s")
    for text in outcome.violations:
        print(f"  VIOLATED: {text}")
    number = len(outcome.violations)
    return line("violated invariants", str(number), reached=number == 0, target="0") and heard


def _counted(statuses: Counter[int]) -> str:
    return ", ".join(f"{number} x {status or 'no answer'}" for status, number in sorted(statuses.items()))
