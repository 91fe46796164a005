from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from kyc_review.accounts.models import User
from kyc_review.audit import services
from kyc_review.audit.models import Event
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db


def test_an_event_cannot_be_changed() -> None:
    services.record(action="thing.happened")
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        Event.objects.update(action="nothing.happened")
    assert Event.objects.get().action == "thing.happened"


def test_an_event_cannot_be_deleted() -> None:
    services.record(action="thing.happened")
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        Event.objects.all().delete()
    assert Event.objects.count() == 1


def test_actor_and_target_are_kept_as_text(alice: User, submit: Callable[..., Submission]) -> None:
    submission = submit()
    services.record(action="submission.seen", actor=alice, target=submission, detail={"why": "test"})
    event = Event.objects.get(action="submission.seen")
    assert (event.actor_kind, event.actor_name) == ("user", "alice")
    assert (event.target_kind, event.target_id) == ("submission", str(submission.pk))
