"""The commands of `python -m ml` that make and measure the models that ship. As in `ml.commands`, each imports only
what it needs."""

import argparse
import json
from pathlib import Path

SMOKE_PHOTOS = 24  # of each set and label


def _work(options: argparse.Namespace) -> Path:
    """The folder of what is kept; a smoke run has one of its own, so that it changes no split and no pictures."""
    work: Path = options.work
    return work / "smoke" if options.smoke else work


def run_baseline(options: argparse.Namespace) -> None:
    """Trains the baseline bundle and prints its folder."""
    if options.hours is not None:
        _run_timed_baseline(options)
        return
    from ml.training.baseline import SMOKE, Schedule, train_baseline

    schedule = SMOKE if options.smoke else Schedule()
    bundle = train_baseline(
        options.data,
        options.out,
        work=_work(options),
        auxiliary=options.auxiliary_model,
        seed=options.seed,
        schedule=schedule,
    )
    print(f"{options.out}: {bundle.version}, metrics in its manifest.json")


def _run_timed_baseline(options: argparse.Namespace) -> None:
    from ml.training.timed_baseline import train_timed_baseline

    if not options.hours > 0:
        raise ValueError("--hours must be more than 0")
    bundle = train_timed_baseline(
        options.data,
        options.out,
        work=_work(options),
        hours=options.hours,
        init=options.init,
        seed=options.seed,
        limit=SMOKE_PHOTOS if options.smoke else None,
    )
    print(f"{options.out}: {bundle.version}, metrics in its manifest.json")


def run_recalibrate(options: argparse.Namespace) -> None:
    """Writes the bundle and prints its folder."""
    from ml.training.recalibrated import recalibrate

    bundle = recalibrate(
        options.data,
        options.out,
        work=_work(options),
        init=options.init,
        version=options.version,
        compression=options.compression,
        limit=SMOKE_PHOTOS if options.smoke else None,
    )
    print(f"{options.out}: {bundle.version}, metrics in its manifest.json")


def run_measure(options: argparse.Namespace) -> None:
    """Measures a bundle and writes the report as JSON."""
    from ml.training.measured import measure

    if options.auxiliary and not options.against:
        raise ValueError("--auxiliary says nothing without --against: name the other bundle")
    options.out.parent.mkdir(parents=True, exist_ok=True)  # before the work, which takes an hour
    report = measure(
        options.data,
        options.bundle,
        work=_work(options),
        against=options.against,
        auxiliary=options.auxiliary,
        seed=options.seed,
        limit=SMOKE_PHOTOS if options.smoke else None,
    )
    options.out.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    print(f"{options.out}: figures of {options.bundle} on validation and test")
    if options.smoke:
        print("A smoke run on a few faces: its figures mean nothing.")


def run_probes(options: argparse.Namespace) -> None:
    """Probes the mix of a bundle and writes the report as JSON."""
    from ml.training.mix import measure_mix

    options.out.parent.mkdir(parents=True, exist_ok=True)
    report = measure_mix(
        options.data,
        options.bundle,
        work=_work(options),
        pairs=options.pairs,
        seed=options.seed,
        limit=SMOKE_PHOTOS if options.smoke else None,
    )
    options.out.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    print(f"{options.out}: side facts and the stack input of {options.bundle} on files of the training mix")
    if options.smoke:
        print("A smoke run on a few faces: its figures mean nothing.")


def run_compression(options: argparse.Namespace) -> None:
    """Trains the auxiliary model *Compression of the face* and prints its folder."""
    from ml.training.compression_model import train_compression_model

    model = train_compression_model(options.data, options.work, options.out, seed=options.seed)
    print(f"{options.out}: {model.name}, metrics in its auxiliary.json")


def run_generated_faces(options: argparse.Namespace) -> None:
    """Trains the auxiliary model *Generated face*, writes its figures on withheld generators, prints its folder."""
    from ml.training.generated_model import train_generated_faces_model

    if options.leave_out and not options.report:
        raise ValueError("--leave-out says nothing without --report: name the file of its figures")
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)  # before the work
    model = train_generated_faces_model(
        options.data,
        _work(options),
        options.out,
        generators=options.generators,
        report=options.report,
        left_out=[names.split(",") for names in options.leave_out],
        share=options.share,
        limit=SMOKE_PHOTOS if options.smoke else None,
    )
    print(f"{options.out}: {model.name}, metrics in its auxiliary.json")
    if options.smoke:
        print("A smoke run on a few faces: its figures mean nothing.")
