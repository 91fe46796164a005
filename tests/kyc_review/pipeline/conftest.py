import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection


@pytest.fixture
def celery_worker(settings: LazySettings, private_data: Path) -> Iterator[Callable[[], subprocess.Popen]]:
    """Starts real scoring workers on the test database and the real broker, with further variables if there are any."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    env = os.environ | {
        "DATABASE_URL": url.replace(":@", "@"),
        "DATA_DIR": str(private_data),
        "BUNDLES_DIR": str(settings.BUNDLES_DIR),
        "SCORING_THREADS": "1",
    }
    started: list[subprocess.Popen] = []

    def start(**variables: str) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "kyc_review",
            "worker",
            "-Q",
            "scoring",
            "--pool=solo",
        ]
        started.append(
            subprocess.Popen([*command, "--loglevel=INFO"], env=env | variables, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
