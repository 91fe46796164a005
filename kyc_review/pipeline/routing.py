"""From votes to a destination: cleared, or a person. One writer for both."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.voting import Verdict, decide, risk
from detection.voting import Vote as MemberVote
from kyc_review.audit import services as audit
from kyc_review.core.db.copy import copy_in
from kyc_review.evidence.services import fingerprints_record
from kyc_review.pipeline.leases import WAITING
from kyc_review.review import services as review
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import Result, ResultReason, State, Submission
from kyc_review.webhooks import services as webhooks
from kyc_review.webhooks.models import Kind

if TYPE_CHECKING:
    from detection.forensics.phash import Fingerprint


@dataclass(frozen=True, slots=True)
class Scored:
    """What the ensemble said of one leased submission."""

    votes: Sequence[MemberVote]
    elapsed_ms: float
    fingerprint: "Fingerprint | None" = None


@transaction.atomic
def verdicts_record(
    *, holder: str, bundle_version: str, bundle_digest: str, scored: Mapping[uuid.UUID, Scored]
) -> int:
    """Store votes and route every submission that `holder` still holds; late ones lose. Returns their number."""
    held = list(
        Submission.objects.select_for_update()
        .filter(pk__in=list(scored), state=State.SCORING, lease_holder=holder)
        .order_by("pk")
    )
    scorings = []
    for row in held:
        votes = scored[row.pk].votes
        scorings.append(
            Scoring(
                submission=row,
                bundle_version=bundle_version,
                bundle_digest=bundle_digest,
                verdict=decide(votes).value,
                risk=risk(votes),
                elapsed_ms=scored[row.pk].elapsed_ms,
            )
        )
    Scoring.objects.bulk_create(scorings)
    copy_in(
        Vote,
        ("scoring", "position", "member", "probability", "threshold", "is_fake"),
        (
            (scoring.pk, position, vote.member, vote.probability, vote.threshold, vote.is_fake)
            for scoring in scorings
            for position, vote in enumerate(scored[scoring.submission_id].votes)
        ),
    )
    prints = {row.pk: scored[row.pk].fingerprint for row in held}
    fingerprints_record({pk: found for pk, found in prints.items() if found is not None})
    _route(scorings)
    return len(held)


def _route(scorings: Sequence[Scoring]) -> None:
    cleared = [s.submission_id for s in scorings if s.verdict == Verdict.CLEAR]
    queued = [s for s in scorings if s.verdict != Verdict.CLEAR]
    Submission.objects.filter(pk__in=cleared).update(
        state=State.COMPLETED,
        result=Result.CLEAR,
        result_reason=ResultReason.MODELS_AGREE,
        completed_at=timezone.now(),
        lease_holder="",
        last_error="",
    )
    Submission.objects.filter(pk__in=[s.submission_id for s in queued]).update(
        state=State.IN_REVIEW, lease_holder="", last_error=""
    )
    review.items_open([(s.submission_id, s.verdict, s.risk) for s in queued])
    review.audits_open([(s.submission_id, s.risk) for s in scorings if s.verdict == Verdict.CLEAR])
    webhooks.events_record(submission_ids=cleared, kind=Kind.CLEARED)
    webhooks.events_record(submission_ids=[s.submission_id for s in queued], kind=Kind.QUEUED)
    audit.record_many(
        audit.event(
            action="submission.scored",
            target=s.submission,
            detail={"verdict": s.verdict, "risk": round(s.risk, 6), "bundle": s.bundle_digest},
        )
        for s in scorings
    )


@transaction.atomic
def unscorable_route(*, limit: int = 100) -> int:
    """Send to a person what failed `SCORING_ATTEMPTS_MAX` times and whose last lease has run out.

    Doubt routes to a human: no error can clear a submission. Returns how many were routed.
    """
    spent = list(
        Submission.objects.select_for_update(skip_locked=True).filter(
            is_test=False,
            state__in=WAITING,
            due_at__lte=timezone.now(),
            attempts__gte=settings.SCORING_ATTEMPTS_MAX,
        )[:limit]
    )
    Submission.objects.filter(pk__in=[row.pk for row in spent]).update(state=State.IN_REVIEW, lease_holder="")
    review.items_open([(row.pk, "unscorable", 1.0) for row in spent])
    webhooks.events_record(submission_ids=[row.pk for row in spent], kind=Kind.QUEUED)
    audit.record_many(
        audit.event(
            action="submission.unscorable",
            target=row,
            detail={"attempts": row.attempts, "error": row.last_error or "The worker died while scoring it."},
        )
        for row in spent
    )
    return len(spent)
