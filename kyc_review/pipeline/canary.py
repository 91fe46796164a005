"""Proof that scoring works: a sample that ships goes through the serving models every minute. It touches no
submission and no statistics; one row says when it last came through."""

from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from kyc_review.scoring.models import Canary, Scoring

SAMPLE = Path(__file__).with_name("canary.jpg")


@transaction.atomic
def canary_record(*, bundle_version: str, elapsed_ms: float) -> None:
    Canary.objects.update_or_create(
        pk=1,
        defaults={
            "bundle_version": bundle_version,
            "elapsed_ms": elapsed_ms,
            "finished_at": timezone.now(),
        },
    )


def last_scored_at() -> datetime | None:
    """When scoring last worked: the canary, or a selfie, behind which the canary may have to wait."""
    seen = [
        Canary.objects.aggregate(at=Max("finished_at"))["at"],
        Scoring.objects.aggregate(at=Max("scored_at"))["at"],
    ]
    return max((at for at in seen if at is not None), default=None)
