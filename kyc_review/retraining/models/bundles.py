from pathlib import Path

from django.conf import settings
from django.db import models


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
    # On the logit scale, added to all five thresholds: the operating point that was chosen with the promotion.
    shift = models.FloatField(default=0.0)
    promoted_at = models.DateTimeField(auto_now_add=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.kind} {self.bundle}"
