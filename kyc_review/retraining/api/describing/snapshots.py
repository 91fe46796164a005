"""How the OpenAPI document describes the endpoints of snapshots."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse

from kyc_review.core.openapi import MALFORMED, example
from kyc_review.retraining.api.describing.shared import (
    BODY,
    GONE,
    SNAPSHOT,
    describe_endpoint,
    listing,
    location,
)
from kyc_review.retraining.api.incoming import ChoicesIn, SnapshotIn, SnapshotPageIn
from kyc_review.retraining.api.serializers.snapshots import (
    CountsOut,
    SnapshotPage,
    SnapshotWholeOut,
    VerificationOut,
)

list_snapshots = listing("list_snapshots", "List snapshots", SnapshotPageIn, SnapshotPage)
count_decisions = describe_endpoint(
    "count_decisions",
    "Count the decisions that a snapshot would hold now",
    "Final decisions by label, with the filters of a new snapshot. Admins.",
    parameters=[ChoicesIn],
    responses={200: CountsOut},
    described={"e400": MALFORMED},
)
create_snapshot = describe_endpoint(
    "create_snapshot",
    "Freeze the current decisions",
    "Its items are fixed immediately; a worker builds its files until `state` is `ready`. Admins.",
    parameters=[location(202)],
    request=SnapshotIn,
    examples=[
        example("Everything", {"name": SNAPSHOT}, is_request=True),
        example(
            "Chosen",
            {"name": SNAPSHOT, "choices": {"consensus": True, "since": "2026-10-01"}},
            is_request=True,
        ),
    ],
    responses={202: SnapshotWholeOut},
    described=BODY | {"e409": "The name is taken, or there are no decisions yet."},
)
retrieve_snapshot = describe_endpoint(
    "retrieve_snapshot",
    "Read a snapshot",
    "With its balance by source and reason.",
    responses={200: SnapshotWholeOut},
    described={"e404": GONE},
)
verify_snapshot = describe_endpoint(
    "verify_snapshot",
    "Hash a snapshot's files again",
    "Reads every image, about a second for each gigabyte, one snapshot at a time.",
    responses={200: VerificationOut},
    described={"e404": "There is no ready snapshot with this name.", "e503": "Another one is being hashed."},
)
download_manifest = describe_endpoint(
    "download_manifest",
    "Download a snapshot's manifest",
    "Every item with its hash, label, votes and weight. Admins and auditors; the download is in the audit log.",
    responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description="The manifest.")},
    described={"e404": "There is no ready snapshot with this name."},
)
download_archive = describe_endpoint(
    "download_archive",
    "Download a snapshot with its images",
    "One zip. Auditors, who may see any face; the download is in the audit log.",
    responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The archive.")},
    described={"e404": "There is no ready snapshot with this name."},
)
