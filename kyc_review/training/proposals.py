"""Promotion in two steps by two people: one proposes a compared candidate, another one decides.

Each service checks `Right.PROMOTE` itself and raises PermissionDenied before it changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from kyc_review.accounts.four_eyes import refuse_token, why_not_approver, why_not_rejected
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.permissions import Right, require
from kyc_review.core.stored_texts import shown, stored
from kyc_review.datasets.erasure_marks import Mark, bundle_marks_unchecked
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.registry.bundle_files import bundle_check
from kyc_review.registry.bundles import bundle_promote_checked, promotions_lock
from kyc_review.registry.models import Bundle
from kyc_review.training.comparisons import is_current
from kyc_review.training.gate import Answer, Check, gate, point_at
from kyc_review.training.gate_limits import Limits, limits_locked
from kyc_review.training.models import Comparison, Proposal

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

OVERRIDE_LEAST = 20  # characters: an explanation, not a word
TEXT_MAX = 300  # of the columns
# Proposals and notices keep these.
NOTHING_ERASED = stored(gettext_noop("Learned from no erased face"))
LEARNED_ONE = stored(
    gettext_noop(
        "It learned from 1 face that was erased since %(day)s. A candidate from a new snapshot did not; to promote "
        "this one, both admins must acknowledge it."
    )
)
LEARNED_SOME = stored(
    gettext_noop(
        "It learned from %(number)s faces that were erased since %(day)s. A candidate from a new snapshot did not; to "
        "promote this one, both admins must acknowledge it."
    )
)
PROPOSES = stored(gettext_noop("%(person)s proposes %(version)s for production"))
ANOTHER_DECIDES = stored(gettext_noop("Another admin decides."))
DESPITE = stored(gettext_noop("Despite checks that did not pass: %(checks)s."))


class ProposalRefused(DomainError):
    """It cannot be made or decided on; the text says why and what to do."""

    code = "proposal_refused"


@transaction.atomic
def proposal_open(
    *,
    comparison: Comparison,
    actor: User,
    reason: str,
    shift: float = 0.0,
    override: str = "",
    erased_acknowledged: bool = False,
) -> Proposal:
    """Ask that the candidate serves at this operating point, exactly as it was measured. Raises ProposalRefused."""
    require(actor, Right.PROMOTE)
    _require_current(comparison)
    reason = text_within(reason, TEXT_MAX, gettext("The reason"), ProposalRefused)
    override = text_within(override, TEXT_MAX, gettext("The explanation of the override"), ProposalRefused)
    if not reason:
        raise ProposalRefused(gettext("State why this candidate should be promoted; auditors read it."))
    shift, checks = _checks_at(comparison, shift, Limits.current())
    failed = [check.name for check in checks if not check.passed]
    mark = erased_mark(comparison.candidate)
    _require_acknowledged(mark, erased_acknowledged)
    _require_override(failed, override)
    try:
        with transaction.atomic():
            proposal = Proposal.objects.create(
                comparison=comparison,
                shift=shift,
                gate=[check.as_dict() for check in (*checks, *erased_checks(mark))],
                reason=reason,
                override=override if failed else "",
                proposed_by=actor,
            )
    except IntegrityError as error:
        raise ProposalRefused(gettext("Another proposal is open; decide on that one first.")) from error
    audit.record(
        action="promotion.proposed",
        actor=actor,
        target=proposal,
        detail={"digest": comparison.candidate.digest, "shift": shift, "failed": failed}
        | {"reason": proposal.reason, "override": proposal.override}
        | ({"erased_acknowledged": mark.number} if mark else {}),
    )
    _notify(proposal, actor, failed)
    return proposal


def _checks_at(comparison: Comparison, shift: float, limits: Limits) -> tuple[float, list[Check]]:
    """The operating point that was measured nearest to the shift, and the gate's checks there."""
    try:
        point = point_at(comparison.report["holdout"]["candidate"]["curve"], shift)["shift"]
        return point, gate(comparison.report, shift=point, limits=limits)
    except KeyError as error:
        raise ProposalRefused(gettext("Choose one of the operating points of the comparison.")) from error


def _require_override(failed: Sequence[str], override: str) -> None:
    if failed and len(override) < OVERRIDE_LEAST:
        raise ProposalRefused(
            gettext(
                "The gate is closed (%(checks)s). An override needs an explanation of at least %(least)s characters."
            )
            % {"checks": "; ".join(map(shown, failed)), "least": OVERRIDE_LEAST}
        )


def _notify(proposal: Proposal, actor: User, failed: Sequence[str]) -> None:
    comparison = proposal.comparison
    notice_record(
        kind=Kind.PROPOSAL,
        title=PROPOSES % {"person": actor, "version": comparison.candidate.version},
        text=" ".join(
            [proposal.reason, ANOTHER_DECIDES] + ([DESPITE % {"checks": "; ".join(failed)}] if failed else [])
        ),
        path=reverse("retraining:comparison", args=[comparison.pk]) + f"?shift={proposal.shift:g}",
        except_for=actor,
    )


def proposal_approve(
    *, proposal: Proposal, actor: User, remark: str = "", erased_acknowledged: bool = False
) -> Proposal:
    """Promote the candidate; workers take it over with their next batch.

    Its files are hashed before any lock is held. The gate is evaluated again with the limits of now, which cannot
    change before the promotion is written. Raises ApprovalByToken, ProposalRefused, BundleRefused.
    """
    require(actor, Right.PROMOTE)
    refuse_token(actor)
    bundle_check(proposal.comparison.candidate)
    return _approve(proposal, actor, remark, erased_acknowledged)


@transaction.atomic
def _approve(proposal: Proposal, actor: User, remark: str, erased_acknowledged: bool) -> Proposal:
    promotions_lock()  # before the look at what serves: a rollback of this moment must not be undone
    row = _locked(proposal)
    if refusal := why_not_approver(proposer=row.proposed_by, approver=actor):
        raise ProposalRefused(refusal)
    _require_current(row.comparison)
    mark = erased_mark(row.comparison.candidate)
    _require_acknowledged(mark, erased_acknowledged)
    _, checks = _checks_at(row.comparison, row.shift, limits_locked())
    _require_gate_holds(row, checks)
    row.gate_at_approval = [check.as_dict() for check in (*checks, *erased_checks(mark))]
    _close(row, Proposal.State.APPROVED, actor, remark, {"erased_acknowledged": mark.number} if mark else {})
    candidate = row.comparison.candidate
    bundle_promote_checked(bundle=candidate, actor=actor, reason=row.reason, shift=row.shift)
    return row


def checks_that_no_longer_hold(row: Proposal, checks: Sequence[Check]) -> list[Check]:
    """Checks that fail now and that the proposal's override does not name: no person has explained them."""
    explained = {check["name"] for check in row.gate if not check["passed"]} if row.override else set()
    return [check for check in checks if not check.passed and check.name not in explained]


def gate_now(row: Proposal) -> list[Check]:
    """The checks of an open proposal with the limits of now. Raises ProposalRefused."""
    return _checks_at(row.comparison, row.shift, Limits.current())[1]


def _require_gate_holds(row: Proposal, checks: Sequence[Check]) -> None:
    missing = checks_that_no_longer_hold(row, checks)
    if missing:
        told = " ".join(
            f"{shown(check.name)}: {check.answer.in_words}. {shown(check.detail)}" for check in missing
        )
        raise ProposalRefused(
            gettext(
                "The gate that counts now does not hold for this proposal. %(checks)s Reject it; then propose again, "
                "with an explanation if the gate is to be overridden."
            )
            % {"checks": told}
        )


@transaction.atomic
def proposal_reject(*, proposal: Proposal, actor: User, remark: str = "") -> Proposal:
    """Reject the proposal, or withdraw it if the actor proposed it. Raises ProposalRefused."""
    require(actor, Right.PROMOTE)
    row = _locked(proposal)
    own = row.proposed_by_id == actor.pk
    if refusal := why_not_rejected(proposer_id=row.proposed_by_id, decider=actor, remark=remark):
        raise ProposalRefused(refusal)
    _close(row, Proposal.State.WITHDRAWN if own else Proposal.State.REJECTED, actor, remark)
    return row


def erased_mark(candidate: Bundle) -> Mark | None:
    """How many erased faces the candidate, or what it was fine-tuned from, learned from; None for none."""
    return bundle_marks_unchecked([candidate]).get(candidate.pk)


def erased_checks(mark: Mark | None) -> list[Check]:
    """One more line under the gate's checks where something was erased; it asks for an acknowledgement."""
    if mark is None:
        return []
    text = (LEARNED_ONE if mark.number == 1 else LEARNED_SOME) % {
        "number": mark.number,
        "day": f"{mark.since:%Y-%m-%d}",
    }
    return [Check(NOTHING_ERASED, Answer.FAILED, text)]


def _require_acknowledged(mark: Mark | None, acknowledged: bool) -> None:
    if mark is not None and not acknowledged:
        raise ProposalRefused(
            gettext(
                "The candidate learned from erased faces (%(number)s since %(day)s). Train another one on a new "
                "snapshot, or acknowledge it."
            )
            % {"number": mark.number, "day": date_format(mark.since, "SHORT_DATE_FORMAT")}
        )


def _locked(proposal: Proposal) -> Proposal:
    row = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if not row.is_open:
        raise ProposalRefused(
            gettext("This proposal is already closed (%(state)s).")
            % {"state": row.get_state_display().lower()}
        )
    return row


def _require_current(comparison: Comparison) -> None:
    if comparison.state != Comparison.State.SUCCEEDED:
        raise ProposalRefused(
            gettext("The comparison did not succeed; there is nothing to base a decision on.")
        )
    if not is_current(comparison):
        raise ProposalRefused(
            gettext(
                "Another bundle has been promoted since the comparison. Compare the candidate with it first."
            )
        )


def _close(
    row: Proposal,
    state: Proposal.State,
    actor: User,
    remark: str,
    more: Mapping[str, int] = MappingProxyType({}),
) -> None:
    row.state, row.decided_by, row.decided_at = state, actor, timezone.now()
    row.remark = text_within(remark, TEXT_MAX, gettext("The remark"), ProposalRefused)
    row.save(update_fields=["state", "decided_by", "decided_at", "remark", "gate_at_approval"])
    audit.record(
        action=f"promotion.{state.value}", actor=actor, target=row, detail={"remark": row.remark, **more}
    )
