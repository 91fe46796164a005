"""Choosing which decisions a snapshot holds, and counting them before it is made."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, require
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshot_filters import count_matching
from kyc_review.datasets.snapshots import snapshot_request
from kyc_review.retraining.forms import SnapshotForm


@require_GET
@never_cache
@staff_only
def new_snapshot(request: StaffRequest) -> HttpResponse:
    """The form; with choices in the query, how many decisions they take."""
    require(request.user, Right.FREEZE)
    form = SnapshotForm(request.GET or None)
    counts = None
    if form.is_bound and form.is_valid():
        counts = count_matching(viewer=request.user, choices=form.chosen())
    return render(request, "retraining/new_snapshot.html", {"form": form, "counts": counts})


def snapshot_chosen(request: StaffRequest) -> HttpResponse:
    """Make what the form says. Whether the viewer may is asked before."""
    form = SnapshotForm(request.POST)
    if form.is_valid():
        try:
            made = snapshot_request(name=form.cleaned_data["name"], actor=request.user, choices=form.chosen())
        except SnapshotFailed as failure:
            form.add_error(None, str(failure))
        else:
            messages.success(request, gettext("Snapshot %(name)s is being built.") % {"name": made.name})
            return HttpResponseRedirect(reverse("retraining:overview"))
    return render(request, "retraining/new_snapshot.html", {"form": form}, status=422)
