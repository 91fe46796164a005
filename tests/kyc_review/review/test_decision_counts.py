"""What figures of decisions and results add up equals a count of the rows, whatever changed after it was counted."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from detection.voting import Verdict
from kyc_review.accounts.models import User
from kyc_review.core.db import rollups
from kyc_review.core.db.clock import database_now
from kyc_review.core.db.slots import slot_of
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decision_counts import DECISION_COUNTS
from kyc_review.review.decisions import decision_record, decision_undo, first_call_record, settle
from kyc_review.review.models import (
    Decision,
    DecisionCount,
    DecisionCountMark,
    DecisionTouch,
    DecisionUndo,
    FirstCall,
    ReviewItem,
)
from kyc_review.scoring.counts import RESULT_COUNTS
from kyc_review.scoring.models import ResultCount, ResultTouch, Scoring
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next

ASSESSED = ("real", "fake")
ROLLUPS = (DECISION_COUNTS, RESULT_COUNTS)


@pytest.fixture(autouse=True)
def alone(settings: LazySettings) -> None:
    settings.CORRECTIONS_NEED_TWO = settings.CLEARING_FAKES_NEEDS_TWO = False


def count(monkeypatch: pytest.MonkeyPatch) -> int:
    """What the worker counts when all that happened until now has settled."""
    with monkeypatch.context() as patch:
        patch.setattr(rollups, "database_now", lambda: database_now() + timedelta(days=1))
        return sum(rollup.count() for rollup in ROLLUPS)


def week_of(moment: datetime) -> datetime:
    begin = timezone.localtime(moment)
    return begin.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=begin.weekday())


def is_final(row: Decision) -> bool:
    return row.item.state == "decided" and not DecisionUndo.objects.filter(decision=row).exists()


def call_of(row: Decision) -> str:
    call = FirstCall.objects.filter(item=row.item, reviewer=row.reviewer).first()
    scoring = Scoring.objects.filter(submission=row.submission).first()
    if row.corrects_id or row.label not in ASSESSED or not call or call.label not in ASSESSED or not scoring:
        return ""
    models = "fake" if scoring.risk >= 0.5 else "real"
    if call.label == models:
        return "stayed" if row.label == models else "left"
    return "followed" if row.label == models else "kept"


def pair_of(row: Decision) -> str:
    others = [
        other.label
        for other in row.submission.decisions.order_by("pk")
        if other.pk < row.pk and other.reviewer_id != row.reviewer_id and not other.corrects_id
        if is_final(other) and other.item.reason != "gold"
    ]
    if row.corrects_id or row.item.reason == "gold" or not others:
        return ""
    return "same" if others[-1] == row.label else "apart"


def decisions_one_by_one() -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in Decision.objects.select_related("item", "submission"):
        of = row.submission
        if is_final(row):
            key = (of.integration_id, row.item.reason, row.label, of.is_test, of.is_planted)
            found[(week_of(row.decided_at), *key, call_of(row), pair_of(row))] += 1
    return found


def results_one_by_one() -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in Scoring.objects.select_related("submission").prefetch_related("votes"):
        of, is_clear = row.submission, row.verdict == Verdict.CLEAR
        if not of.is_test and (of.result == "rejected" or (of.result == "clear" and not is_clear)):
            votes = sorted(row.votes.all(), key=lambda vote: vote.position)
            pattern = "" if is_clear else "".join("1" if vote.is_fake else "0" for vote in votes)
            key = (row.bundle_digest, row.bundle_version, row.shift, pattern, of.result, of.is_planted)
            found[(week_of(row.scored_at), *key)] += 1
    return found


def totals(rollup: rollups.Rollup) -> Counter[tuple[Any, ...]]:
    names = ("week", *rollup.keys)
    return Counter({tuple(row[n] for n in names): row["number"] for row in rollup.totals(by="week")})


def same() -> bool:
    return totals(DECISION_COUNTS) == decisions_one_by_one() and totals(RESULT_COUNTS) == results_one_by_one()


def judge(person: User, label: str, first: str = "", **said: Any) -> ReviewItem:
    item = claim_next(person)
    if first:
        first_call_record(item_id=item.pk, reviewer=person, label=first)
    said |= {"obstacle": "blurred"} if label == "not_assessable" else {}
    decision_record(item_id=item.pk, reviewer=person, label=label, **said)
    return item


@pytest.mark.django_db
def test_counts_equal_the_rows_after_every_change(
    enqueue: Callable[..., ReviewItem],
    alice: User,
    staff: Callable[..., User],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bob = staff("bob", "senior")
    said = (("fake", "real"), ("real", "fake"), ("real", "real"), ("", "not_assessable"), ("fake", "fake"))
    for number, (first, label) in enumerate(said):
        enqueue(risk=0.9 - number / 5)
        judge(alice, label, first)
    planted = enqueue()
    Submission.objects.filter(pk=planted.submission_id).update(is_planted=True)
    judge(alice, "fake")
    assert same(), "before anything is counted"
    assert len(totals(DECISION_COUNTS)) > 4
    assert count(monkeypatch) > 4
    assert same()
    assert not DecisionTouch.objects.exists()
    assert not ResultTouch.objects.exists()

    decided = list(Decision.objects.order_by("pk"))

    def judge_new(label: str, **said: Any) -> None:
        enqueue(risk=0.9)
        judge(alice, label, **said)

    def undo() -> None:
        decision_undo(item_id=Decision.objects.latest("pk").item_id, reviewer=alice)

    changes: list[Callable[[], object]] = [
        lambda: judge_new("real", is_sure=False),  # so another person is asked
        lambda: setattr(settings, "UNDO_WINDOW_S", 10),
        lambda: judge(bob, "fake"),  # not final yet
        lambda: settle(ReviewItem.objects.get(state="settling")),
        lambda: setattr(settings, "UNDO_WINDOW_S", 0),
        lambda: decision_correct(item_id=decided[1].item_id, corrector=bob, label="real"),
        lambda: decision_correct(item_id=decided[2].item_id, corrector=bob, label="fake"),
        lambda: setattr(settings, "UNDO_WINDOW_S", 10),
        lambda: judge_new("fake", first="fake"),
        undo,
        lambda: submission_erase(submission_id=decided[4].submission_id, reason="asked"),
        lambda: submission_erase(submission_id=Submission.objects.latest("received_at").pk, reason="asked"),
    ]
    seen = []
    for number, change in enumerate(changes):
        change()
        assert same(), f"after change {number}"
        seen.append(repr((totals(DECISION_COUNTS), totals(RESULT_COUNTS))))
        if number % 2:
            count(monkeypatch)
            assert same(), f"after change {number}, counted"
    assert len(set(seen)) >= 6, "the changes change little that is counted"
    assert {row["pair"] for row in DECISION_COUNTS.totals()} == {"", "apart"}
    count(monkeypatch)
    assert not DecisionTouch.objects.exists()
    assert not ResultTouch.objects.exists()
    assert [rollup.count_again()[1] for rollup in ROLLUPS] == [0, 0]
    assert same()


@pytest.mark.django_db
def test_a_wrong_count_is_found_and_corrected(
    enqueue: Callable[..., ReviewItem],
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for label in ("real", "fake"):
        enqueue()
        judge(alice, label)
    count(monkeypatch)
    for model, command in ((DecisionCount, "decision_counts"), (ResultCount, "scoring_counts")):
        first = model.objects.all()[0]
        model.objects.filter(pk=first.pk).update(number=99)
        assert not same()
        call_command(command, "--again")
        assert "2 were wrong" in capsys.readouterr().out
        assert same()


@pytest.mark.django_db
def test_a_worker_that_was_told_to_stop_ends_after_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, True])
    monkeypatch.setattr("kyc_review.core.db.rollups.is_stopping", lambda: next(looks))
    begin = database_now() - timedelta(days=400)
    DecisionCountMark.objects.create(until=slot_of(begin))
    DECISION_COUNTS.count()
    mark = DecisionCountMark.objects.get()
    assert mark.until == slot_of(begin) + DECISION_COUNTS.span


def test_a_result_that_only_the_models_made_writes_nothing(clear: Callable[..., Submission]) -> None:
    clear()
    assert not ResultTouch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_committed_after_it_was_counted_is_seen(
    enqueue: Callable[..., ReviewItem], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker counts the quarter hour and forgets its touches while a correction is not committed."""
    enqueue()
    item = judge(alice, "fake")
    corrected, counted = Event(), Event()

    def correct(submission: UUID) -> None:
        with transaction.atomic():
            decision_correct(item_id=item.pk, corrector=alice, label="real")
            corrected.set()
            counted.wait(20)
        connection.close()

    other = Thread(target=correct, args=[item.submission_id])
    other.start()
    assert corrected.wait(20)
    before = totals(DECISION_COUNTS), totals(RESULT_COUNTS)
    assert count(monkeypatch) == 2
    assert not ResultTouch.objects.exists()
    assert before == (totals(DECISION_COUNTS), totals(RESULT_COUNTS))
    counted.set()
    other.join()
    assert before != (totals(DECISION_COUNTS), totals(RESULT_COUNTS))
    assert same()
    count(monkeypatch)
    assert same()
