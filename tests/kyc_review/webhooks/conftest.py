"""An endpoint, and time that passes."""

from collections.abc import Callable

import pytest

from kyc_review.accounts.models import Integration
from kyc_review.webhooks.models import Delivery, Endpoint
from kyc_review.webhooks.services import endpoint_create
from tests.factories.receivers import Receiver


@pytest.fixture
def endpoint(integration: Integration, receiver: Receiver) -> tuple[Endpoint, str]:
    """An endpoint that leads to `receiver`, and its secret."""
    return endpoint_create(integration=integration, url=receiver.url)


@pytest.fixture
def due_again(db: None) -> Callable[[], None]:
    """Let every pause and every lease be over."""
    from django.utils import timezone

    def end_pauses() -> None:
        Delivery.objects.update(due_at=timezone.now())
        Endpoint.objects.update(paused_until=None)

    return end_pauses
