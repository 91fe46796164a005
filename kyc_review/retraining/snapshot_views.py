"""One snapshot in the browser: its counts, its faces, and how it differs from another."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from PIL import Image

from detection.decoding import ImageRefused
from kyc_review.accounts.staff_access import StaffRequest, staff_only
from kyc_review.audit import services as audit
from kyc_review.core.permissions import (
    Right,
    may_freeze,
    may_see_snapshot_faces,
    may_take_snapshot_images,
    require,
)
from kyc_review.datasets import erasure_marks, snapshot_filters, snapshot_report
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import snapshots_listed
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.evidence.derivatives import derivative_ensure
from kyc_review.evidence.responses import derivative_response, unavailable_response
from kyc_review.retraining.access import require_retraining_access
from kyc_review.retraining.facts_presenter import snapshot_facts
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives
from kyc_review.training.mean_faces import face_open, mean_faces_of
from kyc_review.training.selectors import runs_listed

FACES_PER_PAGE = 36
# The same as ml.mean_faces.LEAST_PEOPLE, which the web process cannot import; a test compares the two.
LEAST_PEOPLE = 10
BLURRED_PX = 10  # width of the images on the contact sheet: colours and light, no recognisable face


@require_safe
@never_cache
@staff_only
def snapshot(request: StaffRequest, name: str) -> HttpResponse:
    """`?against=` names another snapshot, `?page=` a page of the contact sheet."""
    row, viewer = _found(request, name), request.user
    others = snapshots_listed(viewer=viewer).exclude(pk=row.pk)
    context: dict[str, Any] = {
        "snapshot": row,
        "shares": snapshot_report.label_shares(viewer=viewer, snapshot=row),
        "left_out": snapshot_report.decisions_left_out(viewer=viewer, snapshot=row),
        "weighted": snapshot_report.weighted_fake_share(viewer=viewer, snapshot=row),
        "means": mean_faces_of(viewer=viewer, snapshot=row),
        "least_people": LEAST_PEOPLE,
        "facts": snapshot_facts(row, decisions_min=settings.TRAINING_DECISIONS_MIN),
        "told": snapshot_filters.describe_filter(row.choices),
        "mark": erasure_marks.snapshot_mark_unchecked(row),
        "taken_away": erasure_marks.export_count(viewer=viewer, snapshot=row),
        "others": others[:50],
        "runs": runs_listed(viewer=viewer).filter(snapshot=row),
        "may_freeze": may_freeze(viewer),
        "may_take_images": may_take_snapshot_images(viewer),
        "may_see_faces": may_see_snapshot_faces(viewer),
        "sheet": Paginator(
            snapshot_report.snapshot_faces(viewer=viewer, snapshot=row), FACES_PER_PAGE
        ).get_page(request.GET.get("page")),
    }
    if against := request.GET.get("against", ""):
        other = others.filter(name=against).first()
        if other is None:
            raise Http404(gettext("There is no other snapshot with this name."))
        context["difference"] = snapshot_report.snapshot_difference(viewer=viewer, snapshot=row, other=other)
    return render(request, "retraining/snapshot.html", context)


@require_safe
@never_cache
@staff_only
def face(request: StaffRequest, name: str, submission_id: UUID) -> HttpResponseBase:
    """One face of the set, in full; every look leaves a row in the audit log."""
    found = _face(request, name, submission_id)
    audit.record(action="submission.looked_at", actor=request.user, target=found, detail={"snapshot": name})
    return derivative_response(found)


@require_safe
@never_cache
@staff_only
def blurred(request: StaffRequest, name: str, submission_id: UUID) -> HttpResponse:
    """What the contact sheet shows of it; the pixels that would tell who it is never leave the server."""
    found = _face(request, name, submission_id)
    try:
        with derivatives.open(derivative_ensure(found)) as file:
            picture = file.read()
    except (ImageRefused, FileNotFoundError) as gone:
        raise Http404(gettext("The picture of this submission no longer exists.")) from gone
    except OSError as failed:
        return unavailable_response(failed)
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
        image.draft("RGB", (64, 64))
        small = image.convert("RGB").resize(
            (BLURRED_PX, max(1, round(BLURRED_PX * image.height / image.width))), Image.Resampling.BOX
        )
    made = io.BytesIO()
    small.save(made, "PNG")
    return HttpResponse(
        made.getvalue(), content_type="image/png", headers={"Cache-Control": "private, no-store"}
    )


@require_safe
@never_cache
@staff_only
def mean(request: StaffRequest, name: str, number: int) -> HttpResponse:
    """The mean face of one cell: it has at least LEAST_PEOPLE people, so it identifies no one."""
    means = mean_faces_of(viewer=request.user, snapshot=_found(request, name))
    cells = means.cells if means else []
    if means is None or number >= len(cells) or not cells[number]["file"]:
        raise Http404(gettext("There is no such mean face."))
    file = cells[number]["file"]
    try:
        with face_open(means, file) as opened:
            picture = b"".join(SnapshotPictures.of(means.snapshot).pieces(opened, f"means/{file}"))
    except FileNotFoundError as gone:
        raise Http404(gettext("This picture no longer exists.")) from gone
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": "private, no-store"})


def _face(request: StaffRequest, name: str, submission_id: UUID) -> Submission:
    row = _found(request, name)
    require(request.user, Right.SEE_SNAPSHOT_FACES)
    found = snapshot_report.snapshot_face(viewer=request.user, snapshot=row, submission_id=submission_id)
    if found is None:
        raise Http404(gettext("This snapshot does not hold that submission."))
    return found


def _found(request: StaffRequest, name: str) -> Snapshot:
    require_retraining_access(request.user)
    row = snapshots_listed(viewer=request.user).filter(name=name).first()
    if row is None:
        raise Http404(gettext("There is no snapshot with this name."))
    return row
