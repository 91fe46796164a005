from celery import shared_task

from kyc_review.webhooks.delivery import deliver_until_idle


@shared_task
def deliver_due() -> None:
    deliver_until_idle()
