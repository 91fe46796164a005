"""`manage.py keys`: a first key, what is in use, and rotation that can be interrupted."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from kyc_review.audit.models import Event
from kyc_review.encryption import keys, providers
from kyc_review.encryption.models import DataKey, KeyEncryptionKey
from kyc_review.encryption.tasks import rewrap
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import original_read

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("keys", *arguments, stdout=out)
    return out.getvalue()


def test_a_new_key_file_is_private_and_outside_of_the_data_folder(
    private_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "folder" / "keys"
    run("generate", str(path))
    before = path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert len(providers.key_lines(path)) == 1
    run("generate", str(path), "--if-missing")
    assert path.read_text() == before
    with pytest.raises(CommandError, match=r"exists"):
        run("generate", str(path))
    with pytest.raises(CommandError, match=r"lies in DATA_DIR"):
        run("generate", str(private_data / "keys"))


def test_the_status_of_a_lost_key_says_so_on_the_line_of_the_key(key_file: Path, submit: Submit) -> None:
    submit()
    [wrapped] = [line for line in run("status").splitlines() if "wrapped" in line]
    assert "MISSING" not in wrapped
    key_file.unlink()
    out = StringIO()
    with pytest.raises(CommandError, match="key file"):
        call_command("keys", "status", stdout=out)
    assert f"{wrapped}, which is MISSING" in out.getvalue()


def test_a_lost_key_file_is_not_replaced_by_a_new_one(key_file: Path, submit: Submit) -> None:
    submit()
    key_file.unlink()
    with pytest.raises(CommandError, match=r"restore the old one"):
        run("generate", str(key_file), "--if-missing")


def test_rotation_wraps_all_living_data_keys_again_and_the_old_key_can_go(
    key_file: Path, submit: Submit
) -> None:
    rows, erased = [submit() for _ in range(5)], submit()
    submission_erase(submission_id=erased.pk, reason="asked for")
    old = providers.provider().ids()[0]
    key_file.write_text(providers.new_key_text() + "\n" + key_file.read_text())
    assert keys.rewrap_some(limit=2) == 2  # and then the process was killed
    assert DataKey.objects.filter(key_encryption_key=old).count() == 3
    original_read(rows[0].image_key)
    said = run("rotate", "--new")
    assert old in said
    assert set(DataKey.objects.values_list("key_encryption_key", flat=True)) == {
        providers.provider().ids()[0],
        "",
    }
    assert len(providers.key_lines(key_file)) == 3
    key_file.write_text(providers.key_lines(key_file)[0])
    for row in rows:
        original_read(row.image_key)
    assert keys.problem() == ""
    assert KeyEncryptionKey.objects.count() == 1
    assert Event.objects.filter(action="keys.rotated").exists()


def test_the_default_worker_wraps_again_in_the_background(key_file: Path, submit: Submit) -> None:
    submit()
    key_file.write_text(providers.new_key_text() + "\n" + key_file.read_text())
    rewrap()
    assert DataKey.objects.get().key_encryption_key == providers.provider().ids()[0]


def test_a_missing_key_is_told_with_what_it_locks(key_file: Path, submit: Submit) -> None:
    submit()
    assert "1 data keys wrapped with" in run("status")
    used = providers.provider().ids()[0]
    key_file.write_text(providers.new_key_text())
    with pytest.raises(CommandError, match=used):
        run("status")
    with pytest.raises(CommandError, match=used):
        run("rotate")


def test_off_and_unused_there_is_nothing_to_say(settings: LazySettings) -> None:
    settings.KEY_ENCRYPTION_KEY_FILE = "/nowhere/keys"
    assert "off" in run("status")
    rewrap()
