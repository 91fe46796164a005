"""Admins hear of a webhook endpoint that was switched off because it failed."""

from urllib.parse import urlsplit

from django.urls import reverse

from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.webhooks.models import Endpoint


def endpoint_notice(*, endpoint: Endpoint) -> None:
    """In the transaction that switches it off. An endpoint of the sandbox is its integration's own affair."""
    if endpoint.is_test:
        return
    notice_record(
        kind=Kind.ENDPOINT,
        title=f"A webhook endpoint of {endpoint.integration.name} was switched off",
        text=f"{endpoint.disabled_reason} Its host is {urlsplit(endpoint.url).hostname}. The onboarding system hears "
        "of no results there until the endpoint is switched on again.",
        path=reverse("webhooks:endpoint", args=[endpoint.pk]),
    )
