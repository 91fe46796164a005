"""The commands of docs/backup.md, with a real Postgres: dump, restore, verify."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection

from devstack import binaries
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals, reference_key
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.backup_commands import commands
from tests.factories.databases import database, url_of
from tests.factories.object_stores import Store
from tests.factories.portraits import portrait_bytes

ROOT = Path(__file__).parents[2]
RIGHTS = "SELECT count(*) FROM information_schema.table_privileges WHERE grantee = %s"


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_what_was_dumped_and_copied_is_complete_after_the_restore(
    submit: Callable[..., Submission], private_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    storage_identity_ensure()
    rows = [submit(image=portrait_bytes(number)) for number in range(2)]
    rows.append(submit(image=portrait_bytes(2), reference_image=portrait_bytes(3)))
    for folder in ("bundles", "archive", "audit"):  # a young installation: it has no snapshots and means yet
        (private_data / folder).mkdir(exist_ok=True)
    (private_data / "archive" / "pruned.gz").write_bytes(b"rows")
    media, elsewhere = tmp_path_factory.mktemp("media"), tmp_path_factory.mktemp("data")
    dump, *copy = commands("## Backing up")
    extract, restore, prepare, verify, verify_audit = commands("## Restoring")
    name, role = connection.settings_dict["NAME"], urlsplit(os.environ["APPLICATION_URL"]).username
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT SELECT ON submissions_submission TO {role}")
        run([dump, *copy], media, url_of(name), private_data)
        cursor.execute(f"REVOKE SELECT ON submissions_submission FROM {role}")
    with database("restored") as restored:
        owner, application = url_of(restored), application_url(restored)
        run([extract, restore], media, owner, elsewhere)
        with psycopg.connect(
            owner
        ) as server:  # a new server does not know the role, and would refuse its rights
            assert server.execute(RIGHTS, [role]).fetchone() == (0,)
        # The events are too new to be sealed, which `audit verify` tells.
        checks = [f"{prepare} --without-bundle", verify, f"{verify_audit} 2>&1 || test $? = 1"]
        found = run(checks, ROOT, owner, elsewhere, application)
    assert f"{len(rows)} submissions with their pictures, {len(rows)} of them read" in found
    assert f"originals in {elsewhere / 'originals'}" in found
    assert "no batch was ever sealed" in found
    assert (elsewhere / "archive" / "pruned.gz").read_bytes() == b"rows"
    assert not (elsewhere / "means").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_objects_that_were_copied_from_a_bucket_are_complete_in_another_one(
    submit: Callable[..., Submission],
    private_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    moto: str,
    bucket_at: Callable[[str], Store],
    in_store: Callable[[Store], None],
) -> None:
    lost, found = bucket_at(moto), bucket_at(moto)
    in_store(lost)
    storage_identity_ensure()
    rows = [submit(image=portrait_bytes(number)) for number in range(2)]
    lost.storage("derivatives").save("made again", ContentFile(b"made"))
    (private_data / "audit").mkdir(exist_ok=True)
    media, elsewhere = tmp_path_factory.mktemp("media"), tmp_path_factory.mktemp("data")
    lines = commands("## Files in a bucket")
    settings, backup, restore = lines[:4], lines[4:8], lines[8:]
    name = connection.settings_dict["NAME"]
    run([*settings, *backup], media, url_of(name), private_data, **in_bucket(lost, moto))
    with database("restored") as restored:
        owner, application = url_of(restored), application_url(restored)
        run([*settings, *restore], media, owner, elsewhere, **in_bucket(found, moto))
        prepare, verify, _ = commands("## Restoring")[2:]
        checks = [f"{prepare} --without-bundle --adopt-storage", f"{verify} --read-all"]
        said = run(checks, ROOT, owner, elsewhere, application, **in_bucket(found, moto))
    assert f"{len(rows)} submissions with their pictures, {len(rows)} of them read" in said
    kept = [key for key in sorted(lost.keys()) if "/derivatives/" not in key]
    assert sorted(found.keys()) == kept
    assert (elsewhere / "audit").is_dir()


def application_url(database: str) -> str:
    return f"{os.environ['APPLICATION_URL'].rpartition('/')[0]}/{quote(database)}"


def in_bucket(store: Store, url: str) -> dict[str, str]:
    return {
        "FILE_STORAGE": "s3",
        "OBJECT_STORAGE_URL": url,
        "OBJECT_STORAGE_BUCKET": store.bucket,
        "OBJECT_STORAGE_PREFIX": "kyc-review",
        "OBJECT_STORAGE_REGION": "us-east-1",
        "OBJECT_STORAGE_ACCESS_KEY_ID": store.access["access_key_id"],
        "OBJECT_STORAGE_SECRET_ACCESS_KEY": store.access["secret_access_key"],
    }


def run(lines: list[str], folder: Path, owner: str, data: Path, application: str = "", **more: str) -> str:
    """Output of the commands, with the programs of the tests' Postgres and Python. more: further variables."""
    programs = f"{binaries.postgres().path.parent}:{Path(sys.executable).parent}"
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DATABASE_URL": application or owner,
        "DATABASE_OWNER_URL": owner,
        "DATA_DIR": str(data),
        **more,
    }
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
    Path(originals.path("identity")).unlink()
    with pytest.raises(CommandError, match="differences"):
        call_command("verify")
    assert "--adopt-storage" in capsys.readouterr().out
