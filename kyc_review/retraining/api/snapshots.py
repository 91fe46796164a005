"""Snapshots by API: freeze, read, take away, hash again."""

from threading import BoundedSemaphore
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.core.api import query_params
from kyc_review.core.permissions import (
    may_freeze,
    may_see_retraining,
    may_see_snapshot_faces,
    may_take_snapshot_images,
)
from kyc_review.core.problems import Problem
from kyc_review.datasets import snapshot_report
from kyc_review.datasets.erasure_marks import snapshot_marks
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import snapshots_downloadable, snapshots_listed
from kyc_review.datasets.snapshot_export import archive_stream, manifest_open
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshot_filters import count_matching
from kyc_review.datasets.snapshots import snapshot_request, snapshot_verify
from kyc_review.retraining.api.base import (
    RetrainingView,
    created_response,
    page,
    read,
    viewer_of,
)
from kyc_review.retraining.api.describing import snapshots as describing
from kyc_review.retraining.api.incoming import ChoicesIn, SnapshotIn, SnapshotPageIn, choices_of
from kyc_review.retraining.api.serializers.snapshots import ShareOut, SnapshotOut

# Hashing reads every image: one at a time in each web process.
_verifying = BoundedSemaphore(1)


class SnapshotsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_freeze}
    query = {"GET": SnapshotPageIn}

    @describing.list_snapshots
    def get(self, request: Request) -> Response:
        rows, more = page(request, listed(request), SnapshotPageIn, key="name")
        context = {"marks": snapshot_marks(viewer=viewer_of(request), snapshots=rows)}
        return Response({"data": SnapshotOut(rows, many=True, context=context).data} | more)

    @describing.create_snapshot
    def post(self, request: Request) -> Response:
        request_body = read(SnapshotIn, request)
        choices = choices_of(request_body.get("choices", {}))
        row = snapshot_request(actor=viewer_of(request), name=request_body["name"], choices=choices)
        return created_response(request, whole(request, row), at="api-snapshot", key=row.name, status=202)


class DecisionsView(RetrainingView):
    allowed = {"GET": may_freeze}
    query = {"GET": ChoicesIn}

    @describing.count_decisions
    def get(self, request: Request) -> Response:
        choices = choices_of(query_params(ChoicesIn, request))
        return Response(count_matching(viewer=viewer_of(request), choices=choices))


class SnapshotView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.retrieve_snapshot
    def get(self, request: Request, name: str) -> Response:
        return Response(whole(request, get_object_or_404(listed(request), name=name)))


class VerificationView(RetrainingView):
    allowed = {"GET": may_see_retraining}

    @describing.verify_snapshot
    def get(self, request: Request, name: str) -> Response:
        row = get_object_or_404(listed(request), name=name, state=Snapshot.State.READY)
        if not _verifying.acquire(blocking=False):
            raise Problem(
                status=503,
                code="busy",
                detail="Another snapshot is being hashed; try again when it is done.",
                headers={"Retry-After": "10"},
            )
        try:
            return Response({"intact": True, "items": snapshot_verify(snapshot=row), "detail": ""})
        except SnapshotFailed as difference:
            return Response({"intact": False, "items": None, "detail": str(difference)})
        finally:
            _verifying.release()


class ManifestView(RetrainingView):
    allowed = {"GET": may_see_snapshot_faces}

    @describing.download_manifest
    def get(self, request: Request, name: str) -> HttpResponseBase:
        row = downloadable(request, name)
        try:
            file = manifest_open(snapshot=row, actor=viewer_of(request))
        except FileNotFoundError as gone:
            raise Http404 from gone
        return FileResponse(file, filename=f"{name}-manifest.json", content_type="application/json")


class ArchiveView(RetrainingView):
    allowed = {"GET": may_take_snapshot_images}

    @describing.download_archive
    def get(self, request: Request, name: str) -> HttpResponseBase:
        row = downloadable(request, name)
        try:
            pieces = archive_stream(snapshot=row, actor=viewer_of(request))
        except FileNotFoundError as gone:
            raise Http404 from gone
        answer = StreamingHttpResponse(pieces, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="{name}.zip"'
        return answer


def listed(request: Request) -> QuerySet[Snapshot]:
    """Snapshots that the token may see."""
    return snapshots_listed(viewer=viewer_of(request)).select_related("source_bundle")


def downloadable(request: Request, name: str) -> Snapshot:
    """Raises Http404."""
    return get_object_or_404(snapshots_downloadable(viewer=viewer_of(request)), name=name)


def whole(request: Request, row: Snapshot) -> dict[str, Any]:
    """The snapshot with its shares of labels by source and reason."""
    viewer = viewer_of(request)
    context = {"marks": snapshot_marks(viewer=viewer, snapshots=[row])}
    return dict(SnapshotOut(row, context=context).data) | {
        "shares": ShareOut(snapshot_report.label_shares(viewer=viewer, snapshot=row), many=True).data,
        "weighted_fakes": snapshot_report.weighted_fake_share(viewer=viewer, snapshot=row),
    }
