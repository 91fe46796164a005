"""From checks and votes to an outcome: cleared, sent back, or an item for a person."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.auxiliary_alarm import AuxiliaryAlarm
from detection.checks import Check
from detection.voting import Verdict, decide, risk
from detection.voting import Vote as MemberVote
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db.copy import copy_in
from kyc_review.evidence.services import fingerprints_record
from kyc_review.review.models import RISK_WITHOUT_VOTES, ReviewItem
from kyc_review.review.opening import audits_open, items_open, refusals_open
from kyc_review.review.twins import twin_searches_request
from kyc_review.scoring.audited import SCORED, votes_digest
from kyc_review.scoring.models import CheckResult, Scoring, Vote
from kyc_review.submissions.check_policy import Action, PictureJudgement, judge
from kyc_review.submissions.events import events_record
from kyc_review.submissions.models import Result, ResultReason, State, Submission
from kyc_review.webhooks.models import Kind

if TYPE_CHECKING:
    from detection.forensics.phash import Fingerprint
    from detection.forensics.regions import Box

REASON_OF_VERDICT = {
    Verdict.UNANIMOUS_FAKE: ReviewItem.Reason.UNANIMOUS_FAKE,
    Verdict.SPLIT_VOTE: ReviewItem.Reason.SPLIT_VOTE,
    Verdict.CLEAR: ReviewItem.Reason.CHECKS,  # five votes say real, and a check does not pass
}


@dataclass(frozen=True, slots=True)
class Scored:
    """What the checks and the ensemble said of one leased submission.

    No votes: the checks were enough to send the picture back. A check that is missing counts as doubtful. alarm: of an
    auxiliary model; it keeps the picture from being cleared and changes no verdict.
    """

    votes: Sequence[MemberVote]
    elapsed_ms: float
    fingerprint: "Fingerprint | None" = None
    close_ups: "Mapping[str, Box]" = field(default_factory=dict)
    checks: Sequence[Check] = field(default=())
    alarm: AuxiliaryAlarm | None = None


def judgement_of(checks: Sequence[Check]) -> PictureJudgement:
    """What the bank's policy makes of the checks of one picture."""
    return judge(checks, settings.CHECK_POLICY)


def clears_unless_alarmed(verdict: Verdict | None, judgement: PictureJudgement) -> bool:
    """Whether five votes say real, and every check passed or the bank's policy ignores it. Then only an auxiliary
    model can still give the picture to a person. verdict: None without votes, which clears nothing."""
    return verdict is Verdict.CLEAR and judgement.may_clear


@dataclass(frozen=True, slots=True)
class Routed:
    """One submission with all that decides where it goes."""

    submission: Submission
    judgement: PictureJudgement
    scoring: Scoring | None
    alarm: AuxiliaryAlarm | None = None

    @property
    def is_sent_back(self) -> bool:
        return self.judgement.is_sent_back

    @property
    def is_cleared(self) -> bool:
        """Only if votes and checks allow it, and no auxiliary model asks for a person."""
        return self.alarm is None and clears_unless_alarmed(self._verdict, self.judgement)

    @property
    def _verdict(self) -> Verdict | None:
        return None if self.scoring is None else Verdict(self.scoring.verdict)

    @property
    def risk(self) -> float:
        return RISK_WITHOUT_VOTES if self.scoring is None else self.scoring.risk

    @property
    def item_reason(self) -> str:
        """A failed check comes before the votes, which mean little then."""
        if self.scoring is None or self.judgement.has_failed:
            return ReviewItem.Reason.CHECKS
        if clears_unless_alarmed(self._verdict, self.judgement):
            return ReviewItem.Reason.AUXILIARY_MODEL
        return REASON_OF_VERDICT[Verdict(self.scoring.verdict)]


@transaction.atomic
def verdicts_record(
    *,
    holder: str,
    bundle_version: str,
    bundle_digest: str,
    scored: Mapping[uuid.UUID, Scored],
    shift: float = 0.0,
) -> int:
    """Store checks and votes and route every submission that `holder` still holds; late ones lose. Returns how many.

    shift: of the bundle's thresholds when it voted, on the logit scale.
    Raises ValueError when a picture that is not sent back has no votes and no check that doubts it.
    """
    held = list(
        Submission.objects.select_for_update()
        .filter(pk__in=list(scored), state=State.SCORING, lease_holder=holder)
        .order_by("pk")
    )
    bundle = {"bundle_version": bundle_version, "bundle_digest": bundle_digest, "shift": shift}
    routed = [_routed(row, scored[row.pk], bundle) for row in held]
    Scoring.objects.bulk_create([one.scoring for one in routed if one.scoring])
    _checks_store(routed)
    copy_in(
        Vote,
        ("scoring", "position", "member", "probability", "threshold", "is_fake"),
        (
            (one.scoring.pk, position, vote.member, vote.probability, vote.threshold, vote.is_fake)
            for one in routed
            if one.scoring
            for position, vote in enumerate(scored[one.submission.pk].votes)
        ),
    )
    prints = {row.pk: scored[row.pk].fingerprint for row in held}
    fingerprints_record(
        {pk: found for pk, found in prints.items() if found is not None},
        {pk: scored[pk].close_ups for pk in prints},
    )
    _clear([one for one in routed if one.is_cleared])
    _send_back([one for one in routed if one.is_sent_back])
    _queue([one for one in routed if not one.is_cleared and not one.is_sent_back])
    audit.record_many(_event(one, scored[one.submission.pk].votes) for one in routed)
    return len(held)


def _routed(row: Submission, scored: Scored, bundle: Mapping[str, Any]) -> Routed:
    judgement = judgement_of(scored.checks)
    if judgement.is_sent_back or (judgement.action is Action.REVIEW and not scored.votes):
        return Routed(row, judgement, None)
    scoring = Scoring(
        submission=row,
        **bundle,
        verdict=decide(scored.votes).value,
        risk=risk(scored.votes),
        elapsed_ms=scored.elapsed_ms,
        auxiliary_model=scored.alarm.model if scored.alarm else "",
    )
    return Routed(row, judgement, scoring, scored.alarm)


def _checks_store(routed: Sequence[Routed]) -> None:
    copy_in(
        CheckResult,
        ("submission", "name", "status", "code", "action", "measure", "value", "limit"),
        (
            (
                one.submission.pk,
                found.check.name.value,
                found.check.status.value,
                found.check.code.value if found.check.code else "",
                found.action.value if found.action else "",
                found.check.measure.value if found.check.measure else "",
                _number(found.check.value),
                _number(found.check.limit),
            )
            for one in routed
            for found in one.judgement.checks
        ),
    )


def _number(value: float | None) -> float | None:
    """JSON has no word for what is not a number."""
    return value if value is not None and math.isfinite(value) else None


def _clear(cleared: Sequence[Routed]) -> None:
    ids = [one.submission.pk for one in cleared]
    _complete(ids, Result.CLEAR, ResultReason.MODELS_AGREE)
    audits_open([(one.submission.pk, one.risk) for one in cleared])
    twin_searches_request(ids)  # the same picture may have been rejected under another reference
    events_record(submission_ids=ids, kind=Kind.CLEARED)


def _send_back(sent_back: Sequence[Routed]) -> None:
    by_code: dict[str, list[uuid.UUID]] = {}
    for one in sent_back:
        assert one.judgement.code is not None  # as `judge` says of RESUBMIT
        by_code.setdefault(one.judgement.code.value, []).append(one.submission.pk)
    for code, ids in by_code.items():
        _complete(ids, Result.RESUBMIT, code)
    ids = [one.submission.pk for one in sent_back]
    refusals_open(ids)
    events_record(submission_ids=ids, kind=Kind.RESUBMIT_REQUESTED)


def _complete(ids: Sequence[uuid.UUID], result: Result, reason: str) -> None:
    Submission.objects.filter(pk__in=ids).update(
        state=State.COMPLETED,
        result=result,
        result_reason=reason,
        completed_at=timezone.now(),
        lease_holder="",
        last_error="",
    )


def _queue(queued: Sequence[Routed]) -> None:
    ids = [one.submission.pk for one in queued]
    Submission.objects.filter(pk__in=ids).update(state=State.IN_REVIEW, lease_holder="", last_error="")
    items_open([(one.submission.pk, one.item_reason, one.risk) for one in queued])
    events_record(submission_ids=ids, kind=Kind.QUEUED)


def _event(one: Routed, votes: Sequence[MemberVote]) -> Event:
    troubles = {
        found.check.name.value: found.check.code.value for found in one.judgement.checks if found.check.code
    }
    if one.scoring is None:
        action = "submission.sent_back" if one.is_sent_back else "submission.checked"
        sent_back: dict[str, Any] = {
            "code": one.judgement.code.value if one.judgement.code else "",
            "checks": troubles,
        }
        return audit.event(action=action, target=one.submission, detail=sent_back)
    detail: dict[str, Any] = {
        "verdict": one.scoring.verdict,
        "result": Result.CLEAR.value if one.is_cleared else "",
        "risk": round(one.scoring.risk, 6),
        "bundle": one.scoring.bundle_digest,
        "checks": troubles,
        "votes_sha256": votes_digest(one.scoring, votes),
    }
    if one.alarm is not None:
        detail["auxiliary_model"] = {"name": one.alarm.model, "score": round(one.alarm.score, 6)}
    return audit.event(action=SCORED, target=one.submission, detail=detail)
