import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from detection.voting import Vote as MemberVote
from kyc_review.accounts.models import User
from kyc_review.pipeline.leases import lease_batch
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.review.models import ReviewItem
from kyc_review.review.services import item_claim_next
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import State, Submission
from tests.factories.checks import checks

MEMBERS = ("atto-a", "atto-b", "atto-c", "atto-d", "stack")


def at_once(people: Sequence[User], work: Callable[[User], None]) -> None:
    """Each person's `work` in a thread and a connection of its own, begun together. Raises what one of them raised."""
    start = Barrier(len(people))

    def alone(person: User) -> None:
        start.wait()
        try:
            work(person)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as threads:
        list(threads.map(alone, people))


def until_somebody_waits_for_a_lock() -> None:
    """The present transaction holds it."""
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("no one waited")


@pytest.fixture
def enqueue(submit: Callable[..., Submission]) -> Callable[..., ReviewItem]:
    """enqueue(reason, risk=) puts one scored submission into the queue, as scoring does."""
    numbers = count()

    def make(
        reason: str = "split_vote", risk: float = 0.5, probabilities: tuple[float, ...] = (), **fields: object
    ) -> ReviewItem:
        submission = submit(external_ref=f"queued-{next(numbers)}", **fields)
        Submission.objects.filter(pk=submission.pk).update(state=State.IN_REVIEW)
        if reason != "unscorable":
            _score(submission, reason, risk, probabilities or (0.91, 0.12, 0.74, 0.08, 0.55))
        return ReviewItem.objects.create(submission=submission, reason=reason, risk=risk)

    return make


def _score(submission: Submission, reason: str, risk: float, probabilities: tuple[float, ...]) -> None:
    scoring = Scoring.objects.create(
        submission=submission,
        bundle_version="baseline-1",
        bundle_digest="d" * 64,
        verdict="unanimous_fake" if reason == "unanimous_fake" else "split_vote",
        risk=risk,
        elapsed_ms=12.5,
    )
    Vote.objects.bulk_create(
        Vote(scoring=scoring, position=i, member=member, probability=p, threshold=0.5, is_fake=p >= 0.5)
        for i, (member, p) in enumerate(zip(MEMBERS, probabilities, strict=True))
    )


@pytest.fixture
def claimed(enqueue: Callable[..., ReviewItem], alice: User) -> ReviewItem:
    """An item that alice holds."""
    enqueue()
    item = item_claim_next(reviewer=alice)
    assert item is not None
    return item


@pytest.fixture
def clear(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    """clear() posts a selfie that all five models find real, by `probability` of fake against a threshold of 0.5."""

    def make(probability: float = 0.1, **fields: object) -> Submission:
        row = submit(**fields)
        lease_batch(holder="one", limit=1)
        votes = tuple(MemberVote(f"member-{i}", probability, 0.5) for i in range(5))
        scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
        assert verdicts_record(holder="one", bundle_version="b-1", bundle_digest="c" * 64, scored=scored) == 1
        row.refresh_from_db()
        return row

    return make


@pytest.fixture
def login() -> Callable[[User], Client]:
    """login(user) is a browser of that user, who is read again by every request."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.get(pk=user.pk))
        return client

    return make


def expire(item: ReviewItem) -> None:
    """Let the claim's time be over, by the database's clock."""
    ReviewItem.objects.filter(pk=item.pk).update(claim_expires_at=Now() - timedelta(seconds=1))
