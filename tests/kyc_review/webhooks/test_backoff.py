from datetime import UTC, datetime, timedelta

from kyc_review.webhooks.backoff import GIVE_UP_AFTER, next_attempt_at, pause_limit_s

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_limit_grows_threefold_up_to_six_hours() -> None:
    assert [pause_limit_s(n) for n in (1, 2, 3, 8, 9, 500)] == [10, 30, 90, 21600, 21600, 21600]


def test_pauses_spread_over_the_whole_range() -> None:
    ends = NOW + GIVE_UP_AFTER
    attempts = [next_attempt_at(NOW, attempts_made=5, gives_up_at=ends) or ends for _ in range(500)]
    pauses = [(attempt - NOW).total_seconds() for attempt in attempts]
    assert min(pauses) >= 1
    assert max(pauses) <= 810
    assert min(pauses) < 100
    assert max(pauses) > 700


def test_the_last_attempt_is_at_the_very_end_and_none_comes_after_it() -> None:
    end = NOW + timedelta(seconds=1)
    assert next_attempt_at(NOW, attempts_made=9, gives_up_at=end) == end
    assert next_attempt_at(end, attempts_made=10, gives_up_at=end) is None


def test_three_days_hold_a_few_dozen_attempts() -> None:
    now: datetime | None = NOW
    attempts = 0
    while now is not None and attempts < 1000:
        attempts += 1
        now = next_attempt_at(now, attempts_made=attempts, gives_up_at=NOW + GIVE_UP_AFTER)
    assert 20 <= attempts <= 80
