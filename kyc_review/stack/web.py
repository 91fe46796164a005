"""What the stack's web server loads: the product, in a worker that Linux ends together with the server.

The server forks its worker, which would outlive it. With this request both may be killed when the supervisor dies, and
nobody has to wake up and be polite: a server that was asked to end was once seen asleep a minute later.
"""

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

PR_SET_PDEATHSIG = 1


def end_with_server() -> None:
    """For the process that calls, whose parent leads the session (`program.spawn`); elsewhere than on Linux nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != os.getsid(0):  # it died before the request was made
        os._exit(1)


def _loaded() -> "WSGIHandler":
    end_with_server()
    from kyc_review.wsgi import application

    return application


application = _loaded()
