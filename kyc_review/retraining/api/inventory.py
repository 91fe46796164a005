"""The bank's record of a model and its notes by API: read by admins and auditors, written by admins."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.registry.inventory import note_add, record_change, record_version
from kyc_review.registry.models import Bundle, ModelRecord
from kyc_review.registry.selectors import bundles_listed
from kyc_review.retraining.api.base import RetrainingView, page, read, viewer_of
from kyc_review.retraining.api.describing import inventory as describing
from kyc_review.retraining.api.incoming import PageIn
from kyc_review.retraining.api.serializers.inventory import NoteIn, NoteOut, RecordIn, RecordOut


class RecordView(RetrainingView):
    allowed = {"GET": may_see_retraining, "PUT": may_promote}

    @describing.read_record
    def get(self, request: Request, digest: str) -> Response:
        return Response(record_whole(bundle_of(request, digest)))

    @describing.change_record
    def put(self, request: Request, digest: str) -> Response:
        bundle = bundle_of(request, digest)
        record_change(bundle=bundle, actor=viewer_of(request), **read(RecordIn, request))
        return Response(record_whole(bundle))


class NotesView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_promote}
    query = {"GET": PageIn}

    @describing.list_notes
    def get(self, request: Request, digest: str) -> Response:
        rows = bundle_of(request, digest).notes.select_related("written_by")
        shown, more = page(request, rows, PageIn)
        return Response({"data": NoteOut(shown, many=True).data} | more)

    @describing.create_note
    def post(self, request: Request, digest: str) -> Response:
        bundle = bundle_of(request, digest)
        note = note_add(bundle=bundle, actor=viewer_of(request), **read(NoteIn, request))
        return Response(NoteOut(note).data, status=201)


def bundle_of(request: Request, digest: str) -> Bundle:
    """Raises Http404."""
    return get_object_or_404(bundles_listed(viewer=viewer_of(request)), digest=digest)


def record_whole(bundle: Bundle) -> dict[str, Any]:
    """The record; the empty one before the first change."""
    kept = ModelRecord.objects.filter(bundle=bundle).select_related("changed_by").first()
    changed = {
        "version": record_version(kept),
        "changed_at": kept.changed_at if kept else None,
        "changed_by": kept.changed_by if kept else None,
    }
    row = kept or ModelRecord(bundle=bundle)
    shown: Any = {name: getattr(row, name) for name in ("owner", "purpose", "next_review_on", "tags")}
    return dict(RecordOut(shown | changed).data)
