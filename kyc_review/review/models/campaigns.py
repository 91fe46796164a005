"""Which pictures of a group of near-duplicates a senior has looked at."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class CampaignLook(models.Model):
    """The person was sent this submission's picture on a campaign's page, and then looked at it (`looked_at`); deciding
    the group needs a look for each."""

    submission = models.ForeignKey("submissions.Submission", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_at = models.DateTimeField(db_default=Now())
    looked_at = models.DateTimeField(null=True, help_text="None: sent, but not reported as seen.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "person"], name="campaign_look_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} saw {self.submission_id}"
