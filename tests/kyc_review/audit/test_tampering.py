"""What an owner of the tables forged, removed or inserted is named by verification."""

import re
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from kyc_review.audit import sealing
from kyc_review.audit.headers import leaf_text
from kyc_review.audit.merkle import leaf_hash
from kyc_review.audit.models import Event, SealedBatch
from kyc_review.audit.roots import roots_file, roots_publish, roots_read
from kyc_review.audit.signing import (
    key_file,
    public_keys,
    public_keys_dir,
    signing_key_create,
)
from kyc_review.audit.tasks import seal
from kyc_review.audit.verification import Report, verify

pytestmark = pytest.mark.usefixtures("committed")
Record = Callable[[int], list[int]]
COPY = """INSERT INTO audit_event (id, at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail,
    transaction) SELECT -1, at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail, {} FROM
    audit_event WHERE id = %s"""


def verified() -> Report:
    published = list(roots_read(roots_file())) if roots_file().exists() else []
    return verify(keys=public_keys(), published=published)


def test_verification_names_what_the_role_stored_for_its_own_sessions(record: Record) -> None:
    """A time-out, as a careful DBA sets it, is a note; what changes the meaning of statements is a problem."""
    record(2)
    seal()
    said = StringIO()
    try:
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER SET lock_timeout = '1h'")
        call_command("audit", "verify", "--seals-only", stdout=said)
        assert "setting of the role: lock_timeout=1h" in said.getvalue()
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER SET default_transaction_deferrable = on")
        with pytest.raises(CommandError, match="1 problems:\n  setting of the role: default_transaction_def"):
            call_command("audit", "verify", "--seals-only", stdout=said)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER RESET lock_timeout")
            cursor.execute("ALTER ROLE CURRENT_USER RESET default_transaction_deferrable")


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE audit_event SET actor_name = 'eve' WHERE id = %s", "changed: event {1} (batch 1)"),
        ("UPDATE audit_event SET detail = '{\"number\": 7}' WHERE id = %s", "changed: event {1} (batch 1)"),
        ("UPDATE audit_event SET at = at - interval '1 day' WHERE id = %s", "changed: event {1} (batch 1)"),
        ("DELETE FROM audit_event WHERE id = %s", "missing: event {1} (batch 1)"),
    ],
)
def test_a_changed_or_missing_event_is_named(
    forge: Callable[..., None], sql: str, problem: str, record: Record
) -> None:
    ids = record(3)
    sealing.seal_all()
    forge(sql, ids[1])
    assert verified().problems == [problem.format(*ids)]


def test_an_event_that_was_inserted_where_all_is_sealed_is_named(
    forge: Callable[..., None], record: Record
) -> None:
    ids = record(3)
    sealing.seal_all()
    forge(COPY.format("transaction"), ids[1])
    assert verified().problems == ["inserted after its time was sealed: event -1"]


def test_an_event_with_an_earlier_time_than_its_batch_allows_is_named(
    forge: Callable[..., None], record: Record
) -> None:
    record(1)
    sealing.seal_all()
    ids = record(2)
    forge("UPDATE audit_event SET at = at - interval '1 day' WHERE id = %s", ids[1])  # before it is sealed
    sealing.seal_all()
    assert verified().problems == [f"back-dated or post-dated: event {ids[1]} (batch 2)"]


def test_a_batch_that_was_made_to_fit_has_no_signature(forge: Callable[..., None], record: Record) -> None:
    """The forger recomputes leaf and root, but has no key."""
    ids = record(1)
    sealing.seal_all()
    record(1)
    sealing.seal_all()
    forge("UPDATE audit_event SET action = 'nothing.happened' WHERE id = %s", ids[0])
    (row,) = sealing._fetch(sealing.BY_ID, {"ids": ids})
    leaf = leaf_hash(leaf_text(*row[1:]).encode())
    forge("UPDATE audit_sealedbatch SET leaves = %s, root = %s WHERE number = 1", leaf, leaf)
    problems = verified().problems
    assert problems[0] == "wrong signature: batch 1"
    assert problems[1].startswith("broken chain: batch 2")


def test_batches_that_were_removed_are_missed(forge: Callable[..., None], record: Record) -> None:
    for _ in range(3):
        record(1)
        sealing.seal_all()
    roots_publish()
    forge("DELETE FROM audit_sealedbatch WHERE number = 2")
    problems = verified().problems
    assert "missing: batch 2" in problems
    forge("TRUNCATE audit_event, audit_sealedbatch")
    problems = verified().problems
    assert problems[:3] == [f"missing: batch {number}, which was sent out" for number in (1, 2, 3)]


def test_a_new_history_under_the_stolen_key_differs_from_what_was_sent_out(
    forge: Callable[..., None], record: Record
) -> None:
    record(2)
    sealing.seal_all()
    roots_publish()
    forge("TRUNCATE audit_event, audit_sealedbatch")
    record(2)
    sealing.seal_all()
    assert verified().problems == ["not as published: batch 1 differs from the header that was sent out"]


def test_a_key_of_a_forger_is_not_trusted_and_an_old_key_stays_valid_for_its_batches(record: Record) -> None:
    record(1)
    sealing.seal_all()
    first = key_file().read_bytes()
    signing_key_create()
    record(1)
    sealing.seal_all()
    assert verified().problems == []
    assert len({batch.key_id for batch in SealedBatch.objects.all()}) == 2
    public_key = public_keys_dir() / f"{SealedBatch.objects.get(number=2).key_id}.pem"
    kept = public_key.read_bytes()
    public_key.unlink()
    assert verified().problems[0].startswith("unknown key: batch 2")
    with pytest.raises(sealing.ChainRefused, match="unknown key: batch 2"):
        sealing.seal_all()
    public_key.write_bytes(kept)
    key_file().write_bytes(first)  # stolen before it was replaced
    record(1)
    sealing.seal_all()
    assert any(text.startswith("retired key: batch 3") for text in verified().problems)


def test_the_command_names_what_is_wrong_and_fails(forge: Callable[..., None], record: Record) -> None:
    ids = record(2)
    out = StringIO()
    call_command("audit", "seal", stdout=out)
    call_command("audit", "verify", "--seals-only", stdout=out)
    assert re.search(r"Sealed 2 events.*2 events in 1 batches.*intact", out.getvalue(), re.S)
    call_command("audit", "rotate-key", stdout=out)
    assert Event.objects.get(action="audit.key_rotated").detail["old"] == SealedBatch.objects.get().key_id
    forge("DELETE FROM audit_event WHERE id = %s", ids[0])
    with pytest.raises(CommandError, match=rf"missing: event {ids[0]} \(batch 1\)"):
        call_command("audit", "verify", "--seals-only", stdout=out)
