"""`GET /me`: what the key that asks is and may do."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from kyc_review.accounts.authentication import REFUSAL, caller_of
from kyc_review.accounts.models import ApiKey, Scope
from kyc_review.core.api import ApiView
from kyc_review.core.openapi import error_responses


class LimitsOut(serializers.Serializer):
    requests_per_minute = serializers.IntegerField()
    image_bytes = serializers.IntegerField(help_text="Of `image` and `reference_image`, each.")
    image_pixels = serializers.IntegerField()
    form_bytes = serializers.IntegerField(help_text="Of a whole request as a form.")
    json_bytes = serializers.IntegerField(help_text="Of a whole request as JSON.")


class KeyOut(serializers.Serializer):
    integration = serializers.CharField()
    test = serializers.BooleanField(help_text="The key reaches the sandbox only.")
    key = serializers.CharField(help_text="The beginning of the key, by which administrators know it.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    networks = serializers.ListField(
        child=serializers.CharField(), help_text="Addresses that may use the key; empty: any."
    )
    expires_at = serializers.DateTimeField(allow_null=True)
    limits = LimitsOut()


class AnyKey(BasePermission):
    """Every valid key, whatever its scopes."""

    message = REFUSAL

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, ApiKey)


class KeyView(ApiView):
    permission_classes = (AnyKey,)

    @extend_schema(
        operation_id="retrieve_key",
        summary="Read what your key is and may do",
        description="Needs no scope: a first call that tells whether the key works.",
        tags=["submissions"],
        responses={200: KeyOut} | error_responses(),
    )
    def get(self, request: Request) -> Response:
        key = caller_of(request)
        return Response(
            KeyOut(
                {
                    "integration": key.integration.slug,
                    "test": key.is_test,
                    "key": key.prefix,
                    "scopes": key.rights,
                    "networks": key.networks,
                    "expires_at": key.expires_at,
                    "limits": {
                        "requests_per_minute": key.rate_per_minute or settings.API_RATE_PER_MINUTE,
                        "image_bytes": settings.UPLOAD_MAX_BYTES,
                        "image_pixels": settings.UPLOAD_MAX_PIXELS,
                        "form_bytes": settings.REQUEST_MAX_BYTES,
                        "json_bytes": settings.JSON_MAX_BYTES,
                    },
                }
            ).data
        )
