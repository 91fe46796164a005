"""`python -m ml probes`: whether side facts of the files tell forged from genuine in the mix of the shipped bundle.

The files are made as those that its stack and its stack input were fitted on and measured on
(`ml.training.preparation`, `ml.training.compression`). Next to each forest stands what the stack input makes of the
same files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection import bundle as bundles
from detection.bundle import Bundle
from detection.ensemble import stack_input
from detection.networks.compression_cells import CompressionLogits
from ml.evaluation.file_facts import HEADER, file_facts
from ml.evaluation.metrics import auc
from ml.evaluation.mix_probes import FileRows, mix_probes
from ml.synthesis.forged_rows import OWN, ForgeryJob
from ml.training.compression import AS_FILE, Version, cells_of, versions
from ml.training.preparation import Prepared, prepare
from ml.training.traces import traces_of

PAIRS = 1000  # of each side, at most
SIDES = ("train", "validation", "test")  # the forests learn from the first


@dataclass(frozen=True, slots=True)
class MixFiles:
    """N files of one side; a forged one follows the genuine one that was saved like it.

    post and made (N,): as of `Version`; trace (N,) float64, the log-odds of *fake* that the stack input gives the file,
    0 where it finds no traces or cannot read them.
    """

    rows: FileRows
    post: np.ndarray
    made: np.ndarray
    trace: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """(N,) bool by what is compared: forged files with the same pictures, saved again by the same steps; those of
        them whose border the edit did not reach; with the photographs as their files are; the fakes of each set that
        brought some with its genuine files."""
        label, as_file, border = self.rows.label, self.post == AS_FILE, self.rows.facts[:, HEADER:]
        genuine, forged = np.flatnonzero(~as_file).reshape(-1, 2).T
        same = (border[genuine] == border[forged]).all(1)
        untouched = np.isin(np.arange(len(label)), [*genuine[same], *forged[same]])
        found = {
            "saved again": ~as_file,
            "saved again, border untouched": untouched,
            "genuine files": (self.made == 1) | (as_file & (label == 0)),
        }
        for source in sorted(set(self.rows.source[as_file & (label == 1)])):
            found[f"own fakes of {source}"] = as_file & (self.rows.source == source)
        return found


def measure_mix(
    data: Path, bundle: Path, *, work: Path, pairs: int = PAIRS, seed: int = 0, limit: int | None = None
) -> dict[str, Any]:
    """What the forests and the stack input reach on validation and test.

    limit: photographs of each source and label, for a smoke run. Raises SourceMissing, BundleRefused, ValueError for
    pictures of another split than the bundle's.
    """
    served, prepared = bundles.read(bundle), prepare(data, work, seed=0, limit=limit)
    if limit is None:
        prepared.require_split_of(served)
    sides = {side: mix_files(prepared, side, stack_input(served), pairs=pairs, seed=seed) for side in SIDES}
    return mix_report(served, prepared.frozen, sides) | {
        "pairs": pairs,
        "seed": seed,
        "smoke": limit is not None,
    }


def mix_report(served: Bundle, frozen: str, sides: dict[str, MixFiles]) -> dict[str, Any]:
    """Figures by what is compared (`MixFiles.parts`), where training and a held-out side have both classes."""
    learned, *held_out = SIDES
    report: dict[str, Any] = {
        "bundle": served.version,
        "digest": served.digest,
        "split_sha256": frozen,
        "parts": {},
    }
    for part, seen in sides[learned].parts().items():
        chosen = {side: sides[side].parts().get(part) for side in held_out}
        rows = {
            side: sides[side].rows.only(which)
            for side, which in chosen.items()
            if which is not None and len(set(sides[side].rows.label[which])) == 2
        }
        if not rows or len(set(sides[learned].rows.label[seen])) < 2:
            continue
        report["parts"][part] = {
            "learned_from": int(seen.sum()),
            "forests": mix_probes(sides[learned].rows.only(seen), rows),
            "stack_input": {
                side: auc(held.label, sides[side].trace[chosen[side]], held.group).as_dict()
                for side, held in rows.items()
            },
        }
    return report


def mix_files(
    prepared: Prepared, side: str, network: CompressionLogits | None, *, pairs: int, seed: int
) -> MixFiles:
    """At most `pairs` drawn photographs of a side, each as its file is, saved again, and forged and saved again like
    it; and all pictures, as files, of the sets that brought fakes. network: of `detection.ensemble.stack_input`."""
    facts: list[np.ndarray] = []
    columns: list[tuple[int, str, str, str, int]] = []
    trace: list[float] = []
    for index, version in _files(prepared, side, pairs, seed):
        facts.append(file_facts(version.data))
        logits = traces_of(network, [cells_of(version)])[0]
        trace.append(float(logits[1] - logits[0]))
        photo, person = prepared.photos[index], str(prepared.group[index])
        columns.append((version.label, photo.source, person, version.post, version.made))
    label, source, group, post, made = (np.array(column) for column in zip(*columns, strict=True))
    return MixFiles(FileRows(np.stack(facts), label, source, group), post, made, np.array(trace))


def _files(prepared: Prepared, side: str, pairs: int, seed: int) -> Iterator[tuple[int, Version]]:
    jobs = prepared.jobs(side)
    forging = [job for job in jobs if job.way != OWN]
    if len(forging) > pairs:
        drawn = np.random.default_rng(seed).choice(len(forging), pairs, replace=False)
        forging = [forging[row] for row in sorted(drawn)]
    with_fakes = {photo.source for photo in prepared.photos if photo.label == "fake"}
    as_files = {job.index for job in forging}
    of_side = np.flatnonzero(prepared.side == side).tolist()
    as_files |= {index for index in of_side if prepared.photos[index].source in with_fakes}
    as_they_are = [ForgeryJob(index, -1, OWN, 1.0, 0, False) for index in sorted(as_files)]
    for job in [*as_they_are, *forging]:
        for version in versions(prepared.photos, prepared.measures, job, camera=False):
            yield job.index, version
