"""What this bank's own outcomes say about votes and second opinions. Counted now and then, read at every opening."""

from collections import defaultdict

from django.db import connection, transaction

from estimation.ranking import auc, hanley_mcneil
from kyc_review.evidence.models import Evidence, OpinionMeasure, PatternOutcome
from kyc_review.submissions.models import Result, State

OPINIONS_MAX = 20_000
EACH_MIN = 20
# Outcomes are the submissions' own, so that corrections count and undone decisions do not. Cleared
# submissions that no person reviewed are excluded.
PATTERNS = """
    SELECT bundle_digest, pattern,
           count(*) FILTER (WHERE result = 'rejected'), count(*) FILTER (WHERE result = 'clear')
    FROM (SELECT s.bundle_digest, sub.result,
                 string_agg(CASE WHEN v.is_fake THEN '1' ELSE '0' END, '' ORDER BY v.position) AS pattern
          FROM scoring_scoring s
          JOIN submissions_submission sub ON sub.id = s.submission_id
          JOIN scoring_vote v ON v.scoring_id = s.id
          WHERE s.verdict <> 'clear' AND NOT sub.is_test AND sub.state = 'completed'
            AND sub.result IN ('clear', 'rejected') AND sub.completed_at > now() - interval '1 year'
          GROUP BY s.id, sub.result) AS decided
    GROUP BY bundle_digest, pattern
"""


@transaction.atomic
def patterns_count() -> int:
    """Count again how often each pattern of votes turned out fake in the last year; returns the number of
    patterns."""
    with connection.cursor() as cursor:
        cursor.execute(PATTERNS)
        rows = [
            PatternOutcome(bundle_digest=digest, pattern=pattern, fakes=fakes, reals=reals)
            for digest, pattern, fakes, reals in cursor.fetchall()
        ]
    PatternOutcome.objects.all().delete()
    PatternOutcome.objects.bulk_create(rows)
    return len(rows)


@transaction.atomic
def opinions_measure() -> int:
    """Measure each second opinion on the newest decided submissions; returns how many had enough of both labels."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: {Result.REJECTED: [], Result.CLEAR: []})
    decided = (
        Evidence.objects.filter(
            state=Evidence.State.READY,
            submission__is_test=False,
            submission__state=State.COMPLETED,
            submission__result__in=[Result.REJECTED, Result.CLEAR],
        )
        .order_by("-pk")
        .values_list("facts__opinions", "submission__result")[:OPINIONS_MAX]
    )
    for opinions, result in decided:
        for name, found in (opinions or {}).items():
            scores[name][result].append(found["score"])
    rows = []
    for name, found in scores.items():
        fakes, reals = found[Result.REJECTED], found[Result.CLEAR]
        if min(len(fakes), len(reals)) >= EACH_MIN:
            area = auc(fakes, reals)
            low, high = hanley_mcneil(area, len(fakes), len(reals))
            rows.append(
                OpinionMeasure(name=name, auc=area, low=low, high=high, fakes=len(fakes), reals=len(reals))
            )
    OpinionMeasure.objects.all().delete()
    OpinionMeasure.objects.bulk_create(rows)
    return len(rows)
