"""Whether this worker was told to stop (SIGTERM): then what is in work is finished, and nothing more is begun."""

from celery.worker import state


def is_stopping() -> bool:
    return state.should_stop is not None and state.should_stop is not False
