import os
import time
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.storage import originals

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


def test_no_folder_no_work() -> None:
    assert orphans_delete() == 0
