"""What each bundle is now, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import models

from detection import bundle as disk
from kyc_review.core.permissions import may_see_retraining
from kyc_review.retraining.models import Bundle, Promotion, Snapshot, TrainingRun
from kyc_review.retraining.selectors import champion
from kyc_review.retraining.shadows import shadow_now

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

CARD_MAX_CHARS = 100_000


class BundleState(models.TextChoices):
    """What a bundle is now; CANDIDATE never served."""

    CHAMPION = "champion", "Serves"
    SHADOW = "shadow", "Scores without effect"
    FORMER = "former", "Served before"
    CANDIDATE = "candidate", "Never served"


@dataclass(frozen=True, slots=True)
class Lineage:
    """The run that made it here, the snapshot that it learned from, the digest of what it was trained from."""

    run: int | None = None
    snapshot: str | None = None
    parent: str | None = None


def bundle_states(*, viewer: User) -> dict[int, BundleState]:
    """By primary key; whatever is not named is a candidate."""
    return states_now() if may_see_retraining(viewer) else {}


def states_now() -> dict[int, BundleState]:
    """`bundle_states` for the command line."""
    states = dict.fromkeys(Promotion.objects.values_list("bundle_id", flat=True), BundleState.FORMER)
    if running := shadow_now():
        states[running.bundle_id] = BundleState.SHADOW
    if serving := champion():
        states[serving.pk] = BundleState.CHAMPION
    return states


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


def model_card(bundle: Bundle) -> str:
    """Its Markdown; empty when it has none, or its folder is gone."""
    try:
        with open(bundle.directory / disk.MODEL_CARD, encoding="utf-8", errors="replace") as file:
            return file.read(CARD_MAX_CHARS)
    except OSError:
        return ""
