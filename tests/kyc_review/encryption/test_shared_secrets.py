"""A process with another SECRET_KEY or WEBHOOK_SECRETS_KEY than the others is found; a rotation leaves all ready."""

import logging
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event
from kyc_review.encryption import shared_secrets
from kyc_review.encryption.models import SharedSetting
from kyc_review.encryption.shared_secrets import (
    NAMES,
    SecretDiffers,
    keys_listed,
    secrets_check,
    secrets_ensure,
)
from kyc_review.encryption.startup import keys_announce
from kyc_review.ops import health
from kyc_review.pipeline import heartbeat
from kyc_review.pipeline.heartbeat import PicturesUnreadable, pictures_require
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.storage_identity import storage_identity_ensure
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.secret_encryption import seal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_secrets(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.WEBHOOK_SECRETS_KEY = "first", [], []
    monkeypatch.setattr(shared_secrets, "COST", shared_secrets.COST | {"n": 16})
    monkeypatch.setattr(health, "_kept", {})


def readiness(client: Client, path: str = "/readyz/web") -> tuple[int, str]:
    health._kept.clear()
    answer = client.get(path)
    return answer.status_code, answer.json()["checks"]["secrets"]


def ensure() -> None:
    secrets_ensure({name: keys_listed(name)[0] for name in NAMES})


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def prepare() -> str:
    return run("prepare", "--without-bundle")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SECRET_KEY", {"SECRET_KEY": "other", "WEBHOOK_SECRETS_KEY": ["first"]}),
        ("SECRET_KEY", {"SECRET_KEY": "other"}),
        ("WEBHOOK_SECRETS_KEY", {"WEBHOOK_SECRETS_KEY": ["other"]}),
    ],
)
def test_a_process_with_another_secret_is_not_ready_and_says_which(
    client: Client,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    name: str,
    wrong: dict[str, Any],
) -> None:
    storage_identity_ensure()
    assert readiness(client)[1] == "ok"  # an upgrade: nothing is known yet
    ensure()
    assert readiness(client) == (200, "ok")
    for setting, value in wrong.items():
        setattr(settings, setting, value)
    for path in ("/readyz", "/readyz/web"):
        status, text = readiness(client, path)
        assert status == 503
        assert text.startswith(f"{name} of this process is not that of the others")
        assert "other" not in text.replace("others", "")
    keys_announce()
    assert [record.levelno for record in caplog.records if name in record.getMessage()][-1] == logging.ERROR
    with pytest.raises(SecretDiffers, match=name):
        ensure()
    with pytest.raises(CommandError, match=name):
        run("secrets", "status")
    settings.SECRET_KEY, settings.WEBHOOK_SECRETS_KEY = "first", []
    assert readiness(client) == (200, "ok")


def test_a_scoring_worker_says_so_and_goes_on(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_identity_ensure()
    ensure()
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    heartbeat.beat()
    settings.WEBHOOK_SECRETS_KEY = ["never needed here"]
    heartbeat.look()
    settings.SECRET_KEY = "other"
    with pytest.raises(PicturesUnreadable):
        heartbeat.look()
    assert scoring_state().problem.startswith("secrets: SecretDiffers: SECRET_KEY")
    pictures_require()
    settings.SECRET_KEY = "first"
    heartbeat.look()
    assert scoring_state().failing == 0


def test_a_rotation_leaves_every_process_ready_and_its_end_finds_the_one_that_was_forgotten(
    client: Client, settings: LazySettings
) -> None:
    storage_identity_ensure()
    prepare()
    old = {"SECRET_KEY": "first", "SECRET_KEY_FALLBACKS": []}
    new = {"SECRET_KEY": "second", "SECRET_KEY_FALLBACKS": ["first"]}

    def given(values: dict[str, Any]) -> tuple[int, str]:
        for setting, value in values.items():
            setattr(settings, setting, value)
        return readiness(client)

    assert given(new) == (200, "ok")
    prepare()  # as compose and Kubernetes do before they replace the first process
    assert "manage.py secrets adopt" in run("secrets", "status")
    assert given(old) == (200, "ok")
    given(new)
    assert run("secrets", "adopt") == "New: SECRET_KEY.\n"
    assert "earlier value" not in run("secrets", "status")
    assert "Nothing" in run("secrets", "adopt")
    events = Event.objects.filter(action__startswith="secrets.").order_by("pk")
    assert [(event.action, event.detail["names"]) for event in events] == [
        ("secrets.first_known", ["SECRET_KEY"]),
        ("secrets.adopted", ["SECRET_KEY"]),
    ]
    assert given({"SECRET_KEY_FALLBACKS": []}) == (200, "ok")
    assert given(old)[0] == 503
    with pytest.raises(CommandError, match="SECRET_KEY of this process"):
        prepare()


def test_a_key_of_its_own_for_webhooks_follows_that_of_before(settings: LazySettings) -> None:
    ensure()
    settings.WEBHOOK_SECRETS_KEY = ["own", "first"]
    secrets_check()
    settings.WEBHOOK_SECRETS_KEY = ["own"]
    with pytest.raises(SecretDiffers, match="behind the first value"):
        secrets_check()


def endpoint(integration: Integration) -> None:
    Endpoint.objects.create(integration=integration, url="https://bank.example/", secret=seal("whsec"))


def test_prepare_writes_no_secret_that_opens_nothing_of_what_others_stored(
    client: Client, alice: User, integration: Integration, settings: LazySettings
) -> None:
    settings.WEBHOOK_SECRETS_KEY = ["own"]
    endpoint(integration)
    client.force_login(alice)
    settings.SECRET_KEY, settings.WEBHOOK_SECRETS_KEY = "a placeholder", ["another"]
    said = prepare()
    assert "SECRET_KEY of this process does not open" in said
    assert "WEBHOOK_SECRETS_KEY of this process does not open" in said
    assert not SharedSetting.objects.exists()
    settings.SECRET_KEY, settings.WEBHOOK_SECRETS_KEY = "first", ["own"]
    assert "does not open" not in prepare()
    assert SharedSetting.objects.count() == 2


def test_where_nothing_proves_a_secret_prepare_leaves_every_process_ready(
    client: Client, alice: User, settings: LazySettings
) -> None:
    """An upgrade at night: people exist, and no one is logged in."""
    storage_identity_ensure()
    settings.SECRET_KEY = "a placeholder"
    assert "SECRET_KEY of this process does not open" in prepare()
    assert not SharedSetting.objects.exists()
    settings.SECRET_KEY = "first"
    assert readiness(client) == (200, "ok")
    prepare()
    assert not SharedSetting.objects.exists()
    setup = encrypt("its secret")
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": setup})
    assert "does not open" not in prepare()
    assert Event.objects.get(action="secrets.first_known").detail["names"] == ["SECRET_KEY"]


def test_a_session_that_has_ended_proves_a_secret(client: Client, alice: User) -> None:
    client.force_login(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=3))
    prepare()
    assert SharedSetting.objects.filter(name="SECRET_KEY").exists()


def test_a_forgotten_process_with_a_stolen_value_proves_nothing_by_what_is_older(
    client: Client, alice: User, settings: LazySettings
) -> None:
    old = encrypt("its secret")
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": old})
    settings.SECRET_KEY = "second"
    client.force_login(alice)
    settings.SECRET_KEY = "first"
    assert "SECRET_KEY of this process does not open" in prepare()
    assert not SharedSetting.objects.exists()


def test_what_proves_it_is_one_value_and_processes_that_have_only_that_one_stay_ready(
    client: Client, alice: User, settings: LazySettings
) -> None:
    """In a rotation, `prepare` has the new value first and the others still have the old one alone."""
    storage_identity_ensure()
    client.force_login(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    prepare()
    assert readiness(client) == (200, "ok")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "first", []
    assert readiness(client) == (200, "ok")


def test_prepare_without_the_key_of_webhooks_neither_writes_nor_fails(
    client: Client, integration: Integration, settings: LazySettings
) -> None:
    storage_identity_ensure()
    prepare()
    settings.WEBHOOK_SECRETS_KEY = ["own"]
    assert readiness(client) == (200, "ok")
    endpoint(integration)
    prepare()
    assert SharedSetting.objects.filter(name="WEBHOOK_SECRETS_KEY").exists()
    settings.WEBHOOK_SECRETS_KEY = []
    assert "does not open" not in prepare()
    assert "Nothing" in run("secrets", "adopt")
    settings.WEBHOOK_SECRETS_KEY = ["own"]
    assert readiness(client) == (200, "ok")


def test_adopt_is_refused_where_the_secret_is_wrong_unless_the_earlier_one_is_lost(
    client: Client, alice: User, integration: Integration, settings: LazySettings
) -> None:
    storage_identity_ensure()
    settings.WEBHOOK_SECRETS_KEY = ["own"]
    for is_known in (False, True):  # before and after the fingerprints are written
        client.force_login(alice)
        endpoint(integration)
        if is_known:
            prepare()
        settings.SECRET_KEY, settings.WEBHOOK_SECRETS_KEY = "wrong host", ["own"]
        with pytest.raises(CommandError, match=r"^SECRET_KEY .* adopt --lost SECRET_KEY"):
            run("secrets", "adopt")
        with pytest.raises(SecretDiffers) if is_known else nullcontext():
            secrets_check()
        settings.SECRET_KEY, settings.WEBHOOK_SECRETS_KEY = "first", ["wrong host"]
        with pytest.raises(CommandError, match=r"^WEBHOOK_SECRETS_KEY .* adopt --lost WEBHOOK_SECRETS_KEY"):
            run("secrets", "adopt")
        settings.WEBHOOK_SECRETS_KEY = ["own"]
        assert readiness(client) == (200, "ok")
        assert not Event.objects.filter(action="secrets.adopted").exists()
    settings.SECRET_KEY = "another"  # as after a restore without the secrets of before
    assert run("secrets", "adopt", "--lost", "SECRET_KEY") == "New: SECRET_KEY.\n"
    assert readiness(client) == (200, "ok")
    settings.WEBHOOK_SECRETS_KEY = []
    assert readiness(client)[0] == 503
    assert run("secrets", "adopt", "--lost", "WEBHOOK_SECRETS_KEY") == "New: WEBHOOK_SECRETS_KEY.\n"
    assert readiness(client) == (200, "ok")


def test_a_fingerprint_made_at_another_cost_stays_valid_and_what_is_none_fits_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ensure()
    monkeypatch.setattr(shared_secrets, "COST", {"n": 32, "r": 4, "p": 2})
    secrets_check()
    costs = ("3$8$1", "-1$8$1", f"{2**30}$8$1", f"{2**80}$8$1", "16$-1$1")
    for value in ("00$00", "", "16$8$1$zz$00", "16$8$1$00$é", *(f"{cost}$00$00" for cost in costs)):
        SharedSetting.objects.filter(name="SECRET_KEY").update(value=value)
        with pytest.raises(SecretDiffers):
            secrets_check()


def test_a_fingerprint_reveals_neither_the_secret_nor_that_two_are_equal() -> None:
    ensure()
    one, other = SharedSetting.objects.values_list("value", flat=True)
    assert one != other
    assert "first" not in one + other


def test_it_is_computed_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure()
    shared_secrets._digest.cache_clear()
    for _ in range(3):
        secrets_check()
    assert shared_secrets._digest.cache_info().misses == len(shared_secrets.NAMES)
