from celery import shared_task

from kyc_review.accounts.integrations.idempotency import records_expire
from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.sandbox import sandbox_advance


@shared_task
def sweep_orphans() -> None:
    orphans_delete()


@shared_task
def expire_idempotency() -> None:
    records_expire()


@shared_task
def advance_sandbox() -> None:
    sandbox_advance()
