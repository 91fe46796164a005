import time

import pytest
import redis
from django.test import Client

from kyc_review.accounts import rate_limits, services
from kyc_review.accounts.models import Integration
from kyc_review.core import valkey

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may begin in one minute and end in the next; and none inherits a pause."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0 + 15)
    monkeypatch.setattr(rate_limits, "_asked_again_at", 0.0)
    valkey.client().flushdb()


def with_rate(integration: Integration, rate: int) -> Client:
    key = services.key_create(integration=integration, rate_per_minute=rate)[1]
    return Client(headers={"Authorization": f"Bearer {key}"})


def test_every_answer_says_what_is_left(integration: Integration) -> None:
    api = with_rate(integration, 10)
    first, second = api.get(URL), api.get(f"{URL}/00000000-0000-4000-8000-000000000000")
    assert first["RateLimit-Policy"] == second["RateLimit-Policy"] == '"key";q=10;w=60'
    assert (first["RateLimit"], second["RateLimit"]) == ('"key";r=9;t=45', '"key";r=8;t=45')


def test_too_many_requests_are_told_when_to_come_back(integration: Integration) -> None:
    api = with_rate(integration, 2)
    assert [api.get(URL).status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get(URL)
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused["Retry-After"], refused["RateLimit"]) == ("45", '"key";r=0;t=45')


def test_one_keys_requests_do_not_count_for_another(integration: Integration) -> None:
    api = with_rate(integration, 1)
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
