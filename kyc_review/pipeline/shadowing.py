"""A candidate that votes on live selfies when the worker is idle. Its votes decide nothing."""

import logging

from detection.voters import Voters
from kyc_review.pipeline.champion import load_ensemble
from kyc_review.pipeline.reading import read_ahead
from kyc_review.pipeline.scoring import score
from kyc_review.registry.shadows import shadow_now
from kyc_review.scoring.shadow_scores import shadow_batch, shadow_record

log = logging.getLogger(__name__)
SHADOW_BATCH = 8  # so few that a selfie which arrives meanwhile hardly waits

_shadow: Voters | None = None


def shadow_some() -> bool:
    """Let the shadow, if there is one, judge a few of those that have their verdict; False when none is left.

    Raises nothing, whatever is wrong with it: verdicts do not depend on it.
    """
    global _shadow
    try:
        row = shadow_now()
        batch = shadow_batch(row, limit=SHADOW_BATCH) if row else []
        if row is None or not batch:
            _shadow = _shadow if row else None
            return False
        if _shadow is None or _shadow.digest != row.bundle.digest:
            _shadow = load_ensemble(row.bundle)
        outcome = score(_shadow, batch, read_ahead(batch))
        if outcome.errors and not outcome.votes:
            raise RuntimeError(f"it scored none of {len(batch)}")
        shadow_record(row, {submission.pk: outcome.votes.get(submission.pk) for submission in batch})
    except Exception:
        log.exception("the shadow failed; verdicts are not affected")
        return False
    return True
