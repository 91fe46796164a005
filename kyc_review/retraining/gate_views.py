"""The gate's settings: what counts now, its history, and an admin's change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import may_promote
from kyc_review.retraining.access import require_retraining_access
from kyc_review.training.gate_limits import (
    GateSettingsRefused,
    GateSettingsStale,
    Limits,
    gate_settings_change,
    gate_settings_history,
    gate_settings_version,
    label_of,
)
from kyc_review.training.models import GateSettings


class GateForm(forms.ModelForm):
    """Start values are those that count now; the service checks them again."""

    version = forms.IntegerField(widget=forms.HiddenInput)  # of the settings that the page showed
    reason = forms.CharField(
        label="Reason for the change",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the history and the audit log.",
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
        """Of a valid form."""
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
    if not may_promote(request.user):
        raise PermissionDenied("Only admins change the gate's settings.")
    form = GateForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        gate_settings_change(
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
    messages.success(request, "Saved. The gate of every comparison uses these settings from now on.")
    return HttpResponseRedirect(reverse("retraining:gate"))


def _page(request: StaffRequest, form: GateForm, status: int = 200) -> HttpResponse:
    now = asdict(Limits.current())
    context: dict[str, Any] = {
        "form": form,
        "may_change": may_promote(request.user),
        "is_stale": status == 409,
        "now": [(label_of(name), value) for name, value in now.items()],
        "history": [
            (change, [(label_of(name), before, after) for name, before, after in change.limits])
            for change in gate_settings_history(viewer=request.user)
        ],
    }
    return render(request, "retraining/gate.html", context, status=status)
