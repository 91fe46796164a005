"""Names the second factors that were set up before events did so, once, when the product is brought up to date.

An event that names no factor would stand for any of its kind, also for one that somebody wrote into the database later.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from kyc_review.accounts.second_factor.approving import (
    ALL_NAMED,
    ENROLLED,
    NAMED,
    SHA256,
    factor_told,
    is_enrolled_without_name,
)
from kyc_review.accounts.second_factor.selectors import FACTORS
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db.locks import lock_for_transaction

LOCK = 0x6B79_6E61_6D64  # "kynamd": two hosts that start together


@transaction.atomic
def factors_name() -> int:
    """How many it named: those whose owner set up one of their kind. What is written once counts, so later calls name
    nothing; nor does a new installation."""
    lock_for_transaction(LOCK)
    nameless = Event.objects.filter(action__in=ENROLLED.values()).exclude(detail__has_key=SHA256)
    if not nameless.exists() or Event.objects.filter(action=ALL_NAMED).exists():
        return 0
    named = 0
    for row in Authenticator.objects.filter(type__in=FACTORS).select_related("user").order_by("pk"):
        if is_enrolled_without_name(row):
            detail = {"type": row.type} | factor_told(row)
            audit.record(action=NAMED, target=row.user, detail=detail)
            named += 1
    audit.record(action=ALL_NAMED, detail={"number": named})
    return named
