"""The bank's inventory of models: owner, purpose, next review, tags and notes; files to download."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import IO, TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from detection import bundle as disk
from kyc_review.audit import services as audit
from kyc_review.core.days import moment_in_words
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.permissions import Right, require
from kyc_review.registry import bundle_files
from kyc_review.registry.models import Bundle, ModelNote, ModelRecord

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
TAGS_MAX = 10
RECORDS_LOCK = 0x6B79_7265_6364  # "kyrecd": one change of a record after the other
NOTE_MAX = 1000  # characters
REVIEW_WITHIN = timedelta(days=3 * 366)
PAPERS = (disk.MANIFEST, disk.MODEL_CARD)


class RecordRefused(DomainError):
    """The record or note cannot be written so; the text says what to change."""

    code = "record_refused"


class ReviewDateRefused(RecordRefused):
    """The day of the next review has passed, or is too far ahead."""


class RecordStale(RecordRefused):
    """Another admin changed the record after it was shown; the text names who and when."""


@transaction.atomic
def record_change(
    *,
    bundle: Bundle,
    actor: User,
    owner: str,
    purpose: str,
    next_review_on: date | None,
    tags: Sequence[str],
    version: str | None = None,
) -> ModelRecord:
    """Write the record of a bundle. `version` is the `record_version` that the actor saw; None: not compared.

    Raises RecordRefused for tags that are none and texts that are too long, ReviewDateRefused, and RecordStale for a
    record that was changed meanwhile.
    """
    require(actor, Right.PROMOTE)
    wanted = list(dict.fromkeys(tag.strip().lower() for tag in tags if tag.strip()))
    if len(wanted) > TAGS_MAX or not all(TAG.fullmatch(tag) for tag in wanted):
        raise RecordRefused(
            gettext("At most %(most)s tags, each of up to 30 letters a-z, digits and hyphens.")
            % {"most": TAGS_MAX}
        )
    lock_for_transaction(RECORDS_LOCK)
    kept = ModelRecord.objects.filter(bundle=bundle).select_related("changed_by").first()
    if kept and version is not None and version != record_version(kept):
        raise RecordStale(
            gettext(
                "%(person)s changed this record at %(at)s meanwhile. Nothing was saved: compare with what is in force "
                "now, then save again."
            )
            % {"person": kept.changed_by, "at": moment_in_words(kept.changed_at)}
        )
    row = kept or ModelRecord(bundle=bundle)
    before = _facts(row)
    if next_review_on != row.next_review_on:
        _refuse_senseless(next_review_on)
    row.owner = text_within(owner, 100, gettext("The owner"), RecordRefused)
    row.purpose = text_within(purpose, 500, gettext("The purpose"), RecordRefused)
    row.next_review_on, row.tags, row.changed_by = next_review_on, wanted, actor
    if (after := _facts(row)) == before:
        return row
    row.save()
    audit.record(
        action="bundle.record_changed",
        actor=actor,
        target=bundle,
        detail={"digest": bundle.digest, "before": before, "after": after},
    )
    return row


def _refuse_senseless(day: date | None) -> None:
    today = timezone.localdate()
    if day is not None and not today <= day <= today + REVIEW_WITHIN:
        raise ReviewDateRefused(
            gettext(
                "The next review must lie between today and %(last)s, three years ahead; %(day)s does not."
            )
            % {
                "last": date_format(today + REVIEW_WITHIN, "SHORT_DATE_FORMAT"),
                "day": date_format(day, "SHORT_DATE_FORMAT"),
            }
        )


def record_version(kept: ModelRecord | None) -> str:
    """The time of the latest change to the microsecond; empty before the first."""
    return kept.changed_at.astimezone(UTC).isoformat() if kept else ""


@transaction.atomic
def note_add(*, bundle: Bundle, actor: User, text: str) -> ModelNote:
    """Raises RecordRefused for an empty note, or one of more than NOTE_MAX characters."""
    require(actor, Right.PROMOTE)
    text = text_within(text, NOTE_MAX, gettext("A note"), RecordRefused)
    if not text:
        raise RecordRefused(gettext("Write a note first."))
    note = ModelNote.objects.create(bundle=bundle, text=text, written_by=actor)
    audit.record(
        action="bundle.noted", actor=actor, target=bundle, detail={"digest": bundle.digest, "note": note.text}
    )
    return note


def file_open(*, bundle: Bundle, name: str, actor: User) -> IO[bytes]:
    """One of `bundle_files.file_names`; weights are for admins, because they learned from faces. Raises OSError."""
    if name not in PAPERS:
        require(actor, Right.PROMOTE)
    if name not in bundle_files.file_names(bundle):
        raise FileNotFoundError(name)
    file = bundle_files.file_open(bundle, name)
    audit.record(
        action="bundle.downloaded", actor=actor, target=bundle, detail={"digest": bundle.digest, "file": name}
    )
    return file


def _facts(row: ModelRecord) -> dict[str, object]:
    return {
        "owner": row.owner,
        "purpose": row.purpose,
        "next_review_on": row.next_review_on.isoformat() if row.next_review_on else None,
        "tags": row.tags,
    }
