"""python -m bench [compare|scoring|intake|decode|queue|face|opening|chaos|store|snapshot|replay|near|rows|fill|audit|
encryption|loop|gpu]

`make bench` runs it.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TypeAlias

from bench.compare import BenchError
from bench.images import jpegs
from bench.product import product
from bench.report import line, percentile
from devstack.errors import StackRefused
from devstack.paths import REPOSITORY

BASELINE = REPOSITORY / "detection" / "baseline"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main() -> int:
    options = _parser().parse_args()
    # Most commands make rows with copied files, which would not decrypt; `encryption` measures both.
    os.environ.setdefault("KEY_ENCRYPTION", "false")
    if not (options.bundle / "manifest.json").is_file():
        print(f"error: {options.bundle} holds no bundle: name one with --bundle", file=sys.stderr)
        return 1
    try:
        return 0 if options.run(options) else 2
    except (BenchError, StackRefused, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.set_defaults(
        run=run_compare, bundle=BASELINE, posts=4000, turns=5, at_once=32, per_s=20.0, skip_litserve=False
    )
    commands = parser.add_subparsers(metavar="")
    _add_speed_commands(commands)
    _add_failure_commands(commands)
    _add_size_commands(commands)
    _add_model_commands(commands)
    return parser


def _add_speed_commands(commands: Commands) -> None:
    """How fast the product answers, some of it in turns with LitServe or Label Studio."""
    compare = commands.add_parser("compare", help="against LitServe, latency and memory (the default)")
    compare.add_argument("--posts", type=int, default=4000, help="of all turns together")
    compare.add_argument("--turns", type=int, default=5)
    compare.add_argument("--at-once", type=int, default=32)
    compare.add_argument("--per-s", type=float, default=20.0)
    compare.add_argument("--skip-litserve", action="store_true")
    compare.set_defaults(run=run_compare)
    scoring = commands.add_parser(
        "scoring", help="the scoring worker with torch and with ONNX Runtime, in turns"
    )
    scoring.add_argument("--pictures", type=int, default=320, help="of each turn")
    scoring.add_argument("--batch-max", type=int, default=32)
    scoring.add_argument("--turns", type=int, default=4)
    scoring.set_defaults(run=run_scoring)
    intake = commands.add_parser(
        "intake", help="accepting at a steady rate while scoring runs, compared with Label Studio's import"
    )
    intake.add_argument("--per-s", type=float, default=50.0)
    intake.add_argument("--seconds", type=int, default=30)
    intake.add_argument("--skip-label-studio", action="store_true")
    intake.set_defaults(run=run_intake)
    decode = commands.add_parser("decode", help="photos of 12 megapixels and hostile pictures at intake")
    decode.add_argument("--seconds", type=float, default=20.0, help="of each of the two loads")
    decode.add_argument("--skip-hostile", action="store_true")
    decode.set_defaults(run=run_decode)
    queue = commands.add_parser("queue", help="reviewers at a long queue, in turns with Label Studio's")
    queue.add_argument("--items", type=int, default=100_000)
    queue.add_argument("--reviewers", type=int, default=20)
    queue.add_argument("--seconds", type=float, default=20.0, help="of each turn")
    queue.add_argument("--turns", type=int, default=3)
    queue.add_argument("--skip-label-studio", action="store_true")
    queue.set_defaults(run=run_queue)
    face = commands.add_parser("face", help="key press to the next face on the screen, in Chromium")
    face.add_argument("--presses", type=int, default=60)
    face.set_defaults(run=run_face)
    opening = commands.add_parser("opening", help="opening an item with alerts and pictures, and without")
    opening.add_argument("--times", type=int, default=100)
    opening.set_defaults(run=run_opening)
    _add_bundle_option(compare, scoring, intake, decode, queue, face)


def _add_failure_commands(commands: Commands) -> None:
    """What holds when everything fails."""
    suite = commands.add_parser(
        "chaos", help="processes, services, network, disk and clocks fail under traffic; then all is compared"
    )
    suite.add_argument("--minutes", type=float, default=10.0)
    suite.add_argument("--seed", type=int, default=1, help="the same faults at the same times again")
    suite.add_argument("--per-s", type=float, default=4.0, help="posts a second")
    suite.add_argument("--times", type=int, default=2, help="how many of each process")
    suite.add_argument(
        "--s3", action="store_true", help="pictures and bundles in an S3 (rclone), which fails, too"
    )
    suite.set_defaults(run=run_chaos)
    _add_bundle_option(suite)


def _add_size_commands(commands: Commands) -> None:
    """What large amounts of data cost."""
    store = commands.add_parser("store", help="the data store and SMOTE at the size of system T")
    store.add_argument("--images", type=int, default=20_464)
    store.set_defaults(run=run_store)
    snapshot = commands.add_parser("snapshot", help="freezing many decisions, each with its own file")
    snapshot.add_argument("--decisions", type=int, default=100_000)
    snapshot.set_defaults(run=run_snapshot)
    replay = commands.add_parser(
        "replay", help="champion and candidate over the same files, against the bare ensemble"
    )
    replay.add_argument("--submissions", type=int, default=2000)
    replay.set_defaults(run=run_replay)
    near = commands.add_parser("near", help="the search for near-duplicates among many fingerprints")
    near.add_argument("--fingerprints", type=int, default=1_000_000)
    near.set_defaults(run=run_near)
    rows = commands.add_parser("rows", help="every page, list, claim, lease and sweep, at two sizes")
    rows.add_argument(
        "--submissions", type=int, default=1_000_000, help="7 kB each; the first size is a tenth"
    )
    rows.set_defaults(run=run_rows)
    filling = commands.add_parser(
        "fill", help="rows of two years of traffic, into the database of DATABASE_URL"
    )
    filling.add_argument("submissions", type=int)
    filling.add_argument("--waiting", type=int, default=5000, help="flagged ones that no person has decided")
    filling.set_defaults(run=run_fill)
    audit = commands.add_parser("audit", help="sealing the audit log, as a share of a post, and verifying it")
    audit.add_argument("--events", type=int, default=1_000_000)
    audit.set_defaults(run=run_audit)
    encryption = commands.add_parser("encryption", help="posts and scoring with and without encryption")
    encryption.add_argument("--selfies", type=int, default=100, help="of each turn")
    encryption.set_defaults(run=run_encryption)
    _add_bundle_option(snapshot, replay)


def _add_model_commands(commands: Commands) -> None:
    """The loop of retraining, and a bundle on a CUDA device."""
    loop = commands.add_parser(
        "loop", help="a weakened champion, scripted reviewers, retraining, promotion, rollback"
    )
    loop.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    loop.add_argument("--posts", type=int, default=320)
    loop.add_argument("--epochs", type=int, default=6)
    loop.set_defaults(run=run_loop)
    gpu = commands.add_parser("gpu", help="votes, speed and memory on a CUDA device, as one JSON")
    gpu.add_argument("--out", type=Path, help="file for the JSON; standard output without it")
    gpu.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    gpu.set_defaults(run=run_gpu)
    _add_bundle_option(gpu)


def _add_bundle_option(*commands: argparse.ArgumentParser) -> None:
    for command in commands:
        command.add_argument("--bundle", type=Path, default=BASELINE)


def run_near(options: argparse.Namespace) -> bool:
    from bench import near

    return near.run(options.fingerprints, _say)


def run_rows(options: argparse.Namespace) -> bool:
    from bench import rows_report

    return rows_report.run(options.submissions, _say)


def run_fill(options: argparse.Namespace) -> bool:
    from bench import rows_filling

    rows_filling.main([str(options.submissions), "--waiting", str(options.waiting)])
    return True


def run_audit(options: argparse.Namespace) -> bool:
    from bench import audit

    return audit.run(options.events, _say)


def run_encryption(options: argparse.Namespace) -> bool:
    from bench import encryption

    return encryption.run(options.selfies, _say)


def run_loop(options: argparse.Namespace) -> bool:
    from bench import loop

    return loop.run(options.data, posts=options.posts, epochs=options.epochs)


def run_gpu(options: argparse.Namespace) -> bool:
    from bench import gpu

    arguments = ["--bundle", str(options.bundle), "--seconds", str(options.seconds)]
    if options.out:
        arguments += ["--out", str(options.out)]
    status = gpu.main(arguments)
    if status == 1:
        raise BenchError("nothing was measured")
    return status == 0


def run_compare(options: argparse.Namespace) -> bool:
    from bench import against_litserve

    return against_litserve.run(options, _say)


def run_scoring(options: argparse.Namespace) -> bool:
    from bench import scoring

    return scoring.run(
        options.bundle,
        pictures=options.pictures,
        batch_max=options.batch_max,
        turns=options.turns,
        say=_say,
    )


def run_intake(options: argparse.Namespace) -> bool:
    from bench import compare, intake

    images = jpegs()
    with product(options.bundle, _say) as running:
        seconds = compare.latency(
            running, images, posts=int(options.seconds * options.per_s), per_s=options.per_s
        )
        line(f"accepted at {options.per_s:g} posts/s", compare.summary(seconds["accepted"]))
        p99 = percentile(seconds["accepted"], 99)
        is_fast = line("  its p99", f"{p99 * 1000:.0f} ms", reached=p99 < 0.15, target="< 150 ms")
        if options.skip_label_studio:
            return is_fast
        return intake.against_label_studio(running, images, _say) and is_fast


def run_decode(options: argparse.Namespace) -> bool:
    from bench import decode

    with product(options.bundle, _say) as running:
        return decode.run(running, seconds=options.seconds, hostile=not options.skip_hostile)


def run_queue(options: argparse.Namespace) -> bool:
    from bench import queue

    with product(options.bundle, _say) as running:
        return queue.run(running, jpegs(), options, _say)


def run_face(options: argparse.Namespace) -> bool:
    from bench import face

    with product(options.bundle, _say) as running:
        return face.run(running, jpegs(), presses=options.presses)


def run_opening(options: argparse.Namespace) -> bool:
    from bench import opening

    return opening.run(options.times, _say)


def run_store(options: argparse.Namespace) -> bool:
    from bench import store

    return store.run(options.images)


def run_snapshot(options: argparse.Namespace) -> bool:
    from bench import freezing

    with product(options.bundle, _say) as running:
        return freezing.run(running, jpegs(), decisions=options.decisions, say=_say)


def run_replay(options: argparse.Namespace) -> bool:
    from bench import replaying

    return replaying.run(options.bundle, jpegs(), submissions=options.submissions)


def run_chaos(options: argparse.Namespace) -> bool:
    from bench.chaos import suite
    from bench.chaos.selfies import selfies

    for number in (signal.SIGTERM, signal.SIGHUP):  # end in good order: processes, and a disk that is mounted
        signal.signal(number, lambda *_: sys.exit(1))
    scenario = suite.Scenario(
        seconds=60 * options.minutes,
        seed=options.seed,
        per_s=options.per_s,
        times=options.times,
        object_storage=options.s3,
    )
    return suite.report(suite.run(options.bundle, selfies(120), scenario, _say))


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
