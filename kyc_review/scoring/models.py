from django.db import models
from django.db.models import Q

from detection.voting import Verdict
from kyc_review.submissions.models import Submission


class Scoring(models.Model):
    """What the ensemble said of one submission; one per submission, never changed."""

    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="scoring")
    bundle_version = models.CharField(max_length=60)
    bundle_digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=20, choices=[(v.value, v.value) for v in Verdict])
    risk = models.FloatField()
    elapsed_ms = models.FloatField(help_text="This image's share of its batch, decoding included.")
    scored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["scored_at"], name="scoring_by_time")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.submission_id}"


class Vote(models.Model):
    """One member's probability of *fake* and its call."""

    scoring = models.ForeignKey(Scoring, on_delete=models.CASCADE, related_name="votes")
    position = models.PositiveSmallIntegerField()
    member = models.CharField(max_length=60)
    probability = models.FloatField()
    threshold = models.FloatField()
    is_fake = models.BooleanField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["scoring", "position"], name="vote_once_per_position"),
            models.CheckConstraint(
                name="vote_probability_in_unit", condition=Q(probability__gte=0, probability__lte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.probability:.3f}"


class Canary(models.Model):
    """The one row that says when the canary last came through the models."""

    finished_at = models.DateTimeField()
    bundle_version = models.CharField(max_length=60)
    elapsed_ms = models.FloatField()

    class Meta:
        constraints = [models.CheckConstraint(name="one_canary", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"{self.bundle_version} at {self.finished_at}"
