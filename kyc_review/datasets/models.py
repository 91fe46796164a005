from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.core.leases import LeasedRow, holder_only_in
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision


class Snapshot(LeasedRow):
    """A frozen, hashed retraining set; its files are in the storage `snapshots` (snapshot_files.py).

    Its items are fixed when it is asked for, its files are built from them, so every attempt builds the same.
    The row is the work: `due_at` is when a worker may take it (while one holds it, the end of its lease) and
    `attempts` counts before work. `digest` covers the items alone: the same decisions have the same digest
    under any name. `manifest_sha256` is that of manifest.json's bytes. A trigger keeps a ready row as it is.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        BUILDING = "building", _("Being built")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    name = models.SlugField(max_length=60, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    choices = models.JSONField(
        default=dict, help_text="Which decisions it holds (datasets.snapshot_filters); empty: all."
    )
    source_bundle = models.ForeignKey(
        Bundle, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    digest = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    count_real = models.PositiveIntegerField(default=0)
    count_fake = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    facts = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Pictures, hold-out and label noise (snapshot_facts.py); empty in older snapshots.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="snapshot_ready_has_digest",
                condition=Q(state="ready", ready_at__isnull=False) & ~Q(digest="") & ~Q(manifest_sha256="")
                | ~Q(state="ready") & Q(digest="", manifest_sha256=""),
            ),
            holder_only_in("building", name="snapshot_building_has_holder"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def directory(self) -> Path:
        """Where a local storage keeps it. Raises NotImplementedError for another storage: use `snapshot_folder`."""
        return Path(storages["snapshots"].path(self.name))

    @property
    def manifest(self) -> Path:
        return self.directory / "manifest.json"


class SnapshotItem(models.Model):
    """Which decision a snapshot holds, so that erasing a submission can find every set that learned from it."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="items")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "decision"], name="decision_once_per_snapshot")
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id}: {self.decision_id}"
