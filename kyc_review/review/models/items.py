"""A unit of human work and its way through the queue."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy

from .reasons import PRIORITIES, QUEUE_CALM, QUEUE_RANK, Reason


class ReviewItem(models.Model):
    """One submission that needs a person, and why.

    `settling` is a decision that its author may still take back; `settles_at` is when the sweep makes it final. An open
    item with a `reserved_until` ahead is offered to `reserved_for` alone: handed over, or about to be shown
    (`is_reserved_ahead`); the latter only as long as something else waits for others.
    """

    Reason = Reason

    class State(models.TextChoices):
        OPEN = "open", gettext_lazy("Waiting")
        CLAIMED = "claimed", gettext_lazy("Claimed")
        SETTLING = "settling", gettext_lazy("Decided a moment ago")
        DECIDED = "decided", gettext_lazy("Decided")

    submission = models.ForeignKey(
        "submissions.Submission", on_delete=models.PROTECT, related_name="review_items"
    )
    reason = models.CharField(max_length=20, choices=Reason)
    masked_reason = models.CharField(
        max_length=20,
        choices=Reason,
        blank=True,
        default="",
        help_text="The reason that people see instead, where the true one would tell the reviewer what to answer.",
    )
    shown_reason = models.GeneratedField(
        expression=Case(When(masked_reason="", then=F("reason")), default=F("masked_reason")),
        output_field=models.CharField(max_length=20, choices=Reason),
        db_persist=True,
    )
    is_blind = models.BooleanField(
        default=False, help_text="Votes and evidence are hidden until the reviewer's first call."
    )
    outcome_may_be_known = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Every reviewer knows what came of the same picture, so those who do may judge this one blind.",
    )
    is_escalated = models.BooleanField(default=False)
    escalated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    queue_reason = models.CharField(
        max_length=20,
        choices=Reason,
        blank=True,
        default="",
        help_text="A drawn reason and risk that determine its queue position, where its own would reveal it.",
    )
    queue_risk = models.FloatField(null=True, blank=True)
    priority = models.GeneratedField(
        expression=Case(
            When(is_escalated=True, then=Value(-1)),
            *(
                When(
                    Q(queue_reason=reason.value)
                    | Q(queue_reason="", masked_reason=reason.value)
                    | Q(queue_reason="", masked_reason="", reason=reason.value),
                    then=Value(rank),
                )
                for reason, rank in PRIORITIES.items()
            ),
            default=Value(9),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    risk = models.FloatField(help_text="0..1 from detection.voting.risk")
    urgency = models.GeneratedField(
        expression=Coalesce("queue_risk", "risk"),
        output_field=models.FloatField(),
        db_persist=True,
        help_text="Orders items of one priority.",
    )
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
    reserved_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reserved_items",
    )
    reserved_until = models.DateTimeField(null=True, blank=True)
    is_reserved_ahead = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Reserved only so that the page can fetch the picture; anyone may take it as a last item.",
    )
    message = models.CharField(
        max_length=300, blank=True, default="", help_text="From the person who escalated or handed it over."
    )
    correction = models.ForeignKey(
        "review.Decision",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reviews",
        db_index=False,
        help_text="The correction that takes effect once this review agrees with it.",
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    settles_at = models.DateTimeField(null=True, blank=True)
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
                condition=Q(reserved_for__isnull=True, reserved_until__isnull=True)
                | Q(reserved_for__isnull=False, reserved_until__isnull=False),
                name="reservation_fields_all_or_none",
            ),
            models.CheckConstraint(
                condition=Q(state="settling", settles_at__isnull=False)
                | (~Q(state="settling") & Q(settles_at__isnull=True)),
                name="settles_at_while_settling",
            ),
            models.CheckConstraint(
                condition=Q(state="decided", decided_at__isnull=False)
                | (~Q(state="decided") & Q(decided_at__isnull=True)),
                name="decided_at_when_decided",
            ),
            models.UniqueConstraint(
                fields=["submission"],
                condition=Q(reason="twin_rejected"),
                name="reopened_for_a_twin_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "claimed", "settling", "decided"]), name="item_state_known"
            ),
            models.CheckConstraint(condition=Q(risk__gte=0, risk__lte=1), name="item_risk_from_0_to_1"),
            models.CheckConstraint(
                condition=Q(queue_reason="", queue_risk__isnull=True)
                | (~Q(queue_reason="") & Q(queue_risk__gte=0, queue_risk__lte=1)),
                name="queue_fields_all_or_none",
            ),
        ]
        indexes = [
            # For claims and for the list of the queue, so that both cost the same in a long queue.
            models.Index(
                QUEUE_RANK,
                QUEUE_CALM,
                F("opened_at"),
                F("id"),
                condition=Q(state__in=["open", "claimed"]),
                name="item_queue_order",
            ),
            models.Index(
                fields=["opened_at"],
                condition=Q(reason="standstill", state="open"),
                name="item_of_standstill",
            ),
            models.Index(
                fields=["opened_at", "id"],
                condition=Q(state__in=["open", "claimed"]),
                name="item_waiting_since",
            ),
            models.Index(fields=["claim_expires_at"], condition=Q(state="claimed"), name="item_claim_expiry"),
            models.Index(
                fields=["id"], condition=Q(state="open", outcome_may_be_known=True), name="item_outcome_known"
            ),
            models.Index(fields=["settles_at"], condition=Q(state="settling"), name="item_to_settle"),
            models.Index(
                fields=["reserved_for"],
                condition=Q(state="open", reserved_for__isnull=False),
                name="item_reserved",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} ({self.reason}, {self.state})"

    @property
    def shown_reason_label(self) -> str:
        return str(Reason(self.shown_reason).label)


# What the queue still holds, and what is not decided yet or may still be undone.
WAITING_STATES = (ReviewItem.State.OPEN, ReviewItem.State.CLAIMED)
UNDECIDED_STATES = (*WAITING_STATES, ReviewItem.State.SETTLING)
RISK_WITHOUT_VOTES = 1.0  # of an item whose picture no model voted on: nothing speaks for the picture
