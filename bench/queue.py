"""`python -m bench queue`: the product's reviewers and Label Studio's annotators in turns, at queues of equal
length."""

import argparse
from contextlib import ExitStack

from bench import desks
from bench.desks import Desk, Faces, Ours, Theirs, Work
from bench.label_studio import label_studio
from bench.product import Product
from bench.report import line
from devstack.progress import Say

TARGET = 1 / 8


def run(running: Product, images: list[bytes], wished: argparse.Namespace, say: Say) -> bool:
    """Whether a decision takes the product's server at most an eighth of Label Studio's time."""
    say(f"filling the queue with {wished.items} items")
    sessions = desks.filled(running, images, items=wished.items, reviewers=wished.reviewers)
    ours = [Ours(running.target.port, session) for session in sessions]
    processes = [one for one in map(running.process, ("web", "postgres")) if one]
    mine, other = Work(), Work()
    with ExitStack() as stack:
        theirs = None
        if not wished.skip_label_studio:
            theirs = stack.enter_context(label_studio(say, tasks=wished.items, annotators=wished.reviewers))
            annotators = [Theirs(theirs.port, theirs.queue, token) for token in theirs.tokens]
        for number in range(wished.turns):
            say(f"turn {number + 1} of {wished.turns}")
            desks.turn(ours, mine, processes, seconds=wished.seconds, idle=running.runner.watch)
            if theirs:
                both = [theirs.web, theirs.postgres]
                desks.turn(annotators, other, both, seconds=wished.seconds, idle=running.runner.watch)
    print(f"{wished.reviewers} reviewers at a queue of {wished.items}:")
    desks.report("the product: decisions", mine)
    seen = Work()
    faces: list[Desk] = [Faces(running.target.port, session) for session in sessions]
    desks.turn(faces, seen, processes, seconds=wished.seconds / 2, idle=running.runner.watch)
    desks.report("the product: photographs, in addition", seen)
    if theirs is None:
        return True
    desks.report("Label Studio: decisions", other)
    spent = mine.processor_s / len(mine.cycles) / (other.processor_s / len(other.cycles))
    line("ratio product / Label Studio, processors' time", f"{spent:.3f}")
    ratio = mine.each_s / other.each_s
    return line(
        "ratio product / Label Studio", f"{ratio:.3f}", reached=ratio <= TARGET, target="<= 1/8 (0.125)"
    )
