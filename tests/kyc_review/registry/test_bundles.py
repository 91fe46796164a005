import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction

from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.core import folders
from kyc_review.registry import bundle_files, bundles
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.registry.selectors import champion

pytestmark = pytest.mark.django_db


def events() -> list[str]:
    return list(
        Event.objects.filter(action__startswith="bundle.").order_by("pk").values_list("action", flat=True)
    )


def test_a_registered_bundle_is_a_checked_copy_named_by_its_digest(
    made_bundle: Callable[..., Path], settings: LazySettings
) -> None:
    source = made_bundle("v1", metrics={"auc": 0.9})
    row = bundles.bundle_register(path=source, source="trained")
    assert row.directory == settings.BUNDLES_DIR / row.digest
    assert {p.name: p.read_bytes() for p in row.directory.iterdir()} == {
        p.name: p.read_bytes() for p in source.iterdir()
    }
    assert (row.version, row.source, row.metrics, row.provenance) == (
        "v1",
        "trained",
        {"auc": 0.9},
        {"data": "none"},
    )
    shutil.rmtree(source)
    bundle_files.bundle_check(row)


def test_registering_twice_gives_one_row_and_one_event(made_bundle: Callable[..., Path]) -> None:
    source = made_bundle()
    first = bundles.bundle_register(path=source, source="trained")
    assert bundles.bundle_register(path=source, source="imported") == first
    assert (Bundle.objects.count(), events()) == (1, ["bundle.registered"])


def test_a_tampered_source_is_refused_and_nothing_is_kept(
    made_bundle: Callable[..., Path], settings: LazySettings
) -> None:
    source = made_bundle()
    (source / "two.safetensors").write_text("other weights")
    with pytest.raises(BundleRefused, match=r"two\.safetensors"):
        bundles.bundle_register(path=source, source="trained")
    assert not Bundle.objects.exists()
    assert not settings.BUNDLES_DIR.exists()


def test_a_full_disk_leaves_no_half_bundle(
    made_bundle: Callable[..., Path], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made_bundle()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "sync_file", full)
    with pytest.raises(OSError, match="No space"):
        bundles.bundle_register(path=source, source="trained")
    assert list(settings.BUNDLES_DIR.iterdir()) == []
    assert not Bundle.objects.exists()


def test_what_a_killed_registration_left_is_removed_by_a_later_one(
    made_bundle: Callable[..., Path], settings: LazySettings
) -> None:
    left = settings.BUNDLES_DIR / ".incoming-dead"
    left.mkdir(parents=True)
    (left / "one.safetensors").write_text("half")
    os.utime(left, (0, 0))
    row = bundles.bundle_register(path=made_bundle(), source="trained")
    assert [p.name for p in settings.BUNDLES_DIR.iterdir()] == [row.digest]


def test_adding_a_bundle_again_heals_its_damaged_copy(made_bundle: Callable[..., Path]) -> None:
    source = made_bundle()
    row = bundles.bundle_register(path=source, source="trained")
    (row.directory / "one.safetensors").write_text("rotten")
    bundles.bundle_register(path=source, source="trained")
    bundle_files.bundle_check(row)


def test_the_champion_is_the_last_promoted_and_costs_one_query(
    registered: Callable[..., Bundle], django_assert_num_queries: Callable
) -> None:
    assert champion() is None
    first, second = registered("v1"), registered("v2")
    bundles.bundle_promote(bundle=first, actor=None, reason="start")
    bundles.bundle_promote(bundle=second, actor=None, reason="better")
    with django_assert_num_queries(1):
        found = champion()
        assert found is not None
        assert (found.digest, found.version, found.directory) == (second.digest, "v2", second.directory)


def test_promoting_the_champion_again_changes_nothing(registered: Callable[..., Bundle]) -> None:
    row = registered()
    assert bundles.bundle_promote(actor=None, bundle=row) == bundles.bundle_promote(actor=None, bundle=row)
    assert events() == ["bundle.registered", "bundle.promoted"]


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest"])
def test_a_tampered_copy_is_never_promoted(registered: Callable[..., Bundle], damage: str) -> None:
    champion_row, row = registered("v1"), registered("v2")
    bundles.bundle_promote(actor=None, bundle=champion_row)
    if damage == "missing":
        (row.directory / "stack.safetensors").unlink()
    elif damage == "changed":
        (row.directory / "one.safetensors").write_text("poison")
    else:
        path = row.directory / "manifest.json"
        path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))
    with pytest.raises(BundleRefused):
        bundles.bundle_promote(actor=None, bundle=row)
    assert champion() == champion_row


def test_rollbacks_walk_back_through_what_served(registered: Callable[..., Bundle]) -> None:
    rows = [registered(f"v{n}") for n in range(3)]
    for row in rows:
        bundles.bundle_promote(actor=None, bundle=row)
    bundles.bundle_rollback(actor=None, reason="too many alarms")
    assert champion() == rows[1]
    bundles.bundle_rollback(actor=None)
    assert champion() == rows[0]
    with pytest.raises(bundles.NothingToRollBack):
        bundles.bundle_rollback(actor=None)
    assert (
        list(Promotion.objects.order_by("pk").values_list("kind", flat=True))
        == ["promote"] * 3 + ["rollback"] * 2
    )


def test_a_rollback_that_is_sent_twice_goes_back_once(registered: Callable[..., Bundle]) -> None:
    for number in (1, 2, 3):
        bundles.bundle_promote(actor=None, bundle=registered(f"v{number}"))
    third = champion()
    assert third is not None
    bundles.bundle_rollback(actor=None, leaving=third.digest)
    with pytest.raises(bundles.NothingToRollBack, match="Another bundle is in production"):
        bundles.bundle_rollback(actor=None, leaving=third.digest)
    second = champion()
    assert second is not None
    assert second.version == "v2"


def test_one_admin_takes_back_one_promotion_and_no_more(
    registered: Callable[..., Bundle], staff: Callable[..., User]
) -> None:
    rows, ada, amir = [registered(f"v{n}") for n in range(3)], staff("ada", "admin"), staff("amir", "admin")
    for row in rows:
        bundles.bundle_promote(actor=None, bundle=row)
    with pytest.raises(bundles.NothingToRollBack, match="Another bundle is in production"):
        bundles.bundle_rollback(actor=ada, reason="It does not say what it leaves.")
    bundles.bundle_rollback(actor=ada, leaving=rows[2].digest)
    for admin in (ada, amir):
        with pytest.raises(bundles.RollbackRepeated, match="another admin must approve"):
            bundles.bundle_rollback(actor=admin, leaving=rows[1].digest)
    assert champion() == rows[1]
    better = registered("v4")
    bundles.bundle_promote(actor=None, bundle=better)
    bundles.bundle_rollback(actor=ada, leaving=better.digest)
    assert champion() == rows[1], "a promotion after it can be taken back"


def test_after_a_rollback_a_promotion_goes_on_from_there(registered: Callable[..., Bundle]) -> None:
    first, bad, good = registered("v1"), registered("v2"), registered("v3")
    bundles.bundle_promote(actor=None, bundle=first)
    bundles.bundle_promote(actor=None, bundle=bad)
    bundles.bundle_rollback(actor=None)
    bundles.bundle_promote(actor=None, bundle=good)
    bundles.bundle_rollback(actor=None)
    assert champion() == first


def test_a_rollback_to_a_damaged_bundle_is_refused(registered: Callable[..., Bundle]) -> None:
    first, second = registered("v1"), registered("v2")
    bundles.bundle_promote(actor=None, bundle=first)
    bundles.bundle_promote(actor=None, bundle=second)
    (first.directory / "three.safetensors").write_text("rotten")
    with pytest.raises(BundleRefused):
        bundles.bundle_rollback(actor=None)
    assert champion() == second


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE registry_promotion SET reason = 'x'",
        "DELETE FROM registry_promotion",
        "UPDATE registry_bundle SET version = 'x'",
    ],
)
def test_the_database_refuses_to_rewrite_history(registered: Callable[..., Bundle], sql: str) -> None:
    bundles.bundle_promote(actor=None, bundle=registered())
    with (
        pytest.raises(DatabaseError, match="written once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


def test_the_baseline_serves_only_when_nothing_else_does(
    made_bundle: Callable[..., Path], registered: Callable[..., Bundle], settings: LazySettings
) -> None:
    settings.BASELINE_BUNDLE = made_bundle("baseline-1")
    first = bundles.baseline_install()
    assert (first, first.source) == (champion(), "baseline")
    assert bundles.baseline_install() == first
    better = registered("v2")
    bundles.bundle_promote(actor=None, bundle=better)
    assert bundles.baseline_install() == better == champion()


def test_a_missing_baseline_stops_nobody_who_serves_another(
    registered: Callable[..., Bundle], settings: LazySettings, tmp_path: Path
) -> None:
    row = registered()
    bundles.bundle_promote(actor=None, bundle=row)
    settings.BASELINE_BUNDLE = tmp_path / "nowhere"
    assert bundles.baseline_install() == row


def test_a_missing_baseline_is_refused_with_what_to_do(settings: LazySettings, tmp_path: Path) -> None:
    settings.BASELINE_BUNDLE = tmp_path / "nowhere"
    with pytest.raises(BundleRefused, match=r"baseline bundle is missing.*ml baseline"):
        bundles.baseline_install()


@pytest.mark.django_db(transaction=True)
def test_two_promotions_at_once_follow_one_another(registered: Callable[..., Bundle]) -> None:
    rows = [registered("v1"), registered("v2")]
    start = threading.Barrier(2)

    def promote(row: Bundle) -> None:
        start.wait()
        bundles.bundle_promote(actor=None, bundle=row)
        connection.close()

    threads = [threading.Thread(target=promote, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    details = Event.objects.filter(action="bundle.promoted").order_by("pk").values_list("detail", flat=True)
    assert [d["before"] for d in details] == [None, details[0]["digest"]]
