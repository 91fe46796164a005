"""Training runs in the browser: ask for one, watch it, cancel it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_train, require
from kyc_review.core.refusal_messages import refusals_shown
from kyc_review.datasets import erasure_marks
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import snapshots_trainable
from kyc_review.registry.selectors import champion
from kyc_review.retraining.access import require_retraining_access
from kyc_review.retraining.facts_presenter import snapshot_facts
from kyc_review.retraining.presenters import against_champion, balances, balancing, measured
from kyc_review.retraining.training_charts import charts
from kyc_review.training.gate_limits import Limits
from kyc_review.training.jobs import JobRefused, job_cancel
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.progress import log_tail, progress_of
from kyc_review.training.run_history import events_of, is_silent, phases_of
from kyc_review.training.runs import BALANCES, EPOCHS_MAX, LEAST, run_request
from kyc_review.training.selectors import comparisons_listed, runs_listed

FACTS_SHOWN = 5  # snapshots, the latest ones


class SnapshotChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Snapshot) -> str:
        return gettext("%(name)s (%(real)s real, %(fake)s fake)") % {
            "name": obj.name,
            "real": obj.count_real,
            "fake": obj.count_fake,
        }


class RunForm(forms.Form):
    """What an admin may choose. `begin` says where the weights come from."""

    snapshot = SnapshotChoice(Snapshot.objects.none(), label=_("Snapshot"), empty_label=None)
    begin = forms.ChoiceField(
        label=_("Begin from"),
        choices=[
            ("champion", _("The champion's weights (fine-tune)")),
            ("scratch", _("Scratch (same architectures)")),
        ],
        widget=forms.RadioSelect,
        initial="champion",
    )
    epochs = forms.IntegerField(label=_("Epochs"), min_value=1, max_value=EPOCHS_MAX, initial=3)
    miss = forms.FloatField(
        label=_("Fakes that may be missed"),
        help_text=_("Share of fakes that the thresholds may miss on validation; less means more review."),
        min_value=0.001,
        max_value=0.5,
        initial=0.1,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    balance = forms.ChoiceField(
        label=_("Balance of labels"),
        choices=[
            ("pairs", _("As many fakes as reals of each source; nothing synthesised")),
            ("document", _("One setting for each voter: those of system T")),
            ("smote", _("All voters: SMOTE to 1:1")),
            ("smote-under-focal", _("All: SMOTE to 0.4, undersampling to 0.5, focal loss")),
            ("under-focal", _("All: SMOTE to 0.1, undersampling to 0.5, focal loss")),
            ("under", _("All: SMOTE to 0.1, undersampling to 0.5")),
        ],
        help_text=_("SMOTE cross-fades faces; it is available for comparison."),
        required=False,
    )
    weights = forms.ChoiceField(
        label=_("Weights"),
        choices=[
            (
                "chance",
                _("One over the probability of being labelled: audited items represent those not drawn"),
            ),
            ("equal", _("Weight all items equally")),
        ],
        widget=forms.RadioSelect,
        initial="chance",
        required=False,
    )
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=2**31 - 1, initial=0)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["snapshot"]
        assert isinstance(field, SnapshotChoice)
        field.queryset = snapshots_trainable(viewer=request.user)


@require_GET
@never_cache
@staff_only
def new_run(request: StaffRequest) -> HttpResponse:
    _require_admin(request)
    chosen = snapshots_trainable(viewer=request.user).filter(name=request.GET.get("snapshot", "")).first()
    initial = {"snapshot": chosen.pk} if chosen else {}
    return _form(request, RunForm(request=request, initial=initial))


@require_POST
@staff_only
def runs(request: StaffRequest) -> HttpResponse:
    _require_admin(request)
    form = RunForm(request.POST, request=request)
    if not form.is_valid():
        return _form(request, form, status=422)
    cleaned = form.cleaned_data
    try:
        run = run_request(
            snapshot=cleaned["snapshot"],
            epochs=cleaned["epochs"],
            seed=cleaned["seed"],
            miss=cleaned["miss"],
            scratch=cleaned["begin"] == "scratch",
            balance=cleaned["balance"] or BALANCES[0],
            weigh=cleaned["weights"] != "equal",
            actor=request.user,
        )
    except JobRefused as refusal:
        form.add_error(None, str(refusal))
        return _form(request, form, status=422)
    return HttpResponseRedirect(reverse("retraining:run", args=[run.pk]))


@require_GET
@never_cache
@staff_only
def run(request: StaffRequest, number: int) -> HttpResponse:
    """The whole page; while the run trains, only its progress is loaded again."""
    row = _run(request, number)
    progress = progress_of(row)
    context = {
        "run": row,
        "progress": progress,
        "phases": phases_of(row),
        "events": events_of(viewer=request.user, job=row),
        "is_silent": is_silent(row),
        "comparisons": _comparisons(request, row),
        "log": log_tail(row),
        "may_train": may_train(request.user),
        "mark": _mark(request, row),
        "miss_percent": 100 * row.miss,
        "balancing": balancing(row.balance),
        "balances": balances(row.candidate.provenance) if row.candidate else [],
        "measured": measured(row.candidate.metrics) if row.candidate else ("", []),
        "against": against_champion(row.candidate.metrics) if row.candidate else None,
        "charts": charts(progress),
    }
    part = request.htmx.target == "run"
    return render(request, "retraining/_run.html" if part else "retraining/run.html", context)


@require_POST
@staff_only
def cancellation(request: StaffRequest, number: int) -> HttpResponse:
    _require_admin(request)
    row = _run(request, number)
    with refusals_shown(request):
        job_cancel(job=row, actor=request.user)
        messages.success(request, f"Run {row.pk} will stop.")
    return HttpResponseRedirect(reverse("retraining:run", args=[row.pk]))


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.TRAIN)


def _run(request: StaffRequest, number: int) -> TrainingRun:
    require_retraining_access(request.user)
    row = runs_listed(viewer=request.user).filter(pk=number).first()
    if row is None:
        raise Http404(gettext("There is no training run with this number."))
    return row


def _comparisons(request: StaffRequest, row: TrainingRun) -> list[Comparison]:
    if row.candidate is None:
        return []
    return list(comparisons_listed(viewer=request.user).filter(candidate=row.candidate))


def _mark(request: StaffRequest, row: TrainingRun) -> erasure_marks.Mark | None:
    if row.candidate is None:
        return None
    return erasure_marks.bundle_marks(viewer=request.user, bundles=[row.candidate]).get(row.candidate.pk)


def _form(request: StaffRequest, form: RunForm, status: int = 200) -> HttpResponse:
    limits = Limits.current()
    context = {
        "form": form,
        "least": LEAST,
        "decisions_min": settings.TRAINING_DECISIONS_MIN,
        "champion": champion(),
        "before": [
            (row, snapshot_facts(row, limits, settings.TRAINING_DECISIONS_MIN))
            for row in snapshots_trainable(viewer=request.user)[:FACTS_SHOWN]
        ],
    }
    return render(request, "retraining/new_run.html", context, status=status)
