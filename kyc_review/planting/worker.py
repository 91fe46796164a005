"""Makes one forgery and gives it to intake, as an onboarding system gives a selfie. The evidence worker runs it.

The picture is made before the transaction, which checks everything again: a process that is killed has planted nothing,
and of two that make one at the same time the second one plants nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from hashlib import sha256

import numpy as np
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.decoding import ImageFacts, ImageRefused, inspect
from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.wake import SCORING
from kyc_review.planting import references
from kyc_review.planting.changes import PLANTING_LOCK
from kyc_review.planting.rules import (
    Source,
    dice,
    licensed_pictures,
    people_who_know,
    planting_due,
    seems_from,
    source_draw,
)
from kyc_review.review.models import OutcomeExposure, PlantedForgery
from kyc_review.submissions.intake import submission_create
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals, reference_key
from ml.synthesis.planting import NotForgeable, Planted, forge_like
from ml.synthesis.same_container import latest_time

log = logging.getLogger(__name__)
TRIES = 4  # pictures, some of which cannot be forged
DONORS = 6  # read for one edit
FRESH_MINUTES = 20


def plant_one() -> PlantedForgery | None:
    """Plant one forgery, if one is due and a picture is left that can be forged."""
    for _ in range(TRIES):
        current = planting_due()
        source = source_draw(current.sources) if current else None
        if source is None:
            return None
        if seems_from(source) is None:
            log.info("no licensed picture is planted: submissions mostly come with a reference image")
            return None
        try:
            original = _original(source)
            planted = forge_like(
                original,
                _donors(source),
                np.random.default_rng(dice.getrandbits(64)),
                later=_later(source, original),
            )
            facts = inspect(planted.content)
        except (NotForgeable, ImageRefused, OSError) as error:
            log.info("no forgery was made of %s: %s", source.submission or source.path, error)
            continue
        try:
            return _plant(source, planted, facts, sha256(original).hexdigest())
        except IntegrityError:
            log.info("another worker forged %s at the same time", source.submission or source.path)
    return None


def _original(source: Source) -> bytes:
    if source.submission is None:
        assert source.path is not None
        return source.path.read_bytes()
    with originals.open(source.submission.image_key) as file:
        content: bytes = file.read()
        return content


def _donors(source: Source) -> list[bytes]:
    others = [path for path in licensed_pictures() if path != source.path]
    return [path.read_bytes() for path in dice.sample(others, min(DONORS, len(others)))]


def _later(source: Source, original: bytes) -> dt.timedelta:
    """Moves times in the metadata so that the photograph is as fresh as the source was when it came; a licensed one is
    some minutes old."""
    if source.submission is not None:
        return timezone.now() - source.submission.received_at
    taken = latest_time(original)
    if taken is None:
        return dt.timedelta(0)
    age = dt.timedelta(minutes=dice.uniform(1, FRESH_MINUTES))
    return timezone.localtime().replace(tzinfo=None) - age - taken


@transaction.atomic
def _plant(
    source: Source, planted: Planted, facts: ImageFacts, original_sha256: str
) -> PlantedForgery | None:
    """The submission and its mark as planted in one transaction; None where that is not due any more."""
    lock_for_transaction(PLANTING_LOCK)
    if planting_due() is None:
        return None
    own, like = source.submission, seems_from(source)
    if like is None:
        return None
    if own is not None and not Submission.objects.select_for_update(no_key=True).filter(
        pk=own.pk, erased_at=None
    ):
        return None  # an erasure that comes later waits for this transaction, and finds the forgery
    reference = _reference_of(own)
    external_ref, applicant_ref = references.pair_like_recent(like.integration_id, dice)
    made = submission_create(
        integration=like.integration,
        image=planted.content,
        external_ref=external_ref,
        applicant_ref=applicant_ref,
        metadata=own.metadata if own else references.metadata_like_recent(like.integration_id, dice),
        facts=facts,
        is_planted=True,
        reference_image=reference,
        reference_facts=inspect(reference) if reference else None,
    )
    row = PlantedForgery.objects.create(
        submission=made,
        source=own,
        picture_sha256="" if own else original_sha256,
        kind=planted.kind[:60],
        difficulty=round(planted.difficulty, 3),
    )
    known = people_who_know(own.pk) if own else set()
    OutcomeExposure.objects.bulk_create(
        OutcomeExposure(submission=made, person_id=person) for person in known
    )
    told = {"submission": str(made.pk), "kind": row.kind, "source": str(own.pk) if own else ""}
    audit.record(action="planting.planted", target=row, detail=told)
    transaction.on_commit(SCORING.send)
    return row


def _reference_of(own: Submission | None) -> bytes:
    """The document's portrait that came with the source, which shows the same person; empty without one."""
    if own is None or not own.reference_sha256:
        return b""
    with originals.open(reference_key(own.pk)) as file:
        content: bytes = file.read()
        return content
