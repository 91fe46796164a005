import io
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from PIL import Image

from detection.forensics.phash import NEAR_COARSE, NEAR_FINE
from kyc_review.evidence import near_duplicates
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.evidence.near_duplicates import near, neighbours
from kyc_review.evidence.services import fingerprints_record, signed
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.concurrency import until_a_lock_is_waited_for
from tests.factories.photographs import photograph, saved

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


def test_the_limits_are_those_that_were_measured() -> None:
    assert (near_duplicates.NEAR_COARSE, near_duplicates.NEAR_FINE) == (NEAR_COARSE, NEAR_FINE)


def test_a_band_has_itself_and_sixteen_neighbours() -> None:
    found = list(neighbours(0xFFFF))
    assert found[0] == 0xFFFF
    assert len(set(found)) == 17
    assert all(0 <= value <= 0xFFFF for value in found)


def test_the_bands_miss_no_near_hash_and_find_no_far_one(submit: Submit) -> None:
    """Against a comparison of all pairs, with signed numbers and every distance from 0 to 12."""
    draw = random.Random(4)
    centre = draw.getrandbits(64) | 1 << 63
    rows, expected = [submit() for _ in range(40)], set()
    own = submit()
    Fingerprint.objects.create(submission=own, coarse=signed(centre), fine=bytes(32))
    for number, row in enumerate(rows):
        apart = number % 13
        other = centre
        for bit in draw.sample(range(64), apart):
            other ^= 1 << bit
        Fingerprint.objects.create(submission=row, coarse=signed(other), fine=bytes(32))
        if apart <= NEAR_COARSE:
            expected.add(row.pk)
    found = near(Fingerprint.objects.select_related("submission").get(pk=own.pk))
    assert set(found.values_list("pk", flat=True)) == expected


def test_a_copy_is_found_whoever_posted_it_and_the_same_file_comes_first(
    enqueue: Callable[..., ReviewItem], examine: Callable[[ReviewItem], Evidence]
) -> None:
    picture = saved(photograph(), 92)
    copy = saved(Image.open(io.BytesIO(picture)).resize((200, 200)), 60)
    first, second = enqueue(image=copy), enqueue(image=picture)
    other, last = enqueue(image=saved(photograph(1), 92)), enqueue(image=picture)
    for item in (first, second, other, last):
        examine(item)
    found = Likeness.objects.filter(submission=last.submission)
    assert {(row.earlier_id, row.same_file) for row in found} == {
        (first.submission_id, False),
        (second.submission_id, True),
    }
    assert not Likeness.objects.filter(submission=first.submission).exists(), "nothing was earlier"


def test_a_submission_keeps_its_first_hashes(submit: Submit) -> None:
    from detection.forensics.phash import Fingerprint as Hashes

    row = submit()
    fingerprints_record({row.pk: Hashes(coarse=1, fine=1)})
    fingerprints_record({row.pk: Hashes(coarse=2, fine=2)})
    assert Fingerprint.objects.get().coarse == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_examined_beside_an_erasure_does_not_lead_to_what_was_erased(submit: Submit) -> None:
    earlier, later = submit(), submit()
    for row in (earlier, later):
        Fingerprint.objects.create(submission=row, coarse=1, fine=bytes(32))

    def find() -> list[Likeness]:
        try:
            return near_duplicates.likenesses_find(submission=later)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            submission_erase(submission_id=earlier.pk, reason="The applicant asked.")
            found = other.submit(find)
            until_a_lock_is_waited_for()
        assert found.result(10) == []
    assert not Likeness.objects.exists()
