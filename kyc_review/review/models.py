"""What people look at and what they decided. Rules about change live in services.py; what must hold for ever, here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now


class ReviewItem(models.Model):
    """A unit of human work: one submission that the models could not clear, and why."""

    class Reason(models.TextChoices):
        UNANIMOUS_FAKE = "unanimous_fake", "All five say fake"
        SPLIT_VOTE = "split_vote", "Votes disagree"
        SECOND_OPINION = "second_opinion", "Second opinion"
        UNSCORABLE = "unscorable", "Could not be scored"
        AUDIT = "audit", "Audit sample"
        GOLD = "gold", "Calibration"

    class State(models.TextChoices):
        OPEN = "open", "Waiting"
        CLAIMED = "claimed", "Claimed"
        DECIDED = "decided", "Decided"

    # Most urgent first. Gold shares a rank with ordinary work, so that its place in the queue does not give it away.
    PRIORITIES = {
        Reason.UNANIMOUS_FAKE: 0,
        Reason.SECOND_OPINION: 1,
        Reason.SPLIT_VOTE: 2,
        Reason.GOLD: 2,
        Reason.UNSCORABLE: 3,
        Reason.AUDIT: 4,
    }

    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="review_items"
    )
    reason = models.CharField(max_length=20, choices=Reason)
    priority = models.GeneratedField(
        expression=Case(
            *(When(reason=reason.value, then=Value(rank)) for reason, rank in PRIORITIES.items()),
            default=Value(9),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    risk = models.FloatField(help_text="0..1 from detection.voting.risk; orders items of one reason.")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="claimed_items",
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=~Q(state="decided"), name="one_open_item_per_submission"
            ),
            models.UniqueConstraint(
                fields=["claimed_by"], condition=Q(state="claimed"), name="one_claim_per_reviewer"
            ),
            models.CheckConstraint(
                condition=Q(
                    state="claimed",
                    claimed_by__isnull=False,
                    claimed_at__isnull=False,
                    claim_expires_at__isnull=False,
                )
                | (
                    ~Q(state="claimed")
                    & Q(claimed_by__isnull=True, claimed_at__isnull=True, claim_expires_at__isnull=True)
                ),
                name="claim_fields_all_or_none",
            ),
            models.CheckConstraint(
                condition=Q(state="decided", decided_at__isnull=False)
                | (~Q(state="decided") & Q(decided_at__isnull=True)),
                name="decided_at_when_decided",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "claimed", "decided"]), name="item_state_known"
            ),
            models.CheckConstraint(condition=Q(risk__gte=0, risk__lte=1), name="item_risk_from_0_to_1"),
        ]
        indexes = [
            # The claim's ORDER BY, so that taking the next item costs the same in a long queue.
            models.Index(
                F("priority"),
                F("risk").desc(),
                F("opened_at"),
                F("id"),
                condition=Q(state="open"),
                name="item_next",
            ),
            models.Index(fields=["claim_expires_at"], condition=Q(state="claimed"), name="item_claim_expiry"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} ({self.reason}, {self.state})"


class Skip(models.Model):
    """A reviewer put an item back for somebody else; the queue does not offer it to them again unasked."""

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="skips")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    skipped_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "reviewer"], name="one_skip_per_reviewer")]

    def __str__(self) -> str:
        return f"item {self.item_id} skipped by {self.reviewer_id}"


class Decision(models.Model):
    """A human's word on one item. Written once; a trigger refuses any change."""

    class Label(models.TextChoices):
        REAL = "real", "Real"
        FAKE = "fake", "Fake"

    item = models.OneToOneField(ReviewItem, on_delete=models.PROTECT, related_name="decision")
    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="decisions"
    )
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    label = models.CharField(max_length=4, choices=Label)
    note = models.TextField(blank=True, default="", max_length=2000)
    decided_at = models.DateTimeField(db_default=Now())
    handling_ms = models.PositiveIntegerField(help_text="From claim to decision, by the database's clock.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(label__in=["real", "fake"]), name="decision_label_known")
        ]
        indexes = [models.Index(fields=["decided_at"], name="decision_decided_at")]

    def __str__(self) -> str:
        return f"{self.label} on item {self.item_id}"
