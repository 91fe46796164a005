"""The audit log for admins and auditors: a page with filters, receipts of submissions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kyc_review.accounts.models import User
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.audit.selectors import actions_beginning
from kyc_review.core.days import begin_of, end_of
from kyc_review.core.db.rows import RowComparison
from kyc_review.core.permissions import Right, may_decide, may_read_audit_log, may_see_people, require
from kyc_review.insights.action_words import KINDS
from kyc_review.insights.forms import AuditForm
from kyc_review.insights.retention import retention
from kyc_review.insights.search import NOT_YET_DECIDED, submission_receipt, submissions_visible
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission

ROWS = 100
USER = "user"  # the kind of a person in events


def events_found(*, viewer: User, wanted: dict[str, Any]) -> QuerySet[Event]:
    """The newest first. `wanted`: cleaned values of `AuditForm`; an action may be its beginning, as "staff.".

    Viewers who also decide on faces do not find what tells them the answer: see `_without_answers`.
    """
    if not may_read_audit_log(viewer):
        return Event.objects.none()
    rows = Event.objects.order_by("-at", "-pk")
    if may_decide(viewer):
        rows = _without_answers(rows)
    if wanted.get("action"):
        rows = rows.filter(action__in=actions_beginning(wanted["action"]))
    if wanted.get("actor"):
        rows = rows.filter(actor_name=wanted["actor"])
    if wanted.get("target"):
        rows = rows.filter(target_id=wanted["target"])
    if wanted.get("since"):
        rows = rows.filter(at__gte=begin_of(wanted["since"]))
    if wanted.get("until"):
        rows = rows.filter(at__lte=end_of(wanted["until"]))
    if wanted.get("before"):
        rows = _older_than(rows, wanted["before"])
    return rows


def _older_than(rows: QuerySet[Event], key: int) -> QuerySet[Event]:
    at = Event.objects.filter(pk=key).values_list("at", flat=True).first()
    if at is None:
        return rows.none()
    return rows.filter(RowComparison((F("at"), F("pk")), "<", (Value(at), Value(key))))


def _without_answers(rows: QuerySet[Event]) -> QuerySet[Event]:
    """Without events about planted forgeries and calibration items, and about faces that are still to be judged."""
    waiting = ReviewItem.objects.filter(NOT_YET_DECIDED, is_blind=True).values("submission")
    faces = Submission.objects.filter(pk__in=waiting)
    items = ReviewItem.objects.filter(submission__in=waiting)
    for kind, hidden in (("submission", faces), ("reviewitem", items)):
        named = hidden.values_list(Cast("pk", CharField()), flat=True)
        rows = rows.exclude(target_kind=kind, target_id__in=named)
    return rows.exclude(Q(action__startswith="planting.") | Q(action__startswith="gold."))


@require_safe
@never_cache
@staff_only
def log(request: StaffRequest) -> HttpResponse:
    _require(request)
    form = AuditForm(request.GET)
    rows = (
        list(events_found(viewer=request.user, wanted=form.cleaned_data)[: ROWS + 1])
        if form.is_valid()
        else []
    )
    filters = request.GET.copy()
    filters.pop("before", None)
    context = {
        "form": form,
        "kinds": KINDS,
        "events": _with_people(rows[:ROWS], viewer=request.user),
        "may_export": not may_decide(request.user),
        "older": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        "filters": filters.urlencode(),
        "retention": retention(viewer=request.user),
    }
    return render(request, "insights/audit.html", context)


@require_safe
@never_cache
@staff_only
def receipt(request: StaffRequest, submission_id: UUID) -> HttpResponse:
    """The receipt of a submission, a file of JSON; every download is recorded in the audit log."""
    row = get_object_or_404(submissions_visible(viewer=request.user), pk=submission_id)
    found = submission_receipt(viewer=request.user, submission=row)
    audit.record(action="submission.receipt_downloaded", actor=request.user, target=row)
    answer = JsonResponse(found, json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="receipt-{row.pk}.json"'
    return answer


def _with_people(rows: list[Event], *, viewer: User) -> list[tuple[Event, User | None, User | None]]:
    """Each with the person who acted and the person it is about; none for viewers who do not see people."""
    ids = {row.actor_id for row in rows if row.actor_kind == USER}
    ids |= {row.target_id for row in rows if row.target_kind == USER}
    found = (
        User.objects.filter(pk__in=[int(pk) for pk in ids if pk.isdecimal()])
        if may_see_people(viewer)
        else ()
    )
    people = {str(person.pk): person for person in found}

    def named(kind: str, pk: str) -> User | None:
        return people.get(pk) if kind == USER else None

    return [(row, named(row.actor_kind, row.actor_id), named(row.target_kind, row.target_id)) for row in rows]


def _require(request: StaffRequest) -> None:
    require(request.user, Right.READ_AUDIT_LOG)
