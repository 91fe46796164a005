"""Stored pictures are encrypted, and whatever is wrong with a file or a key is said, never guessed around."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile

from encrypted_files.stream import FileDamaged, is_encrypted
from kyc_review.encryption import keys, providers
from kyc_review.encryption.models import DataKey, KeyEncryptionKey
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.evidence.derivatives import derivative_ensure
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, original_read, originals, reference_key
from tests.factories.pictures import jpeg_bytes

Submit = Callable[..., Submission]


def file_of(row: Submission) -> Path:
    return Path(originals.path(row.image_key))


def test_what_intake_and_pages_store_is_encrypted_and_reads_as_before(key_file: Path, submit: Submit) -> None:
    picture, portrait = jpeg_bytes(seed=1), jpeg_bytes(seed=2)
    row = submit(image=picture, reference_image=portrait)
    shown = derivative_ensure(row)
    for path in (file_of(row), Path(originals.path(reference_key(row.pk))), Path(derivatives.path(shown))):
        assert is_encrypted(path.read_bytes())
        assert b"JFIF" not in path.read_bytes()
    assert original_read(row.image_key) == picture
    assert original_read(row.image_key, originals.data_keys([row.image_key])) == picture
    with originals.open(reference_key(row.pk)) as file:
        assert file.read() == portrait
    with derivatives.open(shown) as file:
        assert file.read().startswith(b"\xff\xd8")
    assert DataKey.objects.count() == 1


def test_without_encryption_files_and_rows_are_as_ever(submit: Submit) -> None:
    row = submit()
    assert file_of(row).read_bytes().startswith(b"\xff\xd8")
    assert not DataKey.objects.exists()


def test_files_from_before_encryption_stay_readable(submit: Submit, request: pytest.FixtureRequest) -> None:
    picture = jpeg_bytes(seed=1)
    row = submit(image=picture)
    request.getfixturevalue("key_file")
    assert original_read(row.image_key) == picture
    assert is_encrypted(Path(derivatives.path(derivative_ensure(row))).read_bytes())
    assert original_read(row.image_key) == picture


def test_two_files_that_change_places_are_refused(key_file: Path, submit: Submit) -> None:
    first, second = submit(reference_image=jpeg_bytes(seed=7)), submit()
    content = file_of(first).read_bytes()
    file_of(first).write_bytes(
        Path(originals.path(reference_key(first.pk))).read_bytes()
    )  # of one submission
    Path(originals.path(reference_key(first.pk))).write_bytes(content)
    with pytest.raises(FileDamaged, match=r"exchanged with another file"):
        original_read(first.image_key)
    file_of(second).write_bytes(content)  # of another one
    with pytest.raises(FileDamaged, match=second.image_key):
        original_read(second.image_key)


def test_a_plain_file_in_the_place_of_an_encrypted_one_is_refused(key_file: Path, submit: Submit) -> None:
    row = submit()
    file_of(row).write_bytes(jpeg_bytes(seed=99))
    with pytest.raises(FileDamaged, match=r"is not encrypted"):
        original_read(row.image_key)


def test_a_wrapped_key_that_was_moved_to_another_row_is_refused(key_file: Path, submit: Submit) -> None:
    first, second = submit(), submit()
    theirs = DataKey.objects.get(pk=keys.submission_scope(second.pk)).wrapped
    DataKey.objects.filter(pk=keys.submission_scope(first.pk)).update(wrapped=theirs)
    with pytest.raises(KeysUnavailable, match=r"belongs to another object"):
        originals.read(first.image_key)


def test_erasing_makes_a_copied_file_unreadable(
    key_file: Path, submit: Submit, tmp_path: Path, django_capture_on_commit_callbacks: Callable
) -> None:
    row = submit()
    copy, shown = tmp_path / "copy", derivative_ensure(row)
    shutil.copy(file_of(row), copy)
    with django_capture_on_commit_callbacks(execute=True):
        submission_erase(submission_id=row.pk, reason="asked for")
    assert not file_of(row).exists()
    shutil.copy(copy, file_of(row))
    with pytest.raises(FileNotFoundError, match=r"was destroyed"):
        originals.read(row.image_key)
    with pytest.raises(FileNotFoundError, match=r"was destroyed"):  # a worker that is late writes nothing
        derivatives.save(shown, ContentFile(b"late"))
    assert not derivatives.exists(shown)


@pytest.mark.parametrize("lines", [None, "", "no key\n", "# only a comment\n"])
def test_a_key_file_that_is_gone_or_broken_says_so(key_file: Path, submit: Submit, lines: str | None) -> None:
    row = submit()
    key_file.unlink() if lines is None else key_file.write_text(lines)
    with pytest.raises(KeysUnavailable, match=str(key_file)):
        originals.read(row.image_key)
    with pytest.raises(KeysUnavailable, match=str(key_file)):
        submit()
    assert str(key_file) in keys.problem()


def test_nothing_is_encrypted_with_a_key_file_that_lacks_the_keys_in_use(
    key_file: Path, submit: Submit
) -> None:
    row, kept = submit(), key_file.read_text()
    key_file.write_text(providers.new_key_text())  # of another installation
    with pytest.raises(KeysUnavailable, match=r"lacks the key-encryption key"):
        originals.read(row.image_key)
    with pytest.raises(KeysUnavailable, match=r"lacks the key-encryption key"):
        submit()
    key_file.write_text(providers.new_key_text() + "\n" + kept)  # the old one is a fallback
    original_read(row.image_key)
    submit()
    assert KeyEncryptionKey.objects.count() == 2


def test_keys_from_the_environment_do_as_well(key_file: Path, submit: Submit, settings: LazySettings) -> None:
    row = submit()
    settings.KEY_ENCRYPTION_KEYS, settings.KEY_ENCRYPTION_KEY_FILE = [key_file.read_text().strip()], ""
    original_read(row.image_key)
    settings.KEY_ENCRYPTION_KEYS = []
    with pytest.raises(KeysUnavailable, match=r"keys generate"):
        originals.read(row.image_key)


def test_turned_off_again_what_is_encrypted_stays_readable(
    key_file: Path, submit: Submit, settings: LazySettings
) -> None:
    row = submit()
    settings.KEY_ENCRYPTION = False
    original_read(row.image_key)
    assert file_of(submit()).read_bytes().startswith(b"\xff\xd8")
    assert is_encrypted(Path(derivatives.path(derivative_ensure(row))).read_bytes())
