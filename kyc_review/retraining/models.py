from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from kyc_review.review.models import Decision


class Bundle(models.Model):
    """One ensemble in the registry, its files in BUNDLES_DIR/<digest>. Written once: a trigger refuses any change."""

    class Source(models.TextChoices):
        BASELINE = "baseline", "Shipped baseline"
        TRAINED = "trained", "Trained here"
        IMPORTED = "imported", "Imported"

    digest = models.CharField(max_length=64, unique=True)
    version = models.CharField(max_length=60)
    source = models.CharField(max_length=10, choices=Source)
    trained_at = models.CharField(max_length=40)
    provenance = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    registered_at = models.DateTimeField(auto_now_add=True)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.version} ({self.digest[:12]})"

    @property
    def directory(self) -> Path:
        return Path(settings.BUNDLES_DIR) / self.digest


class Promotion(models.Model):
    """A bundle became champion. Rows are only added (a trigger sees to it); the latest one serves."""

    class Kind(models.TextChoices):
        PROMOTE = "promote", "Promoted"
        ROLLBACK = "rollback", "Rolled back"

    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="promotions")
    kind = models.CharField(max_length=10, choices=Kind)
    reason = models.CharField(max_length=300, blank=True)
    promoted_at = models.DateTimeField(auto_now_add=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.kind} {self.bundle}"


class Snapshot(models.Model):
    """A frozen, hashed retraining set; its files lie in DATA_DIR/snapshots/<name>.

    Its items are fixed when it is asked for, its files are built from them, so every attempt builds the same.
    The row is the work: `due_at` is when a worker may take it (while one holds it, the end of its lease) and
    `attempts` counts before work. `digest` covers the items alone: the same decisions have the same digest
    under any name. `manifest_sha256` is that of manifest.json's bytes. A trigger keeps a ready row as it is.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        BUILDING = "building", "Being built"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    name = models.SlugField(max_length=60, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_holder = models.CharField(max_length=32, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    source_bundle = models.ForeignKey(
        Bundle, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    digest = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    count_real = models.PositiveIntegerField(default=0)
    count_fake = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
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
            models.CheckConstraint(
                name="snapshot_building_has_holder",
                condition=Q(state="building") & ~Q(lease_holder="")
                | ~Q(state="building") & Q(lease_holder=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def directory(self) -> Path:
        return Path(settings.DATA_DIR) / "snapshots" / self.name

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


class TrainingRun(models.Model):
    """One candidate in the making; its files lie in DATA_DIR/training/<pk>.

    The row is the work, as a snapshot's is: `due_at` is when a worker may take it (while one holds it, the end of
    its lease), `attempts` counts before work. A worker that dies leaves finished members in the folder; the next one
    goes on from them. `init` is the champion when the run was asked for: what is fine-tuned, or whose architectures
    are trained from scratch.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Training"
        SUCCEEDED = "succeeded", "Trained"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    init = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="+")
    scratch = models.BooleanField(default=False)
    epochs = models.PositiveSmallIntegerField(default=3)
    seed = models.PositiveIntegerField(default=0)
    miss = models.FloatField(default=0.1)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_holder = models.CharField(max_length=32, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    cancel_asked = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    candidate = models.ForeignKey(
        Bundle, null=True, blank=True, on_delete=models.PROTECT, related_name="trained_by"
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="run_running_has_holder",
                condition=Q(state="running") & ~Q(lease_holder="") | ~Q(state="running") & Q(lease_holder=""),
            ),
            models.CheckConstraint(
                name="run_succeeded_has_candidate",
                condition=Q(state="succeeded", candidate__isnull=False)
                | ~Q(state="succeeded") & Q(candidate__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} on {self.snapshot}"

    @property
    def is_ended(self) -> bool:
        return self.state in (self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED)

    @property
    def directory(self) -> Path:
        return Path(settings.DATA_DIR) / "training" / str(self.pk)

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    @property
    def progress(self) -> Path:
        return self.directory / "work" / "progress.jsonl"

    @property
    def output(self) -> Path:
        return self.directory / "candidate"
