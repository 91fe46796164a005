"""What planted forgeries measure, and the page on which two admins switch them on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings as configured
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.reauthentication import approval_unconfirmed
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_decide, may_plant, may_see_retraining, require
from kyc_review.planting.changes import (
    PlantingRefused,
    planting_approve,
    planting_now,
    planting_propose,
    planting_reject,
    planting_switch_off,
    values_of,
)
from kyc_review.planting.figures import bands_of_work, of_today, recalls, recalls_by_bundle
from kyc_review.planting.models import PlantingProposal, PlantingSettings, PlantingValues, Sources
from kyc_review.planting.rules import bounds_reached, licensed_pictures
from kyc_review.training.models import Proposal

DAYS = (30, 90, 365)


class PlantingForm(forms.ModelForm):
    """The service checks the values again."""

    reason = forms.CharField(
        label=gettext_lazy("Reason for the change"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Read by the admin who decides; kept in the history and the audit log."),
    )

    class Meta:
        model = PlantingProposal
        fields = (*PlantingValues.NAMES, "reason")
        widgets = {"rate": forms.NumberInput(attrs={"step": "any", "min": 0, "autocomplete": "off"})}


@require_safe
@never_cache
@staff_only
def figures(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.SEE_INSIGHTS)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, DAYS) else 90
    viewer, since = request.user, timezone.now() - dt.timedelta(days=days)
    context = {
        "days": days,
        "choices": DAYS,
        "current": planting_now(),
        "rows": recalls(viewer=viewer, since=since),
        "bundles": recalls_by_bundle(viewer=viewer, since=since),
        "bands": bands_of_work(viewer=viewer),
        "today": of_today(viewer=viewer),
        "tells_bounds": may_see_retraining(viewer) and not may_decide(viewer),
        "bounds": bounds_reached(viewer=viewer),
        "sees_settings": may_see_retraining(viewer),
    }
    return render(request, "planting/figures.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def settings(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.SEE_RETRAINING)
    if request.method == "GET":
        return _page(request, PlantingForm(initial=_start_values()))
    require(request.user, Right.PLANT)
    form = PlantingForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    values = {name: form.cleaned_data[name] for name in PlantingValues.NAMES}
    try:
        planting_propose(values=values, reason=form.cleaned_data["reason"], actor=request.user)
    except PlantingRefused as refusal:
        form.add_error(None, refusal.detail)
        return _page(request, form, status=422)
    messages.success(request, _("Proposed. The settings change when another admin approves them."))
    return HttpResponseRedirect(reverse("planting:settings"))


@require_POST
@staff_only
def switch_off(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.PLANT)
    off = _("Switched off: nothing is planted from now on.")
    return _done(
        request, lambda: planting_switch_off(reason=request.POST.get("reason", ""), actor=request.user), off
    )


@require_POST
@staff_only
def approval(request: StaffRequest, number: int) -> HttpResponse:
    require(request.user, Right.PLANT)
    if problem := approval_unconfirmed(request):
        messages.error(request, problem)
        return HttpResponseRedirect(reverse("planting:settings"))
    return _decide(request, number, planting_approve, _("Approved. These settings count from now on."))


@require_POST
@staff_only
def rejection(request: StaffRequest, number: int) -> HttpResponse:
    return _decide(request, number, planting_reject, _("Closed without a change of the settings."))


def _decide(request: StaffRequest, number: int, decide: Callable[..., object], done: str) -> HttpResponse:
    require(request.user, Right.PLANT)
    proposal = get_object_or_404(PlantingProposal, pk=number)
    return _done(
        request,
        lambda: decide(proposal=proposal, actor=request.user, remark=request.POST.get("remark", "")),
        done,
    )


def _done(request: StaffRequest, change: Callable[[], object], done: str) -> HttpResponse:
    try:
        change()
        messages.success(request, done)
    except PlantingRefused as refusal:
        messages.error(request, refusal.detail)
    return HttpResponseRedirect(reverse("planting:settings"))


def _start_values() -> dict[str, Any]:
    return values_of(planting_now() or PlantingProposal())


def _changes(row: PlantingProposal) -> list[tuple[str, Any, Any]]:
    """(label, before, after) of each value that the proposal changes; all values where nothing counts yet."""
    current = planting_now()
    before, after = values_of(current) if current else {}, values_of(row)
    fields = {field.name: field for field in row._meta.concrete_fields}
    return [
        (str(fields[name].verbose_name), _shown(before.get(name)), _shown(after[name]))
        for name in PlantingValues.NAMES
        if before.get(name) != after[name]
    ]


def _shown(value: Any) -> Any:
    if value is None:
        return _("never set")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return Sources(value).label if value in list(Sources) else value


def _page(request: StaffRequest, form: PlantingForm, status: int = 200) -> HttpResponse:
    opened = PlantingProposal.objects.filter(state=Proposal.State.OPEN).select_related("proposed_by").first()
    own = opened is not None and opened.proposed_by_id == request.user.pk
    context = {
        "form": form,
        "current": planting_now(),
        "may_change": may_plant(request.user),
        "opened": opened,
        "is_own": own,
        "refusal": why_not_approver(proposer=opened.proposed_by, approver=request.user)
        if opened and not own
        else "",
        "changes": _changes(opened) if opened else [],
        "closed": PlantingProposal.objects.filter(
            state__in=(Proposal.State.REJECTED, Proposal.State.WITHDRAWN)
        ).select_related("proposed_by", "decided_by"),
        "history": PlantingSettings.objects.select_related("changed_by", "approved_by"),
        "days_kept": configured.PLANTED_DAYS,
        "pictures": len(licensed_pictures()),
    }
    return render(request, "planting/settings.html", context, status=status)
