"""Data keys: made, found, unwrapped, wrapped again and destroyed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction

from encrypted_files import stream
from kyc_review.audit import services as audit
from kyc_review.encryption.models import DataKey, KeyEncryptionKey, SharedSetting
from kyc_review.encryption.problems import KeysUnavailable, missing
from kyc_review.encryption.providers import provider

log = logging.getLogger(__name__)
REWRAP_STEP = 1000
# The row of SharedSetting that says that all processes encrypt.
ENCRYPTED = "KEY_ENCRYPTION"
NOT_ENCRYPTING = (
    "this process stores pictures unencrypted, and those of this installation are encrypted: give it "
    "KEY_ENCRYPTION=true and the keys of the others; to end encryption on purpose, run manage.py keys off first"
)


def submission_scope(submission_id: UUID) -> str:
    """The scope of all pictures of a submission."""
    return f"submission/{submission_id.hex}"


def is_on() -> bool:
    """Whether new pictures are encrypted."""
    return bool(settings.KEY_ENCRYPTION)


def data_key_new(scope: str, *, is_complete: bool = True) -> tuple[DataKey, bytes]:
    """A row that the caller saves, and its key. Raises KeysUnavailable."""
    key = stream.new_key()
    chosen, wrapped = provider().wrap(key, scope=scope)
    _register(chosen)
    return DataKey(scope=scope, key_encryption_key=chosen, wrapped=wrapped, is_complete=is_complete), key


def data_key_ensure(scope: str, *, is_complete: bool = True) -> DataKey:
    """The row of this scope, made when it is missing; it may be destroyed. Raises KeysUnavailable."""
    found = DataKey.objects.filter(pk=scope).first()
    if found is not None:
        return found
    new, _ = data_key_new(scope, is_complete=is_complete)
    DataKey.objects.bulk_create([new], ignore_conflicts=True)
    return DataKey.objects.get(pk=scope)


def data_keys_of(scopes: Iterable[str]) -> dict[str, DataKey]:
    """The rows of those that have one, in one query."""
    return DataKey.objects.in_bulk(set(scopes))


def unwrapped(row: DataKey) -> bytes:
    """The data key. Raises KeysUnavailable; FileNotFoundError when it was destroyed."""
    if row.is_destroyed:
        raise FileNotFoundError(f"The data key of {row.scope} was destroyed: what it encrypted was erased.")
    return provider().unwrap(bytes(row.wrapped), key_id=row.key_encryption_key, scope=row.scope)


def data_key_destroy(scope: str) -> None:
    """What was encrypted with it can never be read again, also where copies of the files exist. In the caller's
    transaction; safe to repeat."""
    nothing = {"wrapped": b"", "key_encryption_key": "", "is_complete": True}
    if not DataKey.objects.filter(pk=scope).update(**nothing) and is_on():
        DataKey.objects.create(scope=scope, **nothing)


def keys_in_use() -> set[str]:
    """The key-encryption keys that data keys are wrapped with."""
    return set(KeyEncryptionKey.objects.values_list("pk", flat=True))


def problem(used: set[str] | None = None) -> str:
    """What is wrong with the keys, so that pictures cannot be read or encrypted; empty when nothing is.

    used: `keys_in_use`; without it, the database is asked. May ask a key service: call it outside of transactions.
    """
    used = keys_in_use() if used is None else used
    if not used and not is_on():
        return ""
    try:
        ids = provider().ids()
        if lacking := used - set(ids):
            return missing(sorted(lacking), _source())
        provider().check(used | {ids[0]})
    except KeysUnavailable as unavailable:
        return str(unavailable.strerror)
    return ""


def require_keys() -> None:
    """Raises KeysUnavailable when pictures cannot be read or encrypted."""
    if text := problem():
        raise KeysUnavailable(text)


def difference() -> str:
    """What is wrong when this process stores pictures unencrypted although all must encrypt; empty otherwise."""
    if is_on() or not SharedSetting.objects.filter(name=ENCRYPTED).exists():
        return ""
    return NOT_ENCRYPTING


def require_encryption() -> None:
    """Before pictures are stored, or work is taken that may store some. Raises KeysUnavailable."""
    if text := difference():
        raise KeysUnavailable(text)
    require_keys()


@transaction.atomic
def encryption_ensure() -> None:
    """From now on a process that does not encrypt is not ready. Safe to repeat."""
    _, is_new = SharedSetting.objects.get_or_create(name=ENCRYPTED, defaults={"value": "on"})
    if is_new:
        audit.record(action="keys.encryption_on")


@transaction.atomic
def encryption_end() -> bool:
    """From now on processes need not encrypt; False when they did not need to before."""
    done, _ = SharedSetting.objects.filter(name=ENCRYPTED).delete()
    if done:
        audit.record(action="keys.encryption_off")
    return bool(done)


def rewrap_some(*, limit: int = REWRAP_STEP) -> int:
    """Wrap data keys of older key-encryption keys with the first one; how many. Safe to repeat and to interrupt.

    Key-encryption keys that nothing is wrapped with any more are forgotten. Raises KeysUnavailable.
    """
    current = provider().ids()[0]
    _register(current)
    require_keys()
    done = []
    with transaction.atomic():
        others = DataKey.objects.exclude(key_encryption_key__in=[current, ""])
        for row in others.select_for_update(skip_locked=True)[:limit]:
            try:
                row.key_encryption_key, row.wrapped = provider().wrap(unwrapped(row), scope=row.scope)
                done.append(row)
            except KeysUnavailable as damaged:
                log.error("not wrapped again: %s", damaged.strerror)
        DataKey.objects.bulk_update(done, ["key_encryption_key", "wrapped"], batch_size=200)
    if not done:
        _forget_unused(current)
    return len(done)


def _forget_unused(current: str) -> None:
    for old in KeyEncryptionKey.objects.exclude(pk=current):
        if not DataKey.objects.filter(key_encryption_key=old.pk).exists():
            old.delete()


def _register(key_id: str) -> None:
    """Note a key-encryption key before anything is wrapped with it.

    Refused while one of those in use is missing: then the wrong key file, or an older one, was mounted. Asked each
    time, for the file and what is in use change while processes run.
    """
    used = keys_in_use()
    if used - set(provider().ids()):
        require_keys()
    if key_id not in used:
        KeyEncryptionKey.objects.bulk_create([KeyEncryptionKey(pk=key_id)], ignore_conflicts=True)


def _source() -> str:
    return settings.KEY_ENCRYPTION_KEY_FILE or "KEY_ENCRYPTION_KEYS"
