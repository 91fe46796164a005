from pathlib import Path

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.files.storage import storages
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from detection.voting import Verdict


class Bundle(models.Model):
    """One ensemble in the registry; its files are in the storage `bundles` (bundle_files.py). Written once: a trigger
    refuses any change."""

    class Source(models.TextChoices):
        BASELINE = "baseline", _("Shipped baseline")
        TRAINED = "trained", _("Trained here")
        IMPORTED = "imported", _("Imported")

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
        """Where a local storage keeps it. Raises NotImplementedError for another storage: use `bundle_folder`."""
        return Path(storages["bundles"].path(self.digest))


SHIFT_MAX = 3.0  # the operating points that a comparison measures reach as far (ml/comparison.py)


class Promotion(models.Model):
    """A bundle became champion. Rows are only added (a trigger sees to it); the latest one serves."""

    class Kind(models.TextChoices):
        PROMOTE = "promote", _("Promoted")
        ROLLBACK = "rollback", _("Rolled back")

    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="promotions")
    kind = models.CharField(max_length=10, choices=Kind)
    reason = models.CharField(max_length=300, blank=True)
    # On the logit scale, added to all five thresholds: the operating point that was chosen with the promotion.
    shift = models.FloatField(default=0.0)
    promoted_at = models.DateTimeField(auto_now_add=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(shift__gte=-SHIFT_MAX, shift__lte=SHIFT_MAX), name="promotion_shift_bounded"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.bundle}"


class Shadow(models.Model):
    """A bundle that scores live selfies in addition to the champion, without any effect. At most one at a
    time.

    `failures` counts before each batch and is cleared after it, so that a bundle that fails or kills its worker ends.
    """

    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="shadows")
    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    remark = models.CharField(max_length=300, blank=True, help_text="Why it ended.")
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_shadow", fields=["ended_at"], condition=Q(ended_at=None), nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.bundle} in the shadow"


class ShadowScore(models.Model):
    """What a shadow would have said of one submission that the champion judged."""

    shadow = models.ForeignKey(Shadow, on_delete=models.CASCADE, related_name="scores")
    submission = models.ForeignKey("submissions.Submission", on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=20, help_text="A detection.voting.Verdict; empty: it gave none.")
    risk = models.FloatField()
    scored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shadow", "submission"], name="shadow_scores_each_once")
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.submission_id}"

    @property
    def is_clear(self) -> bool:
        return self.verdict == Verdict.CLEAR


class ModelRecord(models.Model):
    """What the bank's inventory of models says of a bundle. Admins change it; the audit log keeps each change."""

    bundle = models.OneToOneField(Bundle, on_delete=models.CASCADE, related_name="record")
    owner = models.CharField(
        max_length=100, blank=True, help_text=_("Who answers for it: a person or a department.")
    )
    purpose = models.CharField(max_length=500, blank=True, help_text=_("What it is used for, and what not."))
    next_review_on = models.DateField(
        _("Next review"), null=True, blank=True, help_text=_("Until then it is validated again.")
    )
    tags = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"record of {self.bundle}"


class ModelNote(models.Model):
    """A remark on a bundle; rows are only added."""

    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="notes")
    text = models.CharField(max_length=1000)
    written_at = models.DateTimeField(default=timezone.now)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"note {self.pk} on {self.bundle_id}"
