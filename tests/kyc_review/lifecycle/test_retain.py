"""Erasing by age: what goes, what waits, and that a kill at any point loses nothing and erases nothing twice."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import Integration, User
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.datasets.erasure_marks import snapshot_mark_unchecked
from kyc_review.datasets.snapshots import snapshot_build, snapshot_create, snapshot_request
from kyc_review.lifecycle import erase, retain
from kyc_review.lifecycle.cancel import submission_cancel
from kyc_review.lifecycle.retain import retention_step
from kyc_review.registry.models import Bundle
from kyc_review.review.calibration import gold_add
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import RetentionPass, State, Submission
from kyc_review.submissions.storage import originals
from kyc_review.training.models import TrainingRun
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
UNREVIEWED, REVIEWED = 90, 365


@pytest.fixture(autouse=True)
def rule(settings: Any) -> None:
    settings.RETENTION_UNREVIEWED_DAYS, settings.RETENTION_REVIEWED_DAYS = UNREVIEWED, REVIEWED


def aged(row: Submission, days: float) -> Submission:
    """As if its outcome were `days` days old."""
    row.refresh_from_db()
    at = timezone.now() - timedelta(days=days)
    ended = {"cancelled_at": at} if row.state == State.CANCELLED else {"completed_at": at}
    Submission.objects.filter(pk=row.pk).update(received_at=at, **ended)
    return row


def is_erased(row: Submission) -> bool:
    return Submission.objects.get(pk=row.pk).erased_at is not None


def tomorrow() -> None:
    """As if today's pass were yesterday's."""
    for row in RetentionPass.objects.order_by("day"):
        RetentionPass.objects.filter(pk=row.pk).update(day=row.day - timedelta(days=1))


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("retention", *arguments, stdout=out)
    return out.getvalue()


def test_each_kind_goes_when_its_own_number_of_days_is_over(
    clear: Callable[..., Submission],
    decide: Callable[..., Decision],
    submit: Callable[..., Submission],
    integration: Integration,
) -> None:
    old, young = aged(clear(), UNREVIEWED + 1), aged(clear(), UNREVIEWED - 1)
    reviewed, kept = (aged(decide("fake").submission, REVIEWED + days) for days in (1, -1))
    cancelled, sandbox = submit(), submit(is_test=True)
    submission_cancel(submission=cancelled, actor=integration)
    Submission.objects.filter(pk=sandbox.pk).update(
        state=State.COMPLETED, result="clear", completed_at=timezone.now()
    )
    for row in (cancelled, sandbox):
        aged(row, UNREVIEWED + 1)
    assert retention_step() == 4
    assert [is_erased(row) for row in (old, reviewed, cancelled, sandbox, young, kept)] == [True] * 4 + [
        False
    ] * 2
    reasons = dict(
        Event.objects.filter(action="submission.erased").values_list("target_id", "detail__reason")
    )
    assert reasons[str(old.pk)] == "Retention: unreviewed, kept for 90 days after the outcome."
    assert reasons[str(reviewed.pk)] == "Retention: reviewed, kept for 365 days after the outcome."
    assert Event.objects.get(action="retention.applied").detail == {
        "erased": 4,
        "failed": 0,
        "unreviewed_days": 90,
        "reviewed_days": 365,
    }


@pytest.mark.parametrize(("unreviewed", "reviewed"), [(0, 0), (0, 1), (1, 0), (-5, -5)])
def test_without_a_number_things_are_kept_for_ever(
    clear: Callable[..., Submission],
    decide: Callable[..., Decision],
    settings: Any,
    unreviewed: int,
    reviewed: int,
) -> None:
    settings.RETENTION_UNREVIEWED_DAYS, settings.RETENTION_REVIEWED_DAYS = unreviewed, reviewed
    rows = aged(clear(), 5000), aged(decide("real").submission, 5000)
    retention_step()
    assert [is_erased(row) for row in rows] == [unreviewed > 0, reviewed > 0]


def test_what_waits_is_never_too_old(
    clear: Callable[..., Submission],
    submit: Callable[..., Submission],
    enqueue_old: ReviewItem,
    settings: LazySettings,
) -> None:
    settings.AUDIT_SHARE = 1.0
    audited = aged(clear(), 5000)
    received = submit()
    Submission.objects.filter(pk=received.pk).update(received_at=timezone.now() - timedelta(days=5000))
    assert retention_step() == 0
    assert not any(is_erased(row) for row in (audited, received, enqueue_old.submission))
    assert "1 wait for a person" in told()


@pytest.fixture
def enqueue_old(decide: Callable[..., Decision], submit: Callable[..., Submission]) -> ReviewItem:
    """An item that waits since long ago."""
    row = submit()
    Submission.objects.filter(pk=row.pk).update(
        state=State.IN_REVIEW, received_at=timezone.now() - timedelta(days=5000)
    )
    return ReviewItem.objects.create(submission=row, reason="split_vote", risk=0.5)


def test_a_judged_audit_is_reviewed(
    clear: Callable[..., Submission], alice: User, settings: LazySettings
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = aged(clear(), UNREVIEWED + 1)
    item = claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    assert retention_step() == 0
    aged(row, REVIEWED + 1)
    tomorrow()
    assert retention_step() == 1


def test_frozen_sets_and_gold_do_not_spare_it_and_are_marked(
    decide: Callable[..., Decision], staff: Callable[..., User]
) -> None:
    row = decide("fake").submission
    decide("real")
    sara = staff("sara", "senior")
    gold = gold_add(submission_id=row.pk, senior=sara, label="fake")
    snapshot = snapshot_create(name="autumn")
    aged(row, REVIEWED + 1)
    assert "erase 1 submissions now" in told()
    assert "1 of them are reviewed, 1 are calibration items, 1 are in snapshots." in told()
    assert "marked: autumn." in told()
    assert retention_step() == 1
    mark = snapshot_mark_unchecked(snapshot)
    assert mark is not None
    assert mark.number == 1
    gold.refresh_from_db()
    assert not gold.is_active


def test_training_goes_on_for_a_week_with_what_is_due(
    decide: Callable[..., Decision], serving: Bundle
) -> None:
    row = decide("fake").submission
    decide("real")
    run = TrainingRun.objects.create(snapshot=snapshot_create(name="autumn"), init=serving)
    aged(row, REVIEWED + 1)
    assert retention_step() == 0
    assert "1 are in snapshots that are being built, trained on or compared on" in told()
    aged(row, REVIEWED + 8)
    tomorrow()
    assert retention_step() == 1
    run.refresh_from_db()
    assert run.state == TrainingRun.State.CANCELLED


def test_a_set_in_the_making_is_not_begun_again_for_it(decide: Callable[..., Decision]) -> None:
    row = aged(decide("fake").submission, REVIEWED + 1)
    snapshot = snapshot_request(actor=None, name="autumn")
    assert retention_step() == 0
    snapshot_build(snapshot=snapshot)
    tomorrow()
    assert retention_step() == 1
    assert is_erased(row)


def test_a_day_has_one_pass_and_the_next_day_another(clear: Callable[..., Submission]) -> None:
    aged(clear(), UNREVIEWED + 1)
    assert retention_step() == 1
    late = aged(clear(), UNREVIEWED + 1)
    assert retention_step() == 0
    tomorrow()
    assert retention_step() == 1
    assert is_erased(late)
    assert RetentionPass.objects.count() == 2
    assert told().count("1 erased, ended") == 2


def test_it_gives_way_to_selfies_but_not_for_ever(
    clear: Callable[..., Submission], submit: Callable[..., Submission]
) -> None:
    row = aged(clear(), UNREVIEWED + 1)
    submit()
    assert retention_step() == 0
    RetentionPass.objects.update(started_at=timezone.now() - retain.GIVES_WAY_FOR)
    assert retention_step() == 1
    assert is_erased(row)


def test_a_step_ends_after_its_time_and_the_next_one_goes_on(
    clear: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [aged(clear(), UNREVIEWED + days) for days in (3, 2, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(retain, "STEP_S", -1)
        assert [retention_step(), retention_step()] == [1, 1]
    assert [is_erased(row) for row in rows] == [True, True, False], "the oldest first"
    assert retention_step() == 1


def test_what_the_database_refuses_is_passed_over_until_tomorrow(
    clear: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = aged(clear(), UNREVIEWED + 2), aged(clear(), UNREVIEWED + 1)
    really_erase = erase.submission_erase

    def refuse(**fields: Any) -> Submission:
        if fields["submission_id"] == bad.pk:
            raise DatabaseError("lock timeout")
        return really_erase(**fields)

    with monkeypatch.context() as patch:
        patch.setattr(retain, "submission_erase", refuse)
        assert retention_step() == 1
    assert (is_erased(bad), is_erased(good)) == (False, True)
    assert "1 erased, 1 failed (the log says why), ended" in told()
    tomorrow()
    assert retention_step() == 1


def test_the_integration_reads_410_as_after_any_erasure(
    clear: Callable[..., Submission], api: Client
) -> None:
    row = aged(clear(), UNREVIEWED + 1)
    retention_step()
    assert api.get(f"/api/v1/submissions/{row.pk}").status_code == 410


class Killed(BaseException):
    """SIGKILL, as far as this process' own code can tell: nothing after it runs."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["submission_erase", "audit.record", "files_remove", "_end"])
def test_a_kill_between_any_two_steps_loses_nothing_and_erases_nothing_twice(
    clear: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    rows = [aged(clear(), UNREVIEWED + 1 + days) for days in range(3)]
    calls = iter(range(100))

    def killed(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **fields: Any) -> Any:
            if next(calls) == (0 if where == "_end" else 1):
                raise Killed
            return act(*args, **fields)

        return call

    home = erase if where in ("audit.record", "files_remove") else retain
    owner = audit if where == "audit.record" else home
    name = where.rpartition(".")[2]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed(getattr(owner, name)))
        with pytest.raises(Killed):
            retention_step()
    retention_step()
    assert all(map(is_erased, rows))
    assert [originals.exists(row.image_key) for row in rows] == [False] * 3
    assert Event.objects.filter(action="submission.erased").count() == 3
    assert RetentionPass.objects.get().erased == 3
    assert Event.objects.filter(action="retention.applied").count() == 1
    assert retention_step() == 0


def test_the_command_tries_other_numbers_and_changes_nothing(
    clear: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.RETENTION_UNREVIEWED_DAYS = settings.RETENTION_REVIEWED_DAYS = 0
    row = aged(clear(), 40)
    assert "kept without limit" in told()
    assert "would erase" not in told()
    assert "erase 1 submissions now" in told("--unreviewed-days", "30")
    assert "erase 0 submissions now" in told("--unreviewed-days", "50", "--reviewed-days", "1")
    with pytest.raises(CommandError, match="Days"):
        told("--reviewed-days", "-1")
    assert not is_erased(row)
    assert not RetentionPass.objects.exists()
