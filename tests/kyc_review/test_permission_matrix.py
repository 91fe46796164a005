"""Every URL against every role: a URL without a row here fails, so every new URL states who may read it.

A claimed item and its submission exist. Posting is refused to auditors everywhere; other pages' own tests say who may.
"""

from collections.abc import Callable, Iterable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission

ROLES = ("reviewer", "senior", "admin", "auditor")
# Open to everybody: the door, the reference, the probes. The API has keys of its own.
OPEN = ("language/", "login/", "logout/", "branding/", "docs/", "livez", "readyz", "metrics", "api/v1/")
# The longest beginning of a path that is listed decides who may read it.
READERS: dict[str, set[str]] = {
    "": set(ROLES),
    "review/": set(ROLES),
    "review/campaigns/": {"senior"},
    "account/": set(ROLES),
    "account/tokens/": {"admin", "auditor"},
    "insights/": {"senior", "admin", "auditor"},
    "insights/audit": {"admin", "auditor"},
    "integrations/": {"admin", "auditor"},
    "notices/": {"admin", "auditor"},
    "people/": {"admin", "auditor"},
    "records/": {"admin", "auditor"},
    "planted/": {"senior", "admin", "auditor"},
    "planted/settings/": {"admin", "auditor"},
    "registry/": {"admin", "auditor"},
    "retraining/": {"admin", "auditor"},
    "webhooks/": {"admin", "auditor"},
}
PAGES = [
    "",
    "review/",
    "review/campaigns/",
    "insights/",
    "insights/search/",
    "insights/loop/",
    "insights/audit/",
]
PAGES += [
    "account/",
    "account/password/",
    "account/second-factor/",
    "account/tokens/",
    "integrations/",
    "notices/",
    "records/",
    "planted/",
    "planted/settings/",
    "registry/",
    "retraining/",
    "retraining/waiting/",
    "webhooks/",
]


def walk(patterns: Iterable[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, route)
        else:
            yield route


ROUTES = sorted(route for route in set(walk(get_resolver().url_patterns)) if not route.startswith(OPEN))


def test_every_url_belongs_to_a_row() -> None:
    rows = tuple(filter(None, READERS))
    assert [route for route in ROUTES if route and not route.startswith(rows)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_each_page_opens_for_its_readers_alone(
    staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    window = login(staff("person", role))
    for page in PAGES:
        row = max((start for start in READERS if page.startswith(start)), key=len)
        opened = window.get(f"/{page}", follow=True).status_code
        assert (page, opened) == (page, 200 if role in READERS[row] else 403)


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


@pytest.mark.django_db
def test_a_stranger_reaches_no_page(client: Client, claimed: ReviewItem) -> None:
    for route in ROUTES:
        for placeholder, value in _values(claimed).items():
            route = route.replace(placeholder, value)
        assert client.get(f"/{route}").status_code in (302, 405), route


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
