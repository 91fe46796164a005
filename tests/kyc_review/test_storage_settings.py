"""What the settings of files refuse, in a process that starts with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {"SECRET_KEY": "x", "DATABASE_URL": "postgres://u@h/d", "VALKEY_URL": "redis://h"}
BUCKET = {"FILE_STORAGE": "s3", "OBJECT_STORAGE_BUCKET": "pictures"}
PRINT = "import kyc_review.settings as s; print(s.STORAGES['originals']['OPTIONS']['beneath'])"


def started(tmp_path: Path, **told: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | NEEDED | told
    return subprocess.run(
        [sys.executable, "-c", PRINT], env=env, capture_output=True, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"FILE_STORAGE": "ftp"}, "FILE_STORAGE must be files or s3"),
        ({"FILE_STORAGE": "s3"}, "needs OBJECT_STORAGE_BUCKET"),
        (BUCKET | {"ACCEL_REDIRECT_PREFIX": "/private"}, "ACCEL_REDIRECT_PREFIX must be empty"),
        (BUCKET | {"OBJECT_STORAGE_URL": "http://s3.bank.example"}, "must begin with https://"),
        (BUCKET | {"OBJECT_STORAGE_URL": "s3.bank.example"}, "must be an address"),
        (BUCKET | {"OBJECT_STORAGE_ACCESS_KEY_ID": "a"}, "or neither"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_cannot_work_stops_the_start_and_is_named(
    tmp_path: Path, told: dict[str, str], said: str
) -> None:
    done = started(tmp_path, **told)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]


def test_a_bucket_with_its_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    done = started(
        tmp_path,
        **BUCKET,
        OBJECT_STORAGE_URL="http://127.0.0.1:9000",
        OBJECT_STORAGE_ACCESS_KEY_ID="kyc",
        OBJECT_STORAGE_SECRET_ACCESS_KEY_FILE=str(tmp_path / "secret"),
    )
    assert done.returncode == 0, done.stderr
    assert "'secret_access_key': 'hush'" in done.stdout
    assert "'addressing': 'path'" in done.stdout
