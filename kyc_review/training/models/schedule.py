from django.db import models
from django.utils import timezone


class RefusedTraining(models.Model):
    """A training by the calendar that could not be started; `reason` is that of the last attempt of its period."""

    reason = models.CharField(max_length=500)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"no scheduled training: {self.reason}"
