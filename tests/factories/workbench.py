"""Addresses and posts of the pages on which a person reviews."""

from django.test import Client
from django.urls import reverse

from kyc_review.review.models import ReviewItem
from tests.factories.responses import ClientResponse


def url(name: str, item: ReviewItem | None = None) -> str:
    return reverse(f"review:{name}", args=[item.pk] if item else [])


def decide(
    client: Client, item: ReviewItem, headers: dict[str, str] | None = None, **fields: str
) -> ClientResponse:
    return client.post(
        url("decision", item), {"label": "fake", "shown_item": str(item.pk)} | fields, headers=headers or {}
    )
