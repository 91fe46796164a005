"""Celery tasks of snapshots."""

from celery import shared_task

from kyc_review.datasets.snapshots import snapshots_build_due


@shared_task
def build_snapshots() -> None:
    """Sent when a snapshot is asked for, and by the sweep in case that message was lost."""
    snapshots_build_due()
