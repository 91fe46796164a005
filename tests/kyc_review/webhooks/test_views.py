from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kyc_review.accounts.models import Integration, User
from kyc_review.submissions.events import event_record
from kyc_review.webhooks.delivery import deliver_until_idle
from kyc_review.webhooks.models import Delivery, Endpoint, Kind
from kyc_review.webhooks.selectors import deliveries_listed, endpoints_listed
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client, staff: Callable[..., User]) -> Client:
    client.force_login(staff("ada", "admin"))
    return client


def test_an_admin_adds_an_endpoint_and_sees_its_secret_once(
    admin: Client, integration: Integration, receiver: Receiver
) -> None:
    made = admin.post(reverse("webhooks:overview"), {"integration": integration.slug, "url": receiver.url})
    row = Endpoint.objects.get()
    assert (made.status_code, made["Location"]) == (302, reverse("webhooks:endpoint", args=[row.pk]))
    assert b"whsec_" in admin.get(made["Location"]).content
    again = admin.get(reverse("webhooks:endpoint", args=[row.pk]))
    assert again.status_code == 200
    assert b"whsec_" not in again.content
    assert receiver.url.encode() in admin.get(reverse("webhooks:overview")).content


def test_a_refused_url_is_said_on_the_page_and_kept_in_the_form(
    admin: Client, integration: Integration
) -> None:
    page = admin.post(
        reverse("webhooks:overview"), {"integration": integration.slug, "url": "http://plain.example/"}
    )
    assert page.status_code == 422
    assert b"must begin with https" in page.content
    assert b'value="http://plain.example/"' in page.content


def test_an_admin_tries_switches_rotates_and_replays(
    admin: Client, endpoint: tuple[Endpoint, str], receiver: Receiver, submit: Callable
) -> None:
    row = endpoint[0]
    admin.post(reverse("webhooks:trial", args=[row.pk]))
    receiver.status = 410
    deliver_until_idle()
    page = admin.get(reverse("webhooks:endpoint", args=[row.pk]), {"state": "dead"})
    assert b"It answered 410 Gone." in page.content
    admin.post(reverse("webhooks:switch", args=[row.pk]), {"enabled": "on"})
    receiver.status = 200
    delivery = Delivery.objects.get()
    admin.post(reverse("webhooks:replay", args=[delivery.pk]))
    deliver_until_idle()
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert b"whsec_" in admin.post(reverse("webhooks:secret", args=[row.pk]), follow=True).content
    Delivery.objects.update(state="dead")
    admin.post(reverse("webhooks:replay_dead", args=[row.pk]))
    assert Delivery.objects.get().state == "pending"


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_only_admins_change_and_only_admins_and_auditors_look(
    client: Client, staff: Callable[..., User], endpoint: tuple[Endpoint, str], submit: Callable, role: str
) -> None:
    event_record(submission=submit(), kind=Kind.CLEARED)
    row, viewer = endpoint[0], staff("someone", role)
    client.force_login(viewer)
    sees = role == "auditor"
    assert endpoints_listed(viewer=viewer).exists() is sees
    assert deliveries_listed(viewer=viewer, endpoint=row).exists() is sees
    assert client.get(reverse("webhooks:overview")).status_code == (200 if sees else 403)
    assert client.get(reverse("webhooks:endpoint", args=[row.pk])).status_code == (200 if sees else 403)
    for name in ("switch", "secret", "trial", "replay_dead"):
        assert client.post(reverse(f"webhooks:{name}", args=[row.pk])).status_code == 403
    assert client.post(reverse("webhooks:overview"), {"url": "https://example.com"}).status_code == 403
    assert client.post(reverse("webhooks:replay", args=[Delivery.objects.get().pk])).status_code == 403


def test_the_list_counts_the_deliveries_of_each_endpoint(
    endpoint: tuple[Endpoint, str], integration: Integration, staff: Callable[..., User], submit: Callable
) -> None:
    row, other = endpoint[0], Endpoint.objects.create(integration=integration, url="https://other.example/")
    now = timezone.now()
    for number, state in enumerate(["pending", "sending", "dead", "delivered", "delivered"]):
        event_record(submission=submit(), kind=Kind.CLEARED)
        finished = None if state in ("pending", "sending") else now + timedelta(minutes=number)
        holder = "worker" if state == "sending" else ""
        made = Delivery.objects.filter(endpoint=row).order_by("-created_at")[0]
        Delivery.objects.filter(pk=made.pk).update(state=state, finished_at=finished, lease_holder=holder)
    Delivery.objects.filter(endpoint=other).delete()
    found = {
        shown.pk: tuple(getattr(shown, name) for name in ("waiting", "dead", "delivered_at"))
        for shown in endpoints_listed(viewer=staff("ada", "admin"))
    }
    assert found == {row.pk: (2, 1, now + timedelta(minutes=4)), other.pk: (0, 0, None)}
