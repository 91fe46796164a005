"""What the stack's web server loads: the product, in a worker that Linux ends together with the server.

The server forks its worker, which would outlive it. With this request both can be killed when the supervisor dies, and
none of them has to react: a server that was asked to end was once seen asleep a minute later.
"""

import os
import signal
from typing import TYPE_CHECKING

from devstack.exec_wrapper import end_with_parent

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler


def _load() -> "WSGIHandler":
    end_with_parent(os.getsid(0), signal.SIGKILL)  # the server leads the session (process.spawn)
    from kyc_review.wsgi import application

    return application


application = _load()
