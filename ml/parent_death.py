"""Ending a training process together with the process that started it: two runs must never write to one folder."""

import ctypes
import os
import signal
import sys

# `python -m ml` reads the process id of its parent here, and then ends when that process dies.
PARENT_VARIABLE = "ML_END_WITH_PARENT"
PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies; does nothing elsewhere.

    parent: its expected process id; when it is another one by now, the parent is dead already and this process exits.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def end_with_named_parent() -> None:
    """`end_with_parent` when PARENT_VARIABLE is set; our own children do not inherit it."""
    if named := os.environ.pop(PARENT_VARIABLE, ""):
        end_with_parent(int(named))
