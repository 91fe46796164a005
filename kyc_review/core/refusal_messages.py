"""Refusals of services on pages."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest

from kyc_review.core.errors import DomainError


@contextmanager
def refusals_shown(request: HttpRequest) -> Iterator[None]:
    """What a service refuses in this block is a message on the page that follows; the rest of the block is left out."""
    try:
        yield
    except DomainError as refusal:
        messages.error(request, refusal.detail)
