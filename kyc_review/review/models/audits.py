"""Which automatic outcomes people look at all the same, and how likely each was to be drawn."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from kyc_review.core.db.rollups import CountMark, Touch
from kyc_review.core.db.slots import Slot


class AuditDraw(models.Model):
    """A submission that was cleared, or sent back by a check, without a person, and was drawn into the quality sample.

    A cleared one stays cleared unless a person finds it fake. What was sent back stays sent back: the
    applicant has been asked already, and what people find is counted. `probability` is the probability with
    which it was drawn. `uniform_share` is the part of it that was equal for all such submissions at the time;
    `is_uniform` says whether that part drew it: those rows are a simple random sample.
    """

    class Outcome(models.TextChoices):
        CLEAR = "clear", gettext_lazy("Cleared")
        RESUBMIT = "resubmit", gettext_lazy("Sent back")

    submission = models.OneToOneField(
        "submissions.Submission", on_delete=models.PROTECT, related_name="audit_draw"
    )
    outcome = models.CharField(
        max_length=10,
        choices=Outcome,
        db_default=Outcome.CLEAR,
        help_text="The automatic result that was drawn.",
    )
    probability = models.FloatField()
    uniform_share = models.FloatField()
    is_uniform = models.BooleanField()
    drawn_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index("outcome", Slot("drawn_at"), name="audit_draw_by_slot")]
        constraints = [
            models.CheckConstraint(
                name="audit_probability_in_unit",
                condition=Q(
                    probability__gt=0,
                    probability__lte=1,
                    uniform_share__gte=0,
                    uniform_share__lte=F("probability"),
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.submission_id} drawn with {self.probability:.4f}"


class AuditCount(models.Model):
    """Customers' cleared submissions of one quarter hour that were drawn, with the same answer (`review.audit_counts`).

    `label` is that of the last final decision, empty without one; `weight` is the sum of one over the probabilities.
    """

    slot = models.DateTimeField(help_text="When the quarter hour began in which they were drawn.")
    version = models.CharField(max_length=60)
    digest = models.CharField(max_length=64)
    shift = models.FloatField()
    is_uniform = models.BooleanField()
    label = models.CharField(max_length=14, blank=True)
    waits = models.BooleanField()
    number = models.PositiveIntegerField()
    weight = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["slot", "digest", "version", "shift", "is_uniform", "label", "waits"],
                name="audit_count_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.label} of {self.slot}"


class AuditCountMark(CountMark):
    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_audit_count_mark")]


class AuditTouch(Touch):
    """What is known of a draw of this quarter hour changed."""

    class Meta:
        indexes = [models.Index(fields=["at"], name="audit_touch_by_time")]
