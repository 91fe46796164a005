"""Run by path, before the real program and in its place: `exec_wrapper.py PARENT SIGNAL UID GID PROGRAM ARGUMENTS...`

It makes what the program writes private (files 0600, folders 0700), changes the user (UID is -1 to keep it), asks Linux
to send SIGNAL when the supervisor dies in whatever way, and becomes the program by exec, so that no process is added.
The user changes first: Linux forgets the request otherwise.
Elsewhere than on Linux only the next start cleans up. Standard library only: it runs with `python -I -S`.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, death_signal: int) -> None:
    """Ask Linux to send `death_signal` to this process when its parent (process id `parent`) dies."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request was made
        os._exit(1)


def main() -> None:
    parent, death_signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    os.umask(0o077)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    end_with_parent(parent, death_signal)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
