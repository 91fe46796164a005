"""Run by path, before the real program and in its place: `shim.py PARENT SIGNAL UID GID PROGRAM ARGUMENTS...`

It changes the user (UID is -1 to keep it), asks Linux to send SIGNAL when the supervisor dies in whatever way, and
becomes the program by exec, so that no process is added. The user changes first: Linux forgets the request otherwise.
Elsewhere than on Linux only the next start cleans up.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            sys.exit(1)
    os.execv(program[0], program)


main()
