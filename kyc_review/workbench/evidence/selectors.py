"""What a viewer may see of the evidence: exactly what they may see of the face."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from kyc_review.core.permissions import may_decide
from kyc_review.evidence.models import AuxiliaryMeasure, Evidence, Likeness, PatternOutcome
from kyc_review.review import selectors as review
from kyc_review.review.models import UNDECIDED_STATES, ReviewItem
from kyc_review.submissions.models import Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ROWS_SHOWN = 6
TWINS_READ = 40
COMPARED_MAX = 12


def item_with_evidence(*, viewer: User, item_id: int) -> ReviewItem | None:
    """The item, if the viewer may see its face now; then its evidence may be asked for."""
    return review.item_in_focus(viewer=viewer, item_id=item_id)


def evidence_ahead(*, viewer: User, item_id: int) -> Evidence | None:
    """Evidence of the item that the viewer sees next, so that its views can be fetched ahead; None for a blind item."""
    kept = review.items_kept(viewer=viewer).filter(pk=item_id, is_blind=False)
    return Evidence.objects.filter(submission__in=kept.values("submission")).first()


@dataclass(frozen=True, slots=True)
class Seen:
    """One other submission, as a reviewer needs it: what came of it, when; never its face.

    `is_other_applicant`: both have a reference, and these differ. Neither this nor `same_applicant` without one.
    `waits_since`: the viewer may be asked to judge it blind, since then. A calibration item or an audit must look like
    one that came with its item, so neither the result nor the time of the submission is told.
    """

    submission: Submission
    item_id: int | None
    bits_apart: int | None
    same_file: bool
    same_applicant: bool
    is_other_applicant: bool = False
    waits_since: dt.datetime | None = None

    @property
    def result(self) -> str:
        return "" if self.waits_since else self.submission.result

    @property
    def since(self) -> dt.datetime:
        return self.waits_since or self.submission.received_at

    @property
    def title(self) -> str:
        """Names it where several stand in one list; a submission without an item by the start of its id."""
        if self.item_id:
            return gettext("Item %(item)s") % {"item": self.item_id}
        return gettext("Submission %(id)s") % {"id": self.submission.pk.hex[:8]}


def look_alikes(*, viewer: User, item: ReviewItem) -> list[Seen]:
    """Earlier and later submissions that look like this one, the same files first, then the nearest.

    Empty for those who may not see the item.
    """
    if not may_see_evidence(viewer=viewer, item=item):
        return []
    own = item.submission
    likenesses = Likeness.objects.filter(Q(submission=own) | Q(earlier=own)).select_related(
        "submission", "earlier"
    )
    # Subqueries, not Max over two joins: those multiply, and a plan without statistics reads all items for each other.
    likenesses = likenesses.annotate(
        item_of_later=_latest_item("submission"), item_of_earlier=_latest_item("earlier")
    )
    rows = list(likenesses.order_by("-same_file", "bits_apart", "-pk")[:TWINS_READ])
    waiting = _waiting(
        viewer, [row.earlier_id if row.submission_id == own.pk else row.submission_id for row in rows]
    )
    found = []
    for row in rows:
        is_earlier = row.submission_id == own.pk
        other = row.earlier if is_earlier else row.submission
        same_applicant = _is_same_applicant(own, other)
        found.append(
            Seen(
                submission=other,
                item_id=row.item_of_earlier if is_earlier else row.item_of_later,
                bits_apart=row.bits_apart,
                same_file=row.same_file,
                same_applicant=same_applicant,
                is_other_applicant=bool(own.applicant_ref and other.applicant_ref) and not same_applicant,
                waits_since=waiting.get(other.pk),
            )
        )
    # The latest first, by the times that are shown: a place among the others would tell the one that is not.
    found.sort(key=lambda seen: seen.since, reverse=True)
    return sorted(found, key=lambda seen: (not seen.same_file, seen.bits_apart))


def _latest_item(field: str) -> Subquery:
    """The item that waits, or else the latest that was no calibration item: its number would say when it was one."""
    own = ReviewItem.objects.filter(submission=OuterRef(field))
    shown = own.filter(Q(state__in=UNDECIDED_STATES) | ~Q(reason=ReviewItem.Reason.GOLD))
    return Subquery(shown.order_by("-pk").values("pk")[:1], output_field=BigIntegerField(null=True))


def _blind_waiting() -> QuerySet[ReviewItem]:
    return ReviewItem.objects.filter(state__in=UNDECIDED_STATES, is_blind=True)


def _waiting(viewer: User, submissions: Iterable[UUID]) -> dict[UUID, dt.datetime]:
    """Since when those submissions wait that the viewer may be asked to judge blind."""
    if not may_decide(viewer):
        return {}
    rows = _blind_waiting().filter(submission__in=list(submissions))
    return dict(rows.values_list("submission_id", "opened_at"))


def applicants_others(*, viewer: User, item: ReviewItem) -> list[Seen]:
    """Other submissions of the same applicant through the same onboarding system, newest first.

    Those that wait to be judged blind count as received when their items were opened.
    """
    own = item.submission
    if not own.applicant_ref or own.is_planted or not may_see_evidence(viewer=viewer, item=item):
        return []
    rows = Submission.objects.filter(
        integration_id=own.integration_id,
        applicant_ref=own.applicant_ref,
        is_test=False,
        is_planted=False,
    )
    rows = rows.exclude(pk=own.pk).annotate(item_id=_latest_item("pk"))
    if may_decide(viewer):
        # In the order of the times that are shown: a place among the others would tell the one that is not.
        opened = _blind_waiting().filter(submission=OuterRef("pk")).values("opened_at")[:1]
        rows = rows.order_by(Coalesce(Subquery(opened), "received_at").desc(), "pk")
    else:
        rows = rows.order_by("-received_at")
    found = list(rows[:ROWS_SHOWN])
    waiting = _waiting(viewer, [row.pk for row in found])
    return [
        Seen(
            submission=row,
            item_id=row.item_id,
            bits_apart=None,
            same_file=False,
            same_applicant=True,
            waits_since=waiting.get(row.pk),
        )
        for row in found
    ]


def has_reference(item: ReviewItem) -> bool:
    """Whether a reference image came with the picture. It is no evidence: who sees the face may compare it at once."""
    return bool(item.submission.reference_sha256) and item.submission.erased_at is None


def comparable(*, viewer: User, item: ReviewItem, most: int | None = None) -> list[Seen]:
    """What a picture may be compared with: look-alikes first, then the applicant's others; nothing twice or erased."""
    found = look_alikes(viewer=viewer, item=item) + applicants_others(viewer=viewer, item=item)
    once = {seen.submission.pk: seen for seen in reversed(found) if seen.submission.erased_at is None}
    return [seen for seen in found if once.get(seen.submission.pk) is seen][:most]


@dataclass(frozen=True, slots=True)
class VoteHistory:
    """What came of decided submissions with as many calls of fake (`split`), and with exactly these votes."""

    fake_calls: int
    real_calls: int
    split: tuple[int, int]
    exact: tuple[int, int]


def vote_history(*, viewer: User, item: ReviewItem) -> VoteHistory | None:
    """(fakes, all) per bundle, so that a new ensemble starts its own history; None for what has no votes."""
    scoring = getattr(item.submission, "scoring", None)
    if scoring is None or not may_see_evidence(viewer=viewer, item=item):
        return None
    calls = [vote.is_fake for vote in scoring.votes.all()]
    pattern = "".join("1" if call else "0" for call in calls)
    rows = list(PatternOutcome.objects.filter(bundle_digest=scoring.bundle_digest))
    alike = [row for row in rows if row.pattern.count("1") == sum(calls)]
    return VoteHistory(
        fake_calls=sum(calls),
        real_calls=len(calls) - sum(calls),
        split=_fakes_of(alike),
        exact=_fakes_of(row for row in alike if row.pattern == pattern),
    )


def measures() -> QuerySet[AuxiliaryMeasure, AuxiliaryMeasure]:
    """Performance of each auxiliary model on this bank's labels: aggregates only, so no per-viewer check
    is needed."""
    return AuxiliaryMeasure.objects.all()


def _fakes_of(rows: Iterable[PatternOutcome]) -> tuple[int, int]:
    counted = [(row.fakes, row.fakes + row.reals) for row in rows]
    return sum(fakes for fakes, _ in counted), sum(total for _, total in counted)


def may_see_evidence(*, viewer: User, item: ReviewItem) -> bool:
    """The face, and no first call still to be made. Asked once per item that was read, for the panel asks often."""
    answers: dict[int, bool] = item.__dict__.setdefault(review.MAY_BE_SEEN_BY, {})
    if viewer.pk not in answers:
        sees_face = review.items_in_focus(viewer=viewer).filter(pk=item.pk).exists()
        answers[viewer.pk] = sees_face and review.is_revealed(viewer=viewer, item=item)
    return answers[viewer.pk]


def _is_same_applicant(one: Submission, other: Submission) -> bool:
    return (
        bool(one.applicant_ref)
        and one.integration_id == other.integration_id
        and one.applicant_ref == other.applicant_ref
    )


def close_ups_of(*, item: ReviewItem) -> dict[str, list[float]]:
    """Boxes of the parts of the face; the caller has checked that the viewer sees it.

    Known since the votes, so they say of no blind item what kind it is. What was scored before they were kept has them
    in its evidence, which is complete for all of these.
    """
    fingerprint = getattr(item.submission, "fingerprint", None)
    if fingerprint is not None and fingerprint.close_ups:
        boxes: dict[str, list[float]] = fingerprint.close_ups
        return boxes
    evidence = getattr(item.submission, "evidence", None)
    return dict(evidence.facts.get("regions", {})) if evidence else {}


def evidence_of(*, viewer: User, item: ReviewItem) -> Evidence | None:
    """The item's evidence row; None while the viewer may not see it, or it was not requested yet."""
    return getattr(item.submission, "evidence", None) if may_see_evidence(viewer=viewer, item=item) else None
