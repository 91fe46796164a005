"""How many messages wait, so that sweeps do not pile up behind a worker that has stopped.

Celery's own `expires` is a moment by the sender's clock that the receiver compares with its own: a worker whose clock
is ahead would drop what it is sent. The length of a queue needs no clock.
"""

from celery import current_app

from kyc_review.core.valkey import client

# Sweeps all find the same rows, so a worker that comes back needs a few of the messages that it missed, not all.
WAITING_MAX = 50


def has_place(task: str) -> bool:
    """Whether fewer than WAITING_MAX messages wait in the queue of this task. Raises redis.RedisError."""
    queue = current_app.amqp.router.route({}, task)["queue"].name
    return bool(client().llen(queue) < WAITING_MAX)
