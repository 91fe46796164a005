"""How the OpenAPI document describes the retraining loop's endpoints."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from kyc_review.retraining.api.incoming import (
    BundlePageIn,
    ChoicesIn,
    ComparisonIn,
    ComparisonPageIn,
    PageIn,
    PointIn,
    ProposalIn,
    ProposalPageIn,
    ReasonIn,
    RemarkIn,
    RunIn,
    ShadowIn,
    SnapshotIn,
    SnapshotPageIn,
    WorkPageIn,
)
from kyc_review.retraining.api.serializers import (
    BundlePage,
    BundleWholeOut,
    ComparisonPage,
    ComparisonWholeOut,
    CountsOut,
    PromotionOut,
    PromotionPage,
    ProposalOut,
    ProposalPage,
    RunPage,
    RunWholeOut,
    ShadowWholeOut,
    SnapshotPage,
    SnapshotWholeOut,
    SuggestionsOut,
    VerificationOut,
)
from kyc_review.submissions.api.describing import MALFORMED, errors, example, returned

SNAPSHOT, BUNDLE = "autumn", "3f0c" + "9d2a71b4" * 7 + "00ff"
GONE = "There is none of this name or number."
BODY = {"e400": MALFORMED, "e413": "Too large.", "e415": "Not JSON."}


def told(operation: str, summary: str, description: str = "", **more: Any) -> Any:
    """Every endpoint here: for a person's token, told apart by its tag."""
    responses, described = more.pop("responses"), more.pop("described", {})
    described = {
        "e401": "The personal token is missing, unknown, expired or revoked, or its owner has left.",
        "e403": "The owner's role, or a token that only reads, does not allow this; `detail` says which.",
    } | described
    return extend_schema(
        operation_id=operation,
        summary=summary,
        description=description or None,
        tags=["retraining"],
        responses=responses | errors(**described),
        **more,
    )


def listing(operation: str, summary: str, form: Any, shown: Any, description: str = "") -> Any:
    return told(
        operation,
        summary,
        f"{description} Newest first. Go on with `after`, set to `next`, while `has_more` is true.".strip(),
        parameters=[form],
        responses={200: shown},
        described={"e400": MALFORMED},
    )


def location(status: int) -> Any:
    return returned("Location", "Where to ask how it goes.", status)


read_suggestions = told(
    "read_retraining_suggestions",
    "Read what calls for training, and what does not",
    "Signs suggest and start nothing.",
    responses={200: SuggestionsOut},
)

list_snapshots = listing("list_snapshots", "List snapshots", SnapshotPageIn, SnapshotPage)
count_decisions = told(
    "count_decisions",
    "Count what a snapshot would hold now",
    "Final decisions by label, with the choices that a new snapshot can make. Admins.",
    parameters=[ChoicesIn],
    responses={200: CountsOut},
    described={"e400": MALFORMED},
)
create_snapshot = told(
    "create_snapshot",
    "Freeze the decisions of this moment",
    "Its items are fixed at once; a worker builds its files, until `state` is `ready`. Admins.",
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
    described=BODY | {"e409": "The name is taken, or nothing is decided yet."},
)
retrieve_snapshot = told(
    "retrieve_snapshot",
    "Read a snapshot",
    "With its balance by source and reason.",
    responses={200: SnapshotWholeOut},
    described={"e404": GONE},
)
verify_snapshot = told(
    "verify_snapshot",
    "Hash a snapshot's files again",
    "Reads every image, about a second for each gigabyte, one snapshot at a time.",
    responses={200: VerificationOut},
    described={"e404": "There is no ready snapshot of this name.", "e503": "Another one is being hashed."},
)
download_manifest = told(
    "download_manifest",
    "Download a snapshot's manifest",
    "Every item with its hash, label, votes and weight. Admins; the download is in the audit log.",
    responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description="The manifest.")},
    described={"e404": "There is no ready snapshot of this name."},
)
download_archive = told(
    "download_archive",
    "Download a snapshot with its images",
    "One zip. Admins; the download is in the audit log.",
    responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The archive.")},
    described={"e404": "There is no ready snapshot of this name."},
)

list_runs = listing("list_training_runs", "List training runs", WorkPageIn, RunPage)
create_run = told(
    "create_training_run",
    "Train a candidate",
    "The training worker takes one run at a time, and compares the candidate with the champion afterwards. Safe to "
    "repeat: while a run that does exactly the same has not ended, another one is refused. Admins.",
    parameters=[location(202)],
    request=RunIn,
    examples=[example("Fine-tune", {"snapshot": SNAPSHOT, "epochs": 5}, is_request=True)],
    responses={202: RunWholeOut},
    described=BODY
    | {"e409": "Nothing serves yet, the snapshot has too few decisions, or a run does the same."},
)
retrieve_run = told(
    "retrieve_training_run",
    "Read a training run",
    "With its progress, its curves and the end of its log.",
    responses={200: RunWholeOut},
    described={"e404": GONE},
)
cancel_run = told(
    "cancel_training_run",
    "Cancel a training run",
    "What waits ends at once, what runs within seconds. Admins.",
    request=None,
    responses={202: RunWholeOut},
    described={"e404": GONE, "e409": "It has ended already."},
)

list_comparisons = listing("list_comparisons", "List comparisons", ComparisonPageIn, ComparisonPage)
create_comparison = told(
    "create_comparison",
    "Compare a bundle with the champion",
    "A training run asks for its own comparison; this is for any other bundle, or after another one was "
    "promoted. Admins.",
    parameters=[location(202)],
    request=ComparisonIn,
    examples=[example("A bundle", {"candidate": BUNDLE, "snapshot": SNAPSHOT}, is_request=True)],
    responses={202: ComparisonWholeOut},
    described=BODY | {"e409": "The bundle serves already, or nothing does."},
)
retrieve_comparison = told(
    "retrieve_comparison",
    "Read a comparison",
    "With every operating point, the gate at one of them, and all that was measured.",
    parameters=[PointIn],
    responses={200: ComparisonWholeOut},
    described={"e400": "`shift` is none of the operating points.", "e404": GONE},
)

list_bundles = listing("list_bundles", "List bundles", BundlePageIn, BundlePage)
retrieve_bundle = told(
    "retrieve_bundle",
    "Read a bundle",
    "With its model card, metrics, lineage, and when it served.",
    responses={200: BundleWholeOut},
    described={"e404": GONE},
)

list_proposals = listing("list_proposals", "List proposals", ProposalPageIn, ProposalPage)
create_proposal = told(
    "create_proposal",
    "Propose that a candidate serves",
    "At an operating point of a comparison with the present champion. Admins; another admin decides.",
    parameters=[location(201)],
    request=ProposalIn,
    examples=[
        example(
            "At a lower threshold",
            {"comparison": 12, "shift": -0.5, "reason": "Recall comes first."},
            is_request=True,
        )
    ],
    responses={201: ProposalOut},
    described=BODY
    | {"e409": "The gate is closed, another proposal is open, or the comparison is not with the champion."},
)
retrieve_proposal = told(
    "retrieve_proposal", "Read a proposal", responses={200: ProposalOut}, described={"e404": GONE}
)
approve_proposal = told(
    "approve_proposal",
    "Approve a proposal and promote its candidate",
    "By another admin than the one who proposed it. Workers take the bundle over with their next batch.",
    request=RemarkIn,
    responses={200: ProposalOut},
    described=BODY
    | {
        "e404": GONE,
        "e409": "It is your own, it is closed, another bundle serves now, or its files have changed.",
    },
)
reject_proposal = told(
    "reject_proposal",
    "Reject a proposal, or withdraw your own",
    request=RemarkIn,
    responses={200: ProposalOut},
    described=BODY | {"e404": GONE, "e409": "It is closed already."},
)

list_promotions = listing(
    "list_promotions",
    "List promotions and rollbacks",
    PageIn,
    PromotionPage,
    "The first one's bundle serves.",
)
roll_back = told(
    "roll_back",
    "Return to the bundle that served before",
    "And to its operating point. One admin is enough: a bad champion must not wait.",
    request=ReasonIn,
    responses={201: PromotionOut},
    described=BODY | {"e409": "No other bundle served before, or its files have changed."},
)

read_shadow = told(
    "read_shadow",
    "Read the latest shadow",
    "What the bundle in the shadow and the champion would each have sent to people.",
    responses={200: ShadowWholeOut},
    described={"e404": "No bundle was ever in the shadow."},
)
start_shadow = told(
    "start_shadow",
    "Put a bundle into the shadow",
    "It scores what arrives from now on, without effect. Safe to repeat. Admins.",
    request=ShadowIn,
    responses={200: ShadowWholeOut},
    described=BODY
    | {"e409": "Another bundle is in the shadow, or this one serves, or its files have changed."},
)
end_shadow = told(
    "end_shadow",
    "End the shadow",
    "What it said stays to be read. Admins.",
    parameters=[RemarkIn],
    responses={200: ShadowWholeOut},
    described={"e400": MALFORMED, "e409": "No bundle is in the shadow."},
)
