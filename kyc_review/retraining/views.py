"""The retraining page, for admins and (to read) auditors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.models import User
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.core.permissions import Right, may_freeze, may_promote, may_train, require
from kyc_review.datasets import erasure_marks
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import (
    label_counts,
    snapshots_downloadable,
    snapshots_listed,
    snapshots_trainable,
    unused_counted,
)
from kyc_review.datasets.snapshot_export import archive_stream, manifest_open
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import snapshot_request
from kyc_review.registry.models import Promotion
from kyc_review.registry.selectors import (
    bundles_listed,
    can_one_roll_back,
    promotions_listed,
    serving_promotion,
)
from kyc_review.registry.shadows import shadow_now
from kyc_review.retraining.access import require_retraining_access
from kyc_review.retraining.new_snapshot_views import snapshot_chosen
from kyc_review.retraining.presenters import figures, measured
from kyc_review.retraining.stages import stages
from kyc_review.review.audit_results import audit_at, audits_by_bundle
from kyc_review.review.late_outcomes import late_by_bundle
from kyc_review.training.models import Proposal, RefusedTraining, TrainingRun
from kyc_review.training.promotion_basis import figures_of
from kyc_review.training.proposals import checks_that_no_longer_hold, erased_mark, gate_now
from kyc_review.training.selectors import (
    comparisons_listed,
    proposals_listed,
    refused_trainings_listed,
    runs_listed,
)
from kyc_review.training.signals import retraining_signals
from kyc_review.training.waiting import waiting_for

PAGE, CHOICES_SHOWN = 25, 50
M = TypeVar("M", bound=Model)


@require_GET
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    """The whole page; while a snapshot is built, the list of snapshots reloads itself."""
    require_retraining_access(request.user)
    if request.htmx.target == "snapshots":
        return render(request, "retraining/_snapshots.html", _snapshots_context(request))
    return render(request, "retraining/overview.html", _context(request))


@require_POST
@staff_only
def snapshots(request: StaffRequest) -> HttpResponse:
    require(request.user, Right.FREEZE)
    if "chosen" in request.POST:
        return snapshot_chosen(request)
    name = request.POST.get("name", "").strip()
    try:
        made = snapshot_request(name=name, actor=request.user)
    except SnapshotFailed as failure:
        context = _context(request) | {"problem": str(failure), "name": name}
        return render(request, "retraining/overview.html", context, status=422)
    messages.success(request, gettext("Snapshot %(name)s is being built.") % {"name": made.name})
    return HttpResponseRedirect(reverse("retraining:overview"))


@require_GET
@never_cache
@staff_only
def manifest(request: StaffRequest, name: str) -> HttpResponseBase:
    require(request.user, Right.SEE_SNAPSHOT_FACES)
    snapshot = _downloadable(request, name)
    try:
        file = manifest_open(snapshot=snapshot, actor=request.user)
    except FileNotFoundError as error:
        raise Http404(gettext("The files of this snapshot no longer exist on disk.")) from error
    return FileResponse(
        file, as_attachment=True, filename=f"{name}-manifest.json", content_type="application/json"
    )


@require_GET
@never_cache
@staff_only
def archive(request: StaffRequest, name: str) -> HttpResponseBase:
    require(request.user, Right.TAKE_SNAPSHOT_IMAGES)
    snapshot = _downloadable(request, name)
    try:
        pieces = archive_stream(snapshot=snapshot, actor=request.user)
    except FileNotFoundError as error:
        raise Http404(gettext("The files of this snapshot no longer exist on disk.")) from error
    answer = StreamingHttpResponse(pieces, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return answer


def _downloadable(request: StaffRequest, name: str) -> Snapshot:
    snapshot = snapshots_downloadable(viewer=request.user).filter(name=name).first()
    if snapshot is None:
        raise Http404(gettext("There is no ready snapshot with this name."))
    return snapshot


def _context(request: StaffRequest) -> dict[str, Any]:
    viewer = request.user
    counts = label_counts(viewer=viewer)
    serving = serving_promotion()
    champion = serving.bundle if serving else None
    bundles = _page(request, bundles_listed(viewer=viewer), "bundles")
    marks = erasure_marks.bundle_marks(viewer=viewer, bundles=[*bundles, *([champion] if champion else [])])
    for bundle in bundles:
        bundle.mark = marks.get(bundle.pk)  # type: ignore[attr-defined]  # for the template
    opened = proposals_listed(viewer=viewer).filter(state=Proposal.State.OPEN).first()
    if opened is not None:
        opened.mark = erased_mark(opened.comparison.candidate)  # type: ignore[attr-defined]  # for the template
        opened.refusal = _refusal(opened, viewer)  # type: ignore[attr-defined]
        opened.missing = checks_that_no_longer_hold(opened, gate_now(opened))  # type: ignore[attr-defined]
    unused = unused_counted(viewer=viewer)
    watched = retraining_signals(viewer=viewer, unused=unused)
    runs = _page(request, runs_listed(viewer=viewer), "runs")
    return {
        **_snapshots_context(request),
        **_champion_context(viewer, serving),
        "stages": stages(viewer=viewer, unused=unused),
        "waiting": waiting_for(viewer=viewer, signals=watched),
        "signals": watched,
        "is_called": any(signal.calls for signal in watched),
        "every_days": settings.RETRAIN_EVERY_DAYS,
        "counts": counts,
        "real": sum(count.real for count in counts),
        "fake": sum(count.fake for count in counts),
        "unused": unused,
        "bundles": bundles,
        "champion_mark": marks.get(champion.pk) if champion else None,
        "promotions": _page(request, promotions_listed(viewer=viewer), "promotions"),
        "runs": runs,
        "run_rows": _with_refused(viewer, runs),
        "may_train": may_train(viewer),
        "may_promote": may_promote(viewer),
        "comparisons": _page(request, comparisons_listed(viewer=viewer), "comparisons"),
        "proposals": _page(request, proposals_listed(viewer=viewer), "proposals"),
        "opened": opened,
        "comparable": snapshots_trainable(viewer=viewer)[:CHOICES_SHOWN],
        "can_roll_back": can_one_roll_back(),
        "viewer": viewer,
        "shadow": shadow_now(),
    }


def _refusal(opened: Proposal, viewer: User) -> str:
    """Why the viewer cannot approve it; the one who proposed it is told so in other words."""
    own = opened.proposed_by_id == viewer.pk
    return "" if own else why_not_approver(proposer=opened.proposed_by, approver=viewer)


def _champion_context(viewer: User, serving: Promotion | None) -> dict[str, Any]:
    """The bundle that serves: since when, and what is known of its quality."""
    if serving is None:
        empty = {"champion": None, "serves_since": None, "audited": None, "late": None}
        return empty | {"measured": ("", []), "figures": []}
    champion = serving.bundle
    audits, later = audits_by_bundle(viewer=viewer), late_by_bundle(viewer=viewer)
    return {
        "champion": champion,
        "serves_since": serving.promoted_at,
        "measured": measured(champion.metrics),
        "audited": audit_at(audits, digest=champion.digest, shift=serving.shift),
        "late": next(
            (row for row in later if (row.digest, row.shift) == (champion.digest, serving.shift)), None
        ),
        "figures": figures(champion.metrics),
        "shift": serving.shift,
        "served_at": figures_of(serving),
    }


def _page(request: StaffRequest, rows: QuerySet[M], name: str) -> Page[M]:
    """One page of a list; each list has a parameter of its own."""
    return Paginator(rows, PAGE).get_page(request.GET.get(name))


def _with_refused(viewer: User, page: Page[TrainingRun]) -> list[TrainingRun | RefusedTraining]:
    """The runs of a page with the trainings by the calendar that were refused in its time, newest first."""
    runs, refused = list(page), refused_trainings_listed(viewer=viewer)
    if page.has_next():
        refused = refused.filter(last_at__gte=runs[-1].created_at)
    if page.has_previous():
        newer = page.paginator.page(page.previous_page_number())
        refused = refused.filter(last_at__lt=newer[len(newer) - 1].created_at)

    def at(row: TrainingRun | RefusedTraining) -> datetime:
        return row.last_at if isinstance(row, RefusedTraining) else row.created_at

    return sorted([*runs, *refused[:PAGE]], key=at, reverse=True)


def _snapshots_context(request: StaffRequest) -> dict[str, Any]:
    rows = _page(request, snapshots_listed(viewer=request.user), "snapshots")
    marks = erasure_marks.snapshot_marks(viewer=request.user, snapshots=rows)
    for row in rows:
        row.mark = marks.get(row.pk)  # type: ignore[attr-defined]  # for the template
    unfinished = {Snapshot.State.PENDING, Snapshot.State.BUILDING}
    return {
        "snapshots": rows,
        "is_building": any(row.state in unfinished for row in rows),
        "may_freeze": may_freeze(request.user),
    }
