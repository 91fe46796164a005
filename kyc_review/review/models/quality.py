"""Faces whose answer is known, to measure how often people find it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from .decisions import Decision


class Gold(models.Model):
    """A completed submission with a known answer; it is mixed into the queue as if it were new."""

    submission = models.OneToOneField("submissions.Submission", on_delete=models.PROTECT, related_name="gold")
    label = models.CharField(max_length=14, choices=Decision.Label)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=Now())
    is_active = models.BooleanField(default=True)
    opens_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is next put into the queue, if it was drawn for that."
    )

    class Meta:
        verbose_name_plural = "gold"

    def __str__(self) -> str:
        return f"{self.submission_id} is {self.label}"
