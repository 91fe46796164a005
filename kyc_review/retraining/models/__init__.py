from kyc_review.retraining.models.bundles import Bundle, Promotion
from kyc_review.retraining.models.proposals import Proposal
from kyc_review.retraining.models.snapshots import Snapshot, SnapshotItem
from kyc_review.retraining.models.work import Comparison, TrainingRun, Work

__all__ = ["Bundle", "Comparison", "Promotion", "Proposal", "Snapshot", "SnapshotItem", "TrainingRun", "Work"]
