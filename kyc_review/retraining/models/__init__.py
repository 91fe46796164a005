from kyc_review.retraining.models.bundles import Bundle, Promotion
from kyc_review.retraining.models.proposals import Proposal
from kyc_review.retraining.models.shadows import Shadow, ShadowScore
from kyc_review.retraining.models.snapshots import Snapshot, SnapshotItem
from kyc_review.retraining.models.work import Comparison, MeanFaces, TrainingRun, Work

__all__ = [
    "Bundle",
    "Comparison",
    "MeanFaces",
    "Promotion",
    "Proposal",
    "Shadow",
    "ShadowScore",
    "Snapshot",
    "SnapshotItem",
    "TrainingRun",
    "Work",
]
