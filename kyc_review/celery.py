"""The Celery application. Messages only say that there may be work; rows hold the work itself."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_ready
from structlog.contextvars import bind_contextvars, clear_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
app = Celery("kyc_review")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def name_in_logs(task_id: str, task: Any, **_: Any) -> None:
    """Every log line of a task names it."""
    clear_contextvars()
    bind_contextvars(task=task.name.removeprefix("kyc_review."), task_id=task_id)


@worker_ready.connect
def look_for_work(sender: Any, **_: Any) -> None:
    """A scoring worker that starts looks for work at once: it finds what its predecessor left, and its models are
    loaded before the first selfie waits for them."""
    from kyc_review.pipeline.wake import wake_scoring

    if "scoring" in sender.app.amqp.queues.consume_from:
        wake_scoring()
