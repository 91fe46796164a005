"""How the OpenAPI document describes the endpoints of training runs and comparisons."""

from kyc_review.core.openapi import example
from kyc_review.retraining.api.describing.shared import (
    BODY,
    BUNDLE,
    GONE,
    SNAPSHOT,
    describe_endpoint,
    listing,
    location,
)
from kyc_review.retraining.api.incoming import ComparisonIn, ComparisonPageIn, PointIn, RunIn, WorkPageIn
from kyc_review.retraining.api.serializers.jobs import (
    ComparisonPage,
    ComparisonWholeOut,
    RunPage,
    RunWholeOut,
)

list_runs = listing("list_training_runs", "List training runs", WorkPageIn, RunPage)
create_run = describe_endpoint(
    "create_training_run",
    "Train a candidate",
    "The training worker takes one run at a time, and compares the candidate with the champion afterwards. Safe to "
    "repeat: while a run that does exactly the same has not ended, another one is refused. Admins.",
    parameters=[location(202)],
    request=RunIn,
    examples=[example("Fine-tune", {"snapshot": SNAPSHOT, "epochs": 5}, is_request=True)],
    responses={202: RunWholeOut},
    described=BODY
    | {
        "e409": "No bundle is in production yet, the snapshot has too few decisions, or an identical run has not ended."
    },
)
retrieve_run = describe_endpoint(
    "retrieve_training_run",
    "Read a training run",
    "With its progress, its curves and the end of its log.",
    responses={200: RunWholeOut},
    described={"e404": GONE},
)
cancel_run = describe_endpoint(
    "cancel_training_run",
    "Cancel a training run",
    "A waiting run ends immediately, a running one within seconds. Admins.",
    request=None,
    responses={202: RunWholeOut},
    described={"e404": GONE, "e409": "It has already ended."},
)
list_comparisons = listing("list_comparisons", "List comparisons", ComparisonPageIn, ComparisonPage)
create_comparison = describe_endpoint(
    "create_comparison",
    "Compare a bundle with the champion",
    "A training run asks for its own comparison; this is for any other bundle, or after another one was "
    "promoted. Admins.",
    parameters=[location(202)],
    request=ComparisonIn,
    examples=[example("A bundle", {"candidate": BUNDLE, "snapshot": SNAPSHOT}, is_request=True)],
    responses={202: ComparisonWholeOut},
    described=BODY | {"e409": "The bundle is already in production, or none is."},
)
retrieve_comparison = describe_endpoint(
    "retrieve_comparison",
    "Read a comparison",
    "With every operating point, the gate at one of them, and all measurements.",
    parameters=[PointIn],
    responses={200: ComparisonWholeOut},
    described={"e400": "`shift` is not one of the operating points.", "e404": GONE},
)
