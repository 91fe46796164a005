"""Channels, notices and their deliveries."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.core.leases import LeasedRow, holder_only_in


class Kind(models.TextChoices):
    """What a notice is about. Kinds may be added, never change."""

    PROPOSAL = "proposal.waits", _("A proposal waits for a decision")
    CHANGED = "production.changed", _("The model in production or the gate changed")
    TRAINING = "training.failed", _("A training failed or was refused")
    OVERTURNED = "clear.overturned", _("A cleared selfie was found to be fake")
    ALARM = "alarm.began", _("Monitoring raised an alarm")
    SEAL = "audit.sealed", _("Once a day, the latest seal of the audit log")
    ENDPOINT = "endpoint.disabled", _("A webhook endpoint was switched off because it failed")
    ACCOUNT = "account.changed", _("One's own account changed")
    TEST = "notice.test", _("Sent on request, to try a channel")


CHOSEN_KINDS = [(kind.value, kind.label) for kind in Kind if kind not in (Kind.TEST, Kind.ACCOUNT)]
# Of the channel that each person with an address has for this alone; it is listed nowhere.
ACCOUNT_KINDS = [Kind.ACCOUNT.value]


class Medium(models.TextChoices):
    EMAIL = "email", _("E-mail")
    JSON = "json", _("Webhook (signed JSON)")
    SLACK = "slack", _("Slack")
    TEAMS = "teams", _("Microsoft Teams")


class Channel(models.Model):
    """Where notices go: of one person, or shared (no owner) and managed by admins.

    `sealed_url` and `sealed_secret` are encrypted: the URL of a Slack or Teams webhook is a credential.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    medium = models.CharField(max_length=10, choices=Medium)
    email = models.EmailField(blank=True)
    host = models.CharField(max_length=255, blank=True, help_text="Of the URL; to show it without the rest.")
    sealed_url = models.TextField(blank=True)
    sealed_secret = models.TextField(blank=True)
    description = models.CharField(max_length=100, blank=True)
    kinds = ArrayField(models.CharField(max_length=30, choices=Kind))
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(medium="email") & ~Q(email="") | ~Q(medium="email") & ~Q(sealed_url=""),
                name="notice_channel_has_address",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(is_active=False), name="notice_deleted_is_inactive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_medium_display()}: {self.address}"

    @property
    def address(self) -> str:
        """The e-mail address, or the host of the URL."""
        return self.email or self.host


class Notice(models.Model):
    """One thing to tell, written in the transaction of the event. It names no applicant.

    `path`: the page to open, below PUBLIC_URL.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=30, choices=Kind)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=1000, blank=True)
    path = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.title


class NoticeDelivery(LeasedRow):
    """One notice for one channel. `due_at` and the lease: `core.leases`; `gives_up_at` is the end of three days."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SENDING = "sending", _("Being sent")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts_made = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    gives_up_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="notice_once_per_channel"),
            holder_only_in("sending", name="notice_sending_has_holder"),
            models.CheckConstraint(
                condition=Q(state__in=["delivered", "dead"], finished_at__isnull=False)
                | Q(state__in=["pending", "sending"], finished_at__isnull=True),
                name="notice_finished_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state__in=["pending", "sending"]), name="notice_delivery_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} to {self.channel_id} ({self.state})"
