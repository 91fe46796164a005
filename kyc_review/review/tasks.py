from celery import shared_task

from . import services


@shared_task
def sweep() -> int:
    """Make decisions final and return expired claims to the queue. Late or doubled runs change nothing."""
    return services.decisions_settle() + services.claims_expire()
