"""All that is stored about one submission as one signed archive: for an auditor, or for the applicant (GDPR, art. 15).

The applicant's copy has no data of other applicants and no names of staff. What is left out or no longer exists is
named in `contents.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext
from rest_framework.utils.encoders import JSONEncoder

from kyc_review.audit import services as audit
from kyc_review.audit.archives import SignedFile, signed_file
from kyc_review.audit.receipts import receipt
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import may_see_faces
from kyc_review.insights.search import events_about
from kyc_review.records import dossier_files, dossier_planting, dossier_rows
from kyc_review.records.exports import require_export
from kyc_review.records.names import Names
from kyc_review.submissions.models import Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

FORMAT = "kyc-review/dossier/1"
Part = tuple[str, Iterable[bytes]]


class Audience(StrEnum):
    AUDITOR = "auditor"
    SUBJECT = "subject"  # the applicant


class NoApplicant(DomainError):
    """There is no applicant to make a copy for."""

    code = "no_applicant"


LEFT_OUT = {
    Audience.AUDITOR: (),
    Audience.SUBJECT: (
        "names of staff: user names, last names and full names are replaced by numbers; a first name alone is not "
        "found in notes, messages and comments",
        "submissions of other applicants that look like this one: only their number is told",
        "audit events and their receipt, which name staff: the timeline tells when what happened",
        "addresses of the onboarding system's endpoints, and why an attempt to deliver failed",
    ),
}
ERASED_REMAINS = (
    "submission.json: id, times, result, size and format, SHA-256 of the bytes; no reference, no metadata",
    "checks.json, votes.json: what was measured and voted",
    "review.json: who decided what and when, without notes, messages and comments",
    "told.json, timeline.json, use.json: results that were told, events, models that learned from it",
)
ERASED_GONE = (
    "the picture",
    "the reference image",
    "the evidence",
    "references, metadata, and texts of people",
)


def dossier_file(*, submission: Submission, audience: Audience, viewer: User | None) -> SignedFile:
    """The archive; the audit log says who took it for which reader. viewer: None for the operator of the server.

    Raises PermissionDenied without the right to read the audit log, and for people who also decide on faces: a dossier
    tells which pictures are planted forgeries; NoApplicant; NotSigned.
    """
    if viewer is not None:
        require_export(viewer)
    if submission.is_planted and audience == Audience.SUBJECT:
        raise NoApplicant(
            gettext(
                "This is a planted forgery: it belongs to no applicant, so there is no copy for one. Take the dossier "
                "for auditors; it names the submission that it was made of."
            )
        )
    has_pictures = viewer is None or may_see_faces(viewer)
    packed = signed_file(dossier_parts(submission, audience, has_pictures=has_pictures))
    detail = {"for": audience.value, "pictures": has_pictures, "key": packed.key, "sha256": packed.sha256}
    audit.record(action="submission.dossier_packed", actor=viewer, target=submission, detail=detail)
    return packed


def dossier_parts(row: Submission, audience: Audience, *, has_pictures: bool) -> Iterator[Part]:
    """(name, content) of each file."""
    is_auditor = audience == Audience.AUDITOR
    names = Names(is_told=is_auditor)
    files = {} if row.erased_at or not has_pictures else dossier_files.pictures(row)
    left_out = list(LEFT_OUT[audience])
    if not has_pictures and not row.erased_at:
        left_out.append(
            "pictures: who made this may not see faces; an auditor or the operator of the server may"
        )
    if not is_auditor and dossier_planting.made_of(row):
        left_out.append(dossier_planting.COPY_LEFT_OUT)
    told: dict[str, Any] = {
        "format": FORMAT,
        "for": audience.value,
        "submission": row.pk,
        "is_planted": row.is_planted,
        "packed_at": timezone.now(),
        "left_out": left_out,
        "pictures": sorted(files),
        "erased": None,
    }
    if row.erased_at:
        told["erased"] = {"at": row.erased_at, "remains": ERASED_REMAINS, "deleted": ERASED_GONE}
    if not is_auditor:
        told["read_before_handing_over"] = (
            "Notes, messages and comments in review.json may name people who are not staff, and staff by their first "
            "name alone."
        )
    yield "contents.json", [_json(told)]
    yield "READ-ME.txt", [dossier_rows.summary(row).encode()]
    yield "submission.json", [_json(dossier_rows.posted(row))]
    if row.is_planted:
        yield "planted.json", [_json(dossier_planting.planted(row))]
    yield "checks.json", [_json(dossier_rows.checks(row))]
    yield "votes.json", [_json(dossier_rows.votes(row))]
    if not row.erased_at:
        yield "evidence.json", [_json(dossier_rows.evidence(row, is_auditor=is_auditor))]
    yield "review.json", [_json(dossier_rows.review(row, names))]
    yield "shown.json", [_json(dossier_rows.shown(row, names, is_auditor=is_auditor))]
    yield "told.json", [_json(dossier_rows.told(row, is_auditor=is_auditor))]
    yield "use.json", [_json(dossier_rows.use(row, is_auditor=is_auditor))]
    events = events_about(row, tells_planted=True)
    yield (
        "timeline.json",
        [_json([dossier_rows.moment(event, names) for event in events.order_by("at", "pk")])],
    )
    if is_auditor:
        yield (
            "audit-events.jsonl",
            (_line(dossier_rows.event(event)) for event in events.order_by("at", "pk")),
        )
        yield "receipt.json", [_json(receipt(submission_id=str(row.pk), events=events))]
    yield from files.items()


def _json(value: Any) -> bytes:
    return json.dumps(value, cls=JSONEncoder, indent=1, ensure_ascii=False).encode() + b"\n"


def _line(value: Any) -> bytes:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False).encode() + b"\n"
