"""The inventory of models, and the page of one."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.markdown import markdown_html
from kyc_review.core.permissions import Right, may_promote, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.datasets import erasure_marks
from kyc_review.registry import inventory
from kyc_review.registry.bundle_files import file_names
from kyc_review.registry.models import Bundle, ModelRecord
from kyc_review.registry.selectors import Service, bundles_listed, services_of
from kyc_review.registry.states import BundleState, bundle_states, model_card
from kyc_review.retraining.access import require_retraining_access
from kyc_review.retraining.comparison_figures import Compared
from kyc_review.retraining.comparison_presenter import present_comparison
from kyc_review.retraining.model_presenter import judged_by, origin_of, steps_of
from kyc_review.retraining.presenters import against_champion, figures, measured
from kyc_review.retraining.score_figures import histograms
from kyc_review.retraining.training_charts import charts
from kyc_review.review.audit_results import audit_at, audits_by_bundle
from kyc_review.review.late_outcomes import late_by_bundle
from kyc_review.training.lineage import History, history
from kyc_review.training.models import Comparison
from kyc_review.training.progress import progress_of
from kyc_review.training.promotion_basis import figures_of, proposal_of

PAGE = 25


class RecordForm(forms.ModelForm):
    version = forms.CharField(required=False, widget=forms.HiddenInput)  # of the record that the page showed
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=400,
        help_text=_("Separated by spaces: a-z, 0-9 and hyphens."),
    )

    class Meta:
        model = ModelRecord
        fields = ("owner", "purpose", "next_review_on")
        labels: ClassVar = {"owner": _("Owner"), "purpose": _("Purpose")}
        widgets = {
            "purpose": forms.Textarea(attrs={"rows": 2}),
            "next_review_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }


@require_GET
@never_cache
@staff_only
def models(request: StaffRequest) -> HttpResponse:
    """Every registered bundle, with its record."""
    require_retraining_access(request.user)
    page = Paginator(bundles_listed(viewer=request.user).select_related("record"), PAGE).get_page(
        request.GET.get("page")
    )
    states = bundle_states(viewer=request.user)
    for row in page:
        row.state = states.get(row.pk, BundleState.CANDIDATE)  # type: ignore[attr-defined]  # for the template
    return render(request, "registry/models.html", {"page": page})


@require_GET
@never_cache
@staff_only
def model(request: StaffRequest, digest: str) -> HttpResponse:
    return _model(request, _found(request, digest))


@require_POST
@staff_only
def record(request: StaffRequest, digest: str) -> HttpResponse:
    bundle = _managed(request, digest)
    form = RecordForm(request.POST)
    if not form.is_valid():
        return _model(request, bundle, form)
    sent = form.cleaned_data
    try:
        inventory.record_change(
            bundle=bundle,
            actor=request.user,
            owner=sent["owner"],
            purpose=sent["purpose"],
            next_review_on=sent["next_review_on"],
            tags=sent["tags"].split(),
            version=sent["version"],
        )
    except inventory.RecordStale as refusal:
        form.data = request.POST.copy()
        form.data["version"] = inventory.record_version(ModelRecord.objects.filter(bundle=bundle).first())
        form.add_error(None, str(refusal))
        return _model(request, bundle, form, status=409)
    except inventory.ReviewDateRefused as refusal:
        form.add_error("next_review_on", str(refusal))
        return _model(request, bundle, form)
    except inventory.RecordRefused as refusal:
        form.add_error("tags", str(refusal))
        return _model(request, bundle, form)
    messages.success(request, gettext("Saved."))
    return HttpResponseRedirect(reverse("registry:model", args=[digest]))


@require_POST
@staff_only
def notes(request: StaffRequest, digest: str) -> HttpResponse:
    bundle = _managed(request, digest)
    with refusals_shown(request):
        inventory.note_add(bundle=bundle, actor=request.user, text=request.POST.get("text", ""))
        messages.success(request, gettext("The note was added."))
    return HttpResponseRedirect(reverse("registry:model", args=[digest]) + "#notes-title")


@require_GET
@never_cache
@staff_only
def file(request: StaffRequest, digest: str, name: str) -> HttpResponseBase:
    """Manifest and card for all readers, weights for admins."""
    bundle = _found(request, digest)
    try:
        opened = inventory.file_open(bundle=bundle, name=name, actor=request.user)
    except FileNotFoundError as error:
        raise Http404(gettext("The bundle has no such file.")) from error
    return FileResponse(opened, as_attachment=True, filename=f"{bundle.version}-{name}")


def _model(
    request: StaffRequest, bundle: Bundle, form: RecordForm | None = None, status: int = 422
) -> HttpResponse:
    viewer = request.user
    past, services = history(viewer=viewer, bundle=bundle), services_of(viewer=viewer, bundle=bundle)
    shift = services[0].step.shift if services else 0.0
    audited = audit_at(audits_by_bundle(viewer=viewer), digest=bundle.digest, shift=shift)
    here = (bundle.digest, shift)
    late = next((row for row in late_by_bundle(viewer=viewer) if (row.digest, row.shift) == here), None)
    later = (
        gettext("%(fraud)s fraud in %(total)s cleared")
        % {"fraud": late.cleared.right, "total": late.cleared.total}
        if late
        else ""
    )
    kept = ModelRecord.objects.filter(bundle=bundle).select_related("changed_by").first()
    compared = _compared(past, services)
    names = file_names(bundle)
    context: dict[str, Any] = {
        "bundle": bundle,
        "state": bundle_states(viewer=viewer).get(bundle.pk, BundleState.CANDIDATE),
        "mark": erasure_marks.bundle_marks(viewer=viewer, bundles=[bundle]).get(bundle.pk),
        "past": past,
        "origin": origin_of(bundle, past),
        "services": services,
        "steps": steps_of(bundle, past, services, judged_by(bundle, services), audited, later),
        "record": kept,
        "form": form or _form(kept),
        "is_stale": form is not None and status == 409,
        "notes": bundle.notes.select_related("written_by"),
        "files": [(name, name in inventory.PAPERS or may_promote(viewer)) for name in names],
        "card": markdown_html(model_card(bundle), below=2),
        "measured": measured(bundle.metrics),
        "figures": figures(bundle.metrics),
        "against": against_champion(bundle.metrics),
        "compared_row": compared,
        "shift": shift,
        "served_at": figures_of(services[0].step) if services else None,
        "compared": _at_point(compared, shift) if compared else None,
        "histograms": histograms(compared.report, only="candidate") if compared else [],
        "charts": charts(progress_of(past.run)) if past.run else [],
        "may_change": may_promote(viewer),
    }
    return render(request, "registry/model.html", context, status=status if form else 200)


def _compared(past: History, services: list[Service]) -> Comparison | None:
    """That of the approved proposal which the latest promotion followed, else the latest one that succeeded."""
    proposal = proposal_of(services[0].step) if services else None
    if proposal is not None:
        return proposal.comparison
    return next((row for row in past.comparisons if row.state == Comparison.State.SUCCEEDED), None)


def _at_point(compared: Comparison, shift: float) -> Compared:
    """At the operating point in production if it was measured, else as trained, which the page says."""
    try:
        return present_comparison(compared.report, shift)
    except KeyError:
        return present_comparison(compared.report, 0.0)


def _form(kept: ModelRecord | None) -> RecordForm:
    if kept is None:
        return RecordForm()
    shown = {"tags": " ".join(kept.tags), "version": inventory.record_version(kept)}
    return RecordForm(instance=kept, initial=shown)


def _found(request: StaffRequest, digest: str) -> Bundle:
    require_retraining_access(request.user)
    bundle = bundles_listed(viewer=request.user).filter(digest=digest).first()
    if bundle is None:
        raise Http404(gettext("No bundle with this digest is registered."))
    return bundle


def _managed(request: StaffRequest, digest: str) -> Bundle:
    require(request.user, Right.PROMOTE)
    return _found(request, digest)
