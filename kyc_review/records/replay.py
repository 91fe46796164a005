"""An item as its reviewer saw it, from stored facts only. What no row holds is said, not guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from kyc_review.audit.models import Event
from kyc_review.evidence.models import Evidence, Likeness
from kyc_review.registry.models import Promotion
from kyc_review.review.models import Decision, FirstCall
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission

OTHERS_MAX = 40


@dataclass(frozen=True, slots=True)
class Other:
    """Another submission that the page named. result: what it had at that moment; empty for none yet."""

    submission: Submission
    result: str
    is_look_alike: bool
    bits_apart: int | None = None
    same_file: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """claimed_at: when the picture was shown. revealed_at: when votes and evidence were; None: never before the
    decision. evidence: as it was then; None when it was not there, or was computed again since.

    looks: audit events of the person about this item or its picture, from the claim to the decision.
    """

    decision: Decision
    claimed_at: datetime
    revealed_at: datetime | None
    first_call: FirstCall | None
    scoring: Scoring | None
    promotion: Promotion | None
    evidence: Evidence | None
    others: tuple[Other, ...]
    looks: tuple[Event, ...]
    unknown: tuple[str, ...]

    @property
    def is_correction(self) -> bool:
        """A final decision was replaced: its page showed everything, that decision included."""
        return self.decision.corrects_id is not None


def replay_of(decision: Decision) -> Replay:
    """The caller has checked who reads it. decision: with item, submission and reviewer."""
    posted, at = decision.submission, decision.decided_at
    claimed_at = at - timedelta(milliseconds=decision.handling_ms)
    first_call = FirstCall.objects.filter(item=decision.item, reviewer=decision.reviewer).first()
    revealed_at: datetime | None = claimed_at
    if decision.item.is_blind and decision.corrects_id is None:
        # A decision without a first call is stored as one, in the same moment: then nothing was shown before it.
        before = first_call and first_call.called_at < at
        revealed_at = first_call.called_at if first_call and before else None
    scoring: Scoring | None = getattr(posted, "scoring", None)
    evidence, unknown = _evidence(posted, at)
    return Replay(
        decision=decision,
        claimed_at=claimed_at,
        revealed_at=revealed_at,
        first_call=first_call,
        scoring=scoring,
        promotion=_promotion(scoring),
        evidence=evidence,
        others=_others(posted, at) if revealed_at else (),
        looks=_looks(decision, claimed_at),
        unknown=(*unknown, *_never_stored()),
    )


def _never_stored() -> tuple[str, ...]:
    return (
        _(
            "Which views were open, how far the picture was enlarged, and where the person looked: it is not stored."
        ),
        _(
            "How often similar votes turned out fake, and what auxiliary models were worth: these counts go on."
        ),
        _(
            "Which answers needed two people: that follows from settings, whose earlier values are not stored."
        ),
        _("Layout, language and wording: this page has those of the present version."),
    )


def _evidence(posted: Submission, at: datetime) -> tuple[Evidence | None, tuple[str, ...]]:
    if posted.erased_at:
        return None, (_("The picture and its evidence: the submission was erased."),)
    found = Evidence.objects.filter(submission=posted, state=Evidence.State.READY).first()
    if found is None:
        return None, (_("The evidence: there is none."),)
    assert found.computed_at is not None  # a constraint: ready is dated
    if found.computed_at > at:
        return None, (_("The evidence: it was computed after the decision, for the first time or again."),)
    return found, ()


def _promotion(scoring: Scoring | None) -> Promotion | None:
    """What had put the bundle into production, with the operating point, when it voted."""
    if scoring is None:
        return None
    rows = Promotion.objects.filter(promoted_at__lte=scoring.scored_at).select_related(
        "bundle", "promoted_by"
    )
    latest = rows.order_by("-pk").first()
    if latest is None or (latest.bundle.digest, latest.shift) != (scoring.bundle_digest, scoring.shift):
        return None
    return latest


def _others(posted: Submission, at: datetime) -> tuple[Other, ...]:
    found: dict[object, Other] = {}
    likenesses = Likeness.objects.filter(Q(submission=posted) | Q(earlier=posted))
    # A likeness is found when the later picture's evidence is computed; before that the page could not name it.
    known = likenesses.filter(submission__evidence__likenesses_found_at__lte=at)
    rows = known.select_related("submission", "earlier").order_by("-same_file", "bits_apart", "-pk")
    for row in rows[:OTHERS_MAX]:
        other = row.earlier if row.submission_id == posted.pk else row.submission
        found[other.pk] = Other(other, result_at(other, at), True, row.bits_apart, row.same_file)
    same = others_of_applicant(posted).filter(received_at__lte=at)
    for other in same.order_by("-received_at")[:OTHERS_MAX]:
        found.setdefault(other.pk, Other(other, result_at(other, at), False))
    return tuple(found.values())


def others_of_applicant(row: Submission) -> QuerySet[Submission]:
    """What else the applicant sent, in the same mode (live or test). The reference of a planted forgery is made up: it
    belongs to no applicant, and a forgery to none of an applicant's."""
    if row.is_planted or not row.applicant_ref:
        return Submission.objects.none()
    same = Submission.objects.filter(
        integration=row.integration_id,
        applicant_ref=row.applicant_ref,
        is_test=row.is_test,
        is_planted=False,
    )
    return same.exclude(pk=row.pk)


def result_at(row: Submission, at: datetime) -> str:
    """The result that the submission had at that moment; empty for none. Later changes are in the audit log."""
    if row.completed_at is None or row.completed_at > at:
        return ""
    changed = Event.objects.filter(
        action="submission.overturned", target_kind="submission", target_id=str(row.pk), at__gt=at
    )
    first = changed.order_by("pk").first()
    return str(first.detail.get("from", "")) if first else row.result


def _looks(decision: Decision, claimed_at: datetime) -> tuple[Event, ...]:
    """Claims, and looks at the picture, the reference, and pictures compared with it."""
    about = Q(target_kind="reviewitem", target_id=str(decision.item_id))
    about |= Q(target_kind="submission", target_id=str(decision.submission_id))
    about |= Q(target_kind="submission", detail__compared_with_item=decision.item_id)
    # The claim's event is written just before the claim counts.
    during = (claimed_at - timedelta(seconds=2), decision.decided_at)
    rows = Event.objects.filter(
        about, actor_kind="user", actor_id=str(decision.reviewer_id), at__range=during
    )
    return tuple(rows.order_by("pk"))
