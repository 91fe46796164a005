from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import User
from kyc_review.datasets import selectors
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import (
    label_counts,
    snapshots_downloadable,
    snapshots_listed,
    unused_counted,
    unused_decisions,
)
from kyc_review.datasets.snapshots import snapshot_create, snapshot_request
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import bundles_listed, promotions_listed
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.training.signals import retraining_signals

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def test_decisions_are_counted_by_source_reason_and_label(
    decide: Callable[..., Decision], admin: User
) -> None:
    other = accounts.integration_create(slug="branch", name="Branch office")
    decide("fake"), decide("real"), decide("fake"), decide("real", integration=other)
    rows = label_counts(viewer=admin)
    assert [(row.source, row.reason, row.real, row.fake) for row in rows] == [
        ("branch", "split_vote", 1, 0),
        ("mobile-app", "split_vote", 1, 2),
    ]
    assert rows[0].reason_label == "Votes disagree"


def test_decisions_are_unused_until_a_snapshot_holds_them(
    decide: Callable[..., Decision], admin: User
) -> None:
    decide("fake")
    assert unused_decisions(viewer=admin).count() == 1
    snapshot_create()
    assert unused_decisions(viewer=admin).count() == 0
    later = decide("real")
    assert list(unused_decisions(viewer=admin)) == [later]


def test_many_are_counted_up_to_a_bound(
    decide: Callable[..., Decision], admin: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "UNUSED_COUNTED", 1)
    settings.RETRAIN_SUGGEST_DECISIONS = 1
    decide("fake")
    assert str(unused_counted(viewer=admin)) == "1"
    decide("real")
    assert str(unused_counted(viewer=admin)) == "1+"
    settings.RETRAIN_SUGGEST_DECISIONS = 5
    assert str(unused_counted(viewer=admin)) == "2", "what suggests retraining is always counted"
    assert retraining_signals(viewer=admin)[0].calls is False


def test_a_failed_snapshot_used_nothing(decide: Callable[..., Decision], admin: User) -> None:
    decide("fake")
    snapshot_request(actor=None)
    Snapshot.objects.update(state="failed")
    assert unused_decisions(viewer=admin).count() == 1


def test_a_decision_that_a_later_one_replaced_waits_for_no_snapshot(
    decide: Callable[..., Decision], admin: User, bob: User
) -> None:
    first = decide("fake")
    item = ReviewItem.objects.create(
        submission=first.submission, reason="audit", risk=0.5, state="decided", decided_at=timezone.now()
    )
    second = Decision.objects.create(
        item=item,
        submission=first.submission,
        reviewer=bob,
        label="real",
        handling_ms=1,
        decided_at=timezone.now() + timedelta(seconds=1),
    )
    assert list(unused_decisions(viewer=admin)) == [second]


@pytest.mark.parametrize(
    ("role", "sees", "downloads"),
    [("reviewer", 0, 0), ("senior", 0, 0), ("auditor", 1, 1), ("admin", 1, 1)],
)
def test_nothing_leaks_to_other_roles(
    staff: Callable[..., User],
    decide: Callable[..., Decision],
    registered: Callable[..., Bundle],
    role: str,
    sees: int,
    downloads: int,
) -> None:
    decide("fake")
    bundle_promote(actor=None, bundle=registered())
    snapshot_create()
    decide("real")
    viewer = staff("viewer", role)
    assert len(label_counts(viewer=viewer)) == sees
    assert unused_decisions(viewer=viewer).count() == sees
    assert bundles_listed(viewer=viewer).count() == sees
    assert promotions_listed(viewer=viewer).count() == sees
    assert snapshots_listed(viewer=viewer).count() == sees
    assert snapshots_downloadable(viewer=viewer).count() == downloads
