"""The latest seal of the audit log, sent to where the operator of the database cannot take it back."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_noop

from kyc_review.audit.headers import signature_fault
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.roots import root_lines
from kyc_review.audit.signing import public_keys
from kyc_review.core.db.locks import lock_if_free
from kyc_review.core.stored_texts import stored
from kyc_review.notices.models import Kind, Notice
from kyc_review.notices.outbox import notice_record

LOCK = 0x6B79_7365_616C  # "kyseal": two workers do not tell the same day twice
EVERY = timedelta(hours=24)
TITLE = stored(gettext_noop("Seal %(number)s of the audit log"))


@transaction.atomic
def seal_tell() -> Notice | None:
    """Tell the channels that chose it of the latest seal, once in 24 hours and only when there is a newer one.

    The text is the line that `manage.py audit verify --roots` reads: each seal covers all events before it.
    """
    if not lock_if_free(LOCK):
        return None
    told = Notice.objects.filter(kind=Kind.SEAL)
    if told.filter(created_at__gt=Now() - EVERY).exists():
        return None
    batch = SealedBatch.objects.defer("leaves").order_by("-number").first()
    if batch is None or signature_fault(batch, public_keys()):
        return None
    (line,) = root_lines([batch])
    title = TITLE % {"number": batch.number}
    if told.filter(title=title).exists():
        return None
    return notice_record(kind=Kind.SEAL, title=title, text=line, path=reverse("insights:audit"))
