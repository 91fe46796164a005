"""Counts of verdicts and results, kept by a worker."""

from django.db import models
from django.db.models import Q

from kyc_review.core.db.rollups import CountMark, Touch


class ScoringCount(models.Model):
    """Live pictures of one quarter hour with the same verdict of the same bundle (`scoring.counts`)."""

    slot = models.DateTimeField(help_text="When the quarter hour began.")
    bundle_version = models.CharField(max_length=60)
    bundle_digest = models.CharField(max_length=64)
    shift = models.FloatField()
    verdict = models.CharField(max_length=20)
    for_person = models.BooleanField(help_text="A check or an auxiliary model asked for a person.")
    is_planted = models.BooleanField()
    number = models.PositiveIntegerField()
    first = models.DateTimeField(help_text="When the first of them was scored.")
    last = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "slot",
                    "bundle_digest",
                    "bundle_version",
                    "shift",
                    "verdict",
                    "for_person",
                    "is_planted",
                ],
                name="scoring_count_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verdict} at {self.slot}"


class ScoringCountMark(CountMark):
    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_scoring_count_mark")]


class ResultCount(models.Model):
    """Live pictures scored in one quarter hour with the same votes and the same result (`scoring.counts`): those that
    were rejected, or cleared by a person although not all votes say real."""

    slot = models.DateTimeField(help_text="When the quarter hour began in which they were scored.")
    bundle_version = models.CharField(max_length=60)
    bundle_digest = models.CharField(max_length=64)
    shift = models.FloatField()
    pattern = models.CharField(
        max_length=20,
        blank=True,
        help_text="1 for each vote for fake, 0 for each other; empty: all say real.",
    )
    result = models.CharField(max_length=10)
    is_planted = models.BooleanField()
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "slot",
                    "bundle_digest",
                    "bundle_version",
                    "shift",
                    "pattern",
                    "result",
                    "is_planted",
                ],
                name="result_count_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.result} at {self.slot}"


class ResultCountMark(CountMark):
    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_result_count_mark")]


class ResultTouch(Touch):
    """The result of a picture that was scored in this quarter hour changed."""

    class Meta:
        indexes = [models.Index(fields=["at"], name="result_touch_by_time")]
