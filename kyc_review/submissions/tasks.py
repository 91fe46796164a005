from celery import shared_task

from kyc_review.submissions.orphans import orphans_delete


@shared_task
def sweep_orphans() -> None:
    orphans_delete()
