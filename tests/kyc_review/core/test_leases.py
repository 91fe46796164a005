"""core.leases on the row of an evidence report, which is work like any other."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from kyc_review.core import leases
from kyc_review.evidence.models import Evidence
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Delivery, Endpoint, Kind

WAITING, WORKING = Evidence.State.WAITING, Evidence.State.WORKING


@pytest.fixture
def row(submit: Callable[..., Submission]) -> Evidence:
    return Evidence.objects.create(submission=submit())


def is_due() -> bool:
    return Evidence.objects.filter(leases.due(WAITING, WORKING)).exists()


def test_a_leased_row_is_due_again_when_its_lease_ends_or_it_is_given_back(row: Evidence) -> None:
    assert is_due()
    Evidence.objects.update(state=WORKING, **leases.taken("a", lease_s=60))
    assert not is_due()
    Evidence.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert is_due()
    Evidence.objects.update(state=WAITING, **leases.given_back())
    assert is_due()


def test_only_the_holder_writes_and_only_while_the_row_is_in_the_state(row: Evidence) -> None:
    Evidence.objects.update(state=WORKING, **leases.taken("a", lease_s=60))
    all_rows = Evidence.objects.all()
    assert not leases.held(all_rows, state=WORKING, holder="b").exists()
    assert not leases.held(all_rows, state=WAITING, holder="a").exists()
    assert leases.held(all_rows, state=WORKING, holder="a").get() == row


def test_the_database_refuses_a_holder_outside_the_state_and_the_state_without_one(row: Evidence) -> None:
    for wrong in ({"state": WORKING}, {"lease_holder": "a"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Evidence.objects.update(**wrong)


def test_pauses_after_failures_double(row: Evidence) -> None:
    pauses = []
    for attempts in (0, 1, 2, 3):
        now = timezone.now()
        Evidence.objects.update(**leases.given_back(attempts=attempts))
        pauses.append(Evidence.objects.get().due_at - now)
    assert [round(pause.total_seconds()) for pause in pauses] == [0, 2, 4, 8]


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_process_whose_clock_is_wrong_keeps_and_finds_leases_by_the_databases_clock(
    row: Evidence, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    right_now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right_now() + wrong_by)
    assert is_due()
    leases.take(row, "a", lease_s=60)
    row.state = WORKING
    row.save(update_fields=["state", *leases.FIELDS])
    assert not is_due()
    assert timedelta(seconds=50) < Evidence.objects.get().due_at - right_now() <= timedelta(seconds=60)
    Evidence.objects.update(state=WAITING, **leases.given_back())
    assert is_due()


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)])
def test_what_a_host_with_a_wrong_clock_creates_is_due_at_once(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    right_now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right_now() + wrong_by)
    row = submit()
    Endpoint.objects.create(integration=row.integration, url="https://bank.test/", secret="sealed")
    event_record(submission=row, kind=Kind.CLEARED)
    Evidence.objects.create(submission=submit())
    for model in (Submission, Evidence, Delivery):
        for made in model.objects.all():
            assert abs(made.due_at - right_now()) < timedelta(seconds=30), model
    assert [row.pk for row in lease_batch(holder="one", limit=1)] == [row.pk]


def test_a_name_of_a_process_has_three_parts_and_fits_into_the_column() -> None:
    name = leases.process_holder()
    assert len(name.split(":")) == 3
    assert len(name) <= 80, "the column's length"
