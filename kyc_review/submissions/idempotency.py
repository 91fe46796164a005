"""A create happens once per Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from kyc_review.accounts.models import ApiKey
from kyc_review.submissions.models import IdempotencyRecord

KEPT = timedelta(hours=24)


class InFlight(Exception):
    """Another request with this key is being answered right now."""


class KeyReused(Exception):
    """The key was used for a request that said something else."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    location: str = ""
    is_replay: bool = False


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 of what a request says; a multipart boundary or the order of fields does not change it.

    Picture bytes go in as their own digest.
    """
    plain = json.dumps(content, sort_keys=True, default=lambda raw: hashlib.sha256(raw).hexdigest())
    return hashlib.sha256(plain.encode()).hexdigest()


@transaction.atomic
def answer_once(*, caller: ApiKey, key: str, content: str, act: Callable[[], Answer]) -> Answer:
    """Run `act` and keep its answer, or give the answer it gave before; `content` is the request's fingerprint.

    What `act` writes and the answer commit together, so nobody can find one without the other. Whatever `act`
    raises is kept nowhere: nothing was made. Raises InFlight, KeyReused.
    """
    owner = {"integration_id": caller.integration_id, "is_test": caller.is_test, "key": key}
    _lock(owner)
    record = IdempotencyRecord.objects.filter(**owner).first()
    if record and record.created_at < timezone.now() - KEPT:
        record.delete()
        record = None
    if record is None:
        answer = act()
        IdempotencyRecord.objects.create(
            **owner,
            fingerprint=content,
            status=answer.status,
            body=json.dumps(answer.body),
            location=answer.location,
        )
        return answer
    if record.fingerprint != content:
        raise KeyReused
    return Answer(record.status, json.loads(record.body), record.location, is_replay=True)


def _lock(owner: Mapping[str, Any]) -> None:
    """Held to the end of the transaction; a second request does not wait for it, so it costs no thread."""
    digest = hashlib.sha256(repr(sorted(owner.items())).encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)]
        )
        if not cursor.fetchone()[0]:
            raise InFlight


def records_expire() -> int:
    """Forget answers that are no longer kept; how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
