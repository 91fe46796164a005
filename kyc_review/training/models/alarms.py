from django.db import models
from django.db.models import Q
from django.utils import timezone


class Alarm(models.Model):
    """A signal left its limits, from `began_at` until `ended_at`; at most one is open for each signal."""

    signal = models.CharField(max_length=60)
    detail = models.CharField(max_length=500)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["signal"], condition=Q(ended_at=None), name="one_open_alarm_per_signal"
            )
        ]

    def __str__(self) -> str:
        return f"{self.signal}: {self.detail}"
