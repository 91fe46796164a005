import pytest

from kyc_review.core.valkey import client


@pytest.fixture(autouse=True)
def _no_remembered_events() -> None:
    """Valkey knows which events of failed logins were recorded recently, also those of the test before."""
    client().flushdb()
