"""Training runs, comparisons and proposals, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from kyc_review.core.permissions import may_see_retraining
from kyc_review.training.models import Comparison, Proposal, RefusedTraining, TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def runs_listed(*, viewer: User) -> QuerySet[TrainingRun]:
    """Newest first."""
    rows = TrainingRun.objects.select_related("snapshot", "init", "candidate", "created_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()


def comparisons_listed(*, viewer: User) -> QuerySet[Comparison]:
    """Newest first."""
    rows = Comparison.objects.select_related("snapshot", "champion", "candidate", "created_by").order_by(
        "-pk"
    )
    return rows if may_see_retraining(viewer) else rows.none()


def proposals_listed(*, viewer: User) -> QuerySet[Proposal]:
    """Newest first."""
    rows = Proposal.objects.select_related("comparison__candidate", "proposed_by", "decided_by").order_by(
        "-pk"
    )
    return rows if may_see_retraining(viewer) else rows.none()


def refused_trainings_listed(*, viewer: User) -> QuerySet[RefusedTraining]:
    """Trainings by the calendar that could not be started, newest first."""
    rows = RefusedTraining.objects.order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()
