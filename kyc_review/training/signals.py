"""Reasons that suggest retraining to an admin; the calendar is in `training.schedule`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from detection.voting import Verdict
from estimation.drift import changed_by, stability_index
from kyc_review.core.numbers import lower_bound, upper_bound
from kyc_review.core.permissions import may_see_retraining
from kyc_review.core.stored_texts import stored
from kyc_review.datasets.selectors import Unused, unused_counted_unchecked
from kyc_review.registry.models import Promotion
from kyc_review.registry.selectors import serving_promotion
from kyc_review.review.audit_results import Audited, audit_at, audits_by_bundle_unchecked
from kyc_review.scoring.models import Scoring
from kyc_review.training.gate import load_at
from kyc_review.training.promotion_basis import proposal_of

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# Names and details are kept with alarms and answered by the API: in English, from these.
DECISIONS = stored(gettext_noop("New decisions"))  # suggests a training; the other signals are alarms
ALARM = stored(gettext_noop("Alarm: %(signal)s"))
SCORES = stored(gettext_noop("Scores"))
SPLITS = stored(gettext_noop("Split votes"))
LOAD = stored(gettext_noop("Load since the promotion"))
AUDIT = stored(gettext_noop("Audit"))
UNUSED = stored(gettext_noop("%(new)s are in no snapshot yet; %(wished)s suggest a new candidate."))
YOUNG = stored(
    gettext_noop(
        "The champion has been in production for less than two weeks; its first week is the reference."
    )
)
TOO_FEW_WEEKS = stored(
    gettext_noop(
        "%(first)s selfies in the champion's first week and %(last)s in the last; %(least)s of each are needed."
    )
)
STABILITY = stored(
    gettext_noop(
        "Population stability index %(index)s between the champion's first week and the last; above %(most)s "
        "submissions look different."
    )
)
MORE_SPLITS = stored(
    gettext_noop(
        "The models disagree on %(share)s more of the selfies than in the champion's first week; %(least)s and "
        "%(errors)s standard errors need attention."
    )
)
FEWER_SPLITS = stored(
    gettext_noop(
        "The models disagree on %(share)s fewer of the selfies than in the champion's first week; %(least)s and "
        "%(errors)s standard errors need attention."
    )
)
REPLAY = stored(gettext_noop("the replay that the promotion rests on"))
WEEK_BEFORE = stored(gettext_noop("the week before it"))
TOO_FEW_SINCE = stored(
    gettext_noop(
        "%(recent)s selfies since the promotion and %(promised)s in %(basis)s; %(least)s of each are needed."
    )
)
MORE_LOAD = stored(
    gettext_noop(
        "People see %(share)s more of the selfies than in %(basis)s; %(least)s and %(errors)s standard errors need "
        "attention."
    )
)
LESS_LOAD = stored(
    gettext_noop(
        "People see %(share)s fewer of the selfies than in %(basis)s; %(least)s and %(errors)s standard errors need "
        "attention."
    )
)
AT_LEAST_FAKE = stored(
    gettext_noop(
        "At least %(share)s of what the champion cleared is fake (%(fake)s found in %(judged)s); the limit is "
        "%(limit)s."
    )
)
AT_MOST_FAKE = stored(
    gettext_noop(
        "At most %(share)s of what the champion cleared is fake (%(fake)s found in %(judged)s); the limit is "
        "%(limit)s."
    )
)
TOO_FEW_JUDGED = stored(
    gettext_noop("%(judged)s of at least %(least)s cleared faces in the random sample have a decision.")
)

SPAN = timedelta(days=7)
SCORED_LEAST, SCORED_READ = 200, 20_000
INDEX_MAX = 0.25
SPLIT_CHANGE, SPLIT_ERRORS = 0.05, 3.0
JUDGED_LEAST = 60


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing to watch, in words; `calls` when it calls for retraining, None when there is too few data."""

    name: str
    calls: bool | None
    detail: str


def retraining_signals(*, viewer: User, unused: Unused | None = None) -> list[Signal]:
    """What speaks for retraining now and what does not; nothing for people who may not see retraining. unused: where
    they are counted already."""
    return retraining_signals_unchecked(unused) if may_see_retraining(viewer) else []


def retraining_signals_unchecked(unused: Unused | None = None) -> list[Signal]:
    """As `retraining_signals`, for the command line and tasks, which have no viewer."""
    return [_decisions(unused or unused_counted_unchecked()), *alarm_signals_unchecked()]


def alarm_signals_unchecked() -> list[Signal]:
    """The signals that are alarms, which count no decisions."""
    promotion = serving_promotion()
    return [*_drift(promotion), _audit(promotion)]


def _decisions(unused: Unused) -> Signal:
    wished = settings.RETRAIN_SUGGEST_DECISIONS
    new = f"{unused.number}+" if unused.or_more else unused.number
    return Signal(DECISIONS, unused.number >= wished, UNUSED % {"new": new, "wished": wished})


def _drift(promotion: Promotion | None) -> list[Signal]:
    """The last week against the champion's first; before two weeks are over, the load since the promotion."""
    now = timezone.now()
    first = promotion.promoted_at if promotion else now
    names = (SCORES, SPLITS)
    if promotion is None or first > now - 2 * SPAN:
        young = [Signal(name, None, YOUNG) for name in names]
        return young if promotion is None else [*young, _since_promotion(promotion)]
    reference = _scored(promotion, first, first + SPAN)
    recent = _scored(promotion, now - SPAN, now)
    if min(len(reference), len(recent)) < SCORED_LEAST:
        told = TOO_FEW_WEEKS % {"first": len(reference), "last": len(recent), "least": SCORED_LEAST}
        return [Signal(name, None, told) for name in names]
    index = stability_index([risk for risk, _ in reference], [risk for risk, _ in recent])
    change, errors = changed_by(_splits(reference), _splits(recent))
    return [
        Signal(
            names[0],
            index > INDEX_MAX,
            STABILITY % {"index": f"{index:.2f}", "most": INDEX_MAX},
        ),
        Signal(
            names[1],
            abs(change) > SPLIT_CHANGE and errors > SPLIT_ERRORS,
            (MORE_SPLITS if change > 0 else FEWER_SPLITS) % _change(change),
        ),
    ]


def _since_promotion(promotion: Promotion) -> Signal:
    """Watches from the first day: what goes to people since the promotion, against what was promised.

    Risks of two bundles are on different scales, so their scores are not compared; the share that reaches people is,
    with the replay that the promotion rests on, or with the week before it.
    """
    recent = _scored(promotion, promotion.promoted_at, timezone.now())
    promised, basis = _promised(promotion)
    if min(len(recent), promised[1]) < SCORED_LEAST:
        counts = {"recent": len(recent), "promised": promised[1], "basis": basis, "least": SCORED_LEAST}
        return Signal(LOAD, None, TOO_FEW_SINCE % counts)
    change, errors = changed_by(promised, _flagged(recent))
    return Signal(
        LOAD,
        abs(change) > SPLIT_CHANGE and errors > SPLIT_ERRORS,
        (MORE_LOAD if change > 0 else LESS_LOAD) % (_change(change) | {"basis": basis}),
    )


def _promised(promotion: Promotion) -> tuple[tuple[int, int], str]:
    """((flagged, total), where that was seen)."""
    if proposal := proposal_of(promotion):
        replay = proposal.comparison.report["replay"]
        if load := load_at(replay, proposal.shift):
            return (round(load["value"] * replay["n"]), replay["n"]), REPLAY
    since = promotion.promoted_at - SPAN
    rows = Scoring.objects.filter(
        scored_at__gte=since,
        scored_at__lt=promotion.promoted_at,
        submission__is_test=False,
        submission__is_planted=False,
    )
    week = list(rows.order_by("-scored_at").values_list("risk", "verdict")[:SCORED_READ])
    return _flagged(week), WEEK_BEFORE


def _audit(promotion: Promotion | None) -> Signal:
    """Few faces can show that too much is missed, though not that all is well: the lower bound alarms whatever their
    number, the upper one is a certificate and needs JUDGED_LEAST."""
    limit = settings.AUDIT_BOUND_MAX
    found = None
    if promotion is not None:
        found = audit_at(audits_by_bundle_unchecked(), digest=promotion.bundle.digest, shift=promotion.shift)
    if found is not None and found.lower_bound > limit:
        return Signal(
            AUDIT,
            True,
            AT_LEAST_FAKE % _found(found, lower_bound(found.lower_bound), limit),
        )
    if found is None or found.judged < JUDGED_LEAST:
        judged = found.judged if found else 0
        return Signal(
            AUDIT,
            None,
            TOO_FEW_JUDGED % {"judged": judged, "least": JUDGED_LEAST},
        )
    return Signal(
        AUDIT,
        found.bound > limit,
        AT_MOST_FAKE % _found(found, upper_bound(found.bound), limit),
    )


def _change(change: float) -> dict[str, str]:
    """How much a share changed, and what needs attention, for a sentence."""
    return {"share": f"{abs(change):.1%}", "least": f"{SPLIT_CHANGE:.0%}", "errors": f"{SPLIT_ERRORS:g}"}


def _found(found: Audited, bound: str, limit: float) -> dict[str, str | int]:
    """A bound on the share of fakes, in percent, for a sentence."""
    return {
        "share": f"{bound}%",
        "fake": found.fake,
        "judged": found.judged,
        "limit": f"{limit:.1%}",
    }


def _scored(promotion: Promotion, since: datetime, until: datetime) -> list[tuple[float, str]]:
    """(risk, verdict) by the champion, the latest SCORED_READ of the span."""
    rows: Any = Scoring.objects.filter(
        scored_at__gte=since,
        scored_at__lt=until,
        bundle_digest=promotion.bundle.digest,
        shift=promotion.shift,
        submission__is_test=False,
        submission__is_planted=False,
    ).order_by("-scored_at")
    return list(rows.values_list("risk", "verdict")[:SCORED_READ])


def _flagged(rows: list[tuple[float, str]]) -> tuple[int, int]:
    return sum(verdict != Verdict.CLEAR for _, verdict in rows), len(rows)


def _splits(rows: list[tuple[float, str]]) -> tuple[int, int]:
    return sum(verdict == Verdict.SPLIT_VOTE for _, verdict in rows), len(rows)
