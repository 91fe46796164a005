"""Access control: scopes, modes, addresses, and isolation between integrations, at every endpoint."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries

from kyc_review.accounts import services
from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.models import ApiKey, Integration, Scope
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
NEEDED = {
    ("GET", "/api/v1/submissions"): Scope.SUBMISSIONS_READ,
    ("POST", "/api/v1/submissions"): Scope.SUBMISSIONS_WRITE,
    ("DELETE", "/api/v1/submissions"): Scope.SUBMISSIONS_ERASE,
    ("POST", "/api/v1/submissions/json"): Scope.SUBMISSIONS_WRITE,
    ("POST", "/api/v1/submissions/batch"): Scope.SUBMISSIONS_WRITE,
    ("GET", "/api/v1/submissions/{id}"): Scope.SUBMISSIONS_READ,
    ("POST", "/api/v1/submissions/{id}/cancel"): Scope.SUBMISSIONS_WRITE,
    ("POST", "/api/v1/submissions/{id}/appeal"): Scope.SUBMISSIONS_WRITE,
    ("GET", "/api/v1/submissions/{id}/outcome"): Scope.SUBMISSIONS_READ,
    ("POST", "/api/v1/submissions/{id}/outcome"): Scope.OUTCOMES_WRITE,
    ("GET", "/api/v1/submissions/{id}/image"): Scope.SUBMISSIONS_PICTURES,
    ("GET", "/api/v1/submissions/{id}/reference-image"): Scope.SUBMISSIONS_PICTURES,
}


def with_key(integration: Integration, **more: Any) -> Client:
    return Client(
        headers={"Authorization": f"Bearer {services.key_create(integration=integration, **more)[1]}"}
    )


def ask(client: Client, method: str, path: str, pk: object) -> int:
    body: dict[str, Any] = {} if method == "GET" else {"data": "{}", "content_type": "application/json"}
    headers = {"Idempotency-Key": "a-key-of-this-test"}
    return client.generic(method, path.format(id=pk), headers=headers, **body).status_code


@pytest.mark.parametrize(("call", "scope"), NEEDED.items(), ids=[f"{m} {p}" for m, p in NEEDED])
def test_each_endpoint_needs_its_scope_and_no_other(
    integration: Integration, submit: Callable[..., Submission], call: tuple[str, str], scope: str
) -> None:
    pk = submit().pk
    assert ask(with_key(integration, scopes=[scope]), *call, pk) not in (401, 403)
    others = [other for other in Scope.values if other != scope]
    assert ask(with_key(integration, scopes=others), *call, pk) == 403


def test_every_endpoint_of_submissions_is_in_this_tests_table() -> None:
    from kyc_review.lifecycle.api.urls import urlpatterns as of_lifecycle
    from kyc_review.submissions.api.urls import urlpatterns as of_submissions

    listed = {path.removeprefix("/api/v1/").replace("{id}", "<uuid:submission_id>") for _, path in NEEDED}
    assert {str(one.pattern) for one in (*of_submissions, *of_lifecycle)} == listed
    assert get_resolver()


@pytest.mark.parametrize("call", [call for call in NEEDED if "{id}" in call[1]])
def test_anothers_submission_does_not_exist_for_a_key(
    submit: Callable[..., Submission], call: tuple[str, str]
) -> None:
    other = services.integration_create(slug="other", name="Other")
    row = submit()
    assert ask(with_key(other, scopes=Scope.values), *call, row.pk) == 404
    row.refresh_from_db()
    assert row.state == "received"
    assert not row.late_outcomes.exists()


@pytest.mark.parametrize("call", [call for call in NEEDED if "{id}" in call[1]])
@pytest.mark.parametrize("key_is_test", [True, False])
def test_test_and_live_do_not_see_each_other(
    integration: Integration, submit: Callable[..., Submission], call: tuple[str, str], key_is_test: bool
) -> None:
    row = submit(is_test=not key_is_test)
    assert ask(with_key(integration, is_test=key_is_test, scopes=Scope.values), *call, row.pk) == 404


def test_a_list_shows_neither_anothers_nor_the_other_modes(
    integration: Integration, submit: Callable[..., Submission]
) -> None:
    other = services.integration_create(slug="other", name="Other")
    mine, test = submit(), submit(is_test=True)
    submit(integration=other)
    for is_test, row in ((False, mine), (True, test)):
        shown = with_key(integration, is_test=is_test).get("/api/v1/submissions").json()["data"]
        assert [one["id"] for one in shown] == [str(row.pk)]


def test_a_test_key_makes_test_submissions_and_has_a_prefix_of_its_own(integration: Integration) -> None:
    row, key = services.key_create(integration=integration, is_test=True)
    assert key.startswith("kyc_test_")
    assert row.prefix.startswith("kyc_test_")


def test_a_key_of_any_scope_reads_what_it_is(client: Client, integration: Integration) -> None:
    row, key = services.key_create(
        integration=integration, is_test=True, scopes=[Scope.OUTCOMES_WRITE], networks=["127.0.0.0/8"]
    )
    assert client.get("/api/v1/me").status_code == 401
    shown = client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
    assert shown.pop("limits")["image_bytes"] == 25_000_000
    assert shown == {
        "integration": "mobile-app",
        "test": True,
        "key": row.prefix,
        "scopes": ["outcomes:write"],
        "networks": ["127.0.0.0/8"],
        "expires_at": None,
    }


def test_an_unknown_scope_and_a_malformed_network_are_refused(integration: Integration) -> None:
    with pytest.raises(ValueError, match="everything"):
        services.key_create(integration=integration, scopes=["everything"])
    with pytest.raises(ValueError, match="here"):
        services.key_create(integration=integration, networks=["here"])


@pytest.mark.parametrize(
    ("networks", "status"),
    [([], 200), (["127.0.0.0/8"], 200), (["10.1.2.3"], 401), (["10.0.0.0/8", "127.0.0.1"], 200)],
)
def test_a_key_works_from_its_networks_only(
    integration: Integration, networks: list[str], status: int
) -> None:
    assert with_key(integration, networks=networks).get("/api/v1/submissions").status_code == status


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ([], "203.0.113.9", "127.0.0.1"),  # no proxy is trusted
        (["127.0.0.1"], "203.0.113.9", "203.0.113.9"),
        (["127.0.0.1"], "10.9.9.9, 203.0.113.9", "203.0.113.9"),  # the client wrote the first one itself
        (["127.0.0.1", "10.0.0.0/8"], "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (["127.0.0.1"], "", "127.0.0.1"),
    ],
)
def test_only_trusted_proxies_tell_where_a_request_comes_from(
    rf: RequestFactory, settings: LazySettings, proxies: list[str], forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_address(rf.get("/", HTTP_X_FORWARDED_FOR=forwarded)) == address


def test_the_last_use_is_noted_once_a_minute(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries, integration: Integration
) -> None:
    api.get("/api/v1/submissions")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(2):  # the key, the list: no write
        api.get("/api/v1/submissions")
    assert ApiKey.objects.get().last_used_at == first
    assert Submission.objects.count() == 0
