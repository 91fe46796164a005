"""What each bundle is now, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kyc_review.core.permissions import may_see_retraining
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.training.models import Comparison, Proposal, TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class Lineage:
    """The run that made it here, the snapshot that it learned from, the digest of what it was trained from."""

    run: int | None = None
    snapshot: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The rows of a bundle's way: lists are newest first; parent is None for one that is not registered here."""

    run: TrainingRun | None
    snapshot: Snapshot | None
    parent: Bundle | None
    comparisons: list[Comparison]
    proposals: list[Proposal]


def lineage(*, viewer: User, bundle: Bundle) -> Lineage:
    """Empty for those who may not see retraining, and for what came from elsewhere."""
    if not may_see_retraining(viewer):
        return Lineage()
    run, snapshot = _run(bundle), _snapshot(bundle)
    parent = bundle.provenance.get("trained_from_digest")
    return Lineage(
        run=run.pk if run else None,
        snapshot=snapshot.name if snapshot else None,
        parent=str(parent) if parent else None,
    )


def history(*, viewer: User, bundle: Bundle) -> History:
    """Empty for those who may not see retraining."""
    if not may_see_retraining(viewer):
        return History(None, None, None, [], [])
    proposals = Proposal.objects.filter(comparison__candidate=bundle)
    comparisons = Comparison.objects.filter(candidate=bundle).select_related("snapshot", "champion")
    return History(
        run=_run(bundle),
        snapshot=_snapshot(bundle),
        parent=Bundle.objects.filter(digest=bundle.provenance.get("trained_from_digest") or "-").first(),
        comparisons=list(comparisons.order_by("-pk")),
        proposals=list(proposals.select_related("proposed_by", "decided_by", "comparison").order_by("-pk")),
    )


def _run(bundle: Bundle) -> TrainingRun | None:
    return TrainingRun.objects.filter(candidate=bundle).select_related("snapshot").order_by("pk").first()


def _snapshot(bundle: Bundle) -> Snapshot | None:
    frozen = bundle.provenance.get("snapshot_sha256")
    return Snapshot.objects.filter(manifest_sha256=frozen).first() if frozen else None
