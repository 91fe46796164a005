from celery import shared_task

from kyc_review.evidence import outcome_stats, periodic_sweep


@shared_task
def compute_pending() -> None:
    from kyc_review.evidence.worker import run_until_idle  # numpy and torch live in the worker only

    run_until_idle()


@shared_task
def sweep() -> None:
    periodic_sweep.sweep()


@shared_task
def measure() -> None:
    outcome_stats.patterns_count()
    outcome_stats.opinions_measure()
