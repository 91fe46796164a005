from celery import shared_task

from . import services


@shared_task
def sweep() -> int:
    """Return expired claims to the queue. Late or doubled runs change nothing."""
    return services.claims_expire()
