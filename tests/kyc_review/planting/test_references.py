"""References of planted forgeries have the form of the integration's own."""

import random
import uuid
from collections.abc import Callable

import pytest
from django.conf import LazySettings

from kyc_review.planting.references import metadata_like_recent, mixed, pair_like_recent
from kyc_review.submissions.models import Submission

dice = random.Random(3)


@pytest.mark.django_db
def test_what_recent_ones_share_stays_and_none_is_taken(submit: Callable[..., Submission]) -> None:
    rows = [submit(external_ref=f"KYC-2026-{number:06}", applicant_ref="") for number in range(20, 32)]
    pairs = [pair_like_recent(rows[0].integration_id, dice) for _ in range(10)]
    made = {external for external, _applicant in pairs}
    assert all(one.startswith("KYC-2026-0000") and one[-2:].isdecimal() for one in made)
    assert not made & {row.external_ref for row in rows}
    assert len(made) > 5
    assert {applicant for _external, applicant in pairs} == {""}
    assert max(made) < "KYC-2026-000032", "no number that no application has reached"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("external", "applicant"),
    [
        ("pl-{0}", "pl-{0}"),
        ("{0}", "person/{0}/selfie"),
        ("APP-{0:06}-1", "APP-{0:06}"),
        ("ORDER-{0}", "C{0}-DE"),
    ],
)
def test_both_references_are_of_one_application_within_the_recent_numbers(
    submit: Callable[..., Submission], external: str, applicant: str
) -> None:
    used = [number for number in range(160, 300) if number % 7][-30:]
    for number in used:
        row = submit(external_ref=external.format(number), applicant_ref=applicant.format(number))
    free = {
        (external.format(number), applicant.format(number))
        for number in set(range(used[0], used[-1])) - set(used)
    }
    made = {pair_like_recent(row.integration_id, dice) for _ in range(12)}
    assert made <= free
    assert len(made) > 1


@pytest.mark.django_db
def test_two_numbers_that_count_on_their_own_are_of_the_same_time(submit: Callable[..., Submission]) -> None:
    for step in range(30):
        row = submit(external_ref=f"E{1000 + 3 * step}", applicant_ref=f"{70_000 + 5 * step}")
    for _ in range(12):
        external, applicant = pair_like_recent(row.integration_id, dice)
        apart = (int(external[1:]) - 1000) / 3 - (int(applicant) - 70_000) / 5
        assert abs(apart) <= 6
        assert 1000 < int(external[1:]) < 1087


@pytest.mark.django_db
def test_the_same_random_identifier_is_given_twice(submit: Callable[..., Submission]) -> None:
    for _ in range(12):
        name = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        row = submit(external_ref=name, applicant_ref=name)
    external, applicant = pair_like_recent(row.integration_id, dice)
    assert external == applicant
    assert uuid.UUID(external).version == 4


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
