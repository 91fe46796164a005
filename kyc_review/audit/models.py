from django.db import models


class Event(models.Model):
    """One event; a database trigger refuses UPDATE and DELETE.

    Actor and target are stored as text, not as foreign keys, because the log outlives them.
    """

    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=60)  # "<entity>.<past tense>", for example "submission.received"
    actor_kind = models.CharField(max_length=20)  # user, integration or system
    actor_id = models.CharField(max_length=40, blank=True)
    actor_name = models.CharField(max_length=150, blank=True)
    target_kind = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["target_kind", "target_id"], name="event_by_target"),
            models.Index(fields=["action", "at"], name="event_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.target_kind} {self.target_id}"
