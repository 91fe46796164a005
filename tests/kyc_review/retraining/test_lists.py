"""Every list of the loop has pages; a training that was refused stands among the runs of its time, once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle
from kyc_review.retraining.views import PAGE
from kyc_review.training.models import Comparison, RefusedTraining, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(staff: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(staff("otto", "auditor"))
    return client


def test_runs_and_refused_trainings_share_pages_and_none_is_lost_or_shown_twice(
    serving: Bundle, ready: Snapshot, auditor: Client
) -> None:
    now = timezone.now()
    for number in range(2 * PAGE + 3):
        TrainingRun.objects.create(
            snapshot=ready, init=serving, state="failed", created_at=now - timedelta(days=200 - number)
        )
    for number in (-1, 3, 2 * PAGE, 2 * PAGE + 9):  # before all, among them, and after all
        RefusedTraining.objects.create(
            reason=f"reason-{number}.", last_at=now - timedelta(days=200 - number, hours=-1)
        )
    pages = [auditor.get("/retraining/", {"runs": number}).text for number in (1, 2, 3)]
    for row in RefusedTraining.objects.all():
        assert sum(page.count(row.reason) for page in pages) == 1, row.reason
    for run in TrainingRun.objects.all():
        assert sum(page.count(f">Run {run.pk}</a>") for page in pages) == 1
    assert "Page 2 of 3" in pages[1]
    assert "?runs=3#lists" in pages[1]
    assert "reason-59." in pages[0]
    assert "reason--1." in pages[2]


def test_snapshots_and_comparisons_have_pages(serving: Bundle, candidate: Bundle, auditor: Client) -> None:
    for number in range(PAGE + 1):
        row = Snapshot.objects.create(name=f"snapshot-{number}-x")
        Comparison.objects.create(snapshot=row, champion=serving, candidate=candidate)
    first = auditor.get("/retraining/").text
    assert "/retraining/snapshots/snapshot-0-x/" not in first
    second = auditor.get("/retraining/", {"snapshots": 2, "comparisons": 2}).text
    assert "/retraining/snapshots/snapshot-0-x/" in second
    oldest = Comparison.objects.order_by("pk").first()
    assert oldest is not None
    assert f">Comparison {oldest.pk}</a>" in second
