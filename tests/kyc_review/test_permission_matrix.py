"""An auditor changes nothing by any URL. `test_authorisation.py` tests what each role may open."""

from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.authorisation import routes

# Open to everybody: the door, the reference, the probes. The API has keys of its own.
OPEN = ("language/", "login/", "logout/", "branding/", "docs/", "livez", "readyz", "metrics", "api/v1/")
ROUTES = [route for route in routes() if not route.startswith(OPEN)]


@pytest.mark.django_db
def test_an_auditor_changes_nothing_by_any_url(
    staff: Callable[..., User], login: Callable[[User], Client], claimed: ReviewItem
) -> None:
    window: Client = login(staff("audrey", "auditor"))
    before = _state(claimed)
    for route in ROUTES:
        for placeholder, value in _values(claimed).items():
            route = route.replace(placeholder, value)
        assert window.post(f"/{route}", {"label": "fake"}).status_code in (
            302,
            403,
            404,
            405,
            409,
            422,
            429,
        ), route
        assert _state(claimed) == before, route


def _state(item: ReviewItem) -> list[object]:
    submission = Submission.objects.filter(pk=item.submission_id).values().get()
    people = list(User.objects.order_by("pk").values("username", "password", "is_active", "groups__name"))
    return [submission, ReviewItem.objects.filter(pk=item.pk).values().get(), people]


def _values(item: ReviewItem) -> dict[str, str]:
    some = str(item.submission_id)
    return {
        "<item_id>": str(item.pk),
        "<number>": "1",
        "<view_id>": "1",
        "<person_id>": str(item.claimed_by_id),
        "<submission_id>": some,
        "<member_id>": some,
        "<endpoint_id>": some,
        "<delivery_id>": some,
        "<channel_id>": some,
        "<slug>": "mobile-app",
        "<prefix>": "kyc_live_0",
        "<name>": "none",
        "<format>": "csv",
        "<audience>": "subject",
        "<decision_id>": "1",
        "<digest>": "0" * 64,
    }
