"""The interface of a recipe: its definition, its context and its results."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import torch
from tqdm import tqdm


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a run. images: maximum of each class, None for all; side: of the input, pixels; steps: of the
    optimiser in each training, whatever `epochs` says, None to count epochs."""

    epochs: int
    batch: int
    side: int
    images: int | None = None
    steps: int | None = None

    def scaled(self, changes: Mapping[str, str]) -> Self:
        """The budget with some fields set, as given on the command line (`epochs=5`).

        Raises ValueError for an unknown field or a value that is no whole number above zero.
        """
        known = [f.name for f in fields(self)]
        numbers = {}
        for name, text in changes.items():
            if name not in known:
                raise ValueError(f"--scale knows {', '.join(known)}: found {name!r}")
            if not text.isdecimal() or int(text) < 1:
                raise ValueError(f"--scale {name}= needs a whole number above zero: found {text!r}")
            numbers[name] = int(text)
        return replace(self, **numbers)


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a run. `data` holds the data set's own folders; everything is written below `out`.

    weights: a local safetensors file to start from, None for none. export: folder for a network that the
    workbench can load, None for none.
    """

    data: Path
    out: Path
    budget: Budget
    device: torch.device
    seed: int = 0
    weights: Path | None = None
    skip_unreadable: bool = False
    smoke: bool = False
    export: Path | None = None
    quiet: bool = False

    def progress(self, total: int, what: str, done: int = 0) -> "tqdm[Any]":
        """A bar with rate and ETA on standard error; `update(n)` it and close it (or use `with`)."""
        return tqdm(
            total=total,
            desc=what,
            initial=done,
            disable=self.quiet,
            file=sys.stderr,
            dynamic_ncols=True,
            leave=False,
        )

    def say(self, line: str) -> None:
        """Prints one line on standard error without breaking a progress bar."""
        if not self.quiet:
            tqdm.write(line, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Scores:
    """One side's outputs, the input of the report. All of length N; score is the probability of *fake*.

    votes: voter -> probability of *fake*, where several vote; thresholds: voter -> the probability from which
    it calls *fake*.
    """

    side: str
    key: list[str]
    source: list[str]
    group: list[str]
    label: list[int]
    score: list[float]
    votes: Mapping[str, list[float]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a run.

    weights: "from scratch", or which were loaded. counts: side -> class -> images. documented, honest: figure name ->
    an `Estimate.as_dict()` or a plain number; `documented` follows the document's own protocol and holds its figure as
    `reported`. why: one sentence on why the two differ. history: one row an epoch. extra: anything else for the report.
    """

    weights: str
    counts: Mapping[str, Mapping[str, int]]
    documented: Mapping[str, Any]
    honest: Mapping[str, Any]
    why: str
    history: Mapping[str, list[dict[str, float]]] = field(default_factory=dict)
    scores: tuple[Scores, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For results.json; the scores are a file of their own."""
        row = asdict(self)
        del row["scores"]
        return row


@dataclass(frozen=True, slots=True)
class Recipe:
    """One published system. `layout` says what the data folder must contain; `reported` is the document's own
    figure.

    steps: how many the optimiser makes in the document, because epochs of sets of different sizes cannot be compared.
    run does everything from reading to measuring. sample writes a tiny data set in the layout, which `--smoke` without
    `--data` and the tests use.
    """

    name: str
    summary: str
    source: str
    layout: str
    reported: str
    budget: Budget
    smoke: Budget
    run: Callable[[Context], Results]
    sample: Callable[[Path], None]
    steps: str = "none"
