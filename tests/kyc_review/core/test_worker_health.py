from pathlib import Path

import pytest
from celery.signals import heartbeat_sent
from django.conf import LazySettings

from kyc_review.core import worker_health


@pytest.fixture
def file(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.WORKER_HEALTH_FILE = str(tmp_path / "alive")
    monkeypatch.setattr(worker_health, "_touched", float("-inf"))
    return tmp_path / "alive"


def test_an_idle_worker_touches_the_file_with_celerys_heartbeat(file: Path) -> None:
    heartbeat_sent.send(sender=None)
    assert file.exists()


def test_it_is_touched_seldom_however_often_work_says_so(file: Path) -> None:
    worker_health.alive()
    file.unlink()
    worker_health.alive()
    assert not file.exists()


def test_a_file_that_cannot_be_touched_stops_no_work(
    file: Path, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WORKER_HEALTH_FILE = str(file / "missing" / "alive")
    worker_health.alive()
    assert "WORKER_HEALTH_FILE cannot be touched" in caplog.text
