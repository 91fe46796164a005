"""Which answers of one person have no effect until another person has judged the same picture.

What `labels_needing_two` says is known before the first person decides, so that their page can say it. Whether another
person gave the answer (`another_answered`) is asked afterwards, and an answer that its author marks *not sure* needs
a second person whatever is said here (`second_reviews`).
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from detection.checks import CheckCode, CheckStatus
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

from .audit_sampling import is_audited
from .models import Decision, ReviewItem

# They come to people without a verdict: if they have no checks either, no machine has looked at the picture.
WITHOUT_VERDICT = (ReviewItem.Reason.STANDSTILL, ReviewItem.Reason.UNSCORABLE)
# Their answers replace an outcome that stands.
REOPENING = (ReviewItem.Reason.TWIN_REJECTED, ReviewItem.Reason.APPEAL)
SHARE_STEPS = 10_000


def labels_needing_two(item: ReviewItem) -> frozenset[str]:
    """The answers to this item that one person may not give alone."""
    if is_drawn_for_second(item):
        return frozenset(Decision.Label.values)
    found = set()
    if real_needs_two_people(item):
        found.add(Decision.Label.REAL.value)
    if fake_needs_two_people(item):
        found.add(Decision.Label.FAKE.value)
    return frozenset(found)


def waits_for_another(*, item: ReviewItem, label: str, is_sure: bool) -> bool:
    """Whether this answer, as far as its author can know, has no effect until another person has judged the picture.

    It follows from what their page says before they answer, and from their own doubt, so that it tells neither a
    calibration item nor what others said.
    """
    return not is_sure or label in labels_needing_two(item)


def fake_needs_two_people(item: ReviewItem) -> bool:
    """Whether the item's risk is one at which the bank wants two people for *fake*."""
    return item.risk >= settings.SECOND_REVIEW_FAKE_RISK


def is_drawn_for_second(item: ReviewItem) -> bool:
    """Whether a second person reviews every answer: a fixed share of what is at or above the set risk, chosen by the
    submission's random number."""
    drawn: int = item.submission_id.int % SHARE_STEPS
    return item.risk >= settings.SECOND_REVIEW_RISK and drawn < settings.SECOND_REVIEW_SHARE * SHARE_STEPS


def checks_missing(item: ReviewItem, checks: Collection[CheckResult]) -> bool:
    """Whether the picture was given to people before any check was made. `checks`: all of its submission."""
    return not checks and (item.masked_reason or item.reason) in WITHOUT_VERDICT


def real_needs_two_people(item: ReviewItem) -> bool:
    """Whether *real* clears the picture only if two people say it.

    This holds when every vote says fake (unless CLEARING_FAKES_NEEDS_TWO is off), after a failed check that the bank's
    policy does not ignore, after a check that ended with an error, and without any check. The quality sample is
    excluded, because no answer changes its outcome to clear, unless the picture was appealed or reopened: then the
    answers replace the outcome.
    """
    checks = item.submission.checks.all()  # the item's page has them fetched already
    speaks_against = (
        _is_unanimous_fake(item)
        or checks_missing(item, checks)
        or any(_speaks_against(check) for check in checks)
    )
    if not speaks_against:
        return False
    return not is_audited(item.submission_id) or _reopening_item(item.submission_id) is not None


def another_answered(item: ReviewItem, *, label: str, person: int) -> bool:
    """Whether a final decision of somebody else that still counts gives this answer."""
    return _answers_of_others(item, person).filter(label=label).exists()


def another_is_sure_of(item: ReviewItem, decision: Decision) -> bool:
    """Whether a final decision of somebody else that still counts gives the same answer without doubt."""
    others = _answers_of_others(item, decision.reviewer_id)
    return others.filter(label=decision.label, is_sure=True).exists()


def _answers_of_others(item: ReviewItem, person: int) -> QuerySet[Decision]:
    """What counts together with an answer to this item. What was said before the outcome was questioned, by a
    correction, an appeal or a rejected twin, does not: it belongs to that outcome, or was overruled by it.
    """
    final = Decision.objects.final().filter(submission=item.submission_id)
    final = final.exclude(item__reason=ReviewItem.Reason.GOLD)
    corrected = final.filter(corrects__isnull=False).values("corrects")
    final = final.exclude(reviewer=person).exclude(pk__in=corrected)
    if item.correction_id is not None:
        return final.filter(Q(pk=item.correction_id) | Q(item__correction=item.correction_id))
    reopening = _reopening_item(item.submission_id)
    return final if reopening is None else final.filter(item__gte=reopening)


def _reopening_item(submission_id: UUID) -> int | None:
    """The latest item that reopened the outcome, after a rejected twin or by an appeal."""
    reopening = ReviewItem.objects.filter(submission=submission_id, reason__in=REOPENING)
    return reopening.order_by("-pk").values_list("pk", flat=True).first()


def _is_unanimous_fake(item: ReviewItem) -> bool:
    shown_reason = item.masked_reason or item.reason
    return settings.CLEARING_FAKES_NEEDS_TWO and shown_reason == ReviewItem.Reason.UNANIMOUS_FAKE


def _speaks_against(check: CheckResult) -> bool:
    if check.action == Action.IGNORE.value:
        return False
    return check.status == CheckStatus.FAIL.value or check.code == CheckCode.CHECK_FAILED.value
