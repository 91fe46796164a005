"""An auditor changes nothing by any URL. What each role may open is in docs/authorisation.md (`test_authorisation.py`)."""

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
        "<int:item_id>": str(item.pk),
        "<int:number>": "1",
        "<int:view_id>": "1",
        "<int:person_id>": str(item.claimed_by_id),
        "<uuid:submission_id>": some,
        "<uuid:member_id>": some,
        "<uuid:endpoint_id>": some,
        "<uuid:delivery_id>": some,
        "<uuid:channel_id>": some,
        "<slug:slug>": "mobile-app",
        "<slug:prefix>": "kyc_live_0",
        "<slug:name>": "none",
        "<slug:format>": "csv",
        "<slug:audience>": "subject",
        "<int:decision_id>": "1",
        "<slug:digest>": "0" * 64,
        "<str:name>": "manifest.json",
    }
