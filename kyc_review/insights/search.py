"""Search for submissions, and the history of one. Every function takes the viewer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils.translation import gettext

from detection.checks import CheckStatus
from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event
from kyc_review.audit.receipts import receipt
from kyc_review.core.days import begin_of, end_of
from kyc_review.core.db.rows import RowComparison
from kyc_review.core.permissions import Right, may_decide, may_see_insights, require
from kyc_review.core.serializers import reference_spellings
from kyc_review.insights.chart_filters import points_found
from kyc_review.insights.dashboard_queries import sla_moments
from kyc_review.review.blinding import copy_waits_blind
from kyc_review.review.models import UNDECIDED_STATES, WAITING_STATES, Decision, PlantedForgery, ReviewItem
from kyc_review.review.selectors import listed_reason
from kyc_review.scoring.models import CheckResult
from kyc_review.scoring.state import NOT_YET_SCORED
from kyc_review.submissions.models import FOUND_BY_PART, State, Submission
from kyc_review.submissions.searching import PART_MIN_CHARS, reference_has, with_part
from kyc_review.submissions.selectors import CLOCKS_APART

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

PASS = CheckStatus.PASS.value
NOT_YET_DECIDED = Q(state__in=UNDECIDED_STATES)
SEEN, HIDDEN = Q(is_blinded=False), Q(is_blinded=True)  # of `submissions_visible`
TELLS_RESULT = Q(hides_result=False)
BLINDED = "~"  # marks the place of a blinded row in the address of the next page
# Filters by what a blinded submission hides; the names are those of `SearchForm`.
TELL_RESULT = ("result", "reviewer", "check", "decided", "scored", "bundle", "member")
HIDDEN_OF_BLINDED = ("since", "until", *TELL_RESULT)
WINDOW = 10_000
CHECKS_READ = (300, 3_000)
NOT_OF_INDEX = F("received_at") + Value(timedelta(0))  # no index has this order, so what was found is sorted
HEX = re.compile(r"[0-9a-f]{8,64}")
ID_CHARS, SHA256_CHARS = 32, 64


def submissions_visible(*, viewer: User) -> QuerySet[Submission]:
    """Live submissions of all integrations, the newest first; nothing for people without the right.

    `is_blinded` if the viewer may still be asked to review the face: it is then shown as in review and without
    a result (gold and audits do have a result). `hides_result` if they may be asked to review a copy of the picture.
    """
    if not may_see_insights(viewer):
        return Submission.objects.none()
    rows = Submission.objects.filter(is_test=False).select_related("integration", "scoring")
    waiting = ReviewItem.objects.filter(NOT_YET_DECIDED, submission=OuterRef("pk"), is_blind=True)
    copy_waits = ExpressionWrapper(copy_waits_blind(submission=OuterRef("pk")), output_field=BooleanField())
    decides = may_decide(viewer)
    rows = rows.annotate(
        is_blinded=Exists(waiting) if decides else Value(False),
        hides_result=copy_waits if decides else Value(False),
    )
    return rows.order_by("-received_at", "-pk")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of submissions. `after` is what asks for the next one, empty after the last."""

    rows: list[Submission]
    after: str


def submissions_found(*, viewer: User, wanted: dict[str, Any], limit: int = 50) -> Found:
    """`wanted`: cleaned values of `SearchForm`; empty ones do not filter.

    Blinded submissions come first, in an order that tells nothing, then the others, the newest first. Each page begins
    behind the last row of the one before (`after`), so new rows shift nothing.
    """
    if not may_see_insights(viewer):
        return Found([], "")
    after = wanted.get("after") or ""
    found: list[Submission] = []
    if not after or after.startswith(BLINDED):
        rows = _blinded(viewer, wanted).order_by("pk")
        found = list((rows.filter(pk__gt=after[1:]) if after else rows)[: limit + 1])
    if len(found) <= limit:
        begin = "" if after.startswith(BLINDED) else after
        found += _seen_page(viewer, wanted, begin, limit + 1 - len(found))
    last = found[limit - 1] if len(found) > limit else None
    return Found(found[:limit], _place(last) if last else "")


def _place(row: Submission) -> str:
    return f"{BLINDED if row.is_blinded else ''}{row.pk}"  # type: ignore[attr-defined]


def _seen_page(viewer: User, wanted: dict[str, Any], after: str, number: int) -> list[Submission]:
    """The first `number` of what the viewer may know all of, behind the row `after`.

    Postgres does not know whether a text or a check is frequent, nor whether its submissions lie together. So the
    newest WINDOW rows are read in order, where frequent ones are met soon; else what was found is sorted.
    """

    def from_there(rows: QuerySet[Submission]) -> QuerySet[Submission]:
        return _older_than(rows, after) if after else rows

    if not (wanted.get("q") or wanted.get("check")):
        return list(from_there(_seen(viewer, wanted))[:number])
    if wanted.get("check") and not (wanted.get("q") or after or wanted.get("until")):
        found = _newest_checked(viewer, wanted, number)
        if found is not None:
            return found
    newest = from_there(_in_period(submissions_visible(viewer=viewer), wanted)).values_list(
        "received_at", flat=True
    )
    edge = newest[WINDOW : WINDOW + 1].first()
    rows = from_there(_seen(viewer, wanted, one_by_one=True))
    found = list((rows.filter(received_at__gte=edge) if edge else rows)[:number])
    if edge is None or len(found) == number:
        return found
    rows = from_there(_seen(viewer, wanted))
    return list(rows.order_by(NOT_OF_INDEX.desc(), "-pk")[:number] if wanted.get("q") else rows[:number])


def _newest_checked(viewer: User, wanted: dict[str, Any], number: int) -> list[Submission] | None:
    """The first `number` with the check, from the newest checks that failed so; None when these do not tell.

    A picture is received before it is checked. So of what was received since the oldest check that was read, none is
    missing.
    """
    checks = _failed_checks(wanted).order_by("-checked_at").values_list("submission_id", "checked_at")
    for most in CHECKS_READ:
        newest = list(checks[:most])
        rows = _seen(viewer, wanted, one_by_one=True).filter(pk__in=[key for key, _ in newest])
        # Found by their keys, then sorted.
        rows = rows.alias(received=NOT_OF_INDEX).order_by("-received", "-pk")
        if len(newest) == most:
            rows = rows.filter(received__gte=newest[-1][1] + CLOCKS_APART)
        found: list[Submission] = [*rows[:number]]
        if len(found) == number or len(newest) < most:
            return found
    return None


def _failed_checks(wanted: dict[str, Any]) -> QuerySet[CheckResult]:
    """Not passed: they have a code, so this says nothing new, but the index holds no others."""
    return CheckResult.objects.filter(code=wanted["check"]).exclude(status=PASS).exclude(action="")


def _older_than(rows: QuerySet[Submission], key: str) -> QuerySet[Submission]:
    received = Submission.objects.filter(pk=key).values_list("received_at", flat=True).first()
    if received is None:
        return rows.none()
    return rows.filter(RowComparison((F("received_at"), F("pk")), "<", (Value(received), Value(UUID(key)))))


def _in_period(rows: QuerySet[Submission], wanted: dict[str, Any]) -> QuerySet[Submission]:
    if wanted.get("since"):
        rows = rows.filter(received_at__gte=begin_of(wanted["since"]))
    return rows.filter(received_at__lte=end_of(wanted["until"])) if wanted.get("until") else rows


def _seen(viewer: User, wanted: dict[str, Any], *, one_by_one: bool = False) -> QuerySet[Submission]:
    """What the viewer may know all of, the newest first; a filter must not tell the results that are hidden.

    one_by_one: checks are looked up for each row, not found first.
    """
    rows = submissions_visible(viewer=viewer).filter(SEEN)
    if any(wanted.get(name) for name in TELL_RESULT):
        rows = rows.filter(TELLS_RESULT)
    if wanted.get("q"):
        rows = _said(rows, wanted["q"].strip(), viewer)
    for name in ("state", "result"):
        if wanted.get(name):
            rows = rows.filter(**{name: wanted[name]})
    rows = _in_period(rows, wanted)
    if wanted.get("reviewer"):
        decided = Decision.objects.filter(reviewer__username=wanted["reviewer"])
        rows = rows.filter(Exists(decided.filter(submission=OuterRef("pk"))))
    if wanted.get("check"):
        failed = Exists(_failed_checks(wanted).filter(submission=OuterRef("pk")))
        rows = rows.filter(Case(When(failed, then=True), default=False) if one_by_one else failed)
    return _with_items(points_found(rows, wanted, viewer), wanted, viewer)


def _blinded(viewer: User, wanted: dict[str, Any]) -> QuerySet[Submission]:
    """Blinded submissions are found by references, ids and as waiting in review, by nothing that is hidden: among that
    is the time when they were received, because a calibration item is older than its item.
    """
    rows = submissions_visible(viewer=viewer)
    is_sought = wanted.get("q") or wanted.get("waiting") or wanted.get("reason") or wanted.get("state")
    tells_more = any(wanted.get(name) for name in HIDDEN_OF_BLINDED)
    if not may_decide(viewer) or not is_sought or tells_more:
        return rows.none()
    if wanted.get("state") not in (None, "", State.IN_REVIEW):
        return rows.none()
    rows = rows.filter(HIDDEN)
    if wanted.get("q"):
        text = wanted["q"].strip()
        named = _named(text, viewer)
        whole = _whole(text)
        rows = rows.filter(named if whole or len(text) < PART_MIN_CHARS else named | reference_has(text))
    return _with_items(rows, wanted, viewer)


def is_hidden(*, viewer: User, submission: Submission) -> bool:
    """People who may still be asked to review a face must not see here what models and colleagues said about it.

    Before the vote, that is every face: whether it comes to a blind review, such as of a planted forgery, is open.
    """
    if not may_decide(viewer):
        return False
    blind = submission.review_items.filter(NOT_YET_DECIDED, is_blind=True)
    return submission.state in NOT_YET_SCORED or blind.exists()


@dataclass(frozen=True, slots=True)
class History:
    events: list[Event]
    decisions: list[Decision]
    messages: list[Any]


def history(*, viewer: User, submission: Submission) -> History:
    """All events of it, oldest first; nothing if it `is_hidden`."""
    if not may_see_insights(viewer) or is_hidden(viewer=viewer, submission=submission):
        return History([], [], [])
    decides = may_decide(viewer)
    events = list(events_about(submission, tells_planted=not decides).order_by("at", "pk"))
    decisions = list(submission.decisions.select_related("reviewer", "item", "undo").order_by("decided_at"))
    for decision in decisions:
        decision.reviewer_then = _name_then(decision, events)  # type: ignore[attr-defined]  # for the template
    return History(
        events=events,
        decisions=decisions,
        # A planted forgery has none, so people who decide see those of no submission.
        messages=[] if decides else list(_messages(submission)),
    )


def _name_then(decision: Decision, events: list[Event]) -> str:
    """The reviewer's name at that time: of the nearest of their events; the present one if there is none."""
    own = [row for row in events if (row.actor_kind, row.actor_id) == ("user", str(decision.reviewer_id))]
    nearest = min(own, key=lambda row: abs(row.at - decision.decided_at), default=None)
    return nearest.actor_name if nearest else decision.reviewer.username


def submission_receipt(*, viewer: User, submission: Submission) -> dict[str, Any]:
    """The sealed events of its history with their proofs, for a check without this installation (docs/audit.md).

    Raises PermissionDenied without the right to read the audit log, and while it `is_hidden` from the viewer.
    """
    require(viewer, Right.READ_AUDIT_LOG)
    if is_hidden(viewer=viewer, submission=submission):
        raise PermissionDenied(
            gettext("You may still be asked to review this face: its history is hidden until then.")
        )
    events = events_about(submission, tells_planted=not may_decide(viewer))
    return receipt(submission_id=str(submission.pk), events=events)


def _messages(submission: Submission) -> QuerySet[Any]:
    return submission.webhook_events.prefetch_related("deliveries").order_by("created_at")


def events_about(submission: Submission, *, tells_planted: bool) -> QuerySet[Event]:
    """tells_planted: with the event that it was planted, or that a forgery of it was."""
    items = [str(pk) for pk in submission.review_items.values_list("pk", flat=True)]
    about = Q(target_kind="submission", target_id=str(submission.pk))
    about |= Q(target_kind="reviewitem", target_id__in=items)
    if tells_planted:
        made = PlantedForgery.objects.filter(Q(submission=submission) | Q(source=submission))
        about |= Q(target_kind="plantedforgery", target_id__in=[str(row.pk) for row in made])
    return Event.objects.filter(about)


def _whole(text: str) -> str:
    """The text between double quotes: a reference that is sought as it is."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else ""


def _said(rows: QuerySet[Submission], text: str, viewer: User) -> QuerySet[Submission]:
    """A part of a reference or of the metadata's values, an id or an item's number."""
    named = _named(text, viewer)
    is_sha256 = len(text) == SHA256_CHARS and HEX.fullmatch(text.lower())
    if _whole(text) or is_sha256 or len(text) < PART_MIN_CHARS:
        return rows.filter(named)
    return with_part(rows, text, named, states=FOUND_BY_PART)


def _named(text: str, viewer: User) -> Q:
    """A whole reference, an id or its first eight characters or more (as the compare menu names a submission), an
    item's number or a SHA-256; the last is found by reading all rows.

    The number of a waiting blind item does not lead a possible reviewer to its content.
    """
    text = _whole(text) or text
    systems = list(Integration.objects.values_list("pk", flat=True))
    spellings = reference_spellings(text)
    found = Q(integration__in=systems, external_ref__in=spellings)
    found |= Q(integration__in=systems, applicant_ref__in=spellings)
    start = text.replace("-", "").lower()
    if len(start) == SHA256_CHARS and HEX.fullmatch(start):
        found |= Q(sha256=start)
    elif HEX.fullmatch(start) and len(start) <= ID_CHARS:
        found |= Q(pk__range=(UUID(start.ljust(ID_CHARS, "0")), UUID(start.ljust(ID_CHARS, "f"))))
    if text.isdecimal() and len(text) < 16:
        items = ReviewItem.objects.filter(pk=int(text))
        if may_decide(viewer):
            items = items.exclude(NOT_YET_DECIDED, is_blind=True)
        found |= Q(
            pk__in=list(items.values_list("submission_id", flat=True))
        )  # a subquery would read all rows
    return found


def _with_items(rows: QuerySet[Submission], wanted: dict[str, Any], viewer: User) -> QuerySet[Submission]:
    if not (wanted.get("reason") or wanted.get("waiting")):
        return rows
    return rows.filter(Exists(_items(wanted, viewer).filter(submission=OuterRef("pk"))))


def _items(wanted: dict[str, Any], viewer: User) -> QuerySet[ReviewItem]:
    """By the displayed reason: a search must not reveal calibration items."""
    rows = ReviewItem.objects.all()
    if wanted.get("reason"):
        rows = rows.annotate(listed=listed_reason(viewer=viewer)).filter(listed=wanted["reason"])
    if not wanted.get("waiting"):
        return rows
    rows = rows.filter(state__in=WAITING_STATES)
    late, risk = sla_moments()
    if wanted["waiting"] == "late":
        rows = rows.filter(opened_at__lt=late)
    if wanted["waiting"] == "at_risk":
        rows = rows.filter(opened_at__lt=risk, opened_at__gte=late)
    return rows
