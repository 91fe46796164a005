"""Endpoints, events, deliveries and attempts."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import Integration
from kyc_review.core.leases import LeasedRow, holder_only_in


class Kind(models.TextChoices):
    """What happened, as the integration reads it. Kinds may be added, never change."""

    CLEARED = "submission.cleared", "All models found it genuine."
    QUEUED = "submission.queued", "It waits for a reviewer."
    COMPLETED = "submission.completed", "A reviewer decided."
    OVERTURNED = "submission.overturned", "An earlier result was corrected."
    APPEAL_DECIDED = "submission.appeal_decided", "People judged an appeal; the result says how."
    RESUBMIT_REQUESTED = "submission.resubmit_requested", "The applicant should take another selfie."
    ERASED = "submission.erased", "The picture and what named the applicant were deleted."
    DISABLED = "endpoint.disabled", "An endpoint of yours was switched off because it failed."
    TEST = "webhook.test", "Sent on request, to try an endpoint."


class DisabledReason(models.TextChoices):
    """Why the product switched an endpoint off, as its event says."""

    GONE = "answered_410"
    ONLY_FAILED = "only_failed"


def all_kinds() -> list[str]:
    return [kind.value for kind in Kind if kind != Kind.TEST]


class Endpoint(models.Model):
    """An address of an integration that receives events of its submissions.

    `secret` and `previous_secret` are encrypted (`secret_encryption.py`). While the previous one is valid,
    every message carries both signatures, so that the receiver can change its copy at any moment in between.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="webhook_endpoints")
    is_test = models.BooleanField(default=False, help_text="Receives events of the sandbox only.")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=40, choices=Kind), default=all_kinds)
    with_external_ref = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Messages name the integration's reference of the submission.",
    )
    secret = models.TextField()
    previous_secret = models.TextField(blank=True)
    previous_secret_expires_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True, help_text="Null for one that is switched on.")
    failing_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The first of the failures since the last success; null after a success.",
    )
    failures = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Attempts in a row that failed, of all its messages."
    )
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="After failures nothing is sent before this time."
    )
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["integration", "is_test"],
                condition=Q(is_active=True, deleted_at__isnull=True),
                name="webhook_endpoint_listening",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(is_active=False), name="webhook_deleted_is_inactive"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Event(models.Model):
    """An event, written in the transaction of its change. `payload` is the body that is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # `webhook_event_listed` begins with it and serves as its index.
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+", db_index=False)
    submission = models.ForeignKey(
        "submissions.Submission", null=True, on_delete=models.CASCADE, related_name="webhook_events"
    )
    kind = models.CharField(max_length=40, choices=Kind)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["integration", "created_at", "id"], name="webhook_event_listed")]

    def __str__(self) -> str:
        return self.message_id

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same for every attempt and replay, so that a receiver can recognise repetitions."""
        return f"evt_{self.id.hex}"


class Delivery(LeasedRow):
    """One event for one endpoint.

    `due_at` is when a worker may next take the row: at once at first, the lease's end while a worker sends it, the end
    of the back-off after a failure. `gives_up_at` is the end of the three days.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SENDING = "sending", _("Being sent")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Longer indexes below begin with each of the two and serve as theirs.
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts_made = models.PositiveIntegerField(default=0, help_text="Since it was made or last replayed.")
    gives_up_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="webhook_delivery_once_per_endpoint"),
            holder_only_in("sending", name="webhook_sending_has_holder"),
            models.CheckConstraint(
                condition=Q(state__in=["delivered", "dead"], finished_at__isnull=False)
                | Q(state__in=["pending", "sending"], finished_at__isnull=True),
                name="webhook_finished_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state__in=["pending", "sending"]), name="webhook_delivery_due"
            ),
            models.Index(fields=["endpoint"], condition=Q(state="dead"), name="webhook_delivery_dead"),
            models.Index(
                fields=["endpoint", "-finished_at"],
                condition=Q(state="delivered"),
                name="webhook_delivery_latest",
            ),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="webhook_delivery_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id} ({self.state})"


class Attempt(models.Model):
    """One attempt to deliver: the receiver's answer, or why there is none."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status; null when none came.")
    error = models.CharField(max_length=300, blank=True)
    elapsed_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
