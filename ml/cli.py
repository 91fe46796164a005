"""`python -m ml`: run a published recipe, train a candidate, train what ships, forge samples, keep faces in a store."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

BASELINE = Path("detection/baseline")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    forge = commands.add_parser("forge", help="lay a donor's facial region over a portrait")
    forge.add_argument("--image", type=Path, required=True)
    forge.add_argument("--donor", type=Path, required=True)
    forge.add_argument("--region", required=True, help="eyes, nose, mouth, face, ...")
    forge.add_argument("--seam", default="feather", help="hard, feather or poisson")
    forge.add_argument("--softness", type=float, default=0.02, help="blur of the seam / face width")
    forge.add_argument("--grow", type=float, default=1.2, help="size of the region, 1.0 hugs it")
    forge.add_argument("--colour", type=float, default=0.9, help="0 donor's colours, 1 the portrait's")
    forge.add_argument("--quality", type=int, default=90, help="JPEG quality")
    forge.add_argument("--out", type=Path, required=True)
    forge.set_defaults(run=run_forge)

    sheet = commands.add_parser(
        "sheet", help="a picture of forgeries beside their originals, to look at them"
    )
    sheet.add_argument("--data", type=Path, default=Path("../shared/data"))
    sheet.add_argument("--out", type=Path, required=True, help="a .png to write")
    sheet.add_argument("--way", help="swap, self, warp, retouch, copymove or splice; all of them without it")
    sheet.add_argument("--difficulty", type=float, nargs=2, default=(0.0, 1.0), metavar=("FROM", "TO"))
    sheet.add_argument("--pairs", type=int, default=24)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.set_defaults(run=run_sheet)

    train = commands.add_parser("train", help="fine-tune a candidate on a snapshot of decisions")
    train.add_argument("--manifest", type=Path, required=True)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--init", type=Path, default=BASELINE, help="the bundle to start from")
    train.add_argument("--epochs", type=int, default=3)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--miss", type=float, default=0.1, help="share of fakes that the thresholds may miss")
    train.add_argument(
        "--scratch", action="store_true", help="keep the architectures, not the weights, of --init"
    )
    train.add_argument(
        "--balance",
        default="pairs",
        help="pairs (as many fakes as reals of one source, nothing made up), smote, smote-under-focal, under-focal, "
        "under; one for all voters, one for each with commas between, or `document`: the last four in turn",
    )
    train.add_argument(
        "--no-weights",
        action="store_true",
        help="let all rows count alike, whatever their chance of being labelled",
    )
    train.add_argument("--weight-max", type=float, default=20.0, help="where weights are truncated")
    train.add_argument("--work", type=Path, help="where progress is told and a killed run resumes")
    train.add_argument("--processes", type=int, help="each trains members of its own; default: one a GPU")
    train.set_defaults(run=run_train)

    compare = commands.add_parser(
        "compare", help="two bundles on held-out applicants and on replayed submissions"
    )
    compare.add_argument("--manifest", type=Path, required=True)
    compare.add_argument("--champion", type=Path, required=True)
    compare.add_argument("--candidate", type=Path, required=True)
    compare.add_argument("--replay", type=Path, help="a file with one `<submission> <path>` per line")
    compare.add_argument("--groups", type=Path, help='a file of {"submission": ..., "groups": {name: value}}')
    compare.add_argument("--out", type=Path, required=True, help="the report, JSON")
    compare.add_argument("--work", type=Path, help="where progress is told")
    compare.set_defaults(run=run_compare)

    means = commands.add_parser("means", help="mean faces of a snapshot, per source and label")
    means.add_argument("--manifest", type=Path, required=True)
    means.add_argument("--out", type=Path, required=True, help="a new folder")
    means.add_argument("--work", type=Path, help="where progress is told")
    means.set_defaults(run=run_means)

    baseline = commands.add_parser("baseline", help="train the bundle that ships from the face sets")
    baseline.add_argument("--data", type=Path, default=Path("../shared/data"))
    baseline.add_argument("--out", type=Path, required=True)
    baseline.add_argument(
        "--opinion", type=Path, help="also write a second opinion with masks to this folder"
    )
    baseline.add_argument("--work", type=Path, default=Path("runs/baseline"), help="cache of measured faces")
    baseline.add_argument("--seed", type=int, default=0)
    baseline.add_argument(
        "--smoke", action="store_true", help="a few steps on a few faces, to see that it runs"
    )
    baseline.set_defaults(run=run_baseline)
    add_recipes(commands)
    add_store(commands)
    return top


def add_store(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`store` and `report`."""
    store = commands.add_parser("store", help="decode faces once: document 004's set in 12 fakes a shard")
    store.add_argument("--data", type=Path, required=True, help="a folder with RFF and CelebA or LFW")
    store.add_argument("--out", type=Path, required=True)
    store.add_argument("--side", type=int, default=125, help="pixels")
    store.add_argument("--hdf5", type=Path, help="folder for the document's files, much larger")
    store.add_argument("--seed", type=int, default=0, help="of the document's 80:10:10 draw in --hdf5")
    store.set_defaults(run=run_store)
    report = commands.add_parser("report", help="draw a recipe's report again, or put two runs side by side")
    report.add_argument("run_folder", type=Path, help="the --out of a finished run")
    report.add_argument("other", type=Path, nargs="?", help="the --out of another one")
    report.set_defaults(run=run_report)


def add_recipes(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`list` and `run`."""
    listing = commands.add_parser("list", help="the recipes: source, data layout, default budget")
    listing.set_defaults(run=run_list)

    run = commands.add_parser("run", help="train and measure one recipe; run it again to go on after a kill")
    run.add_argument("name", help="as `list` shows it")
    run.add_argument("--data", type=Path, help="the data set's own folder")
    run.add_argument("--out", type=Path, required=True, help="folder for config, checkpoints and results")
    run.add_argument(
        "--scale", nargs="+", default=[], metavar="FIELD=N", help="epochs=, batch=, side=, images="
    )
    run.add_argument("--weights", type=Path, help="safetensors file to start from")
    run.add_argument("--device", default="auto", help="auto, cpu or cuda")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--skip-unreadable", action="store_true", help="list unreadable images and go on")
    run.add_argument("--smoke", action="store_true", help="under a minute; on generated data without --data")
    run.add_argument("--export", type=Path, help="folder for what the workbench can load")
    run.add_argument("--quiet", action="store_true", help="no progress bars")
    run.set_defaults(run=run_recipe)


def run_report(options: argparse.Namespace) -> None:
    """Draws one run's report again, or prints two runs beside each other."""
    from ml.evaluation import report
    from ml.evaluation.beside import beside

    if options.other is None:
        print(report.write(options.run_folder))
        return
    for name, first, second in beside(report.build(options.run_folder), report.build(options.other)):
        print(f"{name:<44} {_told(first):<40} {_told(second)}")


def run_store(options: argparse.Namespace) -> None:
    """Builds a store, and HDF5 files when asked to."""
    from tqdm import tqdm

    from ml import hdf5, shards
    from ml.sources.voting import read

    photos = read(options.data)
    fakes = sum(photo.label == "fake" for photo in photos)
    with tqdm(total=len(photos), desc="store", file=sys.stderr) as bar:
        store = shards.build(
            photos, options.out, side=options.side, shards=shards.shards_for(fakes), advance=bar.update
        )
    print(f"{options.out}: {len(store)} faces, {fakes} of them forged, {store.size_bytes / 1e6:.0f} MB")
    if options.hdf5:
        for path in hdf5.export(store, options.hdf5, shards.divided(store.label, store.shard, options.seed)):
            print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


def run_list(options: argparse.Namespace) -> None:
    """Prints every recipe."""
    from ml.recipes.catalogue import RECIPES

    for recipe in RECIPES.values():
        spent = ", ".join(f"{k} {v}" for k, v in asdict(recipe.budget).items() if v is not None)
        print(f"{recipe.name:<4}{recipe.summary}")
        for title, text in (
            ("source", recipe.source),
            ("data", recipe.layout),
            ("reported", recipe.reported),
            ("budget", spent),
        ):
            print(f"    {title:<9} {text}")


def run_recipe(options: argparse.Namespace) -> None:
    """Runs one and prints its figures."""
    from ml.evaluation.report import PAGE
    from ml.recipes.catalogue import find
    from ml.recipes.run import RESULTS, run

    pairs = [text.partition("=") for text in options.scale]
    results = run(
        find(options.name),
        data=options.data,
        out=options.out,
        scale={name: value for name, _, value in pairs},
        device=options.device,
        seed=options.seed,
        weights=options.weights,
        skip_unreadable=options.skip_unreadable,
        smoke=options.smoke,
        export=options.export,
        quiet=options.quiet,
    )
    for protocol in ("documented", "honest"):
        for name, figure in getattr(results, protocol).items():
            print(f"{protocol:<11} {name:<26} {_told(figure)}")
    for name, figure in results.extra.get("probes", {}).items():
        print(f"{'probe':<11} {name:<26} {_told(figure)}")
    print(f"{options.out / RESULTS}: all of it; {options.out / PAGE} to look at")


def _told(figure: object) -> str:
    if isinstance(figure, dict) and {"value", "low", "high"} <= set(figure):
        return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}, n {figure['n']})"
    return str(figure)


def run_train(options: argparse.Namespace) -> None:
    """Writes a candidate bundle and prints what it can do."""
    from ml.training import ranks
    from ml.training.candidate import Wish, train

    processes = ranks.wanted(options.processes, members_of=options.init)
    if processes > 1 and not ranks.launched():
        ranks.launch(processes, options.arguments)
        return
    wish = Wish(
        options.epochs,
        options.seed,
        options.miss,
        options.scratch,
        options.balance,
        not options.no_weights,
        options.weight_max,
    )
    with ranks.joined() as crew:
        bundle = train(
            options.manifest, options.out, init=options.init, wish=wish, work=options.work, crew=crew
        )
    if bundle is None:
        return
    table = bundle.metrics["test"]["votes"]["all"]
    recall, load = table["recall_with_human"], table["review_load"]
    print(
        f"{options.out}: {bundle.version}; {recall['value']:.1%} of {recall['n']} fakes of unseen applicants "
        f"reach a human (95 % interval {recall['low']:.1%} to {recall['high']:.1%}), review load {load['value']:.1%}"
    )


def run_compare(options: argparse.Namespace) -> None:
    """Writes the report and prints what would change for people."""
    from ml.comparison import compare

    report = compare(
        options.manifest,
        options.champion,
        options.candidate,
        replay=options.replay,
        groups=options.groups,
        work=options.work,
    )
    options.out.write_text(json.dumps(report, allow_nan=False))
    held_out = report["holdout"]
    recall = {role: held_out[role]["recall_with_human"]["value"] for role in ("champion", "candidate")}
    load = {role: held_out[role]["false_alarm"]["value"] for role in ("champion", "candidate")}
    print(
        f"{options.out}: recall {recall['champion']:.1%} to {recall['candidate']:.1%}, real faces flagged "
        f"{load['champion']:.1%} to {load['candidate']:.1%}"
    )


def run_means(options: argparse.Namespace) -> None:
    """Writes the pictures and cells.json."""
    from ml.means import mean_faces
    from ml.sources.manifest import present
    from ml.training.progress import Progress

    progress = Progress(options.work / "progress.jsonl" if options.work else None)
    cells = mean_faces(present(options.manifest), options.out, progress)
    (options.out / "cells.json").write_text(json.dumps(cells))
    print(f"{options.out}: {sum(cell['file'] is not None for cell in cells)} of {len(cells)} means")


def run_sheet(options: argparse.Namespace) -> None:
    """Writes a contact sheet."""
    from ml.sources import read_all
    from ml.synthesis.sheet import sheet

    picture = sheet(
        read_all(options.data),
        pairs=options.pairs,
        way=options.way,
        difficulty=tuple(options.difficulty),
        seed=options.seed,
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(options.out)
    print(f"{options.out}: {options.pairs} pairs; above the real face, below the forged one and its mask")


def run_baseline(options: argparse.Namespace) -> None:
    """Trains what ships and prints where it lies."""
    from ml.training.baseline import SMOKE, Schedule, train

    schedule = SMOKE if options.smoke else Schedule()
    bundle = train(
        options.data,
        options.out,
        work=options.work,
        opinion=options.opinion,
        seed=options.seed,
        schedule=schedule,
    )
    print(f"{options.out}: {bundle.version}, metrics in its manifest.json")


def run_forge(options: argparse.Namespace) -> None:
    """Writes one forgery."""
    # Only here: a training worker needs none of what forging needs.
    from ml.synthesis.forge import Recipe
    from ml.synthesis.sample import forge_file

    recipe = Recipe(options.region, options.seam, options.softness, options.grow, options.colour)
    forgery = forge_file(options.image, options.donor, options.out, recipe, quality=options.quality)
    print(f"{options.out}: {forgery.kind}, {(forgery.mask > 0).mean():.1%} of the picture changed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; an expected refusal is one line on standard error and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(arguments)
    options.arguments = arguments
    try:
        options.run(options)
    except ModuleNotFoundError as error:
        print(f"ml {options.command}: {error}; install the extra `synthesis`", file=sys.stderr)
        return 2
    except (ValueError, OSError, RuntimeError) as error:
        print(f"ml {options.command}: {error}", file=sys.stderr)
        return 2
    return 0
