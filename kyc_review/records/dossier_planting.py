"""What a dossier says of planted forgeries: that one was made of the applicant's picture, or that this is one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from kyc_review.review.models import Decision, PlantedForgery
from kyc_review.submissions.models import Submission

PURPOSE = (
    "Quality control: a copy of the picture was edited, and models and people judged it, to measure whether they "
    "recognise manipulated pictures. It did not affect the application, was not passed on, trained no model and "
    "was reported to no other party."
)
COPY_LEFT_OUT = (
    "the edited copy that was made of the picture to test models and people: use.json says when it was made and when "
    "it is deleted"
)
SUMMARY = """\
What is stored about this planted forgery

Submission {id} was not posted by an onboarding system and belongs to no applicant. This product made it on {planted}
by editing {source}, to measure whether models and people recognise manipulated pictures (planted.json).

1. The picture was checked (checks.json), and models voted on it (votes.json), like an applicant's.
2. People who judged it (review.json, shown.json) were not told that it was planted until the next day.
3. Its references are made up in the form of those of the onboarding system {integration}, from which it only
   seemed to come. That system was told nothing of it, and cannot appeal.

Outcome: {outcome}
{decided}

contents.json says what is left out of this archive, and why.
"""


def made_of(row: Submission) -> PlantedForgery | None:
    """The forgery that was planted of this submission's picture."""
    return PlantedForgery.objects.filter(source=row).select_related("submission__scoring").first()


def edited_copies(row: Submission, *, is_auditor: bool) -> list[dict[str, Any]]:
    """The forgeries made of this picture; for auditors with their submission, for the applicant what was done with them
    and when they are deleted. Of a picture at most one is made."""
    made = made_of(row)
    if made is None:
        return []
    answers = Decision.objects.standing().filter(submission=made.submission, corrects=None)
    told: dict[str, Any] = {
        "made_at": made.planted_at,
        "purpose": PURPOSE,
        "judged_by_models": hasattr(made.submission, "scoring"),
        "judged_by_people": answers.values("reviewer").distinct().count(),
        "deleted_at": made.submission.erased_at,
        "deleted_at_latest": made.planted_at + timedelta(days=settings.PLANTED_DAYS),
    }
    return [told | {"submission": made.submission_id} | _edit(made)] if is_auditor else [told]


def planted(row: Submission) -> dict[str, Any]:
    """Of a planted forgery: what it was made of, how and when, and until when it is kept."""
    made = PlantedForgery.objects.get(submission=row)
    return {
        "planted_at": made.planted_at,
        "source_submission": made.source_id,
        "source_picture_sha256": made.picture_sha256 or None,
        "seems_to_come_from": row.integration.name,
        "kept_until": made.planted_at + timedelta(days=settings.PLANTED_DAYS),
        **_edit(made),
    }


def _edit(made: PlantedForgery) -> dict[str, Any]:
    return {"edit": made.kind, "difficulty_of_edit": made.difficulty}


def summary(row: Submission, *, outcome: str, decided: str) -> str:
    made = PlantedForgery.objects.get(submission=row)
    source = f"the picture of submission {made.source_id}" if made.source_id else "a licensed picture"
    return SUMMARY.format(
        id=row.pk,
        planted=f"{made.planted_at:%Y-%m-%d %H:%M:%S} UTC",
        source=source,
        integration=row.integration.name,
        outcome=outcome,
        decided=decided,
    )
