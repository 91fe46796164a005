from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from kyc_review.submissions.models import StorageIdentity, Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity_check,
    storage_identity_ensure,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def identity(private_data: Path) -> Path:
    storage_identity_ensure()
    return private_data / "originals" / "identity"


def test_it_is_written_once_to_both(identity: Path) -> None:
    before = identity.read_text()
    storage_identity_ensure()
    storage_identity_check()
    assert (identity.read_text(), StorageIdentity.objects.get().value) == (before, before)
    assert identity.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [None, "another", ""])
def test_another_folder_or_none_is_found_and_not_adopted_while_there_are_pictures(
    identity: Path, submit: Callable[..., Submission], content: str | None
) -> None:
    submit()
    identity.unlink()
    if content is not None:
        identity.write_text(content)
    with pytest.raises(WrongStorage, match="mount the shared data folder"):
        storage_identity_check()
    with pytest.raises(CommandError, match="--adopt-storage"):
        call_command("prepare", "--without-bundle", verbosity=0)
    if content == "":
        identity.unlink()
    call_command("prepare", "--without-bundle", "--adopt-storage", verbosity=0)
    storage_identity_check()


def test_an_empty_database_takes_the_folder_that_is_there(identity: Path) -> None:
    StorageIdentity.objects.all().delete()
    storage_identity_ensure()
    assert StorageIdentity.objects.get().value == identity.read_text()


def test_it_is_no_orphan(identity: Path) -> None:
    from kyc_review.submissions.orphans import orphans_delete

    orphans_delete()
    assert originals.exists("identity")
