from celery import shared_task

from kyc_review.evidence import measures, sweeping


@shared_task
def compute_pending() -> None:
    from kyc_review.evidence.worker import run_until_idle  # numpy and torch live in the worker only

    run_until_idle()


@shared_task
def sweep() -> None:
    sweeping.sweep()


@shared_task
def measure() -> None:
    measures.patterns_count()
    measures.opinions_measure()
