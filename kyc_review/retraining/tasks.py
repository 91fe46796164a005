from celery import shared_task

from kyc_review.retraining.snapshots import snapshots_build_due
from kyc_review.retraining.triggers import retrain_if_due


@shared_task
def build_snapshots() -> None:
    """Sent when a snapshot is asked for, and by the sweep in case that message was lost."""
    snapshots_build_due()


@shared_task
def work_due() -> None:
    """Sent to the `training` queue when there is work, and by the sweep in case that message was lost."""
    from kyc_review.retraining import worker

    worker.work_due()


@shared_task
def retrain_on_schedule() -> None:
    """Asked every hour; the calendar is in RETRAIN_EVERY_DAYS."""
    retrain_if_due()
