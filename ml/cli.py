"""`python -m ml`: run a published recipe, train a candidate or the baseline, forge samples, build a face store."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from ml import baseline_commands, commands

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
BASELINE = Path("detection/baseline")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    verbs = top.add_subparsers(dest="command", required=True)
    add_forging(verbs)
    add_training(verbs)
    add_baseline(verbs)
    add_recalibrate(verbs)
    add_measure(verbs)
    add_probes(verbs)
    add_compression(verbs)
    add_generated_faces(verbs)
    add_measuring(verbs)
    add_recipes(verbs)
    add_store(verbs)
    return top


def add_forging(verbs: Verbs) -> None:
    """`forge` and `sheet`."""
    forge = verbs.add_parser("forge", help="lay a donor's facial region over a portrait")
    forge.add_argument("--image", type=Path, required=True)
    forge.add_argument("--donor", type=Path, required=True)
    forge.add_argument("--region", required=True, help="eyes, nose, mouth, face, ...")
    forge.add_argument("--seam", default="feather", help="hard, feather or poisson")
    forge.add_argument("--softness", type=float, default=0.02, help="blur of the seam / face width")
    forge.add_argument("--grow", type=float, default=1.2, help="size of the region, 1.0 hugs it")
    forge.add_argument("--colour", type=float, default=0.9, help="0 donor's colours, 1 the portrait's")
    forge.add_argument("--quality", type=int, default=90, help="JPEG quality")
    forge.add_argument("--out", type=Path, required=True)
    forge.set_defaults(run=commands.run_forge)

    sheet = verbs.add_parser("sheet", help="a contact sheet of forgeries and their originals")
    sheet.add_argument("--data", type=Path, default=Path("../shared/data"))
    sheet.add_argument("--out", type=Path, required=True, help="a .png to write")
    sheet.add_argument(
        "--way", help="swap, mesh, self, warp, retouch, copymove or splice; all but mesh without it"
    )
    sheet.add_argument("--difficulty", type=float, nargs=2, default=(0.0, 1.0), metavar=("FROM", "TO"))
    sheet.add_argument("--pairs", type=int, default=24)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.set_defaults(run=commands.run_sheet)


def add_training(verbs: Verbs) -> None:
    """`train`."""
    train = verbs.add_parser("train", help="fine-tune a candidate on a snapshot of decisions")
    train.add_argument("--manifest", type=Path, required=True)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--init", type=Path, default=BASELINE, help="the bundle to start from")
    train.add_argument(
        "--init-shift",
        type=float,
        default=0.0,
        help="of its thresholds in production, on the logit scale: the candidate's are drawn towards those",
    )
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
        help="weight all rows equally, whatever their probability of being labelled",
    )
    train.add_argument("--weight-max", type=float, default=20.0, help="where weights are truncated")
    train.add_argument("--work", type=Path, help="folder for progress and for resuming a killed run")
    train.add_argument("--processes", type=int, help="each trains members of its own; default: one a GPU")
    train.set_defaults(run=commands.run_train)


def add_baseline(verbs: Verbs) -> None:
    """`baseline`."""
    baseline = verbs.add_parser("baseline", help="train the baseline bundle from the face sets")
    baseline.add_argument("--data", type=Path, default=Path("../shared/data"))
    baseline.add_argument("--out", type=Path, required=True)
    baseline.add_argument(
        "--auxiliary-model", type=Path, help="also write an auxiliary model with masks to this folder"
    )
    baseline.add_argument("--work", type=Path, default=Path("runs/baseline"), help="cache of measured faces")
    baseline.add_argument("--seed", type=int, default=0)
    baseline.add_argument(
        "--hours",
        type=float,
        help="fine-tune members from ImageNet weights for this time; the same command continues where it was stopped. "
        "Without it, the trunk and branches of baseline-3 are trained from scratch",
    )
    baseline.add_argument(
        "--init", type=Path, default=BASELINE, help="with --hours: whose member north is kept"
    )
    baseline.add_argument(
        "--smoke", action="store_true", help="a few steps on a few faces, to see that it runs"
    )
    baseline.set_defaults(run=baseline_commands.run_baseline)


def add_recalibrate(verbs: Verbs) -> None:
    """`recalibrate`."""
    recalibrate = verbs.add_parser(
        "recalibrate", help="fit stack, temperatures and thresholds of a bundle's members again"
    )
    recalibrate.add_argument("--data", type=Path, default=Path("../shared/data"))
    recalibrate.add_argument("--init", type=Path, default=BASELINE, help="bundle whose members are kept")
    recalibrate.add_argument(
        "--compression",
        type=Path,
        help="auxiliary model whose logits the stack is to read; default: as in --init",
    )
    recalibrate.add_argument("--out", type=Path, required=True)
    recalibrate.add_argument("--version", required=True, help="of the bundle that is written")
    recalibrate.add_argument("--work", type=Path, default=Path("runs/baseline"), help="cache of pictures")
    recalibrate.add_argument("--smoke", action="store_true", help="on a few faces, to see that it runs")
    recalibrate.set_defaults(run=baseline_commands.run_recalibrate)


def add_measure(verbs: Verbs) -> None:
    """`measure`."""
    measure = verbs.add_parser(
        "measure", help="a bundle's figures on validation and test of the frozen split"
    )
    measure.add_argument("--data", type=Path, default=Path("../shared/data"))
    measure.add_argument("--bundle", type=Path, default=BASELINE)
    measure.add_argument("--work", type=Path, default=Path("runs/baseline"), help="cache of pictures")
    measure.add_argument("--out", type=Path, required=True, help="JSON file")
    measure.add_argument("--against", type=Path, help="another bundle, on the same pictures of test")
    measure.add_argument(
        "--auxiliary",
        type=Path,
        help="with --against: folder of a model that reads the compression and asks for a person with either bundle",
    )
    measure.add_argument("--seed", type=int, default=0, help="of the pictures in --work")
    measure.add_argument("--smoke", action="store_true", help="on a few faces, to see that it runs")
    measure.set_defaults(run=baseline_commands.run_measure)


def add_probes(verbs: Verbs) -> None:
    """`probes`."""
    probes = verbs.add_parser(
        "probes",
        help="whether headers, sizes and the like tell forged from genuine files of the training mix",
    )
    probes.add_argument("--data", type=Path, default=Path("../shared/data"))
    probes.add_argument("--bundle", type=Path, default=BASELINE)
    probes.add_argument("--work", type=Path, default=Path("runs/baseline"), help="cache of measured faces")
    probes.add_argument("--out", type=Path, required=True, help="JSON file")
    probes.add_argument("--pairs", type=int, default=1000, help="photographs of each side, at most")
    probes.add_argument("--seed", type=int, default=0, help="of the draw of photographs")
    probes.add_argument("--smoke", action="store_true", help="on a few faces, to see that it runs")
    probes.set_defaults(run=baseline_commands.run_probes)


def add_compression(verbs: Verbs) -> None:
    """`compression`."""
    compression = verbs.add_parser("compression", help="train the auxiliary model *Compression of the face*")
    compression.add_argument("--data", type=Path, default=Path("../shared/data"))
    compression.add_argument("--out", type=Path, required=True, help="folder of the model")
    compression.add_argument(
        "--work", type=Path, default=Path("runs/compression"), help="cache of measured faces"
    )
    compression.add_argument("--seed", type=int, default=0)
    compression.set_defaults(run=baseline_commands.run_compression)


def add_generated_faces(verbs: Verbs) -> None:
    """`generated-faces`."""
    generated = verbs.add_parser("generated-faces", help="train the auxiliary model *Generated face*")
    generated.add_argument("--data", type=Path, default=Path("../shared/data"))
    generated.add_argument(
        "--generators", type=Path, help="folder of <generator>/*.png or *.jpg; default: generators/ in --data"
    )
    generated.add_argument("--out", type=Path, required=True, help="folder of the model")
    generated.add_argument(
        "--work", type=Path, default=Path("runs/generated-faces"), help="cache of splits and features"
    )
    generated.add_argument(
        "--report",
        type=Path,
        help="JSON file: recall on each generator by a model that did not learn from it",
    )
    generated.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="NAME[,NAME]",
        help="with --report: generators that are withheld together; may be repeated. Default: each alone",
    )
    generated.add_argument(
        "--share", type=float, default=0.01, help="of genuine people that may reach the threshold"
    )
    generated.add_argument("--smoke", action="store_true", help="on a few faces, to see that it runs")
    generated.set_defaults(run=baseline_commands.run_generated_faces)


def add_measuring(verbs: Verbs) -> None:
    """`compare`, `faces`, `views` and `means`."""
    compare = verbs.add_parser(
        "compare", help="two bundles on held-out applicants and on replayed submissions"
    )
    compare.add_argument("--manifest", type=Path, required=True)
    compare.add_argument("--champion", type=Path, required=True)
    compare.add_argument("--candidate", type=Path, required=True)
    compare.add_argument(
        "--champion-shift",
        type=float,
        default=0.0,
        help="of its thresholds in production, on the logit scale",
    )
    compare.add_argument("--replay", type=Path, help="a file with one `<submission> <path>` per line")
    compare.add_argument("--groups", type=Path, help='a file of {"submission": ..., "groups": {name: value}}')
    compare.add_argument("--out", type=Path, required=True, help="the report, JSON")
    compare.add_argument("--work", type=Path, help="folder for progress")
    compare.set_defaults(run=commands.run_compare)

    faces = verbs.add_parser("faces", help="measure the face detector and the checks of a picture")
    faces.add_argument("--data", type=Path, default=Path("../shared/data"))
    faces.add_argument(
        "--thresholds",
        action="store_true",
        help="what the limits cost on genuine pictures and catch on degraded ones",
    )
    faces.add_argument("--count", type=int, help="pictures of each source; all of them without it")
    faces.set_defaults(run=commands.run_faces)

    views = verbs.add_parser("views", help="measure what each forensic view of the workbench is worth")
    views.add_argument("--data", type=Path, default=Path("../shared/data"))
    views.add_argument("--each", type=int, default=200, help="pictures of each class, at most")
    views.add_argument("--out", type=Path, help="write the figures that the workbench prints")
    views.set_defaults(run=commands.run_views)

    means = verbs.add_parser("means", help="mean faces of a snapshot, per source and label")
    means.add_argument("--manifest", type=Path, required=True)
    means.add_argument("--out", type=Path, required=True, help="a new folder")
    means.add_argument("--work", type=Path, help="folder for progress")
    means.set_defaults(run=commands.run_means)


def add_store(verbs: Verbs) -> None:
    """`store` and `report`."""
    store = verbs.add_parser("store", help="decode faces once: system T's set in 12 fakes a shard")
    store.add_argument("--data", type=Path, required=True, help="a folder with RFF and CelebA or LFW")
    store.add_argument("--out", type=Path, required=True)
    store.add_argument("--side", type=int, default=125, help="pixels")
    store.add_argument("--hdf5", type=Path, help="folder for the document's files, much larger")
    store.add_argument("--seed", type=int, default=0, help="of the document's 80:10:10 draw in --hdf5")
    store.set_defaults(run=commands.run_store)
    report = verbs.add_parser("report", help="render a recipe's report again, or compare two runs")
    report.add_argument("run_folder", type=Path, help="the --out of a finished run")
    report.add_argument("other", type=Path, nargs="?", help="the --out of another one")
    report.set_defaults(run=commands.run_report)


def add_recipes(verbs: Verbs) -> None:
    """`list` and `run`."""
    listing = verbs.add_parser("list", help="the recipes: source, data layout, default budget")
    listing.set_defaults(run=commands.run_list)

    run = verbs.add_parser("run", help="train and measure one recipe; run it again to resume after a kill")
    run.add_argument("name", help="as `list` shows it")
    run.add_argument("--data", type=Path, help="the data set's own folder")
    run.add_argument("--out", type=Path, required=True, help="folder for config, checkpoints and results")
    run.add_argument(
        "--scale", nargs="+", default=[], metavar="FIELD=N", help="epochs=, batch=, side=, images=, steps="
    )
    run.add_argument("--weights", type=Path, help="safetensors file to start from")
    run.add_argument("--device", default="auto", help="auto, cpu or cuda")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--skip-unreadable", action="store_true", help="list unreadable images and continue")
    run.add_argument("--smoke", action="store_true", help="under a minute; on generated data without --data")
    run.add_argument("--export", type=Path, help="folder for a network that the workbench can load")
    run.add_argument("--quiet", action="store_true", help="no progress bars")
    run.set_defaults(run=commands.run_recipe)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; an expected error is one line on standard error and exit status 2."""
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
