"""Who takes the key of a picture away deletes the picture: that is refused, or found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from kyc_review.audit.models import Event
from kyc_review.audit.record_checks import record_problems
from kyc_review.encryption.models import DataKey
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("change", ["DELETE FROM", "UPDATE"])
def test_a_picture_without_its_key_is_named_unless_it_was_erased(
    key_file: Path, submit: Callable[..., Submission], change: str
) -> None:
    kept, erased = submit(external_ref="kept"), submit(external_ref="erased")
    assert Event.objects.filter(action="submission.received", detail__encrypted=True).count() == 2
    submission_erase(submission_id=erased.pk, reason="The customer asked for it.")
    assert record_problems() == []
    with connection.cursor() as cursor:
        values = " SET wrapped = '', key_encryption_key = ''" if change == "UPDATE" else ""
        cursor.execute(f"{change} encryption_datakey{values} WHERE scope = %s", [f"submission/{kept.pk.hex}"])
    [problem] = record_problems()
    assert problem.startswith(f"contradicts its event: submission {kept.pk} (data key; event ")


def test_the_application_deletes_no_key(
    key_file: Path, submit: Callable[..., Submission], as_application: None
) -> None:
    submit()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        DataKey.objects.all().delete()
    assert DataKey.objects.count() == 1
