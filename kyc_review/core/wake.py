"""Wake-ups: telling a worker that there may be work.

Rows hold the work itself and a sweep looks for it, so a lost, doubled or late message changes nothing. Tasks are
named, not imported: who creates work does not depend on who does it. A test checks that every name is a task.
"""

import logging
import time
from dataclasses import dataclass

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from structlog.contextvars import get_contextvars

from kyc_review.core.queues import has_place
from kyc_review.core.valkey import client

log = logging.getLogger(__name__)
MARK_EXPIRES_S = 5
# After a failure nothing is sent for this long, so that requests do not wait for time-outs; the sweep is as quick.
PAUSE_S = 3.0
_sent_again_at = 0.0

# What the log lines of a worker say of the request that woke it.
ASKED_BY = "asked_by"
CARRIED = ("request_id", "trace_id", "key", "user")


def _asked_by() -> dict[str, str]:
    known = get_contextvars()
    return {name: str(known[name]) for name in CARRIED if name in known}


@dataclass(frozen=True, slots=True)
class WakeUp:
    """`mark` is a key in Valkey that exists while a message waits, so that many requests send only one."""

    task: str
    mark: str = ""

    def send(self) -> None:
        """Queue a message, unless one is waiting already; never fails, because the sweep repeats it.

        The worker removes the mark before it looks for rows, so a row committed before this call is always
        seen: either by the message that waits, or by the one sent here.
        """
        global _sent_again_at
        if time.monotonic() < _sent_again_at:
            return
        try:
            is_waiting = self.mark and not client().set(self.mark, 1, nx=True, ex=MARK_EXPIRES_S)
            if not is_waiting and has_place(self.task):
                headers = {ASKED_BY: _asked_by()}
                current_app.send_task(self.task, retry=False, ignore_result=True, headers=headers)
        except (RedisError, OperationalError, OSError) as error:
            _sent_again_at = time.monotonic() + PAUSE_S
            log.warning("No message sent to %s, the sweep will find the work: %s", self.task, error)

    def acknowledge(self) -> None:
        """The worker is awake, so the next call of `send` sends again."""
        try:
            client().delete(self.mark)
        except (RedisError, OSError) as error:
            log.warning("The mark %s stays until it expires: %s", self.mark, error)


SCORING = WakeUp("kyc_review.pipeline.tasks.score_pending", mark="scoring:woken")
EVIDENCE = WakeUp("kyc_review.pipeline.tasks.compute_evidence")
LIKENESSES = WakeUp("kyc_review.pipeline.tasks.search_likenesses", mark="likenesses:woken")
WEBHOOKS = WakeUp("kyc_review.webhooks.tasks.deliver_due", mark="webhooks:woken")
NOTICES = WakeUp("kyc_review.notices.tasks.deliver_due", mark="notices:woken")
SNAPSHOTS = WakeUp("kyc_review.datasets.tasks.build_snapshots")
TRAINING = WakeUp("kyc_review.training.tasks.run_due_jobs")
SANDBOX = WakeUp("kyc_review.submissions.tasks.advance_sandbox")
