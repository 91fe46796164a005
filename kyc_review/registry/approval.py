"""Whether a promotion was approved as the rules ask. The app that has the proposals registers the answer.

The database's role of the application can insert a promotion without any service of this code. So the workers do not
only ask which bundle serves.
"""

from __future__ import annotations

from collections.abc import Callable

from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.registry.models import Promotion

REFUSED = "bundle.promotion_refused"
_objections: list[Callable[[Promotion], str]] = []


class NotApproved(RuntimeError):
    """The bundle in production must not vote: its promotion was not approved. The text says what to do."""


def promotion_objection(objection: Callable[[Promotion], str]) -> None:
    """Register a function that says why a promotion is not approved; empty if it is."""
    if objection not in _objections:
        _objections.append(objection)


def objections(promotion: Promotion) -> str:
    """Why it is not approved, also when nothing could say that it is; empty if it is."""
    why = [objection(promotion) for objection in _objections] or ["no app knows the proposals"]
    return "; ".join(filter(None, why))


def require_approved(promotion: Promotion) -> None:
    """Raises NotApproved; the first refusal is an event."""
    if found := objections(promotion):
        if not Event.objects.filter(action=REFUSED, detail__promotion=promotion.pk).exists():
            audit.record(
                action=REFUSED, target=promotion.bundle, detail={"promotion": promotion.pk, "why": found}
            )
        raise NotApproved(
            f"Promotion {promotion.pk} of {promotion.bundle} is refused: {found}. Nothing is scored with it. See "
            "ScoringWorkersFailing in docs/runbooks.md."
        )
