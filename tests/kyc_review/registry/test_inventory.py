"""The record of a model, its notes and its files."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.registry.bundle_files import file_names
from kyc_review.registry.bundles import PromotionRefused, bundle_promote, bundle_rollback
from kyc_review.registry.inventory import (
    RecordRefused,
    RecordStale,
    ReviewDateRefused,
    file_open,
    note_add,
    record_change,
    record_version,
)
from kyc_review.registry.models import Bundle, ModelNote, ModelRecord, Shadow
from kyc_review.registry.selectors import services_of
from kyc_review.registry.shadows import ShadowRefused, shadow_end

# What the product does here, it may do with the rights of its own role of the database.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_application")]
FACTS: dict[str, Any] = {
    "owner": "Fraud models",
    "purpose": "Selfies of new customers.",
    "next_review_on": timezone.localdate() + timedelta(days=200),
    "tags": ["pilot"],
}


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def otto(staff: Callable[..., User]) -> User:
    return staff("otto", "auditor")


def test_each_change_of_the_record_is_in_the_audit_log_with_before_and_after(
    serving: Bundle, ada: User
) -> None:
    record_change(bundle=serving, actor=ada, **FACTS)
    record_change(bundle=serving, actor=ada, **FACTS)  # changes nothing
    record_change(
        bundle=serving, actor=ada, **FACTS | {"owner": "Model risk", "tags": ["Pilot", "2026", "pilot"]}
    )
    row = ModelRecord.objects.get()
    assert (row.owner, row.tags, row.changed_by) == ("Model risk", ["pilot", "2026"], ada)
    first, second = Event.objects.filter(action="bundle.record_changed").order_by("pk")
    assert first.detail["before"]["owner"] == ""
    assert (second.detail["before"]["owner"], second.detail["after"]["owner"]) == (
        "Fraud models",
        "Model risk",
    )
    assert second.detail["after"]["next_review_on"] == FACTS["next_review_on"].isoformat()


@pytest.mark.parametrize("days", [-1, 3 * 366 + 1, -(date(2026, 1, 1) - date.min).days])
def test_a_review_in_the_past_or_too_far_ahead_is_refused(serving: Bundle, ada: User, days: int) -> None:
    day = timezone.localdate() + timedelta(days=days)
    with pytest.raises(ReviewDateRefused, match="between today and"):
        record_change(bundle=serving, actor=ada, **FACTS | {"next_review_on": day})
    assert not ModelRecord.objects.exists()


def test_a_day_that_has_passed_since_does_not_stop_other_changes(serving: Bundle, ada: User) -> None:
    passed = timezone.localdate() - timedelta(days=3)
    ModelRecord.objects.create(bundle=serving, changed_by=ada, next_review_on=passed)
    record_change(bundle=serving, actor=ada, **FACTS | {"next_review_on": passed})
    assert ModelRecord.objects.get().owner == "Fraud models"


def test_nothing_is_cut_silently(serving: Bundle, ada: User) -> None:
    for field, most in (("owner", 100), ("purpose", 500)):
        with pytest.raises(RecordRefused, match=f"at most {most} characters; this one has {most + 1}"):
            record_change(bundle=serving, actor=ada, **FACTS | {field: "x" * (most + 1)})
    with pytest.raises(RecordRefused, match="at most 1,000 characters; this one has 1,001"):
        note_add(bundle=serving, actor=ada, text="x" * 1001)
    assert not ModelNote.objects.exists()
    note_add(bundle=serving, actor=ada, text="x" * 1000)
    with pytest.raises(PromotionRefused, match="at most 300"):
        bundle_promote(bundle=serving, actor=ada, reason="x" * 301, shift=0.5)
    shadow = Shadow.objects.create(bundle=serving, started_by=ada)
    with pytest.raises(ShadowRefused, match="at most 300"):
        shadow_end(shadow=shadow, actor=ada, remark="x" * 301)


def test_a_change_of_a_record_that_was_changed_meanwhile_is_refused(
    serving: Bundle, ada: User, staff: Callable[..., User]
) -> None:
    first = record_change(bundle=serving, actor=staff("maya", "admin"), **FACTS, version="")
    version = record_version(first)
    for stale in ("", "2026-01-01T00:00:00+00:00"):
        with pytest.raises(RecordStale, match="maya changed this record at "):
            record_change(bundle=serving, actor=ada, **FACTS | {"owner": "Model risk"}, version=stale)
    assert ModelRecord.objects.get().owner == "Fraud models"
    assert record_version(ModelRecord.objects.get()) == version
    record_change(bundle=serving, actor=ada, **FACTS | {"owner": "Model risk"}, version=version)
    assert ModelRecord.objects.get().owner == "Model risk"
    assert record_version(ModelRecord.objects.get()) != version


@pytest.mark.parametrize("tags", [["a b"], ["-x"], ["x" * 31], [f"tag{number}" for number in range(11)]])
def test_what_is_no_tag_is_refused(serving: Bundle, ada: User, tags: list[str]) -> None:
    with pytest.raises(RecordRefused, match="tags"):
        record_change(bundle=serving, actor=ada, **FACTS | {"tags": tags})
    assert not ModelRecord.objects.exists()


def test_auditors_write_nothing_and_notes_are_only_added(serving: Bundle, ada: User, otto: User) -> None:
    with pytest.raises(PermissionDenied):
        record_change(bundle=serving, actor=otto, **FACTS)
    with pytest.raises(PermissionDenied):
        note_add(bundle=serving, actor=otto, text="Looks good.")
    note_add(bundle=serving, actor=ada, text="Validated by Model risk.")
    with pytest.raises(RecordRefused):
        note_add(bundle=serving, actor=ada, text="  ")
    for act in (lambda: ModelNote.objects.update(text="x"), lambda: ModelNote.objects.all().delete()):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            act()


def test_papers_are_for_readers_weights_for_admins_and_nothing_else_leaves(
    serving: Bundle, ada: User, otto: User
) -> None:
    assert file_names(serving)[:2] == ["manifest.json", "MODEL_CARD.md"]
    (serving.directory / "secret.txt").write_text("no part of it")
    with file_open(bundle=serving, name="MODEL_CARD.md", actor=otto) as file:
        assert file.read() == b"# v1\n"
    with pytest.raises(PermissionDenied):
        file_open(bundle=serving, name="one.safetensors", actor=otto)
    with file_open(bundle=serving, name="one.safetensors", actor=ada) as file:
        assert file.read() == b"v1 one"
    for name in ("secret.txt", "../manifest.json", "two"):
        with pytest.raises(FileNotFoundError):
            file_open(bundle=serving, name=name, actor=ada)
    downloads = Event.objects.filter(action="bundle.downloaded").order_by("pk")
    assert [event.detail["file"] for event in downloads] == ["MODEL_CARD.md", "one.safetensors"]


def test_times_in_production_end_with_the_next_step(
    serving: Bundle, candidate: Bundle, otto: User, alice: User
) -> None:
    step = bundle_promote(bundle=candidate, actor=None, reason="It is better.")
    back = bundle_rollback(actor=None, reason="Too many alarms.")
    [now, first] = services_of(viewer=otto, bundle=serving)
    assert (first.until, now.step, now.until) == (step.promoted_at, back, None)
    [between] = services_of(viewer=otto, bundle=candidate)
    assert (between.step, between.until) == (step, back.promoted_at)
    assert services_of(viewer=alice, bundle=serving) == []
