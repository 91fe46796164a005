import time

import pytest
import redis
from django.test import Client

from kyc_review.accounts import rate_limits
from kyc_review.accounts.models import ApiKey, Integration
from kyc_review.core import valkey

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may begin in one minute and end in the next; and none inherits a pause."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0 + 15)
    monkeypatch.setattr(rate_limits, "_asked_again_at", 0.0)
    valkey.client().flushdb()


def test_every_answer_says_what_is_left(api: Client) -> None:
    ApiKey.objects.update(rate_per_minute=10)
    first, second = api.get(URL), api.get(f"{URL}/00000000-0000-4000-8000-000000000000")
    assert first["RateLimit-Policy"] == second["RateLimit-Policy"] == '"key";q=10;w=60'
    assert (first["RateLimit"], second["RateLimit"]) == ('"key";r=9;t=45', '"key";r=8;t=45')


def test_too_many_requests_are_told_when_to_come_back(api: Client) -> None:
    ApiKey.objects.update(rate_per_minute=2)
    assert [api.get(URL).status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get(URL)
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused["Retry-After"], refused["RateLimit"]) == ("45", '"key";r=0;t=45')


def test_one_keys_requests_do_not_count_for_another(api: Client, integration: Integration) -> None:
    from kyc_review.accounts import services

    ApiKey.objects.update(rate_per_minute=1)
    api.get(URL)
    other = services.key_create(integration=integration)[1]
    assert Client(headers={"Authorization": f"Bearer {other}"}).get(URL).status_code == 200
    assert api.get(URL).status_code == 429


def test_while_valkey_is_away_requests_pass_and_it_is_asked_once(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr(rate_limits, "client", lambda: away)
    answers = [api.get(URL) for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert "RateLimit" not in answers[0]
    assert sum("pass uncounted" in line for line in caplog.messages) == 1
