from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services
from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.models import ApiKey, Integration
from kyc_review.audit.models import Event

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions/00000000-0000-4000-8000-000000000000"


def status_with(key: str | None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return Client().get(URL, headers=headers).status_code


def test_the_key_itself_is_never_stored(api_key: str) -> None:
    row = ApiKey.objects.get()
    assert api_key.startswith(row.prefix)
    assert api_key not in (row.prefix, row.digest)
    assert row.digest == key_digest(api_key)


def test_a_valid_key_is_let_in(api_key: str) -> None:
    assert status_with(api_key) == 404  # past authentication; there is no such submission


@pytest.mark.parametrize("wrong", [None, "", "x", "kyc_live_000000000000_" + "a" * 43])
def test_a_missing_or_unknown_key_is_refused(api_key: str, wrong: str | None) -> None:
    assert status_with(wrong) == 401


def test_a_key_with_one_other_character_is_refused(api_key: str) -> None:
    assert status_with(api_key[:-1] + ("a" if api_key[-1] != "a" else "b")) == 401


def test_a_revoked_key_ends_at_once(api_key: str) -> None:
    services.key_revoke(key=ApiKey.objects.get())
    assert status_with(api_key) == 401
    assert Event.objects.filter(action="key.revoked").count() == 1


def test_an_expired_key_is_refused(integration: Integration) -> None:
    past = timezone.now() - timedelta(seconds=1)
    assert status_with(services.key_create(integration=integration, expires_at=past)[1]) == 401


def test_two_keys_are_valid_at_once_for_rotation(integration: Integration, api_key: str) -> None:
    second = services.key_create(integration=integration)[1]
    assert {status_with(api_key), status_with(second)} == {404}


def test_a_third_valid_key_of_one_kind_is_refused_until_another_has_ended(
    integration: Integration, api_key: str
) -> None:
    first = ApiKey.objects.get()
    second, _ = services.key_create(integration=integration)
    with pytest.raises(services.TooManyKeys, match=first.prefix):
        services.key_create(integration=integration)
    with pytest.raises(services.TooManyKeys):
        services.key_rotate(key=first)
    with pytest.raises(CommandError, match="2 valid live keys"):
        call_command("integration", "key", integration.slug)
    services.key_create(integration=integration, is_test=True)  # the sandbox counts by itself
    services.key_create(integration=services.integration_create(slug="other", name="Other"))
    services.key_revoke(key=second)
    services.key_rotate(key=first)
    assert ApiKey.objects.filter(integration=integration, is_test=False).count() == 3


def test_an_inactive_integration_is_refused(integration: Integration, api_key: str) -> None:
    Integration.objects.update(is_active=False)
    assert status_with(api_key) == 401


def test_a_refusal_is_a_problem_document_and_names_the_scheme() -> None:
    response = Client().get(URL)
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["status"] == 401


def test_the_command_prints_a_working_key_once() -> None:
    out = StringIO()
    call_command("integration", "add", "branch-office", stdout=out, stderr=StringIO())
    assert status_with(out.getvalue().strip()) == 404
    with pytest.raises(CommandError, match="exists already"):
        call_command("integration", "add", "branch-office", stdout=out, stderr=StringIO())


def command(*words: str) -> str:
    out = StringIO()
    call_command("integration", *words, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_makes_limited_keys_and_lists_them(integration: Integration) -> None:
    words = (
        "--test",
        "--scope",
        "submissions:read",
        "--expires-days",
        "9",
        "--network",
        "10.0.0.0/8",
        "--rate",
        "5",
    )
    command("key", "mobile-app", *words, "--label", "night job")
    row = ApiKey.objects.get()
    assert (row.is_test, row.scopes, row.networks, row.rate_per_minute) == (
        True,
        ["submissions:read"],
        ["10.0.0.0/8"],
        5,
    )
    assert row.expires_at
    listed = command("list")
    assert row.prefix in listed
    assert "night job" in listed
    with pytest.raises(CommandError, match="nowhere"):
        command("key", "mobile-app", "--network", "nowhere")


def test_a_rotated_key_works_beside_its_successor_until_the_overlap_ends(integration: Integration) -> None:
    old, api_key = services.key_create(integration=integration, scopes=["submissions:read"], label="app")
    new = command("rotate", old.prefix)
    assert {status_with(api_key), status_with(new)} == {404}
    successor = ApiKey.objects.exclude(pk=old.pk).get()
    assert (successor.scopes, successor.label) == (["submissions:read"], "app")
    old.refresh_from_db()
    assert old.expires_at is not None
    assert old.expires_at - timezone.now() < timedelta(hours=24)
    command("rotate", old.prefix, "--overlap-hours", "0")
    assert status_with(api_key) == 401
    with pytest.raises(CommandError, match="has ended"):
        command("rotate", old.prefix)


def test_a_switched_off_integration_is_kept_out_and_let_in_again(
    integration: Integration, api_key: str
) -> None:
    services.integration_switch(integration=integration, is_active=False)
    assert status_with(api_key) == 401
    services.integration_switch(integration=integration, is_active=True)
    assert status_with(api_key) == 404
