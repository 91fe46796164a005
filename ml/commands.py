"""The commands of `python -m ml`. Each imports only what it needs, because a training worker lacks the other
packages."""

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial


def run_report(options: argparse.Namespace) -> None:
    """Renders one run's report again, or prints two runs side by side."""
    from ml.evaluation import report
    from ml.evaluation.compare_runs import compare_runs, notices

    if options.other is None:
        print(report.write(options.run_folder))
        return
    documents = report.build(options.run_folder), report.build(options.other)
    for notice in notices(*documents):
        print(notice)
    for name, first, second in compare_runs(*documents):
        print(f"{name:<44} {_figure_text(first):<40} {_figure_text(second)}")


def run_store(options: argparse.Namespace) -> None:
    """Builds a store, and HDF5 files when asked to."""
    from tqdm import tqdm

    from ml import hdf5, shards
    from ml.sources.voting import read

    photos = read(options.data)
    fakes = sum(photo.label == "fake" for photo in photos)
    with tqdm(total=len(photos), desc="store", file=sys.stderr) as bar:
        store = shards.build_store(
            photos, options.out, side=options.side, shards=shards.shards_for(fakes), advance=bar.update
        )
    print(f"{options.out}: {len(store)} faces, {fakes} of them forged, {store.size_bytes / 1e6:.0f} MB")
    if options.hdf5:
        for path in hdf5.export(
            store, options.hdf5, shards.split_rows(store.label, store.shard, options.seed)
        ):
            print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


def run_list(options: argparse.Namespace) -> None:
    """Prints every recipe."""
    from ml.recipes.catalogue import RECIPES

    for recipe in RECIPES.values():
        spent = ", ".join(f"{k} {v}" for k, v in asdict(recipe.budget).items() if v is not None)
        print(f"{recipe.name:<10}{recipe.summary}")
        for title, text in (
            ("source", recipe.source),
            ("data", recipe.layout),
            ("reported", recipe.reported),
            ("budget", spent),
            ("steps", recipe.steps),
        ):
            print(f"        {title:<9} {text}")


def run_recipe(options: argparse.Namespace) -> None:
    """Runs one and prints its figures."""
    from detection.memory import keep_all_freed
    from ml.evaluation.report import PAGE
    from ml.recipes.catalogue import find
    from ml.recipes.run import RESULTS, run

    keep_all_freed()
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
    if options.smoke:
        print("smoke run: shows that the program runs; its figures say nothing about the system")
    reported = results.documented.get("reported", {})
    for protocol in ("documented", "honest"):
        for name, figure in getattr(results, protocol).items():
            if name != "reported":
                print(f"{protocol:<11} {name:<26} {_figure_text(figure)}")
    for name, figure in (reported if isinstance(reported, dict) else {"figure": reported}).items():
        print(f"{'document':<11} {name:<26} {_figure_text(figure)}")
    for name, rows in results.history.items():
        print(f"{'training':<11} {name:<26} {rows[-1]['steps']} steps in {len(rows)} epochs")
    for name, figure in results.extra.get("probes", {}).items():
        print(f"{'probe':<11} {name:<26} {_figure_text(figure)}")
    print(f"{options.out / RESULTS}: all of it; {options.out / PAGE} to look at")


def _figure_text(figure: object) -> str:
    if isinstance(figure, dict) and {"value", "low", "high"} <= set(figure):
        return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}, n {figure['n']})"
    if isinstance(figure, dict) and "no_interval" in figure:
        return f"{figure['value']:.3f} (no interval: {figure['no_interval']})"
    if isinstance(figure, dict) and "missing" in figure:
        return str(figure["missing"])
    return str(figure)


def run_train(options: argparse.Namespace) -> None:
    """Writes a candidate bundle and prints its main figures."""
    from ml.training import distributed
    from ml.training.candidate import train_candidate
    from ml.training.candidate_members import CandidateOptions

    count = distributed.process_count(options.processes, members_of=options.init)
    if count > 1 and not distributed.is_distributed():
        distributed.launch_processes(count, options.arguments)
        return
    candidate = CandidateOptions(
        options.epochs,
        options.seed,
        options.miss,
        options.scratch,
        options.balance,
        not options.no_weights,
        options.weight_max,
        options.init_shift,
    )
    with distributed.process_group() as processes:
        bundle = train_candidate(
            options.manifest,
            options.out,
            init=options.init,
            options=candidate,
            work=options.work,
            processes=processes,
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
        champion_shift=options.champion_shift,
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
    from ml.mean_faces import mean_faces
    from ml.sources.manifest import present
    from ml.training.progress import Progress

    progress = Progress(options.work / "progress.jsonl" if options.work else None)
    cells = mean_faces(present(options.manifest), options.out, progress)
    (options.out / "cells.json").write_text(json.dumps(cells))
    print(f"{options.out}: {sum(cell['file'] is not None for cell in cells)} of {len(cells)} means")


def run_faces(options: argparse.Namespace) -> None:
    """Prints the detector's targets, or the checks' error rates, as Markdown tables. Raises TargetsMissed."""
    from ml.faces import report

    print_now = partial(print, flush=True)
    if options.thresholds:
        report.write_error_rates(options.data, options.count, print_now)
    else:
        report.write_targets(options.data, options.count, print_now)


def run_views(options: argparse.Namespace) -> None:
    """Prints the worth of each forensic view as a Markdown table, and writes it."""
    from ml.evaluation import forensic_views

    print("| forgeries | view | AUC (95 % interval) | pictures |\n|---|---|---|---|")
    found = forensic_views.measure(options.data, each=options.each, advance=partial(print, flush=True))
    if options.out:
        forensic_views.write(found, options.out)


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


def run_forge(options: argparse.Namespace) -> None:
    """Writes one forgery."""
    from ml.synthesis.forge import Recipe
    from ml.synthesis.sample import forge_file

    recipe = Recipe(options.region, options.seam, options.softness, options.grow, options.colour)
    forgery = forge_file(options.image, options.donor, options.out, recipe, quality=options.quality)
    print(f"{options.out}: {forgery.kind}, {(forgery.mask > 0).mean():.1%} of the picture changed")
