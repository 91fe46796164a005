"""What this bank's own outcomes say about votes and auxiliary models. Counted now and then, read at every opening."""

from collections import Counter, defaultdict
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from estimation.ranking import auc, hanley_mcneil
from kyc_review.core.db.clock import database_now
from kyc_review.evidence.models import AuxiliaryMeasure, Evidence, PatternOutcome
from kyc_review.scoring.counts import RESULT_COUNTS
from kyc_review.submissions.models import Result, State

DECIDED_MAX = 20_000
EACH_MIN = 20
COUNTED = timedelta(days=365)


@transaction.atomic
def patterns_count() -> int:
    """Count again how often each pattern of votes scored in the last year turned out fake; returns the number of
    patterns.

    Outcomes are the submissions' own, so that corrections count and undone decisions do not. Cleared submissions that
    no person reviewed are excluded, and those that all votes call real.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in RESULT_COUNTS.totals(
        since=database_now() - COUNTED,
        keys=("bundle_digest", "pattern", "result"),
        which=Q(is_planted=False) & ~Q(pattern=""),
    ):
        counts[row["bundle_digest"], row["pattern"]][row["result"]] += row["number"]
    rows = [
        PatternOutcome(
            bundle_digest=digest, pattern=pattern, fakes=by[Result.REJECTED], reals=by[Result.CLEAR]
        )
        for (digest, pattern), by in counts.items()
    ]
    PatternOutcome.objects.all().delete()
    PatternOutcome.objects.bulk_create(rows)
    return len(rows)


@transaction.atomic
def auxiliary_models_measure() -> int:
    """Measure each auxiliary model on the newest decided submissions; returns how many had enough of both labels."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: {Result.REJECTED: [], Result.CLEAR: []})
    decided = (
        Evidence.objects.filter(
            state=Evidence.State.READY,
            submission__is_test=False,
            submission__is_planted=False,
            submission__state=State.COMPLETED,
            submission__result__in=[Result.REJECTED, Result.CLEAR],
        )
        .order_by("-pk")
        .values_list("facts__auxiliary", "submission__result")[:DECIDED_MAX]
    )
    for auxiliary_models, result in decided:
        for name, found in (auxiliary_models or {}).items():
            scores[name][result].append(found["score"])
    rows = []
    for name, found in scores.items():
        fakes, reals = found[Result.REJECTED], found[Result.CLEAR]
        if min(len(fakes), len(reals)) >= EACH_MIN:
            area = auc(fakes, reals)
            low, high = hanley_mcneil(area, len(fakes), len(reals))
            rows.append(
                AuxiliaryMeasure(name=name, auc=area, low=low, high=high, fakes=len(fakes), reals=len(reals))
            )
    AuxiliaryMeasure.objects.all().delete()
    AuxiliaryMeasure.objects.bulk_create(rows)
    return len(rows)
