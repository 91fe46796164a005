"""When to try again: exponential back-off with full jitter, for three days.

Full jitter as in M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: the pause is
uniform between nothing and a growing limit, so that a recovering receiver does not get all messages at once.
"""

import random
from datetime import datetime, timedelta

GIVE_UP_AFTER = timedelta(days=3)
FIRST_LIMIT_S = 10.0
GROWTH = 3.0
LONGEST_S = 6 * 3600.0
SHORTEST_S = 1.0
FAILURES_BEFORE_PAUSE = 5

_dice = random.SystemRandom()


def pause_limit_s(attempts_made: int) -> float:
    """The longest pause after `attempts_made` attempts (at least one): 10 s, 30 s, 90 s ... up to six hours."""
    return min(LONGEST_S, FIRST_LIMIT_S * GROWTH ** min(attempts_made - 1, 20))


def next_attempt_at(
    now: datetime, *, attempts_made: int, gives_up_at: datetime, asked_s: float = 0.0
) -> datetime | None:
    """When to try again; None when the time is over. The last attempt is at the very end.

    `asked_s`: the seconds of a `Retry-After`, at most LONGEST_S of which are waited.
    """
    if now >= gives_up_at:
        return None
    pause_s = max(SHORTEST_S, _dice.uniform(0, pause_limit_s(attempts_made)), min(asked_s, LONGEST_S))
    return min(now + timedelta(seconds=pause_s), gives_up_at)


def endpoint_pause_s(failures: int, *, asked_s: float = 0.0) -> float:
    """How long an endpoint gets nothing after `failures` attempts in a row failed; some are normal and pause nothing.

    Afterwards one message is the probe: a success ends the pause for all that wait.
    """
    beyond = min(failures - FAILURES_BEFORE_PAUSE, 20)
    return min(max(FIRST_LIMIT_S * 2.0**beyond if beyond >= 0 else 0.0, asked_s), LONGEST_S)
