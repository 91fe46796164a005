"""Training the members of a candidate: each is fine-tuned from the champion's, or begins from scratch."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from detection.bundle import Bundle as ShippedBundle
from detection.bundle import Member
from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from ml.balancing import PAIRS, WAYS, Setting, balance_names
from ml.inverse_probability import MOST
from ml.training.batches import PairSampler, ResampledSampler
from ml.training.bundle_writer import Voter, save_weights
from ml.training.distributed import Processes, local_device
from ml.training.faces import rows_for_view
from ml.training.initialisation import start_from_scratch
from ml.training.loop import Plan, auc_of, fit, logits_of
from ml.training.progress import Progress
from ml.training.sides import SplitSide

MISS = 0.1
BATCH = 32
REPORTS = 10  # of each member, with the area on validation


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """How a candidate is to be trained. epochs: passes over the training side; miss: the share of fakes that the
    thresholds may miss on validation; scratch: the champion's architectures, but not its weights; balance: how labels
    are balanced for each voter (`ml.balancing.balance_names`); weigh: rows count by one over their chance of
    being labelled, truncated at weight_max (`ml.inverse_probability`)."""

    epochs: int = 3
    seed: int = 0
    miss: float = MISS
    scratch: bool = False
    balance: str = PAIRS
    weigh: bool = True
    weight_max: float = MOST
    init_shift: float = 0.0


def train_members(
    served: ShippedBundle,
    sides: dict[str, SplitSide],
    options: CandidateOptions,
    kept: Path,
    told: Path | None,
    processes: Processes,
) -> None:
    """Leave every member of this process in the folder `kept`; what an earlier process left there stays."""
    steps = options.epochs * max(1, len(sides["train"].examples.label) // BATCH)
    mine = processes.share_of(list(enumerate(served.members)))
    finished = sum(member_file(kept, member).is_file() for _, member in mine)
    progress = Progress(
        told,
        of=steps * len(served.members),
        mine=steps * len(mine),
        done=steps * finished,
        rank=processes.rank,
        ranks=processes.count,
    )
    for number, member in mine:
        file = member_file(kept, member)
        if not file.is_file():
            voter = _fine_tuned(served, number, sides, options, steps, progress)
            save_weights(voter.network, file.with_suffix(".part"), half=False)
            file.with_suffix(".part").replace(file)  # whole or not at all
    processes.wait_for_all()
    if processes.is_first:
        progress.tell(phase="finish")


def member_file(members: Path, member: Member) -> Path:
    """Where its trained weights lie in the folder `members`."""
    return members / f"{member.name}.safetensors"


def voter_of(member: Member, weights: dict[str, torch.Tensor] | None = None) -> Voter:
    """A member with these weights, on this process's device; without any, as it begins from scratch."""
    network = convnext(member.architecture, **member.arguments)
    if weights is None:
        start_from_scratch(network)
    else:
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return Voter(
        member.name, member.architecture, member.arguments, network.to(local_device()).eval(), member.view
    )


def _fine_tuned(
    served: ShippedBundle,
    number: int,
    sides: dict[str, SplitSide],
    options: CandidateOptions,
    steps: int,
    progress: Progress,
) -> Voter:
    member, side, validation = served.members[number], sides["train"], sides["validation"]
    setting = WAYS[balance_names(options.balance, len(served.members))[number]]
    torch.manual_seed(options.seed + number)
    voter = voter_of(member, None if options.scratch else load_file(served.path / member.file))
    learned, watched = (
        rows_for_view(side.examples, member.view),
        rows_for_view(validation.examples, member.view),
    )
    if not steps:
        return voter
    plan = _plan(number, member, options, setting, steps)
    reported = 0

    def report(step: int, loss: float, average: WithMaskHead) -> None:
        nonlocal reported
        auc = auc_of(logits_of(average.network, watched, plan.side), watched.label)
        progress.step(step - reported, member=member.name, loss=round(loss, 4), auc=round(auc, 4))
        reported = step

    sampler: PairSampler | ResampledSampler
    if setting is None:
        sampler = PairSampler(learned, side.source, seed=plan.seed, weight=side.weight, soft=side.soft)
    else:
        sampler = ResampledSampler(learned, setting, seed=plan.seed, weight=side.weight, soft=side.soft)
    network = fit(WithMaskHead(voter.network), sampler, plan, report=report).network
    return Voter(voter.name, voter.architecture, voter.arguments, network.eval(), voter.view)


def _plan(
    number: int, member: Member, options: CandidateOptions, setting: Setting | None, steps: int
) -> Plan:
    """How the member of that number is trained. setting: of balancing, None for pairs."""
    return Plan(
        steps=steps,
        side=member.view.side,
        batch=BATCH,
        rate=2e-3 if options.scratch else 1e-4,
        warmup=max(1, steps // 10),
        average=0.9,
        seed=options.seed + number,
        report_every=max(1, steps // REPORTS),
        compiled=False,
        focal=setting is not None and setting.focal,
        margin_weight=0.5 if setting is None else 0.0,  # rows drawn one by one form no pairs
    )
