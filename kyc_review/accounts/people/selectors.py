"""Staff as the people page shows them; each takes the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from kyc_review.accounts.models import PersonalToken, User
from kyc_review.accounts.second_factor.selectors import FACTORS
from kyc_review.audit.models import Event
from kyc_review.core.permissions import may_see_people

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lock:
    """Where wrong passwords or codes caused a lock, and until when."""

    address: str
    until: datetime


def people_listed(*, viewer: User) -> QuerySet[User]:
    """All staff with `role`, `has_factor`, `is_locked` and `token_count`, of valid ones; who left comes last."""
    if not may_see_people(viewer):
        return User.objects.none()
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
    alive = PersonalToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now())
    tokens = alive.filter(owner=OuterRef("pk")).values("owner")
    locks = _locking().filter(username=OuterRef("username"))
    return User.objects.annotate(
        role=StringAgg("groups__name", delimiter=", ", order_by="groups__name"),
        has_factor=Exists(factors),
        is_locked=Exists(locks),
        token_count=Coalesce(Subquery(tokens.annotate(number=Count("pk")).values("number")), 0),
    ).order_by("-is_active", "username")


def locks_of(*, viewer: User, person: User) -> list[Lock]:
    if not may_see_people(viewer):
        return []
    rows = _locking().filter(username=person.get_username())
    return [Lock(row["ip_address"], row["last"] + settings.AXES_COOLOFF_TIME) for row in rows]


def renamings_of(*, viewer: User, person: User) -> list[Event]:
    """Events of changed names, the oldest first; acts of before are recorded under the name of then."""
    if not may_see_people(viewer):
        return []
    rows = Event.objects.filter(target_kind="user", target_id=str(person.pk), action="staff.renamed")
    return list(rows.order_by("pk"))


def _locking() -> QuerySet[AccessAttempt, dict[str, Any]]:
    """Attempts by name and address, as django-axes counts them: all browsers of one address together."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    return (
        AccessAttempt.objects.filter(attempt_time__gte=since)
        .values("username", "ip_address")
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
    )
