"""Whether a candidate ranks faces of people that it never saw better than the champion does."""

from typing import Any

import numpy as np

from ml.evaluation.metrics import weighted_areas

DRAWS = 400


def against_champion(
    champion: np.ndarray,
    candidate: np.ndarray,
    *,
    label: np.ndarray,
    person: np.ndarray,
    weight: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Areas under the ROC curve of both on the same rows, and their difference with a 95 % interval by a Bayesian
    bootstrap over people (Rubin 1981).

    champion, candidate: (N,) scores, higher is fake; label: (N,) 1 is fake, both labels; person: (N,) names; weight:
    (N,) of the rows, None where all count equally. Raises ValueError when a label is missing or has no weight, and for
    scores that are not finite.
    """
    rows = np.ones(len(label)) if weight is None else np.asarray(weight, float)
    if any(rows[label == kind].sum() <= 0 for kind in (0, 1)):
        raise ValueError("the area needs both classes: found one")
    _, number = np.unique(person, return_inverse=True)
    rng = np.random.default_rng(seed)

    def areas(drawn: np.ndarray) -> tuple[float, float]:
        before, after = (weighted_areas(label, score, drawn[None])[0] for score in (champion, candidate))
        return float(before), float(after)

    before, after = areas(rows)
    drawn = [areas(rows * rng.standard_exponential(number.max() + 1)[number]) for _ in range(DRAWS)]
    low, high = np.percentile([second - first for first, second in drawn], [2.5, 97.5])
    change = after - before
    return {
        "champion": round(before, 4),
        "candidate": round(after, 4),
        "difference": {
            "value": round(change, 4),
            "low": round(min(change, float(low)), 4),
            "high": round(max(change, float(high)), 4),
            "n": len(label),
        },
        "people": int(number.max()) + 1,
    }
