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


def run(running: Product, images: list[bytes], options: argparse.Namespace, say: Say) -> bool:
    """Whether a decision takes the product's server at most an eighth of Label Studio's time."""
    say(f"filling the queue with {options.items} items")
    sessions = desks.filled(running, images, items=options.items, reviewers=options.reviewers)
    our_desks = [Ours(running.target.port, session) for session in sessions]
    processes = [one for one in map(running.process, ("web", "postgres")) if one]
    our_work, their_work = Work(), Work()
    with ExitStack() as stack:
        rival = None
        if not options.skip_label_studio:
            rival = stack.enter_context(label_studio(say, tasks=options.items, annotators=options.reviewers))
            annotators = [Theirs(rival.port, rival.queue, token) for token in rival.tokens]
        for number in range(options.turns):
            say(f"turn {number + 1} of {options.turns}")
            desks.turn(our_desks, our_work, processes, seconds=options.seconds, idle=running.runner.watch)
            if rival:
                server_processes = [rival.web, rival.postgres]
                desks.turn(
                    annotators,
                    their_work,
                    server_processes,
                    seconds=options.seconds,
                    idle=running.runner.watch,
                )
    print(f"{options.reviewers} reviewers at a queue of {options.items}:")
    desks.report("the product: decisions", our_work)
    photographs = Work()
    faces: list[Desk] = [Faces(running.target.port, session) for session in sessions]
    desks.turn(faces, photographs, processes, seconds=options.seconds / 2, idle=running.runner.watch)
    desks.report("the product: photographs, in addition", photographs)
    if rival is None:
        return True
    desks.report("Label Studio: decisions", their_work)
    processor_ratio = (
        our_work.processor_s / len(our_work.cycles) / (their_work.processor_s / len(their_work.cycles))
    )
    line("ratio product / Label Studio, processors' time", f"{processor_ratio:.3f}")
    ratio = our_work.each_s / their_work.each_s
    return line(
        "ratio product / Label Studio", f"{ratio:.3f}", reached=ratio <= TARGET, target="<= 1/8 (0.125)"
    )
