"""What the figures add up equals a count of the verdicts, whatever happened and up to when they were counted."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from kyc_review.core.db.slots import SLOT, slot_of
from kyc_review.scoring.counts import KEYS, SCORING_COUNTS, scored
from kyc_review.scoring.models import CheckResult, Scoring, ScoringCount, ScoringCountMark
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
VERDICTS = ("clear", "split_vote", "unanimous_fake")


@pytest.fixture
def score(submit: Callable[..., Submission]) -> Callable[[random.Random, list[timedelta]], list[Scoring]]:
    """Scorings of these ages with everything else drawn."""
    template = submit()

    def make(draw: random.Random, ages: list[timedelta]) -> list[Scoring]:
        now, made = timezone.now(), []
        for age in ages:
            columns = (field.attname for field in Submission._meta.concrete_fields if field.name != "id")
            row = Submission(**{name: getattr(template, name) for name in columns})
            row.image_key = f"made/{row.pk}"
            row.is_test, row.is_planted = draw.random() < 0.1, draw.random() < 0.2
            row.save()
            bundle = draw.choice("ab")
            one = Scoring.objects.create(
                submission=row,
                bundle_version=bundle,
                bundle_digest=bundle * 64,
                shift=draw.choice([0.0, -0.5]),
                verdict=draw.choice(VERDICTS),
                risk=0.5,
                elapsed_ms=1,
                auxiliary_model=draw.choice(["", "", "tamper"]),
            )
            Scoring.objects.filter(pk=one.pk).update(scored_at=now - age)
            if draw.random() < 0.3:
                CheckResult.objects.create(
                    submission=row, name="pose", status="fail", code="turned_away", action="review"
                )
            made.append(one)
        return made

    return make


def _directly(since: datetime, with_planted: bool, by: str) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in Scoring.objects.select_related("submission").filter(scored_at__gte=since):
        if row.submission.is_test or (row.submission.is_planted and not with_planted):
            continue
        for_person = bool(row.auxiliary_model) or row.submission.checks.filter(action="review").exists()
        begin = timezone.localtime(row.scored_at).replace(hour=0, minute=0, second=0, microsecond=0)
        if by == "week":
            begin = (begin.replace(tzinfo=None) - timedelta(days=begin.weekday())).replace(
                tzinfo=begin.tzinfo
            )
        key = (row.bundle_digest, row.bundle_version, row.shift, row.verdict, for_person)
        found[(begin, *key) if by else key] += 1
    return found


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_counts_equal_the_verdicts_after_any_history(score: Any, zone: str) -> None:
    draw = random.Random(zone)
    spread = [timedelta(days=30), timedelta(days=2), timedelta(hours=2), timedelta(minutes=20)]
    with timezone.override(ZoneInfo(zone)):
        for _ in range(3):
            is_first = not ScoringCount.objects.exists()  # later ones are scored after what was counted
            score(draw, [draw.random() * draw.choice(spread if is_first else spread[3:]) for _ in range(10)])
            for since in (draw.random() * timedelta(days=40), draw.random() * timedelta(hours=3)):
                for by in ("", "day", "week"):
                    for with_planted in (True, False):
                        begin = timezone.now() - since
                        rows = scored(since=begin, with_planted=with_planted, by=by)
                        names = (*((by,) if by else ()), *KEYS)
                        found = {tuple(row[name] for name in names): row["number"] for row in rows}
                        assert found == _directly(begin, with_planted, by)
            SCORING_COUNTS.count()
    assert sum(row.number for row in ScoringCount.objects.all())
    assert SCORING_COUNTS.count() == 0, "what was counted is counted once more"


def test_first_and_last_are_those_of_the_verdicts(score: Any) -> None:
    score(random.Random(1), [timedelta(hours=hours) for hours in range(1, 20)])
    SCORING_COUNTS.count()
    rows = scored(since=timezone.now() - timedelta(days=2), with_planted=True, keys=())
    times = Scoring.objects.filter(submission__is_test=False).values_list("scored_at", flat=True)
    assert [(row["first"], row["last"], row["number"]) for row in rows] == [
        (min(times), max(times), len(times))
    ]


def test_what_ends_in_the_middle_leaves_nothing(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span and its mark are one transaction."""
    score(random.Random(2), [timedelta(days=days) for days in range(1, 6)])
    monkeypatch.setattr(ScoringCountMark, "save", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        SCORING_COUNTS.count()
    assert not ScoringCount.objects.exists()
    monkeypatch.undo()
    assert SCORING_COUNTS.count(spans=2) <= SCORING_COUNTS.count() + 2
    assert SCORING_COUNTS.count_again()[1] == 0


def test_a_wrong_count_is_found_and_corrected(score: Any, capsys: pytest.CaptureFixture[str]) -> None:
    score(random.Random(3), [timedelta(days=days) for days in range(1, 6)])
    SCORING_COUNTS.count()
    before = scored(since=timezone.now() - timedelta(days=9), with_planted=True)
    ScoringCount.objects.filter(pk__in=ScoringCount.objects.all()[:1]).update(number=99)
    call_command("scoring_counts", "--again")
    assert "2 were wrong" in capsys.readouterr().out
    assert sorted(map(str, scored(since=timezone.now() - timedelta(days=9), with_planted=True))) == sorted(
        map(str, before)
    )


def test_a_quarter_hour_begins_where_it_began() -> None:
    moment = datetime(2026, 3, 1, 12, 44, 59, 999_999, tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert slot_of(moment) == datetime(2026, 3, 1, 12, 30, tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert slot_of(slot_of(moment)) == slot_of(moment)
    assert slot_of(slot_of(moment) - timedelta(microseconds=1)) == slot_of(moment) - SLOT
