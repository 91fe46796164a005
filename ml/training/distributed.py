"""One training run in several processes, as `torchrun` starts them; each trains members of its own on a GPU of its own.

Members are trained apart from each other, so nothing is exchanged while they learn, and every member is the one that a
single process would have made. DistributedDataParallel would share one member's batch of 32 between GPUs instead: too
little for each of them, and batch normalisation would see other statistics with every number of GPUs.
"""

import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed

from detection import bundle as bundles
from ml.parent_death import end_with_parent

PATIENCE = timedelta(days=7)  # for the slowest member
REFUSED = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among `count`."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share_of(self, things: Sequence[T]) -> Sequence[T]:
        """Every thing is exactly one process's."""
        return things[self.rank :: self.count]

    def wait_for_all(self) -> None:
        """Wait for all the others."""
        if self.count > 1:
            distributed.barrier()


SINGLE_PROCESS = Processes()


def process_count(asked: int | None, *, members_of: Path) -> int:
    """How many processes to train a bundle's members in: as asked, else one for each GPU; more than members idle.

    Raises BundleRefused, ValueError.
    """
    if asked is not None and asked < 1:
        raise ValueError(f"--processes {asked}: at least one process trains")
    return min(asked or max(1, torch.cuda.device_count()), len(bundles.read(members_of).members))


def is_distributed() -> bool:
    """Whether this process is one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def process_group() -> Iterator[Processes]:
    """Belong to the others as long as the block; alone without torchrun."""
    if not is_distributed():
        yield SINGLE_PROCESS
        return
    end_with_parent()  # torchrun does not end its processes when it is killed
    distributed.init_process_group("gloo", timeout=PATIENCE)  # only waits are sent, never a tensor
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def local_device() -> torch.device:
    """This process's GPU, else the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def launch_processes(count: int, arguments: Sequence[str]) -> None:
    """Run `python -m ml ARGUMENTS` in COUNT processes, as `torchrun --standalone --nproc-per-node COUNT` does.

    Raises SystemExit with status 2 when they refused in a line of their own, RuntimeError when one died.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,  # the training worker begins again itself, and counts
    )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // count)))
    try:
        elastic_launch(config, sys.executable)("-m", "ml", *arguments)
    except ChildFailedError as failed:
        codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
        if REFUSED in codes.values():
            raise SystemExit(REFUSED) from failed
        rank, code = min(codes.items())
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        raise ChildProcessError(f"process {rank + 1} of {count} {how}") from failed
