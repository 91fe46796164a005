"""Creating one submission per request, in turns with Label Studio's import of one task per request.

Each post carries the same JPEG: the product checks, stores and scores it, Label Studio stores it and makes a task.
"""

import time

from bench.background import Load
from bench.compare import DRAIN_TIMEOUT_S, all_accepted
from bench.label_studio import label_studio
from bench.load import Answer, Target, concurrent
from bench.product import Product
from bench.report import line, percentile
from devstack.progress import Say

POSTS, AT_ONCE, TURNS = 200, 8, 3


def against_label_studio(running: Product, images: list[bytes], say: Say) -> bool:
    """Whether accepting is at least 1.5 times as fast as importing."""
    our_rates, their_rates, ratios = [], [], []
    with label_studio(say, tasks=1000, annotators=2) as rival:
        target = Target(
            rival.port,
            f"/api/projects/{rival.intake}/import",
            "image",
            accepted=201,
            headers=(f"Authorization: Token {rival.tokens[0]}",),
        )
        for number in range(TURNS + 1):
            our_rate = _rate(running, running.target, images, f"intake-{number}")
            _drain(running)
            their_rate = _rate(running, target, images, f"intake-{number}")
            if number:  # the first turn is a warm-up for both
                our_rates.append(our_rate)
                their_rates.append(their_rate)
                ratios.append(our_rate / their_rate)
    print(f"One per request, {AT_ONCE} at once, {TURNS} turns of {POSTS} each:")
    line("submissions accepted, checked and scored meanwhile", f"{percentile(our_rates, 50):.1f} /s")
    line("Label Studio's imports of one picture", f"{percentile(their_rates, 50):.1f} /s")
    ratio = percentile(ratios, 50)
    return line("  ratio product / Label Studio", f"{ratio:.2f}", reached=ratio >= 1.5, target=">= 1.5")


def _rate(running: Product, target: Target, images: list[bytes], name: str) -> float:
    """Posts answered per second."""
    began = time.perf_counter()
    load: Load[Answer] = Load(
        lambda heard: concurrent(target, images, posts=POSTS, at_once=AT_ONCE, name=name, heard=heard)
    )
    running.wait(lambda: load.is_done, timeout_s=DRAIN_TIMEOUT_S, what="posting", every_s=0.02)
    elapsed_s = time.perf_counter() - began
    all_accepted(load.answers, target)
    return POSTS / elapsed_s


def _drain(running: Product) -> None:
    """Until all is scored, so that it does not slow the other side."""
    left = "SELECT count(*) FROM submissions_submission WHERE state IN ('received', 'scoring')"
    running.wait(lambda: running.rows(left)[0][0] == 0, timeout_s=DRAIN_TIMEOUT_S, what="verdicts")
