"""A change of the gate's settings by two admins."""

from kyc_review.accounts.models import User
from kyc_review.training.gate_changes import gate_change_approve, gate_change_propose
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import GateSettings

WHY = "The board decided on 2026-11-20."


def gate_changed(limits: Limits, *, by: User, approved_by: User, version: int | None = None) -> GateSettings:
    """The row that counts afterwards; `by` proposes."""
    proposal = gate_change_propose(limits=limits, reason=WHY, actor=by, version=version)
    return gate_change_approve(proposal=proposal, actor=approved_by)
