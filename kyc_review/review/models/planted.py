"""Forgeries that the product makes itself, to measure models and people by kind of edit."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PlantedForgery(models.Model):
    """One forgery that was planted among the customers' submissions: what it was made of, and how.

    Written in the transaction of its submission, which is marked as `is_planted`. The row stays when the submission is
    erased, so that figures stay; it names the source's key, nothing of the applicant.
    """

    submission = models.OneToOneField(
        "submissions.Submission", on_delete=models.PROTECT, related_name="planted_forgery"
    )
    source = models.OneToOneField(
        "submissions.Submission",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="forgery_of_it",
        help_text="The genuine submission that was forged. It is erased with its forgery.",
    )
    picture_sha256 = models.CharField(
        max_length=64, blank=True, default="", help_text="Of the licensed picture that was forged instead."
    )
    kind = models.CharField(max_length=60, help_text="<way>/<region>/<seam> or the like, as in ml.synthesis.")
    difficulty = models.FloatField(help_text="Of the edit, as it was drawn: 0 is obvious, 1 careful.")
    planted_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "planted forgeries"
        constraints = [
            models.CheckConstraint(
                name="planted_forgery_has_one_source",
                condition=Q(source__isnull=False, picture_sha256="")
                | Q(source__isnull=True) & ~Q(picture_sha256=""),
            ),
            models.UniqueConstraint(
                name="licensed_picture_forged_once",
                fields=["picture_sha256"],
                condition=~Q(picture_sha256=""),
            ),
        ]
        indexes = [models.Index(fields=["planted_at"], name="planted_forgery_by_age")]

    def __str__(self) -> str:
        return f"planted forgery {self.pk} ({self.kind})"
