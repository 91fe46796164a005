"""Celery tasks of erasure and retention."""

from celery import shared_task

from kyc_review.lifecycle.erase import erasures_sweep, planted_expire
from kyc_review.lifecycle.prune import webhooks_prune_step
from kyc_review.lifecycle.retain import retention_step


@shared_task
def sweep_erasures() -> None:
    erasures_sweep()


@shared_task
def erase_by_age() -> None:
    retention_step()


@shared_task
def erase_planted() -> None:
    planted_expire()


@shared_task
def prune_webhooks() -> None:
    webhooks_prune_step()
