"""Counts of decisions, kept by a worker."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kyc_review.accounts.models import Integration
from kyc_review.core.db.rollups import CountMark, Touch


class DecisionCount(models.Model):
    """Final decisions of one quarter hour that are the same in all that figures ask for (`review.decision_counts`)."""

    class Call(models.TextChoices):
        """What a person who had judged before the votes were shown did then."""

        NONE = ""  # no first call of real or fake, no votes, or a correction
        FOLLOWED = "followed"  # called against the models, and changed to what they say
        KEPT = "kept"  # called against the models, and stayed with that
        STAYED = "stayed"  # called with the models, and stayed with that
        LEFT = "left"  # called with the models, and changed away

    class Pair(models.TextChoices):
        """Compared with the decision of the other person who decided on the face before."""

        NONE = ""  # there is none, or it is a calibration item or a correction
        SAME = "same"
        APART = "apart"

    slot = models.DateTimeField(help_text="When the quarter hour began in which they were made.")
    # No list asks for an integration's rows alone.
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=20, help_text="Of the item.")
    label = models.CharField(max_length=14)
    is_test = models.BooleanField()
    is_planted = models.BooleanField()
    call = models.CharField(max_length=10, blank=True, choices=Call)
    pair = models.CharField(max_length=10, blank=True, choices=Pair)
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "slot",
                    "integration",
                    "reason",
                    "label",
                    "is_test",
                    "is_planted",
                    "call",
                    "pair",
                ],
                name="decision_count_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.label} at {self.slot}"


class DecisionCountMark(CountMark):
    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_decision_count_mark")]


class DecisionTouch(Touch):
    """A decision of this quarter hour became final or was undone, or an earlier one of the same face did."""

    class Meta:
        indexes = [models.Index(fields=["at"], name="decision_touch_by_time")]
