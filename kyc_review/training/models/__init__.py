from kyc_review.training.models.alarms import Alarm
from kyc_review.training.models.gate_settings import GateProposal, GateSettings
from kyc_review.training.models.jobs import Comparison, Job, MeanFaces, TrainingRun
from kyc_review.training.models.outputs import JobOutput
from kyc_review.training.models.proposals import Proposal
from kyc_review.training.models.schedule import RefusedTraining

__all__ = [
    "Alarm",
    "Comparison",
    "GateProposal",
    "GateSettings",
    "Job",
    "JobOutput",
    "MeanFaces",
    "Proposal",
    "RefusedTraining",
    "TrainingRun",
]
