"""Forensic reports, and fingerprints to find a picture among a million others."""

from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone

from kyc_review.core.leases import LeasedRow, holder_only_in
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import storage_key


class Evidence(LeasedRow):
    """The forensic views of one queued submission. A row is a unit of the worker's work, like a submission to score.

    `due_at` is when the worker may next take the row; `attempts` counts before work, so that a picture that
    kills its worker is not retried without end. Pictures lie in the private derivatives under `folder`.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        WORKING = "working"
        READY = "ready"
        FAILED = "failed"

    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="evidence")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    facts = models.JSONField(default=dict)
    pictures = models.JSONField(default=dict, help_text="Name of each picture -> its content type.")
    likenesses_found_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When similar pictures were looked for; long before the rest is computed.",
    )
    computed_at = models.DateTimeField(null=True, blank=True)
    elapsed_ms = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            holder_only_in("working", name="evidence_working_has_holder"),
            models.CheckConstraint(
                name="evidence_ready_is_dated",
                condition=~Q(state="ready") | Q(computed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="evidence_to_compute", condition=Q(state__in=["waiting", "working"])
            )
        ]

    def __str__(self) -> str:
        return f"evidence of {self.submission_id} ({self.state})"

    def key_of(self, name: str) -> str:
        """Where the picture `name` lies among the derivatives."""
        return f"{storage_key(self.submission_id)}/{name}"


class Fingerprint(models.Model):
    """Perceptual hashes of one submission (`detection.forensics.phash`), and where the parts of its face are.

    The coarse hash is cut into four bands of 16 bits. Of two hashes at most seven bits apart, one band is at most one
    bit apart; so looking up each band and its 16 neighbours misses no near-duplicate and reads few entries
    (multi-index hashing: Norouzi, Punjani and Fleet, 2012). Faces share most of their coarse hash, so thousands of a
    million have a band in common: the indexes carry the whole hash, and the table is read for the near ones only.
    """

    submission = models.OneToOneField(
        Submission, on_delete=models.CASCADE, primary_key=True, related_name="fingerprint"
    )
    coarse = models.BigIntegerField(help_text="64 bits, as a signed number.")
    fine = models.BinaryField(max_length=32)
    close_ups = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="Part of the face -> box (x, y, width, height) in fractions, as `detection.forensics.regions`.",
    )
    band_0 = models.GeneratedField(
        expression=F("coarse").bitand(0xFFFF), output_field=models.IntegerField(), db_persist=True
    )
    band_1 = models.GeneratedField(
        expression=F("coarse").bitrightshift(16).bitand(0xFFFF),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    band_2 = models.GeneratedField(
        expression=F("coarse").bitrightshift(32).bitand(0xFFFF),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    band_3 = models.GeneratedField(
        expression=F("coarse").bitrightshift(48).bitand(0xFFFF),
        output_field=models.IntegerField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(
                fields=[f"band_{band}"], include=["coarse", "submission"], name=f"fingerprint_near_{band}"
            )
            for band in range(4)
        ]

    def __str__(self) -> str:
        return f"{self.coarse & 0xFFFFFFFFFFFFFFFF:016x}"


class Likeness(models.Model):
    """A submission looks like an earlier one. Found once, when the evidence is computed."""

    # `likeness_once` begins with it and serves as its index.
    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="likenesses", db_index=False
    )
    earlier = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="later_likenesses")
    bits_apart = models.PositiveSmallIntegerField(help_text="Of the 256 bits of the fine hash.")
    same_file = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "earlier"], name="likeness_once")]
        verbose_name_plural = "likenesses"

    def __str__(self) -> str:
        return f"{self.submission_id} is like {self.earlier_id} ({self.bits_apart} of 256 bits)"


class PatternOutcome(models.Model):
    """How often submissions with these votes turned out fake. Counted by `pipeline.outcome_stats`."""

    bundle_digest = models.CharField(max_length=64)
    pattern = models.CharField(max_length=10, help_text="One digit per voter in its order: 1 called fake.")
    fakes = models.PositiveIntegerField()
    reals = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bundle_digest", "pattern"], name="pattern_once_per_bundle")
        ]

    def __str__(self) -> str:
        return f"{self.pattern}: {self.fakes} of {self.fakes + self.reals} fake"


class AuxiliaryMeasure(models.Model):
    """Performance of an auxiliary model on this bank's outcomes: area under the ROC curve, 95 % interval."""

    name = models.CharField(max_length=30, unique=True)
    auc = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    fakes = models.PositiveIntegerField()
    reals = models.PositiveIntegerField()
    measured_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name}: {self.auc:.2f}"
