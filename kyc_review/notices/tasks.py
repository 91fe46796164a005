from celery import shared_task

from kyc_review.notices.delivery import deliver_until_idle
from kyc_review.notices.seals import seal_tell


@shared_task
def deliver_due() -> None:
    """Sent when notices were written, and by the sweep in case that message was lost."""
    deliver_until_idle()


@shared_task
def tell_seal() -> None:
    """Asked for every hour; it tells once a day."""
    seal_tell()
