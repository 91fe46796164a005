"""The Celery application. Messages only say that there may be work; rows hold the work itself."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
app = Celery("kyc_review")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def look_for_work(sender: Any, **_: Any) -> None:
    """A scoring worker that starts looks for work at once: it finds what its predecessor left, and its models are
    loaded before the first selfie waits for them."""
    from kyc_review.scoring.nudge import nudge

    if "scoring" in sender.app.amqp.queues.consume_from:
        nudge()
