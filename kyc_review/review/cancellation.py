"""Taking work out of the queue because its submission was cancelled."""

from uuid import UUID

from django.db import connection

from kyc_review.review.models import ReviewItem


class AlreadyDecided(Exception):
    """A person has decided, even if it was undone; the item stays."""


def item_cancel(*, submission_id: UUID) -> None:
    """Delete the submission's item, in the caller's transaction; its holder is told at their next action.

    A first call goes with it: it judged nothing that will be decided. The audit log keeps what happened.
    Raises AlreadyDecided.
    """
    for item in ReviewItem.objects.select_for_update().filter(submission_id=submission_id):
        if item.decisions.exists():
            raise AlreadyDecided
        _first_calls_discard(item)
        item.delete()


def _first_calls_discard(item: ReviewItem) -> None:
    """By a function of the database: the application's role may not delete first calls itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT review_first_calls_discard(%s)", [item.pk])
