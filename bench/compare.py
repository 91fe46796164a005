"""Throughput and latency of the product, and the throughput of LitServe with the same networks, in one run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.background import Load
from bench.load import Answer, Target, concurrent, steady
from bench.product import WATCH_EVERY_S, Product, family_cpu_s
from bench.report import percentile
from devstack.paths import REPOSITORY
from devstack.processes import answers
from devstack.progress import Say

WARM_UP_POSTS = 96
DRAIN_TIMEOUT_S = 300
START_TIMEOUT_S = 120


class BenchError(Exception):
    """A post was not accepted, so the measurement is invalid."""


@dataclass(frozen=True)
class Turn:
    """One turn. Images per second: verdicts stored, posts accepted meanwhile, and LitServe's answers by kind.

    cpu_ms: processor time for one picture, of all processes of the product; litserve_cpu_ms: of LitServe's, by kind.
    """

    verdicts: float
    accepted: float
    cpu_ms: float
    litserve: Mapping[str, float]
    litserve_cpu_ms: Mapping[str, float]


def turns(
    running: Product,
    images: list[bytes],
    *,
    bundle: Path,
    port: int,
    posts: int,
    at_once: int,
    count: int,
    kinds: Sequence[str],
    say: Say,
) -> list[Turn]:
    """The product and LitServe in turns, `posts` each in total, so that a slow minute of the machine affects both."""
    scored(running, images, posts=WARM_UP_POSTS, at_once=at_once, name="warm")
    found = []
    for number in range(count):
        each = posts // count
        with running.paused("evidence"):  # it gives way to selfies, and LitServe computes none
            before_s = running.cpu_s()
            verdicts, accepted = throughput(
                running, images, posts=each, at_once=at_once, name=f"turn-{number}"
            )
            cpu_ms = (running.cpu_s() - before_s) * 1000 / each
            answers = {
                kind: litserve(kind, bundle, port, images, posts=each, at_once=at_once) for kind in kinds
            }
        found.append(
            Turn(
                verdicts,
                accepted,
                cpu_ms,
                {kind: per_s for kind, (per_s, _) in answers.items()},
                {kind: cpu_ms for kind, (_, cpu_ms) in answers.items()},
            )
        )
        say(f"turn {number + 1}: {found[-1]}")
    return found


def throughput(
    running: Product, images: list[bytes], *, posts: int, at_once: int, name: str
) -> tuple[float, float]:
    """Images per second (first post sent to last verdict stored, first post sent to last accepted)."""
    before = running.scored()
    began = time.time()
    answers = scored(running, images, posts=posts, at_once=at_once, name=name)
    accepted_s = max(a.sent_s + a.elapsed_s for a in answers) - began
    if running.scored() - before != posts:
        raise BenchError(f"{running.scored() - before} verdicts for {posts} posts")
    (stored,) = running.rows("SELECT extract(epoch FROM max(scored_at)) FROM scoring_scoring")[0]
    return posts / (float(stored) - began), posts / accepted_s


def scored(
    running: Product,
    images: list[bytes],
    *,
    posts: int,
    at_once: int,
    name: str,
    every_s: float = WATCH_EVERY_S,
) -> list[Answer]:
    """Post and wait until every one of them has its verdict; every_s: how often it is looked for."""
    goal = running.scored() + posts
    answers = accepted(running, images, posts=posts, at_once=at_once, name=name, every_s=every_s)
    wait_scored(running, goal, every_s=every_s)
    return answers


def accepted(
    running: Product,
    images: list[bytes],
    *,
    posts: int,
    at_once: int,
    name: str,
    every_s: float = WATCH_EVERY_S,
) -> list[Answer]:
    """Post and wait until every one of them is accepted."""
    load = _posting(running.target, images, posts=posts, at_once=at_once, name=name)
    running.wait(lambda: load.is_done, timeout_s=DRAIN_TIMEOUT_S, what="posting", every_s=every_s)
    all_accepted(load.answers, running.target)
    return load.answers


def wait_scored(running: Product, goal: int, *, every_s: float = WATCH_EVERY_S) -> None:
    running.wait(
        lambda: running.scored() >= goal, timeout_s=DRAIN_TIMEOUT_S, what="verdicts", every_s=every_s
    )


def latency(running: Product, images: list[bytes], *, posts: int, per_s: float) -> dict[str, list[float]]:
    """Seconds at a steady rate: post sent to accepted, and to verdict stored (one clock)."""
    goal = running.scored() + posts
    load: Load[Answer] = Load(
        lambda heard: steady(running.target, images, posts=posts, per_s=per_s, name="steady", heard=heard)
    )
    running.wait(lambda: load.is_done, timeout_s=DRAIN_TIMEOUT_S, what="posting")
    all_accepted(load.answers, running.target)
    running.wait(lambda: running.scored() >= goal, timeout_s=DRAIN_TIMEOUT_S, what="verdicts")
    stored = dict(
        running.rows(
            "SELECT s.external_ref, extract(epoch FROM g.scored_at)::float8 FROM scoring_scoring g "
            "JOIN submissions_submission s ON s.id = g.submission_id WHERE s.external_ref LIKE 'steady-%%'"
        )
    )
    return {
        "accepted": [a.elapsed_s for a in load.answers],
        "verdict": [stored[a.reference] - a.sent_s for a in load.answers],
    }


def _posting(target: Target, images: list[bytes], *, posts: int, at_once: int, name: str) -> Load[Answer]:
    return Load(
        lambda heard: concurrent(target, images, posts=posts, at_once=at_once, name=name, heard=heard)
    )


def litserve(
    kind: str, bundle: Path, port: int, images: list[bytes], *, posts: int, at_once: int
) -> tuple[float, float]:
    """Images per second, first post sent to last answer received, and processor time for one in ms."""
    target = Target(port, "/predict", "image", is_json=True)
    with _litserve_server(kind, bundle, port) as server:
        for name, count in (("warm", WARM_UP_POSTS), ("load", posts)):
            began, before_s = time.perf_counter(), family_cpu_s(server)
            load = _posting(target, images, posts=count, at_once=at_once, name=name)
            while not load.is_done:
                time.sleep(0.01)
            elapsed_s, cpu_s = time.perf_counter() - began, family_cpu_s(server) - before_s
            all_accepted(load.answers, target)
    return posts / elapsed_s, cpu_s * 1000 / posts


@contextmanager
def _litserve_server(kind: str, bundle: Path, port: int) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "bench.litserve_server", str(bundle), str(port), kind]
    server = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(port, "/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"LitServe ({kind}) did not start; `make bench` installs it")
            time.sleep(0.2)
        yield psutil.Process(server.pid)
    finally:
        with suppress(ProcessLookupError):  # it never started
            os.killpg(server.pid, 9)
        server.wait()


def all_accepted(answers: list[Answer], target: Target) -> None:
    bad = [answer for answer in answers if answer.status != target.accepted]
    if bad:
        raise BenchError(
            f"{len(bad)} of {len(answers)} posts failed, first: {bad[0].status} {bad[0].body[:200]!r}"
        )


def summary(seconds: list[float]) -> str:
    return f"p50 {percentile(seconds, 50):.3f}, p99 {percentile(seconds, 99):.3f}, max {max(seconds):.3f} s"
