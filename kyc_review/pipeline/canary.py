"""Proof that scoring works: a sample that ships goes through the serving models every minute. It touches no
submission and no statistics; one row says when it last came through."""

from pathlib import Path

from django.db import transaction
from django.utils import timezone

from kyc_review.scoring.models import Canary

SAMPLE = Path(__file__).with_name("canary.jpg")


@transaction.atomic
def canary_record(*, bundle_version: str, elapsed_ms: float) -> None:
    """The sample was scored now; there is only one row. elapsed_ms: for this picture."""
    Canary.objects.update_or_create(
        pk=1,
        defaults={
            "bundle_version": bundle_version,
            "elapsed_ms": elapsed_ms,
            "finished_at": timezone.now(),
        },
    )
