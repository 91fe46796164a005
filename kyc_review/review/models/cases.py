"""What people say about a submission among themselves, and appeals against its outcome."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CaseComment(models.Model):
    """A note on a submission for colleagues, or the words of an appeal. Written once; an erasure deletes it."""

    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="comments"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_appeal = models.BooleanField(
        default=False, help_text="Against the outcome; without an author, from the onboarding system."
    )
    text = models.TextField(blank=True, default="", max_length=2000)
    written_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When people had judged the appeal.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=Q(is_appeal=True), name="one_appeal_per_submission"
            ),
            models.CheckConstraint(
                condition=Q(is_appeal=True) | (Q(author__isnull=False) & ~Q(text="")),
                name="comment_has_author_and_text",
            ),
        ]

    def __str__(self) -> str:
        return f"{'appeal' if self.is_appeal else 'comment'} on {self.submission_id}"


class Mention(models.Model):
    """A comment names a colleague with @username; their queue page says so until they have opened the case."""

    comment = models.ForeignKey(CaseComment, on_delete=models.CASCADE, related_name="mentions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "person"], name="mentioned_once")]
        indexes = [
            models.Index(fields=["person"], condition=Q(read_at__isnull=True), name="mention_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in comment {self.comment_id}"
