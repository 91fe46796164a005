"""The scoring worker with torch and with ONNX Runtime, in turns: processor time, pictures a second, memory.

One stack with its real worker (Celery, Postgres, Valkey); each turn starts the worker again with the other engine.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from bench import compare
from bench.images import jpegs
from bench.machine import described
from bench.product import Product, family_cpu_s, product
from bench.report import line
from devstack.progress import Say

WORKER = "scoring"
MEMORY_TARGETS_MB = {"torch": 900, "onnxruntime": 500}
ALONE_POSTS, WARM_UP_POSTS, REST_S = 60, 96, 3.0


@dataclass(frozen=True)
class Turn:
    """Of one engine. *_ms: processor time for a picture, of the worker and its decoders; backlog_per_s: pictures a
    second while many wait; MB of 10^6 bytes, proportional shares of the worker's own process: the largest of those
    that were looked at while it scored, and at rest afterwards; those of its decoders; and its highest resident size,
    in which libraries that processes share are whole."""

    alone_ms: float
    backlog_ms: float
    backlog_per_s: float
    busy_mb: float
    rest_mb: float
    decoders_mb: float
    peak_mb: float
    has_torch: bool


def run(bundle: Path, *, pictures: int, batch_max: int, turns: int, say: Say) -> bool:
    """Whether each engine keeps within its memory. Raises BenchError, StackRefused, TimeoutError."""
    images = jpegs()
    found: dict[str, list[Turn]] = {engine: [] for engine in MEMORY_TARGETS_MB}
    with product(bundle, say) as running, running.paused("evidence"):
        print(
            f"{described()}; {turns} turns of {pictures} pictures of 600 x 600 in batches of up to {batch_max}, "
            f"and of {ALONE_POSTS} that came one at a time"
        )
        for number in range(turns):
            for engine in found if number % 2 else reversed(found):
                settings = {"SCORING_ENGINE": engine, "SCORING_BATCH_MAX": str(batch_max)}
                running.exchange(WORKER, settings)
                turn = _turn(running, images, pictures, name=f"{engine}-{number}")
                say(f"turn {number + 1}: {engine} {turn}")
                if turn.has_torch != (engine == "torch"):
                    raise compare.BenchError(f"the worker did not score with {engine}; its log says why")
                found[engine].append(turn)
    return report(found)


def _turn(running: Product, images: list[bytes], pictures: int, *, name: str) -> Turn:
    compare.scored(running, images, posts=WARM_UP_POSTS, at_once=8, name=f"{name}-warm")
    began_ms = _cpu_ms(running)
    for number in range(ALONE_POSTS):
        one = [images[number % len(images)]]
        compare.scored(running, one, posts=1, at_once=1, name=f"{name}-{number}", every_s=0.02)
    alone_ms = (_cpu_ms(running) - began_ms) / ALONE_POSTS
    goal = running.scored() + pictures
    busy_mb: list[float] = []

    def is_done() -> bool:
        busy_mb.append(_own_mb(running))
        return running.scored() >= goal

    with running.paused(WORKER):
        compare.accepted(running, images, posts=pictures, at_once=8, name=name)
        began_ms, began = _cpu_ms(running), time.time()
    running.wait(is_done, timeout_s=compare.DRAIN_TIMEOUT_S, what="verdicts")
    (stored,) = running.rows("SELECT extract(epoch FROM max(scored_at)) FROM scoring_scoring")[0]
    backlog_ms = (_cpu_ms(running) - began_ms) / pictures
    running.wait(_after(REST_S), timeout_s=2 * REST_S, what="rest")
    return Turn(
        alone_ms=alone_ms,
        backlog_ms=backlog_ms,
        backlog_per_s=pictures / (float(stored) - began),
        busy_mb=max(busy_mb),
        rest_mb=_own_mb(running),
        decoders_mb=running.memory_mb(WORKER) - _own_mb(running),
        peak_mb=_peak_mb(_worker(running)),
        has_torch=running.has_torch(WORKER),
    )


def report(found: Mapping[str, Sequence[Turn]]) -> bool:
    is_small = []
    for engine, turns in found.items():
        print(f"{engine}, median of {len(turns)} turns:")
        line("processor time of one that came alone", f"{median(turn.alone_ms for turn in turns):.0f} ms")
        line("processor time of one in a batch", f"{median(turn.backlog_ms for turn in turns):.0f} ms")
        line("verdicts while many wait", f"{median(turn.backlog_per_s for turn in turns):.1f} /s")
        busy_mb, limit_mb = max(turn.busy_mb for turn in turns), MEMORY_TARGETS_MB[engine]
        reached, target = busy_mb < limit_mb, f"< {limit_mb} MB"
        is_small.append(
            line("memory of the worker's process (PSS)", f"{busy_mb:.0f} MB", reached=reached, target=target)
        )
        line("  at rest afterwards", f"{max(turn.rest_mb for turn in turns):.0f} MB")
        line("  its decoders", f"{max(turn.decoders_mb for turn in turns):.0f} MB")
        line("  its highest resident size", f"{max(turn.peak_mb for turn in turns):.0f} MB")
    pairs = list(zip(found["onnxruntime"], found["torch"], strict=True))
    print("ONNX Runtime to torch, in the same turns:")
    line("processor time alone", _ratio([onnx.alone_ms / torch.alone_ms for onnx, torch in pairs]))
    line("processor time in a batch", _ratio([onnx.backlog_ms / torch.backlog_ms for onnx, torch in pairs]))
    line("verdicts a second", _ratio([onnx.backlog_per_s / torch.backlog_per_s for onnx, torch in pairs]))
    return all(is_small)


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _worker(running: Product) -> psutil.Process:
    worker = running.process(WORKER)
    assert worker is not None
    return worker


def _cpu_ms(running: Product) -> float:
    return family_cpu_s(_worker(running)) * 1000


def _own_mb(running: Product) -> float:
    return float(_worker(running).memory_full_info().pss / 1e6)


def _after(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() > ends


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("VmHWM:")).split()[1]) * 1024 / 1e6
