"""Reviewers of the product and of Label Studio, in turns in one run: the server's cost of a decision.

A cycle of the product is: decide, claim the next item and open it (its page with votes and evidence), in one
answer. A cycle of Label Studio is: the next task, and the submitted annotation. Neither fetches the picture
(a proxy sends it in production); its cost is measured separately. There is no thinking time, so the server is
always busy.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import psutil

from bench.background import Load
from bench.compare import BenchError
from bench.load import Address, Answer, Connection, concurrent
from bench.product import Product
from bench.report import line, percentile
from devstack.paths import REPOSITORY

CSRF = "b" * 32
TEMPLATES = 8
READY_TIMEOUT_S, EVIDENCE_TIMEOUT_S = 300, 90
MARKED = re.compile(rb'/review/items/(\d+)/decision/"')
ANNOTATION = json.dumps(
    {
        "result": [
            {"from_name": "label", "to_name": "face", "type": "choices", "value": {"choices": ["Real"]}}
        ],
        "lead_time": 2.5,
    }
)


class Desk(Protocol):
    """The requests of one person."""

    connection: Connection

    async def start(self) -> None: ...

    async def cycle(self) -> dict[str, float]:
        """Seconds of each step of one decision."""
        ...


@dataclass
class Ours:
    """A reviewer's page, as htmx asks for it: the answer to a decision is the next item, claimed and open."""

    port: int
    session: str
    item: int = 0
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.address = Address(self.port)
        self.connection = Connection(self.address)
        self.headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    async def start(self) -> None:
        await self._claimed("/review/items/next/", {})

    async def cycle(self) -> dict[str, float]:
        began = time.perf_counter()
        form = {"label": "real", "shown_item": str(self.item)}
        await self._claimed(f"/review/items/{self.item}/decision/", form)
        return {"decide, claim next, open": time.perf_counter() - began}

    async def _claimed(self, path: str, form: dict[str, str]) -> None:
        body = await self._asked("POST", path, urlencode(form))
        found = MARKED.search(body)
        if found is None:
            raise BenchError(f"no item after {path}: {body[:200]!r}")
        self.item = int(found[1])

    async def _asked(self, method: str, path: str, body: str = "") -> bytes:
        status, answer = await self.connection.send(self.address.request(method, path, self.headers, body))
        if status != 200:
            raise BenchError(f"{path}: {status} {answer[:300]!r}")
        return answer


class Faces(Ours):
    """Fetches the photograph of the claimed item repeatedly."""

    async def cycle(self) -> dict[str, float]:
        began = time.perf_counter()
        await self._asked("GET", f"/review/items/{self.item}/image/")
        return {"photograph": time.perf_counter() - began}


@dataclass
class Theirs:
    """An annotator's label stream."""

    port: int
    project: int
    token: str

    def __post_init__(self) -> None:
        self.address = Address(self.port)
        self.connection = Connection(self.address)
        self.headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}

    async def start(self) -> None:
        """Its stream has no state."""

    async def cycle(self) -> dict[str, float]:
        began = time.perf_counter()
        task = json.loads(await self._asked(200, "GET", f"/api/projects/{self.project}/next"))["id"]
        seen = time.perf_counter()
        path = f"/api/tasks/{task}/annotations/?project={self.project}"
        await self._asked(201, "POST", path, ANNOTATION)
        return {"next task": seen - began, "submit annotation": time.perf_counter() - seen}

    async def _asked(self, wanted: int, method: str, path: str, body: str = "") -> bytes:
        status, answer = await self.connection.send(self.address.request(method, path, self.headers, body))
        if status != wanted:
            raise BenchError(f"Label Studio, {path}: {status} {answer[:300]!r}")
        return answer


@dataclass
class Work:
    """The measurements of one side, over all of its turns."""

    cycles: list[dict[str, float]] = field(default_factory=list)
    elapsed_s: float = 0.0
    processor_s: float = 0.0

    @property
    def each_s(self) -> float:
        """Server time for one cycle when busy."""
        return self.elapsed_s / len(self.cycles)


def filled(running: Product, images: list[bytes], *, items: int, reviewers: int) -> list[str]:
    """Fill the queue with real selfies, verdicts and evidence; returns sessions of reviewers."""
    load: Load[Answer] = Load(
        lambda heard: concurrent(
            running.target, images[:TEMPLATES], posts=TEMPLATES, at_once=4, name="template", heard=heard
        )
    )
    running.wait(lambda: load.is_done, timeout_s=READY_TIMEOUT_S, what="posting")
    unscored = "SELECT count(*) FROM submissions_submission WHERE state IN ('received', 'scoring')"
    running.wait(lambda: running.rows(unscored)[0][0] == 0, timeout_s=READY_TIMEOUT_S, what="verdicts")
    _hurry(running, "evidence")
    ready = "SELECT count(*) FROM evidence_evidence WHERE state = 'ready'"
    with suppress(TimeoutError):  # on a busy machine; the panel then shows less
        running.wait(lambda: running.rows(ready)[0][0] > 0, timeout_s=EVIDENCE_TIMEOUT_S, what="evidence")
    command = [sys.executable, "-m", "bench.filling", str(items), str(reviewers)]
    done = subprocess.run(
        command, env=running.owner_environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise BenchError(f"filling the queue failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def _hurry(running: Product, name: str) -> None:
    """Evidence has the lowest priority, but here everything waits for it. Only root may raise the priority."""
    process = running.process(name)
    threads = process.threads() if process else []
    with suppress(psutil.Error, OSError):
        for thread in threads:
            os.setpriority(os.PRIO_PROCESS, thread.id, 0)


def turn(
    desks: Sequence[Desk],
    work: Work,
    processes: list[psutil.Process],
    *,
    seconds: float,
    idle: Callable[[], None],
) -> None:
    """All reviewers work for this long; `idle` is called meanwhile to supervise the stack."""
    before, began = _processor_s(processes), time.perf_counter()
    load: Load[dict[str, float]] = Load(lambda heard: _everybody(desks, heard, began + seconds))
    while not load.is_done:
        idle()
        time.sleep(0.05)
    work.cycles += load.answers
    work.elapsed_s += time.perf_counter() - began
    work.processor_s += _processor_s(processes) - before


async def _everybody(desks: Sequence[Desk], heard: Callable[[dict[str, float]], None], until: float) -> None:
    async def person(desk: Desk) -> None:
        await desk.start()
        while time.perf_counter() < until:
            heard(await desk.cycle())
        desk.connection.close()

    await asyncio.gather(*(person(desk) for desk in desks))


def _processor_s(processes: list[psutil.Process]) -> float:
    """Processor time of these and of their children, ended ones included."""
    total = 0.0
    for root in processes:
        for one in (root, *root.children(recursive=True)):
            spent = one.cpu_times()
            total += (
                spent.user
                + spent.system
                + getattr(spent, "children_user", 0)
                + getattr(spent, "children_system", 0)
            )
    return total


def report(name: str, work: Work) -> None:
    line(name, str(len(work.cycles)))
    for step in work.cycles[0]:
        spent = [cycle[step] for cycle in work.cycles]
        line(f"  {step}", f"{1000 * percentile(spent, 50):.0f} ms, p95 {1000 * percentile(spent, 95):.0f} ms")
    line("    server time for one decision", f"{1000 * work.each_s:.1f} ms")
    line("    processor time for one decision", f"{1000 * work.processor_s / len(work.cycles):.1f} ms")
