"""Channels for notices by API: a person's own, and shared ones, which admins manage."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.core.permissions import may_see_retraining
from kyc_review.notices import services
from kyc_review.notices.models import Channel
from kyc_review.notices.selectors import channels_listed
from kyc_review.retraining.api.base import RetrainingView, created_response, read, viewer_of
from kyc_review.retraining.api.describing import channels as describing
from kyc_review.retraining.api.serializers.channels import ChannelChangeIn, ChannelIn, ChannelOut


class ChannelsView(RetrainingView):
    allowed = {"GET": may_see_retraining, "POST": may_see_retraining}

    @describing.list_channels
    def get(self, request: Request) -> Response:
        rows = channels_listed(viewer=viewer_of(request)).select_related("owner")
        return Response({"data": ChannelOut(rows, many=True).data})

    @describing.create_channel
    def post(self, request: Request) -> Response:
        row, secret = services.channel_create(actor=viewer_of(request), **read(ChannelIn, request))
        body = channel_whole(request, row.pk) | ({"secret": secret} if secret else {})
        return created_response(request, body, at="api-notice-channel", key=str(row.pk), status=201)


class ChannelView(RetrainingView):
    allowed = {"GET": may_see_retraining, "PATCH": may_see_retraining, "DELETE": may_see_retraining}

    @describing.retrieve_channel
    def get(self, request: Request, channel_id: UUID) -> Response:
        return Response(channel_whole(request, channel_id))

    @describing.change_channel
    def patch(self, request: Request, channel_id: UUID) -> Response:
        row, sent, actor = channel_of(request, channel_id), read(ChannelChangeIn, request), viewer_of(request)
        if "kinds" in sent:
            services.channel_change(channel=row, actor=actor, kinds=sent["kinds"])
        if "is_active" in sent:
            services.channel_switch(channel=row, actor=actor, is_active=sent["is_active"])
        return Response(channel_whole(request, channel_id))

    @describing.delete_channel
    def delete(self, request: Request, channel_id: UUID) -> Response:
        services.channel_delete(channel=channel_of(request, channel_id), actor=viewer_of(request))
        return Response(status=204)


class ChannelTestView(RetrainingView):
    allowed = {"POST": may_see_retraining}

    @describing.test_channel
    def post(self, request: Request, channel_id: UUID) -> Response:
        services.channel_test(channel=channel_of(request, channel_id), actor=viewer_of(request))
        return Response(channel_whole(request, channel_id), status=202)


def channel_of(request: Request, channel_id: UUID) -> Channel:
    """One that the viewer sees. Raises Http404."""
    return get_object_or_404(
        channels_listed(viewer=viewer_of(request)).select_related("owner"), pk=channel_id
    )


def channel_whole(request: Request, channel_id: UUID) -> dict[str, Any]:
    """The channel with how its deliveries are."""
    return dict(ChannelOut(channel_of(request, channel_id)).data)
