"""A create happens once per Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from kyc_review.accounts.models import ApiKey, IdempotencyRecord
from kyc_review.core.db.clock import database_now
from kyc_review.core.db.inserted import insert

KEPT = timedelta(hours=24)
FOUND = ("fingerprint", "status", "body", "location", "created_at")
# A plain statement, as is the next one, for these are in the way of every post.
FIND = f"""
SELECT {", ".join(FOUND)} FROM {IdempotencyRecord._meta.db_table}
WHERE integration_id = %s AND is_test = %s AND key = %s
AND created_at >= statement_timestamp() - make_interval(secs => %s)
"""  # noqa: S608  (names of our own)
LOCK_AND_FIND = f"""
SELECT pg_try_advisory_xact_lock(%s::bigint), id, {", ".join(FOUND)}
FROM (VALUES (1)) AS always LEFT JOIN {IdempotencyRecord._meta.db_table}
ON integration_id = %s AND is_test = %s AND key = %s
"""  # noqa: S608  (names of our own)


class InFlight(Exception):
    """Another request with this key is being answered right now."""


class KeyReused(Exception):
    """The key was used for a request that said something else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`kept` is stored in the place of `body` where that has what must not be stored, such as a secret; a replay has it
    as its `body`.
    """

    status: int
    body: dict[str, Any]
    location: str = ""
    is_replay: bool = False
    kept: dict[str, Any] | None = None


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 of what a request says; a multipart boundary or the order of fields does not change it.

    Picture bytes go in as their own digest.
    """
    plain = json.dumps(content, sort_keys=True, default=lambda raw: hashlib.sha256(raw).hexdigest())
    return hashlib.sha256(plain.encode()).hexdigest()


def answer_once(*, caller: ApiKey, key: str, content: str, act: Callable[[], Answer]) -> Answer:
    """Run `act` and keep its answer, or give the answer it gave before; `content` is the request's fingerprint.

    What `act` writes and the answer are committed together. Errors that `act` raises are not stored: nothing
    was created. Raises InFlight, KeyReused.
    """
    owner = {"integration_id": caller.integration_id, "is_test": caller.is_test, "key": key}
    with transaction.atomic():
        kept = _locked(owner)
        if kept is not None:
            if kept.fingerprint != content:
                raise KeyReused
            return _replay(kept)
        answer = act()
        record = IdempotencyRecord(
            **owner,
            fingerprint=content,
            status=answer.status,
            body=json.dumps(answer.body if answer.kept is None else answer.kept),
            location=answer.location,
        )
        try:
            insert(record)
        except IntegrityError:
            # Another answer was committed between the look at the table and the lock, which are one statement.
            raise InFlight from None
    return answer


def kept_answer(*, caller: ApiKey, key: str, content: str) -> Answer | None:
    """The answer given before, if there is one, without a lock: so a repetition costs no decoding. Raises KeyReused."""
    owner: dict[str, Any] = {"integration_id": caller.integration_id, "is_test": caller.is_test, "key": key}
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(FIND, [*owner.values(), KEPT.total_seconds()])
        found = cursor.fetchone()
    if found is None:
        return None
    record = IdempotencyRecord(**owner, **dict(zip(FOUND, found, strict=True)))
    if record.fingerprint != content:
        raise KeyReused
    return _replay(record)


def _replay(record: IdempotencyRecord) -> Answer:
    return Answer(record.status, json.loads(record.body), record.location, is_replay=True)


def _locked(owner: Mapping[str, Any]) -> IdempotencyRecord | None:
    """Take the key's lock, held to the end of the transaction, and find what was answered under it.

    One statement, for this is in the way of every post. A second request does not wait for the first, so it costs no
    thread. Raises InFlight.
    """
    digest = hashlib.sha256(repr(sorted(owner.items())).encode()).digest()
    with connection.binding_on_server(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(LOCK_AND_FIND, [int.from_bytes(digest[:8], "big", signed=True), *owner.values()])
        is_free, pk, *found = cursor.fetchone()
    if not is_free:
        raise InFlight
    if pk is None:
        return None
    record = IdempotencyRecord(**owner, **dict(zip(FOUND, found, strict=True)), pk=pk)
    if record.created_at < database_now() - KEPT:
        record.delete()
        return None
    return record


def records_expire() -> int:
    """Forget answers that are no longer kept; how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=Now() - KEPT).delete()[0]
