"""Items that were released undecided: what can be undone for a time, and who is not offered them again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from .items import ReviewItem


class PutAside(models.Model):
    """A reviewer's last release of an item, with what it changed, so that it can be undone for UNDO_WINDOW_S.

    At most one row for each item and reviewer; deleted when it is undone, and with the words of an erased submission.
    """

    class Act(models.TextChoices):
        SKIPPED = "skipped", gettext_lazy("Skipped")
        SNOOZED = "snoozed", gettext_lazy("Snoozed")
        ESCALATED = "escalated", gettext_lazy("Escalated")
        HANDED_OVER = "handed_over", gettext_lazy("Handed over")

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="put_aside")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=12, choices=Act)
    handed_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    was_escalated = models.BooleanField(default=False)
    escalated_by_before = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    message_before = models.CharField(max_length=300, blank=True, default="")
    skip_of_receiver = models.CharField(
        max_length=12, blank=True, default="", help_text="Why the receiver had skipped it, where they had."
    )
    put_aside_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="one_put_aside_per_reviewer")
        ]
        indexes = [models.Index(fields=["reviewer", "put_aside_at"], name="put_aside_by_reviewer")]
        verbose_name_plural = "put aside"

    def __str__(self) -> str:
        return f"item {self.item_id} {self.act} by {self.reviewer_id}"


class Skip(models.Model):
    """A reviewer put an item back for somebody else; the queue does not offer it to them again unasked."""

    class Reason(models.TextChoices):
        UNSURE = "unsure", gettext_lazy("I am not sure")
        KNOWN = "known", gettext_lazy("I know this person")
        UNREADABLE = "unreadable", gettext_lazy("The picture does not show")
        OTHER = "other", gettext_lazy("Another reason")

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="skips")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=12, choices=Reason, default=Reason.UNSURE)
    skipped_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "reviewer"], name="one_skip_per_reviewer")]

    def __str__(self) -> str:
        return f"item {self.item_id} skipped by {self.reviewer_id}"
