from kyc_review.training.models.jobs import Comparison, Job, MeanFaces, TrainingRun
from kyc_review.training.models.proposals import Proposal

__all__ = ["Comparison", "Job", "MeanFaces", "Proposal", "TrainingRun"]
