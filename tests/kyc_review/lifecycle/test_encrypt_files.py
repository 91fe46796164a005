"""Pictures from before encryption are encrypted by a command that can be stopped anywhere."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from encrypted_files.stream import FileDamaged
from kyc_review.datasets.snapshots import snapshot_create, snapshot_verify
from kyc_review.encryption.models import DataKey
from kyc_review.evidence.derivatives import derivative_ensure, thumbnail_ensure
from kyc_review.lifecycle.encrypt import submissions_encrypt, submissions_left
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.lifecycle.management.commands import encrypt_files
from kyc_review.review.models import Decision
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import original_read, originals
from tests.factories.pictures import jpeg_bytes
from tests.factories.stolen_disk import pictures_in

pytestmark = pytest.mark.django_db


def test_everything_from_before_is_encrypted(
    decide: Callable[..., Decision],
    submit: Callable[..., Submission],
    private_data: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encrypt_files, "SAY_EVERY_S", 0.0)
    with pytest.raises(CommandError, match=r"KEY_ENCRYPTION is off"):
        call_command("encrypt_files")
    decide("real")
    picture = jpeg_bytes(seed=77)
    row, erased = submit(image=picture, reference_image=jpeg_bytes(seed=78)), submit()
    derivative_ensure(row)
    thumbnail_ensure(row)
    snapshot = snapshot_create(name="before")
    submission_erase(submission_id=erased.pk, reason="asked for")
    assert len(pictures_in(private_data / "snapshots")) == 1
    request.getfixturevalue("key_file")

    assert next(submissions_encrypt())  # and then it was stopped
    assert submissions_left().count() == 1
    out = StringIO()
    call_command("encrypt_files", stdout=out)
    first, second, third, last = out.getvalue().splitlines()
    assert first == "1 submissions may own files that are not encrypted."
    assert second.startswith("1 of 1 submissions done, ")
    assert third.startswith("1 snapshots done, ")
    assert "no picture is left" in last
    found = [one for one in pictures_in(private_data) if erased.image_key not in one]
    assert found == []
    assert not submissions_left().exists()
    assert not DataKey.objects.filter(is_complete=False).exists()
    assert original_read(row.image_key) == picture
    assert snapshot_verify(snapshot=snapshot) == 1

    Path(originals.path(row.image_key)).write_bytes(picture)  # the time of plain files is over
    with pytest.raises(FileDamaged, match=r"is not encrypted"):
        original_read(row.image_key)
