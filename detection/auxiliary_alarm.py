"""What an auxiliary model says when it asks for a person. Pure Python, so that routing needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuxiliaryAlarm:
    """The score of an auxiliary model, 0..1, that reached its threshold. It never clears and is no vote."""

    model: str
    score: float
    threshold: float
