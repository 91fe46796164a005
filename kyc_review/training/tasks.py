from celery import shared_task

from kyc_review.training.alarms import alarms_watch
from kyc_review.training.schedule import retrain_if_due


@shared_task
def run_due_jobs() -> None:
    """Sent to the `training` queue when there is work, and by the sweep in case that message was lost."""
    from kyc_review.training import worker

    worker.run_due_jobs()


@shared_task
def retrain_on_schedule() -> None:
    """Asked every hour; the calendar is in RETRAIN_EVERY_DAYS."""
    retrain_if_due()


@shared_task
def watch_alarms() -> None:
    """Asked every ten minutes."""
    alarms_watch()
