"""`audit verify` names what was changed of the settings that all processes share."""

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from kyc_review.audit.record_checks import record_problems
from kyc_review.encryption import shared_secrets
from kyc_review.encryption.keys import encryption_end, encryption_ensure
from kyc_review.encryption.shared_secrets import SecretEvidence, secrets_adopt, secrets_ensure

pytestmark = pytest.mark.django_db
TABLE = "encryption_sharedsetting"
FORGED = [
    (f"DELETE FROM {TABLE} WHERE name = 'KEY_ENCRYPTION'", "no record: event"),
    (
        f"UPDATE {TABLE} SET value = 'off' WHERE name = 'KEY_ENCRYPTION'",
        "setting KEY_ENCRYPTION (value; event",
    ),
    (f"UPDATE {TABLE} SET value = '00$00' WHERE name = 'SECRET_KEY'", "setting SECRET_KEY (value; event"),
    (f"DELETE FROM {TABLE} WHERE name = 'SECRET_KEY'", "no record: event"),
    (f"INSERT INTO {TABLE} VALUES ('OTHER', 'on')", "no event: shared setting OTHER"),
    (f"INSERT INTO {TABLE} VALUES ('WEBHOOK_SECRETS_KEY', 'x')", "setting WEBHOOK_SECRETS_KEY (value; event"),
]


def problems_after(statement: str) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        point = transaction.savepoint()
        cursor.execute(statement)
        assert cursor.rowcount, statement
        named = "\n".join(record_problems())
        transaction.savepoint_rollback(point)
    return named


def test_each_change_without_its_event_is_named(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_secrets, "COST", shared_secrets.COST | {"n": 16})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.WEBHOOK_SECRETS_KEY = (
        "second",
        ["first"],
        ["own"],
    )
    secrets_ensure({"SECRET_KEY": "first", "WEBHOOK_SECRETS_KEY": "own"})
    encryption_ensure()
    assert record_problems() == []
    secrets_adopt(SecretEvidence({}))
    settings.WEBHOOK_SECRETS_KEY = []
    assert secrets_adopt(SecretEvidence({}), ["WEBHOOK_SECRETS_KEY"]) == ["WEBHOOK_SECRETS_KEY"]
    assert record_problems() == []
    missed = {
        statement: found for statement, named in FORGED if named not in (found := problems_after(statement))
    }
    assert missed == {}
    encryption_end()
    assert record_problems() == []
    assert "KEY_ENCRYPTION" in problems_after(f"INSERT INTO {TABLE} VALUES ('KEY_ENCRYPTION', 'on')")
