"""Four eyes that belong to two people: may this person approve what that person proposed?

Two accounts count as two people only when, within `APPROVER_INDEPENDENCE_DAYS`, no one person could have signed in to
both. A person who creates or re-activates an account, sets its password, changes its role or resets its second factor
could have. The audit log has each of these acts, so nothing else has to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.approving import why_no_factor_counts
from kyc_review.accounts.second_factor.selectors import has_second_factor
from kyc_review.accounts.single_sign_on.confirmation import factor_is_at_provider
from kyc_review.audit.models import Event
from kyc_review.core.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Acts of one person on another's account after which the first could sign in as the second.
ACTS_OF_CONTROL: Mapping[str, str] = {
    "staff.created": gettext_noop("%(actor)s created the account of %(target)s on %(day)s."),
    "staff.activated": gettext_noop("%(actor)s activated the account of %(target)s again on %(day)s."),
    "staff.password_reissued": gettext_noop("%(actor)s set a new password for %(target)s on %(day)s."),
    "staff.role_changed": gettext_noop("%(actor)s changed the role of %(target)s on %(day)s."),
    "staff.second_factor_reset": gettext_noop("%(actor)s reset the second factor of %(target)s on %(day)s."),
}


class ApprovalByToken(DomainError):
    """A script asked by a personal token; nothing was decided."""

    code = "approval_by_token"
    status = 403


def refuse_token(approver: User) -> None:
    """An approval that needs a second factor needs the session that was opened with it, and a token is no such session.

    Raises ApprovalByToken.
    """
    if settings.APPROVER_SECOND_FACTOR and approver.asks_by_token:
        raise ApprovalByToken(
            gettext(
                "A personal token cannot approve: an approval needs the second factor of the person. Log in and "
                "approve on the page *Retraining*. Proposing, rejecting and rolling back are possible by token."
            )
        )


@dataclass(frozen=True, slots=True)
class _Control:
    """Who could sign in to an account: from the day `until` on it no longer counts; `act` says why it does."""

    until: date
    act: str


def why_not_approver(*, proposer: User, approver: User) -> str:
    """Why `approver` may not approve what `proposer` proposed, and what to do; empty if nothing speaks against it.

    The role is not looked at: each service checks the right that it needs.
    """
    if proposer.pk == approver.pk:
        return gettext("Another admin must approve what you proposed.")
    has_factor = has_second_factor(approver) or factor_is_at_provider(approver)
    if settings.APPROVER_SECOND_FACTOR and not has_factor:
        return gettext(
            "To approve you need a second factor of your own: set it up on your account page, then approve."
        )
    if has_second_factor(approver) and (refusal := why_no_factor_counts(approver)):
        return refusal
    if not settings.APPROVER_INDEPENDENCE_DAYS:
        return ""
    of_proposer, of_approver = _controllers(proposer), _controllers(approver)
    common = of_proposer.keys() & of_approver.keys()
    if not common:
        return ""
    acts = {found.act for pk in common for found in (of_proposer[pk], of_approver[pk]) if found.act}
    free_on = max(min(of_proposer[pk].until, of_approver[pk].until) for pk in common)
    consequence = gettext(
        "Within %(days)s days of that, %(proposer)s and %(approver)s count as one person. Another admin must approve, "
        "or %(approver)s on %(day)s or later."
    ) % {
        "days": settings.APPROVER_INDEPENDENCE_DAYS,
        "proposer": proposer,
        "approver": approver,
        "day": date_format(free_on, "SHORT_DATE_FORMAT"),
    }
    return " ".join([*sorted(acts), consequence])


def why_not_rejected(*, proposer_id: int, decider: User, remark: str) -> str:
    """Why the decision to close a proposal is refused; empty if nothing speaks against it. One's own is withdrawn
    without a reason; the proposer of a rejected one, and auditors, read why."""
    if proposer_id == decider.pk or remark.strip():
        return ""
    return gettext("State in the remark why you reject it; the proposer and the audit log get the text.")


def _controllers(person: User) -> dict[str, _Control]:
    """By id: the person, everyone who could sign in to the account, and everyone who could sign in to theirs."""
    since = timezone.now() - timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS)
    found = {str(person.pk): _Control(until=date.max, act="")}
    waiting = [str(person.pk)]
    while waiting:
        account = waiting.pop()
        for event in _acts_on(account, since):
            day = timezone.localdate(event.at) + timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS + 1)
            until = min(day, found[account].until)
            known = found.get(event.actor_id)
            if known is None or known.until < until:
                found[event.actor_id] = _Control(until=until, act=_in_words(event))
                waiting.append(event.actor_id)
    return found


def _acts_on(account: str, since: object) -> Iterable[Event]:
    rows = Event.objects.filter(
        target_kind="user",
        target_id=account,
        action__in=ACTS_OF_CONTROL,
        actor_kind="user",
        at__gt=since,
    )
    return rows.exclude(actor_id=account).order_by("pk")


def _in_words(event: Event) -> str:
    name = User.objects.values_list("username", flat=True).filter(pk=event.target_id).first()
    return gettext(ACTS_OF_CONTROL[event.action]) % {
        "actor": event.actor_name,
        "target": name or event.target_id,
        "day": date_format(timezone.localdate(event.at), "SHORT_DATE_FORMAT"),
    }
