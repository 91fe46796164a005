"""The door of every page."""

from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["reviewer", "senior", "admin", "auditor"])
def test_a_zero_byte_is_refused_before_the_database_meets_it(
    staff: Callable[..., User], client: Client, role: str
) -> None:
    client.force_login(staff("person", role))
    for answer in (
        client.get("/review/?x=%00"),
        client.post("/retraining/comparisons/", {"candidate": "a\0b"}),
    ):
        assert answer.status_code == 400
