"""Training by the calendar: it makes a candidate and its comparison, and promotes nothing."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from kyc_review.audit import services as audit
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_builder import LeaseLost
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.training.jobs import JobRefused
from kyc_review.training.models import RefusedTraining, TrainingRun
from kyc_review.training.runs import NOT_STARTED, run_request

log = logging.getLogger(__name__)
PREFIX = "scheduled-"


def retrain_if_due() -> TrainingRun | None:
    """Freeze and train when RETRAIN_EVERY_DAYS are over since the last scheduled snapshot. Safe to call at any time.

    None when it is not due, or when it was refused: then the list of runs says why (RefusedTraining). A snapshot that
    was made counts, even if it failed or cannot be trained on: the next attempt follows a whole period later. Without
    one (no decision matched, or its name is taken) the next call tries again.
    """
    every = settings.RETRAIN_EVERY_DAYS
    since = timezone.now() - timedelta(days=every)
    if every <= 0 or Snapshot.objects.filter(name__startswith=PREFIX, created_at__gt=since).exists():
        return None
    try:
        return run_request(snapshot=snapshot_create(name=f"{PREFIX}{timezone.now():%Y%m%d}"))
    except (SnapshotFailed, LeaseLost, JobRefused) as reason:
        log.warning("no scheduled training: %s", reason)
        _refusal_record(str(reason), since=since)
        return None


@transaction.atomic
def _refusal_record(reason: str, *, since: datetime) -> None:
    """One row for each period: a further attempt changes its reason and the time of the last attempt only."""
    row = RefusedTraining.objects.select_for_update().filter(first_at__gt=since).first()
    if row is not None:
        row.reason, row.last_at = reason[:500], timezone.now()
        row.save(update_fields=["reason", "last_at"])
        return
    row = RefusedTraining.objects.create(reason=reason[:500])
    notice_record(
        kind=Kind.TRAINING,
        title=NOT_STARTED,
        text=row.reason,
        path=reverse("retraining:overview"),
    )
    audit.record(action="training.refused", target=row, detail={"reason": row.reason})
