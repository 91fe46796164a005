from celery import shared_task

from . import services
from .twins import twins_sweep


@shared_task
def sweep() -> int:
    """Make decisions final, return expired claims to the queue, open calibration items. Late or doubled runs change
    nothing."""
    return services.decisions_settle() + services.claims_expire() + services.gold_open()


@shared_task
def sweep_twins() -> int:
    """Look for cleared twins of what was rejected, and reopen them. Late or doubled runs change nothing."""
    return twins_sweep()
