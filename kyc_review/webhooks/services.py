"""The writers of endpoints and replays. Events are written by `submissions.events`, attempts by the deliverer."""

import base64
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from kyc_review.accounts.models import Integration
from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.core.errors import DomainError
from kyc_review.core.wake import WEBHOOKS
from kyc_review.webhooks.backoff import GIVE_UP_AFTER
from kyc_review.webhooks.endpoint_health import SWITCHED_OFF_BY_HAND, endpoint_disable, success_note
from kyc_review.webhooks.events import payload_of
from kyc_review.webhooks.models import Delivery, Endpoint, Event, Kind, all_kinds
from kyc_review.webhooks.secret_encryption import seal
from kyc_review.webhooks.ssrf import AddressRefused, url_check

__all__ = ["AddressRefused", "endpoint_disable"]

SECRET_BYTES = 32  # Standard Webhooks asks for 24 to 64
BOTH_VALID = timedelta(hours=24)
REPEATED_WITHIN = timedelta(minutes=1)
ENDPOINTS_MAX = 20


class EndpointsFull(DomainError):
    """The integration has reached its limit of endpoints."""

    code = "too_many_endpoints"


class EndpointTwice(DomainError):
    """The integration has an endpoint with this URL, so every event would arrive twice."""

    code = "endpoint_exists"
    pointer = "#/url"


class NotReplayable(DomainError):
    """The delivery is already in progress, or its endpoint is switched off; the message says which."""

    code = "not_replayable"


class EndpointPaused(NotReplayable):
    """A test event for an endpoint that is switched off."""

    code = "endpoint_paused"


@transaction.atomic
def endpoint_create(
    *,
    integration: Integration,
    url: str,
    kinds: Sequence[str] | None = None,
    description: str = "",
    is_test: bool = False,
    with_external_ref: bool = False,
    actor: models.Model | None = None,
) -> tuple[Endpoint, str]:
    """The row and its secret, which is shown once and cannot be read again.

    Raises AddressRefused for a URL that may not be used, EndpointsFull, EndpointTwice.
    """
    url_check(url)
    Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
    if integration.webhook_endpoints.filter(deleted_at=None).count() >= ENDPOINTS_MAX:
        raise EndpointsFull(
            gettext("An integration may have %(most)s endpoints; delete one first.") % {"most": ENDPOINTS_MAX}
        )
    _refuse_twice(integration.pk, url, is_test)
    secret = fresh_secret()
    endpoint = Endpoint.objects.create(
        integration=integration,
        url=url,
        kinds=list(kinds) if kinds else all_kinds(),
        description=description,
        is_test=is_test,
        with_external_ref=with_external_ref,
        secret=seal(secret),
    )
    audit.record(
        action="webhook.created",
        actor=actor,
        target=endpoint,
        detail={"integration": integration.slug, "url": url},
    )
    return endpoint, secret


@transaction.atomic
def endpoint_change(*, endpoint: Endpoint, actor: models.Model | None = None, **changes: Any) -> Endpoint:
    """Change any of url, kinds, description, with_external_ref, is_active. Raises AddressRefused, EndpointTwice."""
    Integration.objects.select_for_update(no_key=True).get(pk=endpoint.integration_id)
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk, deleted_at=None)
    if changes.get("url", row.url) != row.url:
        url_check(changes["url"])
        _refuse_twice(row.integration_id, changes["url"], row.is_test)
        success_note(endpoint_id=row.pk)
        row.refresh_from_db()
    if changes.pop("is_active", row.is_active) != row.is_active:
        if row.is_active:
            endpoint_disable(endpoint_id=row.pk, reason=SWITCHED_OFF_BY_HAND)
            row.refresh_from_db()
        else:
            row.is_active, row.disabled_reason, row.disabled_at = True, "", None
            row.failing_since, row.failures, row.paused_until = None, 0, None
    for name in ("url", "kinds", "description", "with_external_ref"):
        setattr(row, name, changes.get(name, getattr(row, name)))
    row.save()
    audit.record(
        action="webhook.changed", actor=actor, target=row, detail={"url": row.url, "is_active": row.is_active}
    )
    return row


@transaction.atomic
def endpoint_delete(*, endpoint: Endpoint, actor: models.Model | None = None) -> None:
    """It receives nothing more and is no longer listed; its deliveries stay in the bank's log."""
    endpoint_disable(endpoint_id=endpoint.pk, reason="Deleted.")
    if Endpoint.objects.filter(pk=endpoint.pk, deleted_at=None).update(deleted_at=Now()):
        audit.record(action="webhook.deleted", actor=actor, target=endpoint)


@transaction.atomic
def secret_rotate(*, endpoint: Endpoint, actor: models.Model | None = None) -> str:
    """A new secret, shown now only. For a day every message carries the old secret's signature too.

    Repeated within a minute, because the answer was lost or the button pressed twice, it replaces only the
    new secret, which is not installed yet: receivers keep the old one.
    """
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk, deleted_at=None)
    secret, both_until = fresh_secret(), database_now() + BOTH_VALID
    valid_until = row.previous_secret_expires_at
    if valid_until is None or valid_until < both_until - REPEATED_WITHIN:
        row.previous_secret, row.previous_secret_expires_at = row.secret, both_until
    row.secret = seal(secret)
    row.save(update_fields=["secret", "previous_secret", "previous_secret_expires_at"])
    audit.record(action="webhook.secret_rotated", actor=actor, target=row)
    return secret


@transaction.atomic
def send_test_event(*, endpoint: Endpoint, actor: models.Model | None = None) -> Delivery:
    """Queue a `webhook.test` for this endpoint alone. Raises EndpointPaused when it is switched off."""
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk, deleted_at=None)
    if not row.is_active:
        raise EndpointPaused(gettext("The endpoint is switched off; switch it on first."))
    now = database_now()
    event = Event.objects.create(
        integration=row.integration,
        kind=Kind.TEST,
        payload=payload_of(Kind.TEST.value, now, {"endpoint": str(row.pk), "is_test": row.is_test}),
        created_at=now,
    )
    delivery = Delivery.objects.create(event=event, endpoint=row, gives_up_at=now + GIVE_UP_AFTER)
    _end_pause([row.pk])
    audit.record(action="webhook.tested", actor=actor, target=row)
    transaction.on_commit(WEBHOOKS.send)
    return delivery


@transaction.atomic
def delivery_replay(*, delivery: Delivery, actor: models.Model | None = None) -> Delivery:
    """Send a finished delivery again, under the same `webhook-id`, for up to three days. Raises NotReplayable."""
    return _replay([delivery.pk], actor)[0]


@transaction.atomic
def replay_dead_letters(*, endpoint: Endpoint, actor: models.Model | None = None) -> int:
    """Replay everything that was given up for this endpoint; returns how many. Raises NotReplayable."""
    dead = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.DEAD)
    return len(_replay(list(dead.values_list("pk", flat=True)), actor))


def _replay(ids: list[uuid.UUID], actor: models.Model | None) -> list[Delivery]:
    rows = list(
        Delivery.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(pk__in=ids)
        .order_by("pk")
    )
    now = database_now()
    for row in rows:
        if not row.endpoint.is_active:
            raise NotReplayable(gettext("The endpoint is switched off; switch it on first."))
        if row.finished_at is None:
            raise NotReplayable(gettext("This delivery is already in progress."))
        row.state, row.attempts_made, row.finished_at = Delivery.State.PENDING, 0, None
        row.due_at, row.gives_up_at = now, now + GIVE_UP_AFTER
    Delivery.objects.bulk_update(
        rows, ["state", "attempts_made", "finished_at", "due_at", "gives_up_at"], batch_size=500
    )
    _end_pause(sorted({row.endpoint_id for row in rows}))
    audit.record_many(
        audit.event(action="webhook.replayed", actor=actor, target=row, detail={"event": str(row.event_id)})
        for row in rows
    )
    transaction.on_commit(WEBHOOKS.send)
    return rows


def _end_pause(endpoint_ids: Sequence[uuid.UUID]) -> None:
    """What a person asks to send is sent now, also to an endpoint that is paused."""
    Endpoint.objects.filter(pk__in=endpoint_ids, paused_until__isnull=False).update(paused_until=None)


def _refuse_twice(integration_id: int, url: str, is_test: bool) -> None:
    """The integration is locked by the caller, so no other request registers the URL at the same moment."""
    own = Endpoint.objects.filter(integration=integration_id, is_test=is_test, deleted_at=None)
    twin = next((row for row in own if comparable(row.url) == comparable(url)), None)
    if twin is not None:
        raise EndpointTwice(
            gettext("Endpoint %(endpoint)s has this URL already; change that one.") % {"endpoint": twin.pk}
        )


def comparable(url: str) -> str:
    """Equal for URLs that lead to one place: RFC 3986, 6.2.2 and 6.2.3, and the final dot of a host name."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    host = (parts.hostname or "").removesuffix(".")
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}?{parts.query}"


def fresh_secret() -> str:
    """A new signing secret, as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
