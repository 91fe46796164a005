"""The Celery application. Messages only say that there may be work; rows hold the work itself."""

import os
import time
from typing import Any

from celery import Celery
from celery.signals import (
    heartbeat_sent,
    task_postrun,
    task_prerun,
    worker_init,
    worker_ready,
    worker_shutdown,
)
from celery.states import SUCCESS
from structlog.contextvars import bind_contextvars, clear_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
app = Celery("kyc_review")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
ASKED_BY = "asked_by"  # as in core.wake, which needs Django's settings to be loaded
# When each running task began, by its id.
began_at: dict[str, float] = {}


@task_prerun.connect
def name_in_logs(task_id: str, task: Any, **_: Any) -> None:
    """Every log line of a task names it, and the request that woke the worker; a sweep has none.

    One message may stand for many requests: rows name their own trace where a line is about one (`core.tracing`).
    """
    clear_contextvars()
    bind_contextvars(**(getattr(task.request, ASKED_BY, None) or {}))
    bind_contextvars(task=name_of(task), task_id=task_id)
    began_at[task_id] = time.perf_counter()


@task_postrun.connect
def count_task(task_id: str, task: Any, state: str, **_: Any) -> None:
    from kyc_review.core.instruments import TASK_SECONDS, TASKS

    outcome = "success" if state == SUCCESS else "failure"
    TASKS.labels(name_of(task), outcome).inc()
    TASK_SECONDS.labels(name_of(task)).observe(
        time.perf_counter() - began_at.pop(task_id, time.perf_counter())
    )

    clear_contextvars()


def name_of(task: Any) -> str:
    return str(task.name).removeprefix("kyc_review.")


@heartbeat_sent.connect
def idle_is_alive(**_: Any) -> None:
    from kyc_review.core.worker_health import alive

    alive()


@worker_init.connect
def name_worker(**_: Any) -> None:
    """Before the pool forks, so that its processes know the name."""
    from django.db import connection

    from kyc_review.encryption.startup import keys_announce
    from kyc_review.metrics.worker_server import worker_metrics_serve
    from kyc_review.pipeline.heartbeat import heartbeat_begin

    heartbeat_begin()
    keys_announce()
    worker_metrics_serve()
    connection.close()  # the processes that are forked open their own


@worker_init.connect
def give_up_databases_that_hang(**_: Any) -> None:
    """Otherwise each thread would wait for a frozen server, also after a failover, while the heartbeat goes on."""
    from django.conf import settings
    from django.db import connections

    connections.databases["default"]["ANSWER_WAIT_S"] = settings.WORKER_ANSWER_WAIT_S


@worker_ready.connect
def look_for_work(sender: Any, **_: Any) -> None:
    """A scoring worker that starts looks for work at once: it finds what its predecessor left, and its models are
    loaded before the first selfie waits for them."""
    from kyc_review.core.wake import SCORING
    from kyc_review.pipeline.heartbeat import heartbeat_start

    if "scoring" in sender.app.amqp.queues.consume_from:
        heartbeat_start()
        SCORING.send()


@worker_shutdown.connect
def note_end_of_worker(sender: Any, **_: Any) -> None:
    from kyc_review.pipeline.heartbeat import heartbeat_stop

    if "scoring" in sender.app.amqp.queues.consume_from:
        heartbeat_stop()
