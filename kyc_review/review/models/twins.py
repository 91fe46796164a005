"""Which outcomes still have to be compared with those of the same picture under other references."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class TwinSearch(models.Model):
    """A submission was cleared or rejected, and its look-alikes were not compared with that yet.

    Written in the transaction of the outcome, so of two that are decided at the same moment the later search sees both.
    """

    submission = models.OneToOneField(
        "submissions.Submission", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    requested_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "twin searches"

    def __str__(self) -> str:
        return f"look-alikes of {self.submission_id}"
