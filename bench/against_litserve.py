"""The product against LitServe: verdicts per second in turns, latency at a steady rate, memory."""

import argparse
from collections.abc import Callable, Sequence
from statistics import median

from bench import compare
from bench.folders import bench_folder
from bench.images import jpegs
from bench.machine import described
from bench.product import Product, product
from bench.report import line, percentile
from devstack.credentials import is_free, port
from devstack.paths import prepare_state_dir

LITSERVE = {"plain": "timm, float32, as its documentation", "ensemble": "our Ensemble, bfloat16"}


def run(options: argparse.Namespace, say: Callable[[str], None]) -> bool:
    """Starts the product and measures as the command line wishes; whether every target was reached.

    Raises BenchError, StackRefused, TimeoutError.
    """
    images = jpegs()
    size_kb = sum(map(len, images)) / len(images) / 1000
    print(described())
    print(
        f"{options.posts} JPEGs of 600x600 ({size_kb:.0f} kB), {options.at_once} posts at once, bundle {options.bundle}"
    )
    with product(options.bundle, say) as running, bench_folder() as folder:
        free = port(prepare_state_dir(folder), "litserve")
        assert is_free(free)
        turns = compare.turns(
            running,
            images,
            bundle=options.bundle,
            port=free,
            posts=options.posts,
            at_once=options.at_once,
            count=options.turns,
            kinds=() if options.skip_litserve else tuple(LITSERVE),
            say=say,
        )
        print(f"The product (web, Postgres, Valkey, scoring worker), median of {options.turns} turns:")
        line("verdicts stored", f"{median(turn.verdicts for turn in turns):.1f} /s")
        line("posts accepted meanwhile", f"{median(turn.accepted for turn in turns):.1f} /s")
        line("processor time for one, of all processes", f"{median(turn.cpu_ms for turn in turns):.0f} ms")
        reached = [_latency(running, images, options.per_s), *_memory(running)]
    if not options.skip_litserve:
        reached += _compared_with_litserve(turns)
    return all(reached)


def _latency(running: Product, images: list[bytes], per_s: float) -> bool:
    """Posts for half a minute at a steady rate; whether the time to the verdict is within its target."""
    seconds = compare.latency(running, images, posts=int(30 * per_s), per_s=per_s)
    line(f"accepted at {per_s:g} posts/s", compare.summary(seconds["accepted"]))
    p99 = percentile(seconds["verdict"], 99)
    line(f"post to verdict at {per_s:g} posts/s", compare.summary(seconds["verdict"]))
    return line("  its p99", f"{p99:.3f} s", reached=p99 < 1, target="< 1 s")


def _compared_with_litserve(turns: Sequence[compare.Turn]) -> list[bool]:
    """Prints the ratio to each kind of LitServe; whether each reached its target."""
    print("LitServe (same weights, dynamic batching; it stores nothing), in the same turns:")
    reached = []
    for kind, description in LITSERVE.items():
        line(description, f"{median(turn.litserve[kind] for turn in turns):.1f} /s")
        line("  processor time for one", f"{median(turn.litserve_cpu_ms[kind] for turn in turns):.0f} ms")
        costs = [turn.litserve_cpu_ms[kind] / turn.cpu_ms for turn in turns]
        # Other programs on the processor change it less than the throughput; yet threads of LitServe that wait
        # actively for each other cost more then.
        line("  ratio by processor time", f"{median(costs):.2f} ({min(costs):.2f} to {max(costs):.2f})")
        ratios = [turn.verdicts / turn.litserve[kind] for turn in turns]
        # The target is relative to LitServe as documented; the second ratio shows the cost of serving alone.
        is_target = kind == "plain"
        reached.append(
            line(
                "  ratio product / LitServe",
                f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                reached=median(ratios) >= 1.2 if is_target else None,
                target=">= 1.2" if is_target else "",
            )
        )
    return reached


def _memory(running: Product) -> list[bool]:
    web, scoring = running.memory_mb("web"), running.memory_mb("scoring")
    torch = running.has_torch("web")
    return [
        line("memory of the web processes (PSS)", f"{web:.0f} MB", reached=web < 150, target="< 150 MB"),
        line("torch in the web processes", "yes" if torch else "no", reached=not torch, target="no"),
        line(
            "memory of the scoring worker (PSS)",
            f"{scoring:.0f} MB",
            reached=scoring < 900,
            target="< 900 MB",
        ),
    ]
