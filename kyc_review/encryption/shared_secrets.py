"""Whether this process has the secrets that all processes of the installation share.

With another SECRET_KEY a process ends the sessions of the others and reads no second factor, and nothing else tells. So
the database holds a fingerprint of each secret, written once, and every process compares its own. Earlier values count
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

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.encryption.models import SharedSetting

SECRET_KEY, WEBHOOK_SECRETS_KEY = "SECRET_KEY", "WEBHOOK_SECRETS_KEY"
NAMES = (SECRET_KEY, WEBHOOK_SECRETS_KEY)
# 16 MB and about 50 ms, once in a process for each secret and for each earlier value that must be tried.
COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 16}
SALT_BYTES = 16
FALLBACKS = {
    SECRET_KEY: "SECRET_KEY_FALLBACKS",
    WEBHOOK_SECRETS_KEY: "WEBHOOK_SECRETS_KEY, behind the first value",
}


class SecretDiffers(Exception):
    """This process has another secret than the database knows; the message says what to do, and no secret."""


def secrets_ensure(names: Iterable[str] = NAMES) -> None:
    """Write the fingerprints of these secrets that are not there yet. Raises SecretDiffers when one is there and fits
    none of this process."""
    known = fingerprints()
    secrets_compare(known)
    new = [SharedSetting(name=name, value=_new(_keys(name)[0])) for name in names if name not in known]
    SharedSetting.objects.bulk_create(new, ignore_conflicts=True)  # another host may have been faster
    secrets_check()


@transaction.atomic
def secrets_adopt() -> list[str]:
    """From now on the secrets in use here are those of all processes; the names of those that were not before."""
    known = fingerprints()
    changed = [name for name in NAMES if name not in known or not _fits(known[name], _keys(name)[:1])]
    for name in changed:
        SharedSetting.objects.update_or_create(name=name, defaults={"value": _new(_keys(name)[0])})
    if changed:
        audit.record(action="secrets.adopted", detail={"names": changed})
    return changed


def secrets_check(names: Iterable[str] = NAMES) -> None:
    """Raises SecretDiffers. Nothing is wrong before `manage.py prepare` has written the fingerprints."""
    secrets_compare(fingerprints(), names)


def secrets_compare(known: Mapping[str, str], names: Iterable[str] = NAMES) -> None:
    """known: `fingerprints`. Asks no database. Raises SecretDiffers."""
    wrong = [name for name in names if name in known and not _fits(known[name], _keys(name))]
    if wrong:
        name = wrong[0]
        raise SecretDiffers(
            f"{name} of this process is not that of the others: give it the same value, or list the value that they "
            f"have in {FALLBACKS[name]}; if it was changed on purpose for all processes, run manage.py secrets adopt"
        )


def is_earlier(known: Mapping[str, str], name: str) -> bool:
    """Whether what the database knows is an earlier value here: a rotation has not ended."""
    return name in known and not _fits(known[name], _keys(name)[:1]) and _fits(known[name], _keys(name))


def fingerprints() -> dict[str, str]:
    """What the database knows, by the name of the setting."""
    return dict(SharedSetting.objects.filter(name__in=NAMES).values_list("name", "value"))


def _keys(name: str) -> list[str]:
    """The one in use first. Without WEBHOOK_SECRETS_KEY, SECRET_KEY seals the secrets of webhooks, too."""
    listed = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return listed if name == SECRET_KEY else list(settings.WEBHOOK_SECRETS_KEY) or listed


def _fits(value: str, keys: Iterable[str]) -> bool:
    salt, _, digest = value.partition("$")
    return any(hmac.compare_digest(_digest(key, salt), digest) for key in keys)


def _new(key: str) -> str:
    salt = os.urandom(SALT_BYTES).hex()
    return f"{salt}${_digest(key, salt)}"


@lru_cache(maxsize=32)
def _digest(key: str, salt: str) -> str:
    return hashlib.scrypt(key.encode(), salt=bytes.fromhex(salt), **COST).hex()
