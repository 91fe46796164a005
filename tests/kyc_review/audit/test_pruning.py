"""Mass events leave the log for the archive; the seals hold for both, and nothing else can leave unseen."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from kyc_review.audit import pruning, sealing, services
from kyc_review.audit.models import Event
from kyc_review.audit.pruned import PRUNED_ACTIONS
from kyc_review.audit.pruning import PruningRefused, prune_next
from kyc_review.audit.signing import public_keys
from kyc_review.audit.verification import Report, notes, verify

Forge = Callable[..., None]


@pytest.fixture
def old(committed: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sealed batches of 4 events, of which 2 may be pruned; all are old enough, and a file takes two batches."""
    for _ in range(3):
        for action in ("submission.received", "item.decided", "submission.scored", "staff.logged_in"):
            services.record(action=action, detail={"text": "naïve\n"})
        sealing.seal_all()
    settings.AUDIT_KEPT_DAYS = -1  # sealed before tomorrow
    monkeypatch.setattr(pruning, "FILE_EVENTS", 8)


def verified(*, archive: bool = True) -> Report:
    return verify(keys=public_keys(), archive=archive)


def actions() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("action", flat=True))


@pytest.mark.usefixtures("old")
def test_what_is_pruned_is_proved_by_seals_and_archive() -> None:
    first = prune_next()
    assert first
    assert (first["from_batch"], first["through_batch"], first["events"], first["deleted"]) == (1, 2, 8, 4)
    assert prune_next()
    sealing.seal_all()
    assert not set(PRUNED_ACTIONS) & set(actions())
    assert actions().count("item.decided") == 3, "acts of people stay"
    report = verified()
    assert report.problems == []
    assert report.events == 12 + 2
    said = " ".join(notes(report))
    assert "Pruned up to batch 3: 6 events, which are in 2 files" in said
    assert report.prunings[-1].sha256 in said
    assert first["file"].startswith("audit-events/")


@pytest.mark.usefixtures("old")
def test_nothing_else_leaves_unseen(forge: Forge, private_data: Path) -> None:
    prune_next()
    pruned = verified().prunings[0]
    kept = Event.objects.filter(action="item.decided").order_by("pk").first()
    assert kept
    forge("DELETE FROM audit_event WHERE id = %s", kept.pk)
    (problem,) = verified(archive=False).problems
    assert "5 events of batch 1 to 2, where 4 were pruned" in problem
    assert any(f"missing: event {kept.pk}" in text for text in verified().problems)
    forge("UPDATE audit_event SET detail = detail || '{\"deleted\": 5}' WHERE id = %s", pruned.event_id)
    assert any(f"missing: event {kept.pk}" in text for text in verified().problems), "the log was made to fit"


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("harm", ["byte", "text", "gone"])
def test_a_file_that_is_not_what_was_sealed_is_reported(harm: str, forge: Forge) -> None:
    detail = prune_next()
    assert detail
    path = Path(storages["archive"].path(detail["file"]))
    if harm == "gone":
        path.unlink()
    else:
        text = gzip.decompress(path.read_bytes())
        content = gzip.compress(text.replace(b"submission.received", b"submission.cleared ", 1))
        path.write_bytes(content)
        if harm == "text":  # and the log names the new file
            import hashlib

            digest = hashlib.sha256(content).hexdigest()
            forge(
                "UPDATE audit_event SET detail = jsonb_set(detail, '{sha256}', to_jsonb(%s::text)) WHERE action = %s",
                digest,
                "audit.pruned",
            )
    problems = " ".join(verified().problems)
    assert {"byte": "is not what event", "text": "is not what was sealed", "gone": "not in the archive"}[
        harm
    ] in problems
    assert verified(archive=False).problems == []


@pytest.mark.usefixtures("old")
def test_a_changed_batch_is_not_pruned(forge: Forge) -> None:
    forge("UPDATE audit_event SET actor_name = 'eve' WHERE id = %s", Event.objects.order_by("pk")[0].pk)
    with pytest.raises(PruningRefused, match="Batch 1 is not as it was sealed"):
        prune_next()
    assert len(actions()) == 12


@pytest.mark.usefixtures("old")
def test_without_a_file_or_an_event_nothing_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "record", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prune_next()
    assert len(actions()) == 12


@pytest.mark.usefixtures("old")
def test_only_the_setting_allows_it(settings: LazySettings) -> None:
    settings.AUDIT_KEPT_DAYS = 3650
    assert prune_next() is None
    settings.AUDIT_KEPT_DAYS = 0
    with pytest.raises(PruningRefused, match="without limit"):
        prune_next()
    with pytest.raises(CommandError, match="AUDIT_KEPT_DAYS is 0"):
        call_command("audit", "prune")
    assert len(actions()) == 12


@pytest.mark.usefixtures("old")
def test_the_trigger_lets_only_mass_events_go() -> None:
    for allowed, action in (("off", "submission.received"), ("on", "item.decided")):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL kyc_review.audit_pruning = '{allowed}'")
            with pytest.raises(DatabaseError, match="append-only"):
                cursor.execute("DELETE FROM audit_event WHERE action = %s", [action])
            transaction.set_rollback(True)
