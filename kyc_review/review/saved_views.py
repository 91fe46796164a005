"""Named filters of the queue's list; each person has their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext

from kyc_review.accounts.services import person_lock
from kyc_review.core.errors import DomainError
from kyc_review.review.models import SavedView
from kyc_review.review.queue_list import may_list_queue

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

VIEWS_MAX = 20


class ViewRefused(DomainError):
    """The view was not saved. `detail` says why, to a person."""


@transaction.atomic
def view_save(*, owner: User, name: str, query: str) -> SavedView:
    """Save the filters under this name, in place of what had it. Raises ViewRefused, PermissionDenied."""
    if not may_list_queue(owner):
        raise PermissionDenied(gettext("Your role does not list the queue."))
    name = " ".join(name.split())
    if not name or len(name) > SavedView._meta.get_field("name").max_length:  # type: ignore[operator]
        raise ViewRefused(gettext("Give the view a name of up to 40 characters."))
    person_lock(person_id=owner.pk)
    if SavedView.objects.filter(owner=owner).exclude(name=name).count() >= VIEWS_MAX:
        raise ViewRefused(gettext("You have %(number)s views; delete one first.") % {"number": VIEWS_MAX})
    return SavedView.objects.update_or_create(owner=owner, name=name, defaults={"query": query})[0]


def view_delete(*, owner: User, view_id: int) -> bool:
    """Delete one of the person's own views; False when there is none with this key."""
    return SavedView.objects.filter(owner=owner, pk=view_id).delete()[0] == 1


def saved_views(*, viewer: User) -> list[SavedView]:
    return list(SavedView.objects.filter(owner=viewer).order_by("name"))
