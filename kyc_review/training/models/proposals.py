from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kyc_review.training.models.jobs import Comparison


class Proposal(models.Model):
    """One admin asks that a compared candidate serves; another one decides.

    It is bound to the comparison, and so to both bundles' hashes. `gate` is what the checks said when it was
    made, `gate_at_approval` what they said when it was approved (else empty), `override` the reason for
    promoting despite a failed check. `shift` moves the candidate's thresholds on the logit scale to the
    operating point that was chosen.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Waits for another admin")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="proposals")
    shift = models.FloatField(default=0.0)
    gate = models.JSONField(default=list)
    gate_at_approval = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True
    )
    reason = models.CharField(max_length=300)
    override = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    proposed_at = models.DateTimeField(auto_now_add=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    remark = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="proposal_approved_by_another",
                condition=~Q(state="approved")
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
            ),
            models.UniqueConstraint(name="one_open_proposal", fields=["state"], condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk}: {self.comparison.candidate}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN
