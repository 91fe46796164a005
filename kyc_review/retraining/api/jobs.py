"""Training runs and comparisons by API: ask for one, watch it, stop it."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.core.api import query_params
from kyc_review.core.permissions import may_promote, may_see_retraining, may_train
from kyc_review.core.problems import Problem
from kyc_review.datasets.selectors import snapshots_trainable
from kyc_review.registry.selectors import bundles_listed
from kyc_review.retraining.api.base import (
    RetrainingView,
    created_response,
    lookup_or_400,
    page,
    read,
    viewer_of,
)
from kyc_review.retraining.api.describing import jobs as describing
from kyc_review.retraining.api.incoming import ComparisonIn, ComparisonPageIn, PointIn, RunIn, WorkPageIn
from kyc_review.retraining.api.serializers.jobs import ComparisonOut, PointOut, ProgressOut, RunOut
from kyc_review.retraining.api.serializers.shared import CheckOut
from kyc_review.retraining.score_figures import report_without_erased
from kyc_review.training.comparisons import comparison_request, is_current
from kyc_review.training.gate import gate, points_with_gate
from kyc_review.training.gate_limits import Limits
from kyc_review.training.jobs import job_cancel
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.progress import log_tail, progress_of
from kyc_review.training.runs import run_request
from kyc_review.training.selectors import comparisons_listed, runs_listed


class RunsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_train}
    query = {"GET": WorkPageIn}

    @describing.list_runs
    def get(self, request: Request) -> Response:
        rows, more = page(request, runs(request), WorkPageIn)
        return Response({"data": RunOut(rows, many=True).data} | more)

    @describing.create_run
    def post(self, request: Request) -> Response:
        request_body, viewer = read(RunIn, request), viewer_of(request)
        ready = snapshots_trainable(viewer=viewer)
        request_body["snapshot"] = lookup_or_400(
            ready, "snapshot", "a ready snapshot", name=request_body["snapshot"]
        )
        row = run_request(actor=viewer, scratch=request_body.pop("begin") == "scratch", **request_body)
        return created_response(request, run_whole(row), at="api-run", key=row.pk, status=202)


class RunView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.retrieve_run
    def get(self, request: Request, number: int) -> Response:
        return Response(run_whole(get_object_or_404(runs(request), pk=number)))


class CancellationView(RetrainingView):
    allowed = {"POST": may_train}

    @describing.cancel_run
    def post(self, request: Request, number: int) -> Response:
        row = get_object_or_404(runs(request), pk=number)
        job_cancel(job=row, actor=viewer_of(request))
        row.refresh_from_db()
        return Response(run_whole(row), status=202)


class ComparisonsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_promote}
    query = {"GET": ComparisonPageIn}

    @describing.list_comparisons
    def get(self, request: Request) -> Response:
        rows, more = page(request, comparisons(request), ComparisonPageIn)
        return Response({"data": ComparisonOut(rows, many=True).data} | more)

    @describing.create_comparison
    def post(self, request: Request) -> Response:
        request_body, viewer = read(ComparisonIn, request), viewer_of(request)
        row = comparison_request(
            snapshot=lookup_or_400(
                snapshots_trainable(viewer=viewer),
                "snapshot",
                "a ready snapshot",
                name=request_body["snapshot"],
            ),
            candidate=lookup_or_400(
                bundles_listed(viewer=viewer),
                "candidate",
                "a bundle's digest",
                digest=request_body["candidate"],
            ),
            actor=viewer,
        )
        body = comparison_whole(row, shift=0.0)
        return created_response(request, body, at="api-comparison", key=row.pk, status=202)


class ComparisonView(RetrainingView):
    allowed = {"GET": may_see_retraining}
    query = {"GET": PointIn}

    @describing.retrieve_comparison
    def get(self, request: Request, number: int) -> Response:
        shift = query_params(PointIn, request)["shift"]
        row = get_object_or_404(comparisons(request), pk=number)
        try:
            return Response(comparison_whole(row, shift=shift))
        except KeyError:
            raise Problem(
                status=400,
                code="unknown_reference",
                detail="`shift` is not one of the comparison's operating points.",
                parameter="shift",
            ) from None


def runs(request: Request) -> QuerySet[TrainingRun]:
    """Training runs that the token may see."""
    return runs_listed(viewer=viewer_of(request))


def comparisons(request: Request) -> QuerySet[Comparison]:
    """Comparisons that the token may see."""
    return comparisons_listed(viewer=viewer_of(request))


def run_whole(row: TrainingRun) -> dict[str, Any]:
    """The run with its progress and the end of its log."""
    progress = ProgressOut(progress_of(row)).data
    return dict(RunOut(row).data) | {"progress": progress, "log": log_tail(row)}


def comparison_whole(row: Comparison, *, shift: float) -> dict[str, Any]:
    """Raises KeyError when the report lacks this operating point."""
    report, limits = row.report, Limits.current()
    return dict(ComparisonOut(row).data) | {
        "progress": ProgressOut(progress_of(row)).data,
        "is_current": is_current(row),
        "points": PointOut(points_with_gate(report, limits), many=True).data if report else [],
        "gate": CheckOut(gate(report, shift=shift, limits=limits), many=True).data if report else [],
        "report": report_without_erased(row.snapshot, report),
    }
