"""Whether this process has the secrets that all processes of the installation share.

With another SECRET_KEY a process ends the sessions of the others and reads no second factor, and nothing else tells. So
the database holds a fingerprint of each secret, written once something proves it (`SecretEvidence`), and every process
compares its own. Earlier values count
as long as they are listed, so a rotation leaves every process ready; `manage.py secrets adopt` ends it.

A fingerprint is slow to compute (scrypt, with a random salt). Sessions and sealed secrets in the same database let a
guess be tried with one or two HMACs, so it makes no guess easier for somebody who reads the database.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.encryption.models import SharedSetting

SECRET_KEY, WEBHOOK_SECRETS_KEY = "SECRET_KEY", "WEBHOOK_SECRETS_KEY"
NAMES = (SECRET_KEY, WEBHOOK_SECRETS_KEY)
# 16 MB and about 50 ms, once in a process for each secret and for each earlier value that must be tried. A fingerprint
# holds its own, so another cost here leaves those that are stored valid.
COST = {"n": 2**14, "r": 8, "p": 1}
MEMORY_BYTES = 2**26
SALT_BYTES, DIGEST_BYTES = 16, 16
FALLBACKS = {
    SECRET_KEY: "SECRET_KEY_FALLBACKS",
    WEBHOOK_SECRETS_KEY: "WEBHOOK_SECRETS_KEY, behind the first value",
}

NOT_ADOPTED = (
    "{name} of this process is not that of the others, or opens nothing that they have stored. Nothing was changed. If "
    "this process is wrong, give it their value. If all get a new value, list the earlier one in {fallbacks}, and "
    "run this again. If the earlier one is lost, manage.py secrets adopt --lost {name} makes this one that "
    "of all: each process with another is not ready then, and what was encrypted before stays unreadable"
)


class SecretDiffers(Exception):
    """This process has another secret than the database knows; the message says what to do, and no secret."""


class SecretEvidence(NamedTuple):
    """What is stored says of the secrets here. `opened`: of each secret, the first listed value that opens what was
    stored last, or the one in use where nothing was ever stored. `closed`: secrets of which no listed value does."""

    opened: Mapping[str, str]
    closed: frozenset[str] = frozenset()


def secret_names() -> list[str]:
    """Those that this process was given. Some need no WEBHOOK_SECRETS_KEY, so its absence alone is no mistake."""
    return [SECRET_KEY, *([WEBHOOK_SECRETS_KEY] if settings.WEBHOOK_SECRETS_KEY else [])]


@transaction.atomic
def secrets_ensure(opened: Mapping[str, str]) -> None:
    """Write the fingerprints of these values, by the name of the secret, that are not there yet. Raises SecretDiffers
    when one is there and fits none of this process."""
    secrets_check(secret_names())
    new = {}
    for name, key in opened.items():
        row, is_new = SharedSetting.objects.get_or_create(name=name, defaults={"value": _new(key)})
        if is_new:  # another host may have been faster
            new[name] = row.value
    if new:
        audit.record(action="secrets.first_known", detail=_told(new))
    secrets_check(secret_names())


@transaction.atomic
def secrets_adopt(evidence: SecretEvidence, lost: Iterable[str] = ()) -> list[str]:
    """From now on the secrets in use here are those of all processes; the names of those that were not before.

    Raises SecretDiffers for one that is neither a later value of what all have nor opens anything, unless it is among
    `lost`: those whose value of before no process has any more.
    """
    known, new = fingerprints(), {}
    for name in sorted({*secret_names(), *lost}):
        if name not in secret_names():  # SECRET_KEY counts for it from now on
            if SharedSetting.objects.filter(name=name).delete()[0]:
                new[name] = ""
            continue
        key = keys_listed(name)[0]
        if name in known and name not in lost and _fits(known[name], [key]):
            continue
        is_proven = _fits(known[name], keys_listed(name)) if name in known else name in evidence.opened
        if not is_proven and name not in lost:
            if name not in known and name not in evidence.closed:
                continue  # nothing was stored with it
            raise SecretDiffers(NOT_ADOPTED.format(name=name, fallbacks=FALLBACKS[name]))
        new[name] = _new(key)
        SharedSetting.objects.update_or_create(name=name, defaults={"value": new[name]})
    if new:
        audit.record(action="secrets.adopted", detail=_told(new))
    return list(new)


def secrets_check(names: Iterable[str] = NAMES) -> None:
    """Raises SecretDiffers. Nothing is wrong before `manage.py prepare` has written the fingerprints."""
    secrets_compare(fingerprints(), names)


def secrets_compare(known: Mapping[str, str], names: Iterable[str] = NAMES) -> None:
    """known: `fingerprints`. Asks no database. Raises SecretDiffers."""
    wrong = [name for name in names if name in known and not _fits(known[name], keys_listed(name))]
    if wrong:
        name = wrong[0]
        raise SecretDiffers(
            f"{name} of this process is not that of the others: give it the same value, or list the value that they "
            f"have in {FALLBACKS[name]} (docs/backup.md, Changing SECRET_KEY)"
        )


def is_earlier(known: Mapping[str, str], name: str) -> bool:
    """Whether what the database knows is an earlier value here: a rotation has not ended."""
    if name not in known:
        return False
    first, *earlier = keys_listed(name)
    return not _fits(known[name], [first]) and _fits(known[name], earlier)


def fingerprints() -> dict[str, str]:
    """What the database knows, by the name of the setting."""
    return dict(SharedSetting.objects.filter(name__in=NAMES).values_list("name", "value"))


def keys_listed(name: str) -> list[str]:
    """The one in use first. Without WEBHOOK_SECRETS_KEY, SECRET_KEY seals the secrets of webhooks, too."""
    listed = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return listed if name == SECRET_KEY else list(settings.WEBHOOK_SECRETS_KEY) or listed


def _told(values: Mapping[str, str]) -> dict[str, object]:
    """What `audit verify` compares the rows with; a secret without value has no row any more."""
    hashes = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items() if value}
    return {"names": list(values), "sha256": hashes}


def _fits(value: str, keys: Iterable[str]) -> bool:
    *made, digest = value.split("$")
    try:
        n, r, p, salt = int(made[0]), int(made[1]), int(made[2]), bytes.fromhex(made[3])
        return any(hmac.compare_digest(_digest(key, n, r, p, salt), digest) for key in keys)
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError):  # none that this code writes
        return False


def _new(key: str) -> str:
    """Cost, salt and digest: n$r$p$salt$digest."""
    salt = os.urandom(SALT_BYTES)
    n, r, p = COST["n"], COST["r"], COST["p"]
    return f"{n}${r}${p}${salt.hex()}${_digest(key, n, r, p, salt)}"


@lru_cache(maxsize=32)
def _digest(key: str, n: int, r: int, p: int, salt: bytes) -> str:
    made = hashlib.scrypt(key.encode(), salt=salt, n=n, r=r, p=p, maxmem=MEMORY_BYTES, dklen=DIGEST_BYTES)
    return made.hex()
