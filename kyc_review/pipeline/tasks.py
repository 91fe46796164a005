from celery import shared_task
from django.conf import settings
from django.db.models.functions import Now

from kyc_review.core.wake import LIKENESSES, SCORING
from kyc_review.evidence.services import likenesses_search
from kyc_review.pipeline import evidence_sweep, outcome_stats
from kyc_review.pipeline.heartbeat import problems_noted
from kyc_review.pipeline.standstill import standstill_items, standstill_route
from kyc_review.pipeline.unscorable import unscorable_route
from kyc_review.scoring.counts import RESULT_COUNTS, SCORING_COUNTS
from kyc_review.scoring.state import waiting_for_scoring


@shared_task
def score_pending() -> None:
    """Score what is due, and what becomes due meanwhile; woken by intake and by `sweep`."""
    with problems_noted("selfies"):
        from kyc_review.pipeline.worker import run_until_idle  # torch lives in the scoring worker only

        run_until_idle()


@shared_task
def score_canary() -> None:
    """Send the sample picture through the serving models."""
    with problems_noted("sample"):
        from kyc_review.pipeline.worker import score_canary

        score_canary()


@shared_task
def sweep() -> None:
    """Wake the scoring worker when rows are due (the message may have been lost), and act on a standstill.

    Routing to people comes last, so that an error there cannot keep selfies from the worker.
    """
    due = waiting_for_scoring().filter(due_at__lte=Now(), attempts__lt=settings.SCORING_ATTEMPTS_MAX)
    if due.exists() or standstill_items().exists():
        SCORING.send()
    unscorable_route()
    standstill_route()


@shared_task
def search_likenesses() -> int:
    """Look for pictures like those that were queued; woken by queueing and repeated by `sweep_evidence`."""
    LIKENESSES.acknowledge()
    return likenesses_search()


@shared_task
def compute_evidence() -> None:
    """Compute the evidence of queued items until none is due."""
    from kyc_review.pipeline.evidence_worker import run_until_idle  # numpy and torch live in the worker only

    run_until_idle()


@shared_task
def sweep_evidence() -> None:
    """Search for similar pictures, wake the evidence worker if rows are due, give up those that failed too often."""
    likenesses_search()
    evidence_sweep.sweep()


@shared_task
def count_votes() -> None:
    """Count again what the bank's outcomes say about patterns of votes."""
    outcome_stats.patterns_count()


@shared_task
def count_scorings() -> None:
    """Add settled verdicts and results to the counts that the figures over months add up."""
    SCORING_COUNTS.count()
    RESULT_COUNTS.count()


@shared_task
def measure_evidence() -> None:
    """Measure again what the bank's outcomes say about auxiliary models."""
    outcome_stats.auxiliary_models_measure()
