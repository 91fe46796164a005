"""What admins decided about planting. The planted forgeries themselves are rows of `review`."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.training.models import Proposal

RATE_MAX = 0.2


class Sources(models.TextChoices):
    """Which pictures are forged."""

    LICENSED = "licensed", _("Licensed pictures from the folder of the installation")
    GENUINE = "genuine", _("Pictures of applicants that people found genuine")


class PlantingValues(models.Model):
    """The values that are proposed, and that count once they are approved."""

    NAMES: ClassVar = ("is_on", "sources", "rate", "per_day_max", "queue_max")

    is_on = models.BooleanField(_("Plant forgeries"), default=False)
    sources = models.CharField(_("Made of"), max_length=10, choices=Sources, default=Sources.LICENSED)
    rate = models.FloatField(
        _("Share of submissions"),
        default=0.01,
        validators=[MinValueValidator(0.0001), MaxValueValidator(RATE_MAX)],
        help_text=_("0.01 plants one for every hundred submissions of customers; at most 0.2."),
    )
    per_day_max = models.PositiveSmallIntegerField(
        _("Most of one day"), default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    queue_max = models.PositiveIntegerField(
        _("Longest queue"),
        default=200,
        help_text=_("None is planted while more items than this wait for people."),
    )

    class Meta:
        abstract = True


class PlantingSettings(PlantingValues):
    """What counts from `changed_at` on; the latest row counts, each is written once. Without a row nothing is planted.

    One admin alone may switch planting off, so only such rows have no `approved_by`.
    """

    reason = models.CharField(max_length=300)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                name="planting_switched_on_by_two",
                condition=Q(is_on=False) | Q(approved_by__isnull=False) & ~Q(approved_by=F("changed_by")),
            )
        ]

    def __str__(self) -> str:
        return f"planting settings {self.pk}"


class PlantingProposal(PlantingValues):
    """One admin asks for these values; another one decides. An approved one makes a row of PlantingSettings."""

    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=Proposal.State, default=Proposal.State.OPEN)
    proposed_at = models.DateTimeField(default=timezone.now)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    remark = models.CharField(max_length=300, blank=True, default="", db_default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                name="planting_approved_by_another",
                condition=~Q(state="approved")
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
            ),
            models.UniqueConstraint(
                name="one_open_planting_proposal", fields=["state"], condition=Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return f"planting proposal {self.pk}"
