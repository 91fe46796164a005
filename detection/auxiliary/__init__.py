"""Auxiliary models: small networks, shown to reviewers as evidence and never counted as a vote."""

from detection.auxiliary.model import (
    AuxiliaryModel,
    AuxiliaryModelRefused,
    load_auxiliary_model,
    write_auxiliary_model,
)
from detection.auxiliary_files import shipped_auxiliary_models

__all__ = [
    "AuxiliaryModel",
    "AuxiliaryModelRefused",
    "load_auxiliary_model",
    "shipped_auxiliary_models",
    "write_auxiliary_model",
]
