"""Channels for notices by API."""

from collections.abc import Callable
from typing import Any

import pytest

from kyc_review.audit.models import Event
from kyc_review.notices.models import Channel, NoticeDelivery
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
THERE = "/notice-channels"
ROOM: dict[str, Any] = {
    "medium": "json",
    "url": "https://hooks.example.com/T0/secret",
    "kinds": ["proposal.waits", "alarm.began"],
}


@pytest.fixture
def auditor(script: Callable[..., Script]) -> Script:
    return script("otto", "auditor")


def test_a_channel_is_made_tried_changed_and_deleted(ada: Script) -> None:
    made = ada.post(THERE, **ROOM)
    assert made.status_code == 201, made.json()
    row = Channel.objects.get()
    assert made["Location"].endswith(f"{THERE}/{row.pk}")
    assert made.json()["secret"].startswith("whsec_")
    listed = ada.get(THERE)
    assert "T0/secret" not in listed.content.decode() + made.content.decode()
    assert "secret" not in listed.json()["data"][0]
    assert (listed.json()["data"][0]["owner"], listed.json()["data"][0]["address"]) == (
        "ada",
        "hooks.example.com",
    )
    tried = ada.post(f"{THERE}/{row.pk}/test")
    assert (tried.status_code, tried.json()["waiting"]) == (202, 1)
    changed = ada.send("PATCH", f"{THERE}/{row.pk}", kinds=["alarm.began"], is_active=False)
    assert (changed.json()["kinds"], changed.json()["is_active"]) == (["alarm.began"], False)
    assert NoticeDelivery.objects.get().state == NoticeDelivery.State.DEAD
    refused = ada.post(f"{THERE}/{row.pk}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "channel_refused")
    assert ada.send("DELETE", f"{THERE}/{row.pk}").status_code == 204
    assert ada.get(THERE).json()["data"] == []
    assert all(event.detail["token"] for event in Event.objects.filter(action__startswith="notice_channel."))


def test_own_channels_are_their_owners_and_shared_ones_the_admins(
    ada: Script, amir: Script, auditor: Script
) -> None:
    own = auditor.post(THERE, **ROOM).json()["id"]
    assert ada.get(f"{THERE}/{own}").status_code == 404
    assert auditor.post(THERE, **ROOM, is_shared=True).status_code == 403
    shared = ada.post(THERE, **ROOM, is_shared=True).json()
    assert shared["owner"] is None
    assert auditor.get(f"{THERE}/{shared['id']}").status_code == 200
    assert auditor.send("PATCH", f"{THERE}/{shared['id']}", is_active=False).status_code == 403
    assert auditor.send("DELETE", f"{THERE}/{shared['id']}").status_code == 403
    assert amir.send("PATCH", f"{THERE}/{shared['id']}", is_active=False).json()["is_active"] is False


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"medium": "email"}, 400),
        ({"email": "ada@bank.example"}, 400),
        ({"kinds": []}, 400),
        ({"kinds": ["notice.test"]}, 400),
        ({"medium": "pigeon"}, 400),
        ({"url": "https://127.0.0.1/hook"}, 422),
    ],
)
def test_what_is_no_channel_is_refused(ada: Script, change: dict[str, Any], status: int) -> None:
    assert ada.post(THERE, **ROOM | change).status_code == status
    assert not Channel.objects.exists()
