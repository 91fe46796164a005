"""What the stack says when it cannot go on."""

import errno
import sys
from collections.abc import Callable


class StackRefused(RuntimeError):
    """One line for a human: what is wrong and what to do. The command prints it and exits with 1."""


class AlreadyRunning(StackRefused):
    """Another supervisor holds this state directory."""


def reported(run: Callable[[], int]) -> int:
    """The exit code of `run`; 1 after one line on standard error when it was refused or the disk is full."""
    try:
        return run()
    except StackRefused as refused:
        print(f"error: {refused}", file=sys.stderr)
    except OSError as failed:
        if failed.errno != errno.ENOSPC:
            raise
        print("error: the disk is full: free some space and run again", file=sys.stderr)
    return 1
