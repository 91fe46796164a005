from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kyc_review.training.models.proposals import Proposal

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class GateSettings(models.Model):
    """What the bank asks of a candidate from `changed_at` on; the latest row counts, each is written once.

    Without a row the values of the environment count (`GATE_*`). Shares lie between 0 and 1.
    """

    LIMITS: ClassVar = (
        "recall_margin",
        "recall_min",
        "load_factor",
        "load_max",
        "group_margin",
        "audited_fakes",
    )

    recall_margin = models.FloatField(
        _("Recall below the champion's"),
        validators=SHARE,
        help_text=_("Share of all fakes by which a candidate's recall may lie below the champion's."),
    )
    recall_min = models.FloatField(
        _("Least recall"),
        validators=SHARE,
        help_text=_("Share of all fakes that must reach a person, whatever the champion's recall is."),
    )
    load_factor = models.FloatField(
        _("Load against the champion's"),
        validators=[MinValueValidator(0.0), MaxValueValidator(100.0)],
        help_text=_(
            "The review load may be at most this multiple of the champion's, plus two points. A candidate must also "
            "clear at least half as many submissions as the champion."
        ),
    )
    load_max = models.FloatField(
        _("Most load"),
        null=True,
        blank=True,
        validators=SHARE,
        help_text=_(
            "Share of submissions that may go to people, whatever the champion's load is. Empty: no such limit."
        ),
    )
    group_margin = models.FloatField(
        _("Worst group"),
        null=True,
        blank=True,
        validators=SHARE,
        help_text=_(
            "Points, as a share, by which no group may clearly lose recall or gain false alarms. Empty: groups are not "
            "checked."
        ),
    )
    audited_fakes = models.PositiveSmallIntegerField(
        _("Audited fakes"),
        help_text=_("Least number of held-out fakes that an audit of cleared faces found."),
    )
    before = models.JSONField(
        null=True,
        editable=False,
        help_text="The limits that this change replaced; null in rows of early versions.",
    )
    reason = models.CharField(max_length=300)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The second admin; null in rows from before a change needed two.",
    )

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                name="gate_settings_approved_by_another", condition=~Q(approved_by=F("changed_by"))
            )
        ]

    def __str__(self) -> str:
        return f"gate settings {self.pk}"


class GateProposal(models.Model):
    """One admin asks for other limits of the gate; another one decides. An approved one makes a row of GateSettings.

    `limits` and `before` hold every limit by its name, as proposed and as they counted then.
    """

    limits = models.JSONField()
    before = models.JSONField()
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=Proposal.State, default=Proposal.State.OPEN)
    proposed_at = models.DateTimeField(default=timezone.now)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    remark = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                name="gate_proposal_approved_by_another",
                condition=~Q(state="approved")
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
            ),
            models.UniqueConstraint(
                name="one_open_gate_proposal", fields=["state"], condition=Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return f"gate proposal {self.pk}"
