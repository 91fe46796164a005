"""The commands of docs/backup.md, with a real Postgres: dump, restore, verify."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from devstack import binaries
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals, reference_key
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.databases import database, url_of
from tests.factories.portraits import portrait_bytes

ROOT = Path(__file__).parents[2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_what_was_dumped_and_copied_is_complete_after_the_restore(
    submit: Callable[..., Submission], private_data: Path, tmp_path: Path
) -> None:
    storage_identity_ensure()
    rows = [submit(image=portrait_bytes(number)) for number in range(2)]
    rows.append(submit(image=portrait_bytes(2), reference_image=portrait_bytes(3)))
    programs = binaries.postgres().path.parent
    dump = tmp_path / "kyc.dump"
    source = url_of(connection.settings_dict["NAME"])
    run(str(programs / "pg_dump"), "--format=custom", f"--file={dump}", source)
    files = tmp_path / "elsewhere"
    shutil.copytree(private_data / "originals", files / "originals")
    with database("restored") as restored:
        run(
            str(programs / "pg_restore"),
            "--no-owner",
            "--exit-on-error",
            f"--dbname={url_of(restored)}",
            str(dump),
        )
        environment = os.environ | {"DATABASE_URL": url_of(restored), "DATA_DIR": str(files)}
        manage = [sys.executable, str(ROOT / "manage.py")]
        found = run(*manage, "verify", environment=environment)
        assert f"{len(rows)} submissions with their pictures, {len(rows)} of them read" in found
        (files / "originals" / "identity").unlink()
        with pytest.raises(subprocess.CalledProcessError) as refused:
            run(*manage, "verify", environment=environment)
    assert "--adopt-storage" in refused.value.stdout


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.django_db
def test_files_that_are_missing_or_were_changed_are_named(
    submit: Callable[..., Submission], capsys: pytest.CaptureFixture[str]
) -> None:
    storage_identity_ensure()
    fine = submit(image=portrait_bytes(0), reference_image=portrait_bytes(1))
    call_command("verify")
    lost, changed = submit(image=portrait_bytes(2)), submit(image=portrait_bytes(3))
    originals.delete(lost.image_key)
    originals.delete(reference_key(fine.pk))
    Path(originals.path(changed.image_key)).write_bytes(b"changed")
    with pytest.raises(CommandError, match="differences"):
        call_command("verify", "--read-all")
    said = capsys.readouterr().out
    for key in (lost.image_key, reference_key(fine.pk), changed.image_key):
        assert key in said
    assert fine.image_key not in said.replace(reference_key(fine.pk), "")
