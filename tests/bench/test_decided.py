"""The decisions that a snapshot is measured on are such as people leave: a snapshot takes and verifies all of them."""

from collections import Counter
from collections.abc import Callable

import pytest

from bench.decided import FAKE_EVERY, PEOPLE, fill
from detection.voting import Vote
from kyc_review.datasets.snapshots import snapshot_create, snapshot_verify
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from tests.factories.checks import checks

COUNT = 40


@pytest.fixture
def filled(submit: Callable[..., Submission]) -> list[Submission]:
    """Decided copies of two scored selfies."""
    posted = [submit(), submit()]
    lease_batch(holder="test", limit=2)
    votes = [Vote(f"member-{i}", 0.8, 0.5) for i in range(4)] + [Vote("stack", 0.1, 0.5)]
    verdicts_record(
        holder="test",
        bundle_version="test-1",
        bundle_digest="d" * 64,
        scored={row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks()) for row in posted},
    )
    fill(COUNT)
    return list(Submission.objects.exclude(pk__in=[row.pk for row in posted]))


def test_every_copy_is_scored_decided_and_completed(filled: list[Submission]) -> None:
    assert len(filled) == COUNT
    assert {row.state for row in filled} == {"completed"}
    assert Counter(row.result for row in filled) == {"rejected": COUNT // FAKE_EVERY, "clear": 36}
    assert Scoring.objects.filter(submission__in=filled).count() == COUNT
    assert all(scoring.votes.count() == 5 for scoring in Scoring.objects.filter(submission__in=filled))
    decided = ReviewItem.objects.filter(submission__in=filled, state="decided")
    assert decided.count() == Decision.objects.filter(item__in=decided).count() == COUNT
    assert Counter(row.applicant_ref for row in filled).most_common(1)[0][1] == PEOPLE


def test_no_two_files_are_alike_and_a_snapshot_of_them_is_whole(filled: list[Submission]) -> None:
    assert len({row.sha256 for row in filled}) == COUNT
    snapshot = snapshot_create(name="bench")
    assert (snapshot.count_real, snapshot.count_fake) == (36, 4)
    assert snapshot_verify(snapshot=snapshot) == COUNT
