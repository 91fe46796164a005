"""The tables that can be exported. docs/records.md has the same columns for readers; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from kyc_review.audit.models import Event
from kyc_review.records.columns import Column, Period, Row, Table, Type
from kyc_review.records.planted_table import PLANTED_COLUMNS, planted_rows
from kyc_review.records.scoring_columns import SCORING, scoring_row, streamed
from kyc_review.review.corrections import CorrectionState, correction_state
from kyc_review.review.models import AuditDraw, Decision, ReviewItem
from kyc_review.submissions.models import Result, ResultReason, State, Submission

T = Type
DECISION_COLUMNS = (
    Column("schema_version", T.INTEGER, _("Of this table: 1.")),
    Column("decision_id", T.INTEGER, _("Unique.")),
    Column("decided_at", T.TIME, _("When the person decided.")),
    Column("undone_at", T.TIME, _("When they took it back in time, so that it never counted; else empty.")),
    Column("is_final", T.BOOLEAN, _("It was not taken back, and no longer can be.")),
    Column("submission_id", T.TEXT, _("The id that the API returned.")),
    Column("integration", T.TEXT, _("The onboarding system that posted it.")),
    Column("received_at", T.TIME, _("When it was posted.")),
    Column("item_id", T.INTEGER, _("The unit of work.")),
    Column("item_reason", T.TEXT, _("Why a person was asked.")),
    Column("is_blind", T.BOOLEAN, _("Votes and evidence were hidden until the first call.")),
    Column("reviewer", T.TEXT, _("User name.")),
    Column("first_call", T.TEXT, _("The call before votes were shown; empty without one.")),
    Column("first_call_at", T.TIME, _("When.")),
    Column("label", T.TEXT, _("real, fake or not_assessable.")),
    Column("obstacle", T.TEXT, _("Why it was not assessable.")),
    Column("is_sure", T.BOOLEAN, _("What the person said of their own answer.")),
    Column("parts", T.TEXTS, _("Which parts are fake.")),
    Column("methods", T.TEXTS, _("How they were made.")),
    Column("corrects", T.INTEGER, _("The decision that it replaces; empty for none.")),
    Column("handling_s", T.NUMBER, _("Seconds from claim to decision.")),
    Column("result", T.TEXT, _("The submission's result at the time of the export.")),
    Column("result_reason", T.TEXT, _("Its code in the API.")),
    *SCORING,
    Column(
        "correction_state",
        T.TEXT,
        _("Of a correction: in_effect, waits, agreed, overruled, closed (without effect)."),
    ),
    Column(
        "is_replaced",
        T.BOOLEAN,
        _("A later correction, or the answer of those who reviewed one, counts instead."),
    ),
)
OUTCOME_COLUMNS = (
    Column("schema_version", T.INTEGER, _("Of this table: 1.")),
    Column("submission_id", T.TEXT, _("The id that the API returned.")),
    Column("integration", T.TEXT, _("The onboarding system that posted it.")),
    Column("received_at", T.TIME, _("When it was posted.")),
    Column("completed_at", T.TIME, _("When it got its first result.")),
    Column("result", T.TEXT, _("clear, rejected or resubmit.")),
    Column("result_reason", T.TEXT, _("Its code in the API.")),
    Column("decided_by", T.TEXT, _("person, models (all votes real) or checks (sent back).")),
    Column("decisions", T.TEXTS, _("Ids of people's decisions that were not undone.")),
    Column("sha256", T.TEXT, _("Of the posted bytes.")),
    Column("erased_at", T.TIME, _("When picture and references were deleted; else empty.")),
    *SCORING,
)
EVENT_COLUMNS = (
    Column("schema_version", T.INTEGER, _("Of this table: 1.")),
    Column("id", T.INTEGER, _("Unique; gaps are transactions that were rolled back.")),
    Column("at", T.TIME, _("By the database's clock.")),
    Column("action", T.TEXT, _("Such as submission.received.")),
    Column("actor_kind", T.TEXT, _("user, integration or system.")),
    Column("actor_id", T.TEXT, _("The account.")),
    Column("actor_name", T.TEXT, _("Its name then.")),
    Column("target_kind", T.TEXT, _("What it is about.")),
    Column("target_id", T.TEXT, _("Which one.")),
    Column("detail", T.OBJECT, _("The fields depend on the action.")),
)


def _decisions(period: Period) -> Iterator[Row]:
    rows = Decision.objects.filter(
        decided_at__range=period.moments, submission__is_test=False, submission__is_planted=False
    )
    rows = rows.select_related("item", "submission__integration", "submission__scoring", "reviewer", "undo")
    corrections = Decision.objects.standing().exclude(corrects=None)
    rows = rows.prefetch_related(
        "submission__scoring__votes",
        "submission__checks",
        "item__first_calls",
        Prefetch("item__decisions", corrections.prefetch_related("reviews"), to_attr="standing_corrections"),
    )
    return streamed(rows.order_by("decided_at", "pk"), _decision)


def _decision(row: Decision) -> Row:
    item, posted, undone_at = row.item, row.submission, getattr(getattr(row, "undo", None), "undone_at", None)
    calls = [call for call in item.first_calls.all() if call.reviewer_id == row.reviewer_id]
    return (
        1,
        row.pk,
        row.decided_at,
        undone_at,
        undone_at is None and item.state == ReviewItem.State.DECIDED,
        str(posted.pk),
        posted.integration.name,
        posted.received_at,
        item.pk,
        item.reason,
        item.is_blind,
        row.reviewer.username,
        calls[0].label if calls else None,
        calls[0].called_at if calls else None,
        row.label,
        row.obstacle or None,
        row.is_sure,
        row.parts,
        row.methods,
        row.corrects_id,
        row.handling_ms / 1000,
        posted.result or None,
        posted.result_reason or None,
        *scoring_row(posted),
        _correction_state(row),
        _is_replaced(row),
    )


def _correction_state(row: Decision) -> str | None:
    """That of a calibration item changes nothing, whatever its author was told."""
    if row.corrects_id is None:
        return None
    is_gold = row.item.reason == ReviewItem.Reason.GOLD
    return (CorrectionState.CLOSED if is_gold else correction_state(row)).value


def _is_replaced(row: Decision) -> bool:
    standing = row.item.standing_corrections  # type: ignore[attr-defined]
    corrections = {one.pk: _correction_state(one) for one in standing}
    if corrections.get(row.pk) == CorrectionState.OVERRULED:
        return True
    later = {state for key, state in corrections.items() if key > row.pk}
    return bool(later & {CorrectionState.IN_EFFECT, CorrectionState.AGREED, CorrectionState.OVERRULED})


def _outcomes(period: Period) -> Iterator[Row]:
    rows = Submission.objects.filter(
        completed_at__range=period.moments, is_test=False, is_planted=False, state=State.COMPLETED
    ).select_related("integration", "scoring", "audit_draw")
    standing = Prefetch("decisions", Decision.objects.standing().order_by("pk"), to_attr="standing_decisions")
    rows = rows.prefetch_related("scoring__votes", "checks", standing)
    return streamed(rows.order_by("completed_at", "pk"), _outcome)


def _outcome(row: Submission) -> Row:
    decisions = [str(decision.pk) for decision in row.standing_decisions]  # type: ignore[attr-defined]
    return (
        1,
        str(row.pk),
        row.integration.name,
        row.received_at,
        row.completed_at,
        row.result,
        row.result_reason,
        _decided_by(row, decisions),
        decisions,
        row.sha256,
        row.erased_at,
        *scoring_row(row),
    )


def _decided_by(row: Submission, decisions: list[str]) -> str:
    """An audited clear was decided by the models, although people judged it later and agreed; what a check sent back
    and the audit drew stays sent back, whatever people say of it."""
    if row.result_reason == ResultReason.MODELS_AGREE:
        return "models"
    draw: AuditDraw | None = getattr(row, "audit_draw", None)
    was_sent_back = draw is not None and draw.outcome == AuditDraw.Outcome.RESUBMIT
    return "checks" if row.result == Result.RESUBMIT and (was_sent_back or not decisions) else "person"


def _events(period: Period) -> Iterator[Row]:
    return event_rows(Event.objects.filter(at__range=period.moments).order_by("pk"))


def event_rows(events: QuerySet[Event]) -> Iterator[Row]:
    return streamed(events, _event)


def _event(row: Event) -> Row:
    return (1, *(getattr(row, column.name) for column in EVENT_COLUMNS[1:]))


TABLES = {
    table.name: table
    for table in (
        Table("decisions", 1, _("Decisions of people"), DECISION_COLUMNS, _decisions),
        Table("outcomes", 1, _("Results of submissions"), OUTCOME_COLUMNS, _outcomes),
        Table("planted-forgeries", 1, _("Planted forgeries"), PLANTED_COLUMNS, planted_rows),
        Table("audit-events", 1, _("Audit log"), EVENT_COLUMNS, _events),
    )
}
