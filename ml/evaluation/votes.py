"""The three-way table: the outcome of five votes on labelled images."""

from dataclasses import dataclass

import numpy as np

from ml.evaluation.metrics import Estimate, at_prevalence, design_effect, wilson


@dataclass(frozen=True, slots=True)
class Effects:
    """Design effects of the four rates: how many pictures are worth one person."""

    recall: float = 1.0
    unanimous: float = 1.0
    alarm: float = 1.0
    load: float = 1.0

    @classmethod
    def of(cls, votes: np.ndarray, label: np.ndarray, group: np.ndarray) -> "Effects":
        """votes: (N,) how many of the five call fake; label, group: (N,)."""
        fake, real = label == 1, label == 0

        def effect(hit: np.ndarray, rows: np.ndarray) -> float:
            return design_effect(hit[rows], group[rows]) if rows.any() else 1.0

        return cls(
            recall=effect(votes > 0, fake),
            unanimous=effect(votes == 5, fake),
            alarm=effect(votes > 0, real),
            load=effect(votes > 0, fake | real),
        )


@dataclass(frozen=True, slots=True)
class VoteTable:
    """Counts of (cleared, split, unanimous fake) for fakes and for reals."""

    fake: tuple[int, int, int]
    real: tuple[int, int, int]
    effects: Effects = Effects()

    @classmethod
    def count(
        cls,
        probability: np.ndarray,
        threshold: np.ndarray,
        label: np.ndarray,
        group: np.ndarray | None = None,
    ) -> "VoteTable":
        """probability: (N, 5) of fake; threshold: (5,); label: (N,) 1 is fake; group: (N,) whose picture it is, None
        when every one is another person's. A vote is fake from its threshold up.

        Raises ValueError unless there are five columns.
        """
        if probability.ndim != 2 or probability.shape[1] != 5 or len(threshold) != 5:
            raise ValueError(f"the table needs five votes an image: found shape {probability.shape}")
        votes = (probability >= threshold).sum(1)
        rows = []
        for value in (1, 0):
            of_class = votes[label == value]
            rows.append(
                (
                    int((of_class == 0).sum()),
                    int(((of_class > 0) & (of_class < 5)).sum()),
                    int((of_class == 5).sum()),
                )
            )
        effects = Effects() if group is None else Effects.of(votes, label, group)
        return cls(fake=rows[0], real=rows[1], effects=effects)

    @property
    def recall_with_human(self) -> Estimate:
        """Fakes that reach a person, over all fakes."""
        return wilson(self.fake[1] + self.fake[2], sum(self.fake), self.effects.recall)

    @property
    def recall_unanimous(self) -> Estimate:
        """Fakes that all five call fake, over all fakes."""
        return wilson(self.fake[2], sum(self.fake), self.effects.unanimous)

    @property
    def false_alarm(self) -> Estimate:
        """Reals that reach a human, over all reals."""
        return wilson(self.real[1] + self.real[2], sum(self.real), self.effects.alarm)

    @property
    def review_load(self) -> Estimate:
        """Images that reach a human, over all images of this set."""
        flagged = self.fake[1] + self.fake[2] + self.real[1] + self.real[2]
        return wilson(flagged, sum(self.fake) + sum(self.real), self.effects.load)

    def as_dict(self) -> dict[str, object]:
        """For a manifest: counts, rates with intervals, and the same rates at one forgery in a thousand."""
        recall, alarm = self.recall_with_human, self.false_alarm
        return {
            "columns": ["cleared", "split_vote", "unanimous_fake"],
            "fake": list(self.fake),
            "real": list(self.real),
            "recall_with_human": recall.as_dict(),
            "recall_unanimous": self.recall_unanimous.as_dict(),
            "false_alarm": alarm.as_dict(),
            "review_load": self.review_load.as_dict(),
            "at_one_in_1000": {
                k: round(v, 5) for k, v in at_prevalence(recall.value, alarm.value, 0.001).items()
            },
        }
