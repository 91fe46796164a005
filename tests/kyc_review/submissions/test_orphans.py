import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from kyc_review.submissions import orphans
from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.storage import originals
from tests.factories.object_store import ObjectStore

pytestmark = pytest.mark.django_db
TWO_DAYS_S = 2 * 24 * 3600


def age(key: str) -> None:
    then = time.time() - TWO_DAYS_S
    os.utime(originals.path(key), (then, then))


def test_an_old_original_without_a_row_is_deleted_and_one_with_a_row_is_not(submit: Callable) -> None:
    kept = submit().image_key
    orphan = originals.save("ab/abandoned.jpeg", ContentFile(b"x"))
    age(kept)
    age(orphan)
    assert orphans_delete() == 1
    assert originals.exists(kept)
    assert not originals.exists(orphan)


def test_a_young_original_may_still_get_its_row() -> None:
    young = originals.save("ab/young.jpeg", ContentFile(b"x"))
    assert orphans_delete() == 0
    assert originals.exists(young)


def test_an_orphan_in_a_store_without_folders_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore()
    long_ago = timezone.now() - orphans.AGE - timedelta(seconds=1)
    store.objects = {"ab/old.jpeg": (b"x", long_ago), "ab/young.jpeg": (b"x", timezone.now())}
    monkeypatch.setattr(orphans, "originals", store)
    assert orphans_delete() == 1
    assert list(store.objects) == ["ab/young.jpeg"]


def test_no_folder_no_work() -> None:
    assert orphans_delete() == 0
