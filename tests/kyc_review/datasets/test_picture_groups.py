"""One picture lies on one side of the hold-out, whatever reference it comes under."""

import json
import random
from collections.abc import Callable

import pytest

from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.picture_groups import Pictured, contradictions, picture_groups
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.evidence.models import Fingerprint
from kyc_review.review.models import Decision
from tests.factories.pictures import jpeg_bytes

DRAW = random.Random(0)


def manifest_of(snapshot: Snapshot) -> dict:
    return json.loads(snapshot.manifest.read_bytes())


def flipped(value: int, bits: list[int]) -> int:
    for bit in bits:
        value ^= 1 << bit
    return value


def test_equal_files_and_near_pictures_join_the_groups_of_their_applicants() -> None:
    coarse, fine = DRAW.getrandbits(64), DRAW.getrandbits(256)
    rows = [
        Pictured("a", "ann", "one", coarse, fine),
        Pictured("b", "bob", "one", coarse, fine),  # the same file
        Pictured("c", "cid", "two", flipped(coarse, [1, 20, 40]), flipped(fine, list(range(30)))),  # near
        Pictured("d", "bob", "three"),  # another picture of bob
        Pictured("e", "eve", "four", DRAW.getrandbits(64), DRAW.getrandbits(256)),
        Pictured("f", "fay", "five", coarse, flipped(fine, list(range(100, 160)))),  # coarse hash only
    ]
    found = picture_groups(rows)
    assert found.of == {"a": "ann", "b": "ann", "c": "ann", "d": "ann", "e": "eve", "f": "fay"}
    assert len({found.picture[key] for key in "abc"}) == 1
    assert len(set(found.picture.values())) == 4
    assert found.near == 2
    labels = [("a", "real"), ("b", "fake"), ("c", "real"), ("d", "fake"), ("e", "fake")]
    assert contradictions(found, labels) == [["a", "b", "c"]]


def test_banded_search_finds_what_a_search_of_all_pairs_finds() -> None:
    rows = []
    for family in range(60):
        coarse, fine = DRAW.getrandbits(64), DRAW.getrandbits(256)
        for number in range(3):
            bits = DRAW.sample(range(64), DRAW.randrange(7)), DRAW.sample(range(256), DRAW.randrange(40))
            rows.append(
                Pictured(
                    (family, number),
                    f"{family}-{number}",
                    f"{family}-{number}",
                    *map(flipped, (coarse, fine), bits),
                )
            )
    expected = 0
    for at, one in enumerate(rows):
        for other in rows[:at]:
            assert one.coarse is not None
            assert other.coarse is not None
            assert one.fine is not None
            assert other.fine is not None
            near = (one.coarse ^ other.coarse).bit_count() <= 7
            expected += near and (one.fine ^ other.fine).bit_count() <= 40
    assert expected > 20
    assert picture_groups(rows).near == expected


def test_a_later_copy_moves_no_earlier_picture_to_the_other_side() -> None:
    first = [Pictured("a", "ann", "one"), Pictured("b", "bob", "two")]
    before = picture_groups(first).of
    after = picture_groups([*first, Pictured("c", "cid", "one"), Pictured("d", "cid", "three")]).of
    assert {key: after[key] for key in before} == before
    assert after["d"] == "ann"


@pytest.mark.django_db
def test_one_picture_posted_under_many_references_is_held_out_whole_or_not_at_all(decide: Callable) -> None:
    """The finding: three samples, each posted five times, were "16 applicants", on both sides and under both labels."""
    for number in range(15):
        label = "fake" if number == 3 or number % 3 == 1 else "real"
        decide(label, image=jpeg_bytes(seed=900 + number % 3), applicant_ref=f"ref-{number}")
    items = manifest_of(snapshot_create())["items"]
    sides = {(item["sha256"], item["holdout"], item["applicant"]) for item in items}
    assert len(sides) == len({item["sha256"] for item in items}) == 3
    facts = Snapshot.objects.get().facts
    assert (facts["pictures"], facts["groups"], facts["contradicting"]) == (3, 3, 1)
    assert len(facts["contradicting_submissions"][0]) == 5


@pytest.mark.django_db
def test_fingerprints_join_files_that_differ(decide: Callable) -> None:
    decisions: list[Decision] = [decide("real", applicant_ref="one"), decide("fake", applicant_ref="two")]
    fine = DRAW.getrandbits(256)
    for number, decision in enumerate(decisions):
        Fingerprint.objects.update_or_create(
            submission=decision.submission,
            defaults={"coarse": 12345, "fine": (fine ^ number).to_bytes(32, "big")},
        )
    items = manifest_of(snapshot_create())["items"]
    assert len({item["applicant"] for item in items}) == 1
    assert Snapshot.objects.get().facts["contradicting"] == 1
