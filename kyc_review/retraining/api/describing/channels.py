"""How the OpenAPI document describes channels for notices."""

from kyc_review.core.openapi import example
from kyc_review.retraining.api.describing.shared import BODY, GONE, describe_endpoint, location
from kyc_review.retraining.api.serializers.channels import (
    ChannelChangeIn,
    ChannelCreatedOut,
    ChannelIn,
    ChannelList,
    ChannelOut,
)

FOREIGN = "Shared channels are changed by admins; or the token only reads."
list_channels = describe_endpoint(
    "list_notice_channels",
    "List channels for notices",
    "Your own and shared ones.",
    responses={200: ChannelList},
)
create_channel = describe_endpoint(
    "create_notice_channel",
    "Add a channel for notices",
    "Your own, or one that all admins share. The secret of signed JSON is sent once.",
    parameters=[location(201)],
    request=ChannelIn,
    examples=[
        example(
            "A room",
            {
                "medium": "slack",
                "url": "https://hooks.slack.com/services/T000/B000/XXXX",
                "kinds": ["proposal.waits", "alarm.began"],
                "is_shared": True,
            },
            is_request=True,
        )
    ],
    responses={201: ChannelCreatedOut},
    described=BODY
    | {
        "e403": FOREIGN,
        "e409": "There are ten already, or the address may not be used.",
        "e422": "The URL may not be used.",
    },
)
retrieve_channel = describe_endpoint(
    "retrieve_notice_channel", "Read a channel", responses={200: ChannelOut}, described={"e404": GONE}
)
change_channel = describe_endpoint(
    "change_notice_channel",
    "Change what a channel is sent, or switch it",
    request=ChannelChangeIn,
    responses={200: ChannelOut},
    described=BODY | {"e403": FOREIGN, "e404": GONE},
)
delete_channel = describe_endpoint(
    "delete_notice_channel",
    "Delete a channel",
    responses={204: None},
    described={"e403": FOREIGN, "e404": GONE},
)
test_channel = describe_endpoint(
    "test_notice_channel",
    "Send a test notice",
    "To this channel alone; `delivered_at` tells when it arrived.",
    request=None,
    responses={202: ChannelOut},
    described={"e403": FOREIGN, "e404": GONE, "e409": "The channel is switched off."},
)
