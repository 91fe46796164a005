"""How the OpenAPI document describes the endpoints of the gate's settings and of refused trainings."""

from kyc_review.core.openapi import example
from kyc_review.retraining.api.describing.shared import (
    APPROVAL_REFUSED,
    BODY,
    GONE,
    describe_endpoint,
    listing,
)
from kyc_review.retraining.api.incoming import PageIn, RemarkIn
from kyc_review.retraining.api.serializers.gate import GateSettingsIn, GateSettingsOut, RefusedTrainingPage

read_gate_settings = describe_endpoint(
    "read_gate_settings",
    "Read the gate's settings and their history",
    "Shares from 0 to 1. Until the first change the values of the environment count.",
    responses={200: GateSettingsOut},
)
change_gate_settings = describe_endpoint(
    "change_gate_settings",
    "Propose other settings of the gate",
    "Admins, with a reason. Nothing changes before another admin approves what is then under `proposed`.",
    request=GateSettingsIn,
    examples=[
        example(
            "A higher floor of recall",
            {
                "recall_margin": 0.05,
                "recall_min": 0.7,
                "load_factor": 1.2,
                "load_max": None,
                "group_margin": 0.1,
                "audited_fakes": 5,
                "version": 3,
                "reason": "Decision of the risk committee, 2026-11-20.",
            },
            is_request=True,
        )
    ],
    responses={202: GateSettingsOut},
    described=BODY
    | {"e409": "Nothing would change, the reason is too short, a proposal waits, or `version` is stale."},
)
approve_gate_settings = describe_endpoint(
    "approve_gate_settings",
    "Approve a proposal of settings of the gate",
    "By another admin than the one who proposed it, in an installation whose approvals need no second factor "
    "(`APPROVER_SECOND_FACTOR=false`); in every other one on the page only. The settings count from now on for every "
    "comparison.",
    request=RemarkIn,
    responses={200: GateSettingsOut},
    described=BODY
    | {
        "e403": APPROVAL_REFUSED,
        "e409": "It is closed, or you may not approve it; `detail` says why.",
        "e404": GONE,
    },
)
reject_gate_settings = describe_endpoint(
    "reject_gate_settings",
    "Reject or withdraw a proposal of settings of the gate",
    request=RemarkIn,
    responses={200: GateSettingsOut},
    described=BODY
    | {"e409": "It is already closed, or the remark does not say why it is rejected.", "e404": GONE},
)
list_refused_trainings = listing(
    "list_refused_trainings",
    "List trainings by the calendar that were refused",
    PageIn,
    RefusedTrainingPage,
    "One for each period, with the reason of its last attempt.",
)
