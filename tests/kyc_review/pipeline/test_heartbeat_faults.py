"""Whatever a heartbeat meets, it goes on, says what it met, and takes it back when it is over."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from kyc_review.pipeline import heartbeat
from kyc_review.scoring.models import ScoringWorker
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.storage_identity import storage_identity_ensure

WAIT_S = 30


@pytest.fixture
def beating(monkeypatch: pytest.MonkeyPatch, transactional_db: None, private_data: Path) -> Iterator[Path]:
    """The threads of a scoring worker run, often; gives its file with the identity of the originals."""
    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.02)
    storage_identity_ensure()
    threads = heartbeat.heartbeat_start()
    yield private_data / "originals" / "identity"
    heartbeat.heartbeat_stop()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end, scoring_state().problem
        time.sleep(0.02)


def beats_on() -> None:
    """It says again that it lives."""
    seen_at = ScoringWorker.objects.get().seen_at
    until(lambda: ScoringWorker.objects.get().seen_at > seen_at)


def test_a_storage_that_fails_is_told_and_forgotten_when_it_works_again(beating: Path) -> None:
    until(lambda: scoring_state().workers == 1)
    content = beating.read_text()
    beating.unlink()
    beating.mkdir()  # reading it is an OSError that is no missing file
    until(lambda: scoring_state().problem.startswith("storage: IsADirectoryError"))
    beats_on()
    assert scoring_state().failing == 1
    beating.rmdir()
    beating.write_text(content)
    until(lambda: scoring_state().failing == 0)
    beats_on()


@pytest.mark.parametrize(
    "error", [RuntimeError("unknown"), OSError(116, "Stale file handle"), OperationalError("away")]
)
def test_no_error_of_a_check_ends_the_heartbeat(
    beating: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    until(lambda: scoring_state().workers == 1)
    met: list[int] = []

    def fails() -> None:
        met.append(1)
        raise error

    with monkeypatch.context() as faults:
        faults.setitem(heartbeat.NEEDS, "storage", fails)
        faults.setattr(heartbeat, "clock_check", fails)
        until(lambda: len(met) > 6)
        assert scoring_state().failing == 1
    until(lambda: scoring_state().failing == 0)
    beats_on()


def test_a_storage_that_hangs_does_not_silence_it(beating: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hung: list[int] = []
    monkeypatch.setattr(heartbeat, "SILENCE_S", 0.1)
    monkeypatch.setitem(heartbeat.NEEDS, "storage", lambda: until(lambda: bool(hung)))
    until(lambda: scoring_state().problem.startswith("storage: no answer for"))
    beats_on()
    hung.append(1)
    until(lambda: scoring_state().failing == 0)


def test_nothing_says_after_the_end_that_a_worker_lives(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    beat, begun = heartbeat.beat, threading.Event()

    def slow() -> None:
        begun.set()
        heartbeat._stop.wait(WAIT_S)
        time.sleep(0.2)
        beat()

    monkeypatch.setattr(heartbeat, "_name", "host:7:abc")
    monkeypatch.setattr(heartbeat, "beat", slow)
    monkeypatch.setattr(heartbeat, "NEEDS", {})
    threads = heartbeat.heartbeat_start()
    assert begun.wait(WAIT_S)
    heartbeat.heartbeat_stop()
    for thread in threads:
        thread.join(WAIT_S)
    assert not ScoringWorker.objects.exists()
