"""SECRET_KEY and WEBHOOK_SECRETS_KEY are changed as docs/backup.md says, and nothing becomes unreadable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.accounts.second_factor.adapter import Adapter, FactorUnreadable
from kyc_review.webhooks.secret_encryption import SealBroken, seal, unseal

ROOT = Path(__file__).parents[2]
READ = """
import sys, django
django.setup()
from kyc_review.accounts.second_factor.adapter import Adapter
from kyc_review.webhooks.secret_encryption import unseal
print(Adapter().decrypt(sys.argv[1]), unseal(sys.argv[2]))
"""


def test_a_process_with_the_new_key_reads_what_the_old_one_encrypted(settings: LazySettings) -> None:
    changed = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": f"between,{settings.SECRET_KEY}"}
    environment = os.environ | changed | {"DJANGO_SETTINGS_MODULE": "kyc_review.settings"}
    command = [sys.executable, "-c", READ, Adapter().encrypt("factor"), seal("whsec")]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "factor whsec\n", done.stderr


def test_what_an_unlisted_key_encrypted_stays_closed(settings: LazySettings) -> None:
    factor, secret = Adapter().encrypt("factor"), seal("whsec")
    settings.SECRET_KEY = "new"
    with pytest.raises(FactorUnreadable):
        Adapter().decrypt(factor)
    with pytest.raises(SealBroken):
        unseal(secret)


def test_the_first_key_of_webhook_secrets_encrypts_and_all_decrypt(settings: LazySettings) -> None:
    settings.WEBHOOK_SECRETS_KEY = ["old"]
    sealed = seal("whsec")
    settings.WEBHOOK_SECRETS_KEY = ["new", "old"]
    assert unseal(sealed) == "whsec"
    again = seal("whsec")
    settings.WEBHOOK_SECRETS_KEY = ["new"]
    assert unseal(again) == "whsec"
    with pytest.raises(SealBroken):
        unseal(sealed)
