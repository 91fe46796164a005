"""The table of planted forgeries: what models and people found, one row for each."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Prefetch
from django.utils.translation import gettext_lazy as _

from kyc_review.records.columns import Column, Period, Row, Type
from kyc_review.records.scoring_columns import SCORING, scoring_row, streamed
from kyc_review.review.models import Decision, PlantedForgery, ReviewItem
from kyc_review.review.models.reasons import FLAGGED

T = Type
PLANTED_COLUMNS = (
    Column("schema_version", T.INTEGER, _("Of this table: 1.")),
    Column("submission_id", T.TEXT, _("Of the planted forgery.")),
    Column("planted_at", T.TIME, _("When it was planted.")),
    Column(
        "source_submission", T.TEXT, _("The submission that it was made of; empty for a licensed picture.")
    ),
    Column("source_sha256", T.TEXT, _("Of the licensed picture that it was made of; else empty.")),
    Column("edit", T.TEXT, _("Kind of edit: way, region and seam.")),
    Column("difficulty", T.NUMBER, _("Of the edit, as it was drawn: 0 is obvious, 1 careful.")),
    Column("integration", T.TEXT, _("The onboarding system that it seems to come from.")),
    Column("is_flagged", T.BOOLEAN, _("Votes, checks or an auxiliary model gave it to people.")),
    Column("result", T.TEXT, _("clear, rejected or resubmit; empty while it waits.")),
    Column("result_reason", T.TEXT, _("Its code in the API.")),
    Column("completed_at", T.TIME, _("When it got its first result.")),
    Column("erased_at", T.TIME, _("When picture and references were deleted; else empty.")),
    Column(
        "answers",
        T.RECORDS,
        _("People's own answers that were not undone"),
        (
            Column("decision_id", T.INTEGER, _("Unique.")),
            Column("reviewer", T.TEXT, _("User name.")),
            Column("label", T.TEXT, _("real, fake or not_assessable.")),
        ),
    ),
    *SCORING,
)


def planted_rows(period: Period) -> Iterator[Row]:
    """Those planted in the period."""
    flagged = ReviewItem.objects.filter(submission=OuterRef("submission"), reason__in=FLAGGED)
    rows = PlantedForgery.objects.filter(planted_at__range=period.moments).annotate(
        is_flagged=Exists(flagged)
    )
    answers = Decision.objects.standing().filter(corrects=None).select_related("reviewer").order_by("pk")
    rows = rows.select_related("submission__integration", "submission__scoring").prefetch_related(
        "submission__scoring__votes",
        "submission__checks",
        Prefetch("submission__decisions", answers, to_attr="answers"),
    )
    return streamed(rows.order_by("planted_at", "pk"), _planted)


def _planted(row: PlantedForgery) -> Row:
    made = row.submission
    answers = [
        {
            "decision_id": one.pk,
            "reviewer": one.reviewer.username,
            "label": one.label,
        }
        for one in made.answers  # type: ignore[attr-defined]
    ]
    return (
        1,
        str(made.pk),
        row.planted_at,
        str(row.source_id) if row.source_id else None,
        row.picture_sha256 or None,
        row.kind,
        row.difficulty,
        made.integration.name,
        row.is_flagged,  # type: ignore[attr-defined]
        made.result or None,
        made.result_reason or None,
        made.completed_at,
        made.erased_at,
        answers,
        *scoring_row(made),
    )
