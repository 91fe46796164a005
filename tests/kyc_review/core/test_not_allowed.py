"""An address that takes a form only, opened as a page, says so on a page."""

from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/retraining/rollback/", "/logout/", "/retraining/gate/proposals/1/approval/"]
)
def test_a_form_address_opened_as_a_page_answers_with_a_page(path: str, staff: Callable[..., User]) -> None:
    client = Client()
    client.force_login(staff("ada", "admin"))
    answer = client.get(path)
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert "Nothing was changed" in answer.text
    assert "<nav" in answer.text


def test_a_page_that_takes_no_form_says_so_too(staff: Callable[..., User]) -> None:
    client = Client()
    client.force_login(staff("ada", "admin"))
    answer = client.post("/insights/")
    assert (answer.status_code, "can only be read" in answer.text) == (405, True)


def test_the_api_keeps_its_problem_documents(api: Client) -> None:
    answer = api.put("/api/v1/submissions")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
