"""The gate's settings: what counts now, its history, and an admin's change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.reauthentication import approval_unconfirmed
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_promote, require
from kyc_review.retraining.access import require_retraining_access
from kyc_review.training.gate_changes import (
    GateSettingsRefused,
    GateSettingsStale,
    gate_change_approve,
    gate_change_propose,
    gate_change_reject,
    gate_proposals_listed,
)
from kyc_review.training.gate_limits import (
    Limits,
    differences,
    gate_settings_history,
    gate_settings_version,
    label_of,
)
from kyc_review.training.models import GateProposal, GateSettings, Proposal


class GateForm(forms.ModelForm):
    """Start values are those that count now; the service checks them again."""

    version = forms.IntegerField(widget=forms.HiddenInput)  # of the settings that the page showed
    reason = forms.CharField(
        label=_("Reason for the change"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Read by the admin who decides; kept in the history and the audit log."),
    )

    class Meta:
        model = GateSettings
        fields = (*GateSettings.LIMITS, "reason")
        widgets = {
            name: forms.NumberInput(attrs={"step": "any", "min": 0, "autocomplete": "off"})
            for name in GateSettings.LIMITS
            if name != "audited_fakes"
        }

    def limits(self) -> Limits:
        """The limits that a valid form states."""
        return Limits(**{name: self.cleaned_data[name] for name in GateSettings.LIMITS})


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def gate_settings(request: StaffRequest) -> HttpResponse:
    require_retraining_access(request.user)
    if request.method == "GET":
        return _page(
            request, GateForm(initial={"version": gate_settings_version()} | asdict(Limits.current()))
        )
    require(request.user, Right.PROMOTE)
    form = GateForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        gate_change_propose(
            limits=form.limits(),
            reason=form.cleaned_data["reason"],
            actor=request.user,
            version=form.cleaned_data["version"],
        )
    except GateSettingsStale as refusal:
        form.data = request.POST.copy()
        form.data["version"] = str(gate_settings_version())
        form.add_error(None, str(refusal))
        return _page(request, form, status=409)
    except GateSettingsRefused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form, status=422)
    messages.success(request, gettext("Proposed. The settings change when another admin approves them."))
    return HttpResponseRedirect(reverse("retraining:gate"))


@require_POST
@staff_only
def gate_approval(request: StaffRequest, number: int) -> HttpResponse:
    require(request.user, Right.PROMOTE)
    if problem := approval_unconfirmed(request):
        messages.error(request, problem)
        return HttpResponseRedirect(reverse("retraining:gate"))
    done = gettext("Approved. The gate of every comparison uses these settings from now on.")
    return _decide(request, number, gate_change_approve, done)


@require_POST
@staff_only
def gate_rejection(request: StaffRequest, number: int) -> HttpResponse:
    return _decide(request, number, gate_change_reject, gettext("Closed without a change of the settings."))


def _decide(request: StaffRequest, number: int, decide: Callable[..., object], done: str) -> HttpResponse:
    require(request.user, Right.PROMOTE)
    proposal = get_object_or_404(GateProposal, pk=number)
    try:
        decide(proposal=proposal, actor=request.user, remark=request.POST.get("remark", ""))
        messages.success(request, done)
    except GateSettingsRefused as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse("retraining:gate"))


def _page(request: StaffRequest, form: GateForm, status: int = 200) -> HttpResponse:
    now, proposals = asdict(Limits.current()), gate_proposals_listed(viewer=request.user)
    opened = next((row for row in proposals if row.state == Proposal.State.OPEN), None)
    own = opened is not None and opened.proposed_by_id == request.user.pk
    remarks = {
        (str(row.proposed_by), str(row.decided_by), row.reason): row.remark
        for row in proposals
        if row.state == Proposal.State.APPROVED
    }
    context: dict[str, Any] = {
        "form": form,
        "may_change": may_promote(request.user),
        "is_stale": status == 409,
        "opened": opened,
        "opened_limits": _labelled(opened) if opened else [],
        "is_own": own,
        "refusal": why_not_approver(proposer=opened.proposed_by, approver=request.user)
        if opened and not own
        else "",
        "closed": [
            (row, _labelled(row))
            for row in proposals
            if row.state in (Proposal.State.REJECTED, Proposal.State.WITHDRAWN)
        ],
        "now": [(label_of(name), value) for name, value in now.items()],
        "history": [
            (
                change,
                [(label_of(name), before, after) for name, before, after in change.limits],
                remarks.get((change.changed_by, change.approved_by, change.reason), ""),
            )
            for change in gate_settings_history(viewer=request.user)
        ],
    }
    return render(request, "retraining/gate.html", context, status=status)


def _labelled(row: GateProposal) -> list[tuple[str, float | None, float | None]]:
    """(label, before, after) of each limit that it changes."""
    return [(label_of(name), before, after) for name, before, after in differences(row.before, row.limits)]
