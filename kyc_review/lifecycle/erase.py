"""Erasure of a submission (GDPR, article 17): everything that shows or names the applicant is deleted, the
row stays.

Rows are the truth: the transaction empties them and says that the files must go; the committing process
deletes the files, and a sweep repeats this until all work on them has long ended. docs/erasure.md says what
stays and why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from kyc_review.accounts.models import Integration, User
from kyc_review.accounts.services import person_lock
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db.clock import database_now
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import Right, require
from kyc_review.datasets.erasure_marks import (
    bundles_holding_unchecked,
    image_copies_remove,
    snapshots_holding_unchecked,
)
from kyc_review.encryption.keys import data_key_destroy, submission_scope
from kyc_review.evidence.erasure import evidence_erase, pictures_remove
from kyc_review.review.erasure import items_close, words_erase
from kyc_review.review.models import PlantedForgery
from kyc_review.submissions.events import event_record
from kyc_review.submissions.kept_answers import answers_forget
from kyc_review.submissions.models import Submission
from kyc_review.submissions.state_changes import submission_make_bare
from kyc_review.submissions.storage import originals, reference_key
from kyc_review.submissions.storage_identity import storage_identity_check
from kyc_review.training.erasure import mean_faces_remove, stop_training_on
from kyc_review.webhooks.models import Kind

log = logging.getLogger(__name__)
REASON_MAX = 300
FORGERY_GOES_TOO = "The picture that it was made of was erased."
# The key of an event's detail that names the erased source of a forgery.
WITH = "with"
# Longer than any work that began before the erasure and may still write a file of it.
SETTLED_AFTER = timedelta(hours=1)


class ErasureRefused(DomainError):
    """Nothing was erased; `detail` says why, for people."""


@transaction.atomic
def submission_erase(
    *, submission_id: UUID, reason: str, actor: User | Integration | None = None, source: UUID | None = None
) -> Submission:
    """Delete the picture, everything derived from it, and the references; safe to repeat.

    source: the submission that this one was made of, where its erasure is the cause; no request can give it.

    The result, the votes, the decisions and the audit log stay. What waits for the models or for a person is withdrawn
    and ends as cancelled. A forgery that was planted of it is erased with it. Raises ValueError without a reason,
    Submission.DoesNotExist.
    """
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise ValueError("State why it is erased; auditors read it.")
    # Items first, as a decision locks them, so that the two cannot wait for each other.
    items_close(submission_id=submission_id)
    row = Submission.objects.select_for_update().get(pk=submission_id)
    if row.erased_at:
        return row
    items_close(submission_id=submission_id)  # routing may have opened one since
    answers_forget(row)
    submission_make_bare(row)
    data_key_destroy(submission_scope(row.pk))
    evidence_erase(submission_id=row.pk)
    words_erase(submission_id=row.pk)
    row.late_outcomes.exclude(note="").update(note="")
    stop_training_on(submission_id=row.pk, actor=actor if isinstance(actor, User) else None)
    audit.record(action="submission.erased", actor=actor, target=row, detail=_told(row, reason, source))
    event_record(submission=row, kind=Kind.ERASED)
    transaction.on_commit(lambda: files_remove(row))
    for made in PlantedForgery.objects.filter(source=row):
        submission_erase(
            submission_id=made.submission_id, reason=FORGERY_GOES_TOO, actor=actor, source=row.pk
        )
    return row


def why_no_erasure(*, actor: User) -> str:
    """Why this admin may not erase another one alone now, and what to do; empty if they may."""
    done = Event.objects.filter(
        action="submission.erased",
        actor_kind="user",
        actor_id=str(actor.pk),
        at__gt=database_now() - timedelta(days=1),
    ).exclude(detail__has_key=WITH)  # never by the reason, which is free text
    if done.count() < settings.ADMIN_ERASURES_PER_DAY:
        return ""
    return gettext(
        "One admin may erase at most %(number)s submissions in 24 hours (ADMIN_ERASURES_PER_DAY), and you have. Two "
        "people erase more: with a live key that may erase, which another admin approves, or with the operator's "
        "`manage.py submission erase`."
    ) % {"number": settings.ADMIN_ERASURES_PER_DAY}


@transaction.atomic
def submission_erase_alone(*, submission_id: UUID, reason: str, actor: User) -> Submission:
    """By one admin, who has confirmed it with password and second factor.

    Raises PermissionDenied, ErasureRefused beyond ADMIN_ERASURES_PER_DAY, and what `submission_erase` raises.
    """
    require(actor, Right.ERASE)
    person_lock(person_id=actor.pk)  # so that two requests at once do not both count as the last one
    if refusal := why_no_erasure(actor=actor):
        raise ErasureRefused(refusal)
    return submission_erase(submission_id=submission_id, reason=reason, actor=actor)


def files_remove(row: Submission) -> bool:
    """Delete every file of an erased submission; False when something refused, and the sweep tries again.

    Whatever fails, and however: the other files of this submission go, and those of others after it. Where the storage
    is not that of the database, a file that is not there says nothing.
    """
    steps: list[Callable[[], object]] = [
        storage_identity_check,
        lambda: originals.delete(row.image_key),
        lambda: originals.delete(reference_key(row.pk)),
        lambda: pictures_remove(submission_id=row.pk),
        lambda: image_copies_remove(row),
        lambda: mean_faces_remove(submission_id=row.pk),
    ]
    is_done = True
    for step in steps:
        try:
            step()
        except Exception:
            log.exception("files of the erased submission %s are left; the sweep tries again", row.pk)
            is_done = False
    return is_done


def planted_expire(*, limit: int = 200) -> int:
    """Erase planted forgeries that are older than PLANTED_DAYS, judged or not; how many. Safe to repeat."""
    before = database_now() - timedelta(days=settings.PLANTED_DAYS)
    due = PlantedForgery.objects.filter(planted_at__lt=before, submission__erased_at=None)
    keys = list(due.order_by("planted_at").values_list("submission_id", flat=True)[:limit])
    for key in keys:
        submission_erase(
            submission_id=key, reason=f"Planted forgeries are kept for {settings.PLANTED_DAYS} days."
        )
    return len(keys)


def erasures_sweep() -> int:
    """Delete what a killed process left, or one that worked at that moment wrote afterwards; how many rows it saw."""
    unsettled = Submission.objects.filter(erased_at__isnull=False, erasure_settled_at=None)
    rows = list(unsettled.order_by("?")[:500])  # failing ones do not delay the others
    settled = database_now()
    for row in rows:
        assert row.erased_at is not None  # as the query asked
        if files_remove(row) and row.erased_at < settled - SETTLED_AFTER:
            Submission.objects.filter(pk=row.pk).update(erasure_settled_at=settled)
    return len(rows)


def _told(row: Submission, reason: str, source: UUID | None) -> dict[str, Any]:
    return {
        **({WITH: str(source)} if source else {}),
        "reason": reason,
        "state": row.state,
        "result": row.result,
        "snapshots": [snapshot.name for snapshot in snapshots_holding_unchecked(row.pk)],
        "bundles": [bundle.version for bundle in bundles_holding_unchecked(row.pk)],
    }
