"""Writing to the audit log, always in the transaction of the change."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models

from kyc_review.audit.models import Event
from kyc_review.core.db.copy import copy_rows
from kyc_review.core.db.inserted import insert


def event(
    *,
    action: str,
    actor: models.Model | None = None,
    target: models.Model | None = None,
    detail: dict[str, Any] | None = None,
) -> Event:
    """An unsaved event, for `record_many` or `insert` together with another row. `actor=None` means the
    system.

    What belongs to a submission names it in `detail`, so that the event proves which one it is about. The actor of a
    request with a personal token is the token's owner; `detail` names the token.
    """
    row = Event(action=action, actor_kind="system", detail=detail or {})
    if actor is not None:
        row.actor_kind = "user" if isinstance(actor, AbstractBaseUser) else "integration"
        row.actor_id, row.actor_name = str(actor.pk), str(actor)
        if token := getattr(actor, "asks_by_token", ""):
            row.detail = row.detail | {"token": token}
    if target is not None:
        row.target_kind, row.target_id = target._meta.model_name or "", str(target.pk)
        if submission := getattr(target, "submission_id", None):
            row.detail = row.detail | {"submission": str(submission)}
    return row


def record(
    *,
    action: str,
    actor: models.Model | None = None,
    target: models.Model | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    insert(event(action=action, actor=actor, target=target, detail=detail))


def record_many(events: Iterable[Event]) -> None:
    copy_rows(events)
