"""Recipe T5: four ConvNeXts and a stack vote on RFF among many other real faces (system T, approach 3).

As in the document: 125 px, shards of twelve fakes, 80:10:10 and resampling within each, samplewise standardisation, the
four settings of `ml.balancing` drawn again in every epoch, SGD (0.05, momentum 0.9), batches of 32, lowest validation
loss kept; then a linear layer on the ReLU of the four logit pairs, trained as member 4 on the same rows with an
optimiser that also moves the members. Members vote as they were saved before that. Rows are shuffled over all shards;
the document takes shard after shard, unshuffled.

Honest: near-duplicates and persons on one side, members frozen, the stack on groups that no member saw, thresholds
chosen on validation. `T5full` takes the document's own network, T5 a small ConvNeXt of timm's, `T5adamw` the same with
AdamW (0.001) and a layer scale of 0.1, because the document's setting learns slowly: the members that it kept had made
11,200 to 40,960 steps.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn

from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from ml import shards
from ml.balancing import SETTINGS
from ml.losses import focal_unweighted
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.data import divide
from ml.recipes.faces import SOURCE, write_rff
from ml.recipes.initial import SCRATCH, trunk
from ml.recipes.loop import Examples, Plan, cross_entropy, fit, predict, probability
from ml.recipes.scenes import scene
from ml.recipes.t5_data import FromStore, Resampled, kept_for_the_stack, plain
from ml.recipes.t5_network import DocumentedConvNext
from ml.recipes.t5_results import Vote, results
from ml.shards import Store, split_rows
from ml.sources import voting
from ml.training.stacking import fit_stack, raise_logits

LAYOUT = "rff/ and celeba/ (img_align_celeba/ with its text files), or rff/ and lfw/, utkface/, scut/"


class Combined(nn.Module):
    """The document's fifth model: (B, 3, S, S) -> (B, 2); its members continue to learn with it."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.stack = Stacking(len(members))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.stack(torch.cat([member(x) for member in self.members], 1))
        return logits


def small(pretrained: bool) -> nn.Module:
    """timm's smallest ConvNeXt of the first version."""
    network: nn.Module = timm.create_model("convnext_atto", pretrained=pretrained, num_classes=2)
    return network


def documented_network(pretrained: bool) -> nn.Module:
    """The document's own ConvNeXt. There are no weights for it: pretrained must be False."""
    if pretrained:
        raise ValueError("no ImageNet weights exist for this network")
    return DocumentedConvNext()


def scaled(pretrained: bool) -> nn.Module:
    """`small` with a layer scale of 0.1, so that its blocks learn from the first step."""
    network: nn.Module = timm.create_model(
        "convnext_atto", pretrained=pretrained, num_classes=2, ls_init_value=0.1
    )
    return network


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The document's optimiser."""
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def adamw(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of `T5adamw`."""
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05)


Optimise = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class Members:
    """How the members begin and learn: start(number of the member), and the optimiser."""

    start: Callable[[int], nn.Module]
    optimiser: Optimise


def slim(pretrained: bool) -> nn.Module:
    """A tiny network for smoke runs, which only show that everything runs."""
    return convnext("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 32, 64))


def run(context: Context, make: Callable[[bool], nn.Module], optimiser: Optimise) -> Results:
    """Both protocols, from the files to the vote."""
    divided = divide(voting.read(context.data), context)
    fakes = sum(p.label == "fake" for p in divided.photos)
    with context.progress(len(divided.photos), "store") as bar:
        store = shards.build_store(
            divided.photos,
            context.out / "store",
            side=context.budget.side,
            shards=shards.shards_for(fakes),
            advance=bar.update,
        )
    drawn = split_rows(store.label, store.shard, context.seed)
    grouped = np.array(divided.side)[store.photo]
    make = slim if context.smoke else make
    first, weights = trunk(make, context)
    start = partial(member, make=make, first=first if weights != SCRATCH else None, seed=context.seed)
    members = Members(start, optimiser)
    rows = {side: np.flatnonzero(drawn == side) for side in shards.SIDES}
    grouped_rows = {side: np.flatnonzero(grouped == side) for side in shards.SIDES}
    documented = documented_vote(context, store, rows, members)
    honest = honest_vote(context, store, grouped_rows, np.array(divided.group)[store.photo], members)
    return results(context, divided, store, (rows, documented), (grouped_rows, honest), weights)


def member(number: int, make: Callable[[bool], nn.Module], first: nn.Module | None, seed: int) -> nn.Module:
    """Member 1 to 4: a copy of the loaded weights, or an initialisation of its own."""
    if first is not None:
        return deepcopy(first)
    torch.manual_seed(seed + number)
    return make(False)


def plan(context: Context, optimiser: Optimise) -> Plan:
    """The lowest validation loss is kept."""
    return Plan(epochs=context.budget.epochs, batch=context.budget.batch, optimiser=optimiser)


def train_members(
    context: Context,
    store: Store,
    rows: np.ndarray,
    held: Examples,
    settings: Members,
    title: str,
) -> tuple[list[nn.Module], dict[str, list[dict[str, float]]]]:
    """The four members, each with its setting, and their histories."""
    members, history = [], {}
    for number, setting in SETTINGS.items():
        network = settings.start(number)
        name = f"{title}.{number}"
        history[name] = fit(
            network,
            Resampled(store, rows, setting, context.seed, by_shard=title == "documented"),
            held,
            plan(context, settings.optimiser),
            context,
            name=name,
            loss=focal_unweighted if setting.focal else cross_entropy,
        )
        members.append(network)
    return members, history


def documented_vote(context: Context, store: Store, rows: dict[str, np.ndarray], settings: Members) -> Vote:
    """The document's way: the stack and its members learn together on the members' training rows."""
    held, test = plain(store, rows["validation"]), plain(store, rows["test"])
    members, history = train_members(context, store, rows["train"], held, settings, "documented")
    logits_by_side = [_member_logits(members, side, context) for side in (held, test)]
    torch.manual_seed(context.seed)
    combined = Combined(members)
    train = Resampled(store, rows["train"], SETTINGS[4], context.seed, by_shard=True)
    history["documented.stack"] = fit(
        combined, train, held, plan(context, settings.optimiser), context, name="documented.stack"
    )
    batch = context.budget.batch
    fifth = [probability(predict(combined, side, context, batch)[0]) for side in (held, test)]
    votes = [np.column_stack([*_each(logits), p]) for logits, p in zip(logits_by_side, fifth, strict=True)]
    return Vote(votes[0], votes[1], history)


def honest_vote(
    context: Context,
    store: Store,
    rows: dict[str, np.ndarray],
    group: np.ndarray,
    settings: Members,
) -> Vote:
    """Frozen members, and a stack that learns from their outputs on groups they never saw. group: (N,) str."""
    train = rows["train"]
    kept = kept_for_the_stack(train, group[train], store.label[train])
    held, test = plain(store, rows["validation"]), plain(store, rows["test"])
    members, history = train_members(context, store, train[~kept], held, settings, "honest")
    for network in members:
        raise_logits(network)
    unseen, label = _member_logits(members, plain(store, train[kept]), context), store.label[train[kept]]
    stack = fit_stack(unseen.numpy(), label)
    votes = []
    for side in (held, test):
        logits = _member_logits(members, side, context)
        with torch.inference_mode():
            votes.append(np.column_stack([*_each(logits), probability(stack(logits))]))
    return Vote(votes[0], votes[1], history)


def _member_logits(members: list[nn.Module], side: FromStore, context: Context) -> Tensor:
    """(N, 2 * members) logits."""
    return torch.cat([predict(network, side, context, context.budget.batch)[0] for network in members], 1)


def _each(logits: Tensor) -> list[np.ndarray]:
    return [probability(pair) for pair in logits.split(2, dim=1)]


def write_voting(root: Path, count: int = 36) -> None:
    """A tiny `rff/` and twice as many faces in `lfw/`, one of each person."""
    write_rff(root / "rff", count=count)
    rng = np.random.default_rng(1)
    for number in range(2 * count):
        folder = root / "lfw" / f"Person_{number:03}"
        folder.mkdir(parents=True)
        scene(rng, (80, 80)).save(folder / f"{folder.name}_0001.jpg", quality=80)


def _recipe(
    name: str,
    summary: str,
    make: Callable[[bool], nn.Module],
    optimiser: Optimise = sgd,
    budget: Budget | None = None,
    steps: str = "16,000 to 102,400 a member in ten epochs; those kept had made 11,200 to 40,960",
) -> Recipe:
    return Recipe(
        name=name,
        summary=summary,
        source=SOURCE,
        layout=LAYOUT,
        reported="validation, any fake vote: recall 96.25 %, precision 13.21 %; test, unanimous: 91.67 %, 39.28 %",
        budget=budget or Budget(epochs=10, batch=32, side=125),
        smoke=Budget(epochs=1, batch=16, side=32),
        run=partial(run, make=make, optimiser=optimiser),
        steps=steps,
        sample=write_voting,
    )


T5 = _recipe("T5", "four small ConvNeXts and a stack vote on RFF among other real faces", small)
T5_FULL = _recipe("T5full", "T5 with the document's own network, 3-4-6-4 and 256-2048", documented_network)
T5_ADAMW = _recipe(
    "T5adamw",
    "T5 with AdamW and a larger layer scale, counted in steps",
    scaled,
    adamw,
    Budget(epochs=10, batch=32, side=64, steps=1500),
)
