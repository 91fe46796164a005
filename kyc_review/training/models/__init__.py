from kyc_review.training.models.gate_settings import GateSettings
from kyc_review.training.models.jobs import Comparison, Job, MeanFaces, TrainingRun
from kyc_review.training.models.proposals import Proposal

__all__ = ["Comparison", "GateSettings", "Job", "MeanFaces", "Proposal", "TrainingRun"]
