"""What exactly is hashed and signed. docs/audit.md describes it for auditors who check it with their own program."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kyc_review.audit.models import SealedBatch

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "kyc-review-audit/1"
# In the order of `leaf_text`'s parameters. `detail` is read as Postgres writes the stored JSON, which is canonical.
LEAF_COLUMNS = (
    "id, at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail::text AS detail_text"
)
_text = json.JSONEncoder(ensure_ascii=False).encode


def moment(at: datetime) -> str:
    """UTC, with microseconds: `2026-11-27T04:00:00.000000+00:00`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def leaf_text(
    event_id: int,
    at: datetime,
    action: str,
    actor_kind: str,
    actor_id: str,
    actor_name: str,
    target_kind: str,
    target_id: str,
    detail_text: str,
) -> str:
    """The JSON text of one event whose UTF-8 bytes are a leaf's data; the names of its fields never change."""
    return (
        f'{{"id": {event_id}, "at": "{moment(at)}", "action": {_text(action)}, '
        f'"actor_kind": {_text(actor_kind)}, "actor_id": {_text(actor_id)}, "actor_name": {_text(actor_name)}, '
        f'"target_kind": {_text(target_kind)}, "target_id": {_text(target_id)}, "detail": {detail_text}}}'
    )


def pack_ids(ids: Sequence[int]) -> bytes:
    """8 bytes each, big-endian."""
    return struct.pack(f">{len(ids)}q", *ids)


def header_text(batch: SealedBatch) -> str:
    """The JSON text that is signed; it covers every column of the batch (leaves through the root)."""
    fields: dict[str, Any] = {
        "format": FORMAT,
        "batch": batch.number,
        "sealed_at": moment(batch.sealed_at),
        "cluster": batch.cluster,
        "is_resumption": batch.is_resumption,
        "events_after": batch.events_after,
        "through_transaction": batch.through_transaction,
        "through_event": batch.through_event,
        "next_transaction": batch.next_transaction,
        "size": batch.size,
        "event_ids_sha256": sha256(bytes(batch.event_ids)).hexdigest(),
        "root": bytes(batch.root).hex(),
        "previous": bytes(batch.previous).hex(),
        "key": batch.key_id,
    }
    return json.dumps(fields, separators=(", ", ": "))


def header_hash(batch: SealedBatch) -> bytes:
    """What the next batch names as `previous`."""
    return sha256(header_text(batch).encode()).digest()


def signature_fault(batch: SealedBatch, keys: Mapping[str, Ed25519PublicKey]) -> str:
    """What is wrong with the signature, which covers the number; "" for nothing. keys: trusted ones by id."""
    from cryptography.exceptions import InvalidSignature

    if batch.key_id not in keys:
        return f"unknown key: batch {batch.number} is signed with {batch.key_id}, which is not trusted"
    try:
        keys[batch.key_id].verify(bytes(batch.signature), header_text(batch).encode())
    except InvalidSignature:
        return f"wrong signature: batch {batch.number}"
    return ""
