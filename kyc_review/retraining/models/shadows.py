from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from kyc_review.retraining.models.bundles import Bundle


class Shadow(models.Model):
    """A bundle that scores live selfies beside the champion, without any effect. At most one at a time.

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
