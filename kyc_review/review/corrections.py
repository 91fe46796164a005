"""Corrections: a later decision on what is final already. The earlier row stays.

Where two people are needed (CORRECTIONS_NEED_TWO, clearance.py), a correction changes no outcome by itself: it opens a
blind review by somebody else, and the outcome is replaced when that person, or a third, agrees. That holds for one that
keeps the answer and changes only what was marked or noted, too: all that stands on record was seen by two people.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext, gettext_lazy

from kyc_review.audit import services as audit
from kyc_review.core.permissions import may_oversee

from .claims import ERASED, ClaimLost, require_decider
from .clearance import real_needs_two_people, waits_for_another
from .decisions import said_in_event, words_validated
from .models import Decision, ReviewItem
from .outcomes import outcome_replace
from .second_reviews import correction_item_open, outcome_stays

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

UNDER_REVIEW = gettext_lazy(
    "Another person is to judge this picture without knowing the answer. "
    "It can be corrected after their decision."
)
UNCHANGED = gettext_lazy("That is the answer already. Change it, what is marked, or the note to correct it.")


@transaction.atomic
def decision_correct(
    *, item_id: int, corrector: User, label: str, answer_must_change: bool = False, **said: Any
) -> Decision:
    """Correct a decided item: by its author, or by a senior (who overturns it).

    `said` as in decision_record. Raises PermissionDenied; ClaimLost when the item is not final yet, is under review, or
    says all of this already (`answer_must_change`: or has this answer, whatever else it says); ValueError.
    """
    require_decider(corrector)
    word = words_validated(label, **said)
    item, before = _correctable(item_id, corrector)
    is_same_answer = (before.label, before.obstacle) == (word["label"], word["obstacle"])
    if is_same_answer and (answer_must_change or not _says_more(before, word)):
        raise ClaimLost(UNCHANGED)
    correction = Decision.objects.create(
        item=item,
        submission_id=item.submission_id,
        reviewer=corrector,
        corrects=before,
        handling_ms=0,
        **word,
    )
    corrected = {"from": before.label, "corrects": before.pk, "decision": correction.pk}
    detail = corrected | said_in_event(word)
    if item.reason == ReviewItem.Reason.GOLD:
        pass  # stored like any other, without effect: a refusal would reveal a calibration item
    elif correction_waits(item=item, correction=correction):
        opened = correction_item_open(item=item, correction=correction)
        audit.record(action="item.opened", target=opened, detail={"reason": opened.reason})
    else:
        outcome_replace(item=item, decision=correction)
    audit.record(action="item.corrected", actor=corrector, target=item, detail=detail)
    return correction


def correction_waits(*, item: ReviewItem, correction: Decision) -> bool:
    """Whether the correction takes effect only when another person agrees."""
    if settings.CORRECTIONS_NEED_TWO or not correction.is_sure:
        return True
    if correction.label != Decision.Label.REAL or outcome_stays(item=item, label=correction.label):
        return False
    return real_needs_two_people(item)  # what anybody said before, the outcome in question has overruled


def _seems_to_wait(item: ReviewItem, correction: Decision) -> bool:
    """For a calibration item, which has no outcome: what `correction_waits` would say of any other with this answer."""
    if settings.CORRECTIONS_NEED_TWO or not correction.is_sure:
        return True
    before = correction.corrects
    if correction.label != Decision.Label.REAL or before is None or before.label == Decision.Label.REAL:
        return False
    return real_needs_two_people(item)


def _says_more(before: Decision, word: dict[str, Any]) -> bool:
    """Whether a correction with the same answer says anything else. A note that is left empty takes none away: the
    first one stays on record."""
    marks = ("parts", "methods", "regions")
    if any(_in_order(getattr(before, name)) != _in_order(word.get(name) or []) for name in marks):
        return True
    return before.is_sure != word["is_sure"] or word.get("note", "").strip() not in ("", before.note)


def _in_order(marks: list[Any]) -> list[str]:
    return sorted(json.dumps(mark, sort_keys=True) for mark in marks)


def waits_before_correction(*, item: ReviewItem, decision: Decision) -> bool:
    """Whether somebody is to judge the picture before the item's last decision can be corrected.

    A calibration item opens no review, but must look as if it did.
    """
    undecided = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    if undecided.filter(submission=item.submission_id).exists():
        return True
    if item.reason != ReviewItem.Reason.GOLD:
        return False
    if decision.corrects_id is not None:
        return _seems_to_wait(item, decision)
    return waits_for_another(item=item, label=decision.label, is_sure=decision.is_sure)


class CorrectionState(TextChoices):
    """What became of a correction; the labels are printed."""

    IN_EFFECT = "in_effect", ""
    WAITS = "waits", gettext_lazy("It takes effect once a second person agrees.")
    AGREED = "agreed", gettext_lazy("Another person agreed.")
    OVERRULED = "overruled", gettext_lazy("Other reviewers answered otherwise; their answer counts.")
    CLOSED = "closed", gettext_lazy("It was closed without a second person's answer and changed nothing.")


def correction_state(correction: Decision) -> CorrectionState:
    """What became of a decision that corrects another one."""
    if correction.item.reason == ReviewItem.Reason.GOLD and _seems_to_wait(correction.item, correction):
        return CorrectionState.WAITS  # as the others: it must not be told from them
    reviews = list(correction.reviews.all())
    if not reviews:
        return CorrectionState.IN_EFFECT
    if any(item.state != ReviewItem.State.DECIDED for item in reviews):
        return CorrectionState.WAITS
    last = Decision.objects.final().filter(item__in=reviews).order_by("-pk").first()
    if last is None:
        return CorrectionState.CLOSED
    return CorrectionState.AGREED if last.label == correction.label else CorrectionState.OVERRULED


def _correctable(item_id: int, corrector: User) -> tuple[ReviewItem, Decision]:
    """The locked item and its current decision. Raises PermissionDenied, ClaimLost."""
    # The submission, too: an erasure that comes meanwhile waits, and then empties what is written here.
    item = (
        ReviewItem.objects.select_for_update(of=("self", "submission"))
        .select_related("submission")
        .filter(pk=item_id)
        .first()
    )
    if item is not None and item.submission.erased_at:
        raise ClaimLost(ERASED)
    before = Decision.objects.final().filter(item_id=item_id).order_by("-pk").first()
    if item is None or before is None:
        raise ClaimLost(gettext("Only a final decision can be corrected."))
    if not may_oversee(corrector) and before.reviewer_id != corrector.pk:
        raise PermissionDenied(gettext("Only its author or a senior corrects a decision."))
    if waits_before_correction(item=item, decision=before):
        raise ClaimLost(UNDER_REVIEW)
    return item, before
