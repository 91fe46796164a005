"""How the OpenAPI document describes the endpoints of bundles, the shadow, proposals and promotions."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse

from kyc_review.core.openapi import MALFORMED, example
from kyc_review.retraining.api.describing.shared import (
    APPROVAL_REFUSED,
    BODY,
    GONE,
    describe_endpoint,
    listing,
    location,
)
from kyc_review.retraining.api.incoming import (
    ApprovalIn,
    BundlePageIn,
    PageIn,
    ProposalIn,
    ProposalPageIn,
    RemarkIn,
    RollbackIn,
    ShadowIn,
)
from kyc_review.retraining.api.serializers.bundles import BundlePage, BundleWholeOut
from kyc_review.retraining.api.serializers.promotion import (
    PromotionOut,
    PromotionPage,
    ProposalOut,
    ProposalPage,
    ShadowWholeOut,
    SignalsOut,
)

read_signals = describe_endpoint(
    "read_retraining_signals",
    "Read the signals for retraining",
    "Signals only suggest; they start nothing.",
    responses={200: SignalsOut},
)
list_bundles = listing("list_bundles", "List bundles", BundlePageIn, BundlePage)
retrieve_bundle = describe_endpoint(
    "retrieve_bundle",
    "Read a bundle",
    "With its model card, metrics, lineage, and when it was in production.",
    responses={200: BundleWholeOut},
    described={"e404": GONE},
)
list_proposals = listing("list_proposals", "List proposals", ProposalPageIn, ProposalPage)
create_proposal = describe_endpoint(
    "create_proposal",
    "Propose a candidate for promotion",
    "At an operating point of a comparison with the current champion. Admins; another admin decides.",
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
retrieve_proposal = describe_endpoint(
    "retrieve_proposal", "Read a proposal", responses={200: ProposalOut}, described={"e404": GONE}
)
approve_proposal = describe_endpoint(
    "approve_proposal",
    "Approve a proposal and promote its candidate",
    "By another admin than the one who proposed it, in an installation whose approvals need no second factor "
    "(`APPROVER_SECOND_FACTOR=false`); in every other one on the page only. Workers use the bundle from their next "
    "batch on.",
    request=ApprovalIn,
    responses={200: ProposalOut},
    described=BODY
    | {
        "e403": APPROVAL_REFUSED,
        "e404": GONE,
        "e409": "It is your own, it is closed, another bundle is in production, or its files have changed.",
    },
)
reject_proposal = describe_endpoint(
    "reject_proposal",
    "Reject a proposal, or withdraw your own",
    request=RemarkIn,
    responses={200: ProposalOut},
    described=BODY
    | {"e404": GONE, "e409": "It is already closed, or the remark does not say why it is rejected."},
)
list_promotions = listing(
    "list_promotions",
    "List promotions and rollbacks",
    PageIn,
    PromotionPage,
    "The bundle of the first one is in production.",
)
download_evidence = describe_endpoint(
    "download_promotion_evidence",
    "Download the evidence of a promotion",
    "One signed zip: proposal, gate, comparison, run, limits, model card, manifests, audit events. "
    "`manage.py evidence verify` checks it without a database. The download is in the audit log.",
    responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="The archive.")},
    described={"e404": GONE, "e503": "The server cannot read the signing key; `detail` says what to do."},
)
roll_back = describe_endpoint(
    "roll_back",
    "Return to the previous bundle",
    "And its operating point. One admin is enough to take back the latest promotion, because a bad champion must not "
    "wait. After a rollback, going back further needs a proposal that another admin approves.",
    request=RollbackIn,
    responses={201: PromotionOut},
    described=BODY
    | {
        "e409": "There is no previous bundle, its files have changed, `leaving` is no longer in production, or the "
        "latest change was a rollback."
    },
)
read_shadow = describe_endpoint(
    "read_shadow",
    "Read the latest shadow",
    "What the shadow bundle and the champion would each have sent to people.",
    responses={200: ShadowWholeOut},
    described={"e404": "No bundle was in shadow mode yet."},
)
start_shadow = describe_endpoint(
    "start_shadow",
    "Start shadow mode for a bundle",
    "It scores new submissions without effect. Safe to repeat. Admins.",
    request=ShadowIn,
    responses={200: ShadowWholeOut},
    described=BODY
    | {"e409": "Another bundle is in shadow mode, this one is in production, or its files have changed."},
)
end_shadow = describe_endpoint(
    "end_shadow",
    "End the shadow",
    "Its results stay available. Admins.",
    parameters=[RemarkIn],
    responses={200: ShadowWholeOut},
    described={"e400": MALFORMED, "e409": "No bundle is in shadow mode."},
)
