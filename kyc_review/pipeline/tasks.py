from celery import shared_task
from django.conf import settings
from django.utils import timezone

from kyc_review.pipeline.leases import WAITING
from kyc_review.pipeline.routing import unscorable_route
from kyc_review.pipeline.wake import wake_scoring
from kyc_review.submissions.models import Submission


@shared_task
def score_pending() -> None:
    from kyc_review.pipeline.worker import run_until_idle  # torch lives in the scoring worker only

    run_until_idle()


@shared_task
def score_canary() -> None:
    from kyc_review.pipeline.worker import score_canary

    score_canary()


@shared_task
def sweep() -> None:
    """Say again what a lost message, a dead worker or an emptied broker left unsaid."""
    unscorable_route()
    due = Submission.objects.filter(
        is_test=False,
        state__in=WAITING,
        due_at__lte=timezone.now(),
        attempts__lt=settings.SCORING_ATTEMPTS_MAX,
    )
    if due.exists():
        wake_scoring()
