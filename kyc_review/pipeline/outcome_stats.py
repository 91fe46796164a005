"""What this bank's own outcomes say about votes and auxiliary models. Counted now and then, read at every opening."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.contrib.postgres.aggregates import StringAgg
from django.db import transaction
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from detection.voting import Verdict
from estimation.ranking import auc, hanley_mcneil
from kyc_review.evidence.models import AuxiliaryMeasure, Evidence, PatternOutcome
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Result, State

DECIDED_MAX = 20_000
EACH_MIN = 20
COUNTED = timedelta(days=365)


def _patterns_and_results() -> Iterator[tuple[tuple[str, str], str]]:
    """Bundle and pattern of votes, and the outcome, of each decided submission that was not cleared unanimously.

    Outcomes are the submissions' own, so that corrections count and undone decisions do not. Cleared submissions that
    no person reviewed are excluded.
    """
    digit = Case(When(votes__is_fake=True, then=Value("1")), default=Value("0"))
    rows = (
        Scoring.objects.exclude(verdict=Verdict.CLEAR)
        .filter(
            submission__is_test=False,
            submission__is_planted=False,
            submission__state=State.COMPLETED,
            submission__result__in=[Result.CLEAR, Result.REJECTED],
            submission__completed_at__gt=Now() - COUNTED,
            votes__isnull=False,
        )
        .annotate(pattern=StringAgg(digit, "", order_by="votes__position"))
        .values_list("bundle_digest", "pattern", "submission__result")
    )
    return (((digest, pattern), result) for digest, pattern, result in rows.iterator())


@transaction.atomic
def patterns_count() -> int:
    """Count again how often each pattern of votes turned out fake in the last year; returns the number of
    patterns."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for pattern, result in _patterns_and_results():
        counts[pattern][result] += 1
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
