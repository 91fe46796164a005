"""What each bundle is now, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kyc_review.core.permissions import may_see_retraining
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.training.models import TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class Lineage:
    """The run that made it here, the snapshot that it learned from, the digest of what it was trained from."""

    run: int | None = None
    snapshot: str | None = None
    parent: str | None = None


def lineage(*, viewer: User, bundle: Bundle) -> Lineage:
    """Empty for those who may not see retraining, and for what came from elsewhere."""
    if not may_see_retraining(viewer):
        return Lineage()
    run = TrainingRun.objects.filter(candidate=bundle).order_by("pk").first()
    frozen = bundle.provenance.get("snapshot_sha256")
    snapshot = Snapshot.objects.filter(manifest_sha256=frozen).first() if frozen else None
    parent = bundle.provenance.get("trained_from_digest")
    return Lineage(
        run=run.pk if run else None,
        snapshot=snapshot.name if snapshot else None,
        parent=str(parent) if parent else None,
    )
