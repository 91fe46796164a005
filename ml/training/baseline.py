"""`python -m ml baseline`: from the face sets to the bundle that ships, in one command.

Split by person, measure faces, make the training rows, train one trunk, let two branches diverge from it,
then calibrate on held-back people. Everything slow is cached in `work`, outside the repository.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from detection.bundle import Bundle as ShippedBundle
from detection.bundle import View
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from ml import splits
from ml.sources import Photo, read_all
from ml.synthesis.forged_rows import WAYS, make_rows, plan_forgeries
from ml.synthesis.measure import Measures, measure_faces
from ml.training.batches import PairSampler
from ml.training.bundle_writer import Voter
from ml.training.calibrate import SplitSides, calibrate_and_write
from ml.training.initialisation import ARCHITECTURE, ARGUMENTS, start_from_scratch
from ml.training.localise import localisation_metrics, write_localiser
from ml.training.loop import Plan, fit
from ml.training.operating_point import ThresholdRule
from ml.training.preparation import SPLIT, limited
from ml.training.sides import SplitSide
from ml.training.stacking import raise_logits
from ml.training_rows import FULL, TrainingRows, concatenate


@dataclass(frozen=True, slots=True)
class ForgeryMix:
    """Forgeries to learn from: framings of each training photo, how hard they are, and in which ways they are made."""

    rounds: int
    difficulty: tuple[float, float] = (0.0, 1.0)
    ways: Mapping[str, float] = field(default_factory=lambda: WAYS)


SUBTLE = {"swap": 0.4, "self": 0.1, "warp": 0.2, "retouch": 0.2, "copymove": 0.05, "splice": 0.05}


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much is done. sides: pixels of the narrow and the wide view."""

    lessons: tuple[ForgeryMix, ...] = (
        ForgeryMix(2, (0.0, 0.5)),
        ForgeryMix(3, (0.2, 1.0)),
        ForgeryMix(3, (0.1, 1.0), SUBTLE),
    )
    trunk_steps: int = 12000
    branch_steps: int = 4000
    sides: tuple[int, int] = (128, 176)
    limit: int | None = None  # photos of each source and label, for a smoke run


SMOKE = Schedule(
    lessons=(ForgeryMix(1), ForgeryMix(1)), trunk_steps=4, branch_steps=2, sides=(32, 64), limit=24
)
TRUNK_OWN, TRUNK = 0.2, "trunk"
# Branches that go on from the trunk, and the share of their pairs that shows a source's own fake.
BRANCHES = {"general": 0.1, "own": 0.5}
# The voters: which branch, and whether it sees the wide view.
VOTERS = {
    "north": ("general", False),
    "east": ("own", True),
    "south": (TRUNK, True),
    "west": ("own", False),
}
FAINTEST = 1.5  # grey levels; smaller changes are not used for training
UNTAUGHT = 2.0  # a difficulty beyond every curriculum
MISS = 0.3


def train_baseline(
    data: Path,
    out: Path,
    *,
    work: Path,
    auxiliary: Path | None = None,
    seed: int = 0,
    schedule: Schedule | None = None,
) -> ShippedBundle:
    """Trains and writes the baseline, and the trunk with its masks as an auxiliary model to `auxiliary`.

    Raises SourceMissing when a set is absent under `data`.
    """
    schedule = schedule or Schedule()
    work.mkdir(parents=True, exist_ok=True)
    faces, side, origin = _divided_faces(data, work, schedule.limit)
    learned = faces.lessons(side == "train", schedule.lessons, seed)
    held = {
        name: faces.held(side == name, seed + 100 + k)
        for k, name in enumerate(("stack", "validation", "test"))
    }
    networks = _branches(learned, schedule, seed)
    provenance = origin | {
        "seed": seed,
        "trunk_steps": schedule.trunk_steps,
        "branch_steps": schedule.branch_steps,
    }
    if auxiliary is not None:
        write_localiser(
            auxiliary,
            networks[TRUNK],
            architecture=ARCHITECTURE,
            arguments=ARGUMENTS,
            metrics=localisation_metrics(networks[TRUNK], learned, held["test"]),
            provenance=provenance,
        )
    return calibrate_and_write(
        out,
        _voters(networks, schedule),
        SplitSides(held["stack"], held["validation"], held["test"]),
        ThresholdRule(MISS),
        version=f"baseline-seed{seed}",
        provenance=provenance,
        card="# Baseline\n\nTrained with `python -m ml baseline`; metrics with intervals are in manifest.json.\n",
    )


@dataclass(frozen=True, slots=True)
class FaceData:
    """The photographs with what forging needs, and each one's group of the split."""

    photos: Sequence[Photo]
    measures: Measures
    groups: np.ndarray

    def lessons(self, chosen: np.ndarray, lessons: Sequence[ForgeryMix], seed: int) -> SplitSide:
        """What is learned from: all lessons' rows; chosen: (N,) bool."""
        parts = []
        for number, lesson in enumerate(lessons):
            jobs = plan_forgeries(
                self.photos,
                self.measures,
                self.groups,
                chosen,
                rounds=lesson.rounds,
                seed=seed + number,
                difficulty=lesson.difficulty,
                ways=lesson.ways,
            )
            examples = make_rows(self.photos, self.measures, jobs)
            examples.difficulty[examples.made & (examples.strength < FAINTEST)] = UNTAUGHT
            parts.append(examples)
        return self._side(concatenate(parts))

    def held(self, chosen: np.ndarray, seed: int) -> SplitSide:
        """What stack, thresholds and figures come from: each face once, framed as serving frames it."""
        jobs = plan_forgeries(
            self.photos, self.measures, self.groups, chosen, rounds=1, seed=seed, serving=True
        )
        return self._side(make_rows(self.photos, self.measures, jobs))

    def _side(self, examples: TrainingRows) -> SplitSide:
        return SplitSide(
            examples, np.array([self.photos[i].source for i in examples.index]), self.groups[examples.index]
        )


def _divided_faces(
    data: Path, work: Path, limit: int | None
) -> tuple[FaceData, np.ndarray, dict[str, object]]:
    """The photographs, (N,) the side of each one, and where they come from, as the provenance says it.

    Measures and split are kept in `work`. Raises SourceMissing, and ValueError when `work` has the split of others.
    """
    photos = limited(read_all(data), limit)
    splits.require_frozen_of(work / SPLIT, photos)
    measures = measure_faces(photos, work / "measures.npz")
    groups = np.array(splits.group_people(photos, measures.hashes))
    side_of = splits.assign_sides(photos, groups.tolist())
    frozen = splits.freeze_split(work / SPLIT, photos, groups.tolist(), side_of)
    side = np.array([side_of[p.key] for p in photos])
    origin: dict[str, object] = {"sources": sorted({p.source for p in photos}), "splits_sha256": frozen}
    return FaceData(photos, measures, groups), side, origin


def _branches(learned: SplitSide, schedule: Schedule, seed: int) -> dict[str, WithMaskHead]:
    """The trunk and what goes on from it, by name."""
    torch.manual_seed(seed)
    network = convnext(ARCHITECTURE, **ARGUMENTS)
    start_from_scratch(network)
    base = Plan(
        steps=schedule.trunk_steps, side=schedule.sides[0], seed=seed, compiled=schedule.limit is None
    )
    found = {TRUNK: _fit_branch(WithMaskHead(network), learned, TRUNK_OWN, base)}
    for number, (name, own) in enumerate(BRANCHES.items(), start=1):
        member = WithMaskHead(convnext(ARCHITECTURE, **ARGUMENTS))
        member.load_state_dict(found[TRUNK].state_dict())
        going_on = replace(
            base,
            steps=schedule.branch_steps,
            rate=base.rate * 2 / 3,
            hold=0.0,
            ramp=0.01,
            seed=seed + number,
        )
        found[name] = _fit_branch(member, learned, own, going_on)
    return found


def _voters(networks: Mapping[str, WithMaskHead], schedule: Schedule) -> list[Voter]:
    voters = []
    for name, (branch, is_wide) in VOTERS.items():
        network = copy.deepcopy(networks[branch].network).eval()
        raise_logits(network)
        side = schedule.sides[is_wide]
        voters.append(Voter(name, ARCHITECTURE, ARGUMENTS, network, View(side, side / FULL)))
    return voters


def _fit_branch(model: WithMaskHead, learned: SplitSide, own: float, plan: Plan) -> WithMaskHead:
    def report(step: int, loss: float, _: WithMaskHead) -> None:
        print(f"step {step} of {plan.steps}: loss {loss:.3f}", flush=True)

    sampler = PairSampler(learned.examples, learned.source, own_share=own, seed=plan.seed)
    return fit(model, sampler, plan, report=report)
