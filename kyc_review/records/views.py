"""Exports by page: of a period, and of what the filters of the audit log find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, require
from kyc_review.insights.audit_views import events_found
from kyc_review.insights.forms import AuditForm
from kyc_review.records.exports import (
    export_response,
    may_export,
    require_export,
    rows_export,
    table_export,
)
from kyc_review.records.forms import FORMATS, ExportForm
from kyc_review.records.tables import TABLES, event_rows
from kyc_review.records.writers import Format, FormatUnavailable, has_parquet

DAYS = 30


@require_safe
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    """The form of an export, and the columns of each table."""
    require(request.user, Right.READ_AUDIT_LOG)
    today = datetime.now(UTC).date()
    form = ExportForm(initial={"since": today - timedelta(days=DAYS), "until": today})
    return _overview(request, form)


@require_GET
@staff_only
def export(request: StaffRequest) -> HttpResponseBase:
    require_export(request.user)
    form = ExportForm(request.GET)
    if not form.is_valid():
        return _overview(request, form, 422)
    chosen = form.cleaned_data
    table, format = TABLES[chosen["records"]], Format(chosen["format"])
    try:
        made = table_export(table=table, period=form.period(), format=format, actor=request.user)
    except FormatUnavailable as refusal:
        form.add_error("format", refusal.detail)
        return _overview(request, form, 422)
    return export_response(made)


@require_GET
@staff_only
def audit_log(request: StaffRequest, format: str) -> HttpResponseBase:
    """The events that the filters of the audit page find, the newest first."""
    require_export(request.user)
    form = AuditForm(request.GET)
    if not form.is_valid() or format not in list(Format):
        text = _("A filter is invalid. Write dates as 2026-11-21, and choose csv, jsonl or parquet.")
        return HttpResponse(text, status=422)
    events = events_found(viewer=request.user, wanted=form.cleaned_data)
    try:
        made = rows_export(
            table=TABLES["audit-events"],
            rows=event_rows(events),
            format=Format(format),
            actor=request.user,
            asked={"filters": {name: str(value) for name, value in form.cleaned_data.items() if value}},
            name=f"audit-events.{format}",
        )
    except FormatUnavailable as refusal:
        return HttpResponse(refusal.detail, status=refusal.status)
    return export_response(made)


def _overview(request: StaffRequest, form: ExportForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "tables": TABLES.values(),
        "formats": FORMATS,
        "has_parquet": has_parquet(),
        "may_export": may_export(request.user),
    }
    return render(request, "records/overview.html", context, status=status)
