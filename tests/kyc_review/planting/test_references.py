"""References of planted forgeries have the form of the integration's own."""

import random
import uuid
from collections.abc import Callable

import pytest
from django.conf import LazySettings

from kyc_review.planting.references import like_recent, metadata_like_recent, mixed
from kyc_review.submissions.models import Submission

dice = random.Random(3)


@pytest.mark.django_db
def test_what_recent_ones_share_stays_and_none_is_taken(submit: Callable[..., Submission]) -> None:
    rows = [submit(external_ref=f"KYC-2026-{number:06}", applicant_ref="") for number in range(20, 32)]
    made = {like_recent(rows[0].integration_id, "external_ref", dice) for _ in range(10)}
    assert all(one.startswith("KYC-2026-0000") and one[-2:].isdecimal() for one in made)
    assert not made & {row.external_ref for row in rows}
    assert len(made) > 5
    assert like_recent(rows[0].integration_id, "applicant_ref", dice) == ""


def test_identifiers_of_random_digits_keep_their_alphabet() -> None:
    known = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(50)]
    for _ in range(20):
        made = mixed(known, dice, changed=1)
        assert uuid.UUID(made).version == 4
        assert made not in known


def test_a_single_reference_changes_at_its_end() -> None:
    made = {mixed(["AB-17/x"], dice, changed=2) for _ in range(40)}
    assert all(one.startswith("AB-1") and one[5] == "/" for one in made)
    assert len(made) > 5


@pytest.mark.django_db
def test_metadata_are_of_one_submission(submit: Callable[..., Submission], settings: LazySettings) -> None:
    settings.QUEUE_METADATA_FIELDS = ["country", "branch"]
    sent = [{"country": "DE", "branch": "Bonn"}, {"country": "AT", "branch": "Graz"}, {"country": "FR"}]
    for one in sent:
        row = submit(metadata={**one, "name": "Ann"})
    made = [metadata_like_recent(row.integration_id, dice) for _ in range(40)]
    assert all(one in sent for one in made)
    assert all(one in made for one in sent)
