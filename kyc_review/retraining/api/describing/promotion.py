"""How the OpenAPI document describes the endpoints of bundles, the shadow, proposals and promotions."""

from kyc_review.core.openapi import MALFORMED, example
from kyc_review.retraining.api.describing.shared import BODY, GONE, listing, location, told
from kyc_review.retraining.api.incoming import (
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
    SuggestionsOut,
)

read_suggestions = told(
    "read_retraining_suggestions",
    "Read what calls for training, and what does not",
    "Signs suggest and start nothing.",
    responses={200: SuggestionsOut},
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
    request=RollbackIn,
    responses={201: PromotionOut},
    described=BODY
    | {"e409": "No other bundle served before, its files have changed, or `leaving` serves no longer."},
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
