"""Which pictures an item may be compared with, who may do it, and that each look is recorded."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence.models import Evidence
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.decisions import first_call_record
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence import selectors
from tests.factories.claims import expire, item_claim_next
from tests.factories.photographs import photograph, saved
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], Evidence]
Login = Callable[[User], Client]


def urls(item: ReviewItem, submission: UUID) -> list[str]:
    return [
        reverse("evidence:comparisons", args=[item.pk]),
        reverse("evidence:compared", args=[item.pk, submission]),
        reverse("evidence:compared-thumbnail", args=[item.pk, submission]),
    ]


@pytest.fixture
def pair(enqueue: Enqueue, alice: User) -> tuple[ReviewItem, ReviewItem]:
    """Two items of one applicant; alice holds the first."""
    own, other = (enqueue(risk=risk, applicant_ref="p-1") for risk in (0.9, 0.1))
    assert item_claim_next(reviewer=alice) == own
    return own, other


def test_its_holder_sees_the_applicants_other_pictures_and_each_look_is_recorded(
    pair: tuple[ReviewItem, ReviewItem], login: Login, alice: User
) -> None:
    own, other = pair
    addresses = urls(own, other.submission_id)
    assert f'data-compare="{addresses[1]}"' in login(alice).get(addresses[0]).text
    for address in addresses[1:]:
        answer = login(alice).get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        assert "no-store" in answer["Cache-Control"]
        assert other.submission_id.hex not in str(answer.headers)
    looks = Event.objects.filter(action="submission.looked_at", actor_name="alice").order_by("pk")
    assert [row.detail for row in looks] == [
        {"compared_with_item": own.pk, "size": size} for size in ("picture", "thumbnail")
    ]


def test_nobody_else_compares_and_the_holder_no_longer_once_the_claim_ends(
    pair: tuple[ReviewItem, ReviewItem], login: Login, alice: User, bob: User
) -> None:
    own, other = pair
    for address in urls(own, other.submission_id):
        assert login(bob).get(address).status_code == 403
        assert Client().get(address).status_code == 302
    expire(own)
    for address in urls(own, other.submission_id):
        assert login(alice).get(address).status_code == 403
    assert not Event.objects.filter(action="submission.looked_at").exists()


def test_a_picture_that_has_nothing_to_do_with_the_item_is_not_found(
    pair: tuple[ReviewItem, ReviewItem], submit: Callable[..., Submission], login: Login, alice: User
) -> None:
    stranger = submit(applicant_ref="p-2")
    for address in urls(pair[0], stranger.pk)[1:]:
        assert login(alice).get(address).status_code == 404


def test_of_a_blind_item_nothing_is_compared_before_the_first_call(
    pair: tuple[ReviewItem, ReviewItem], login: Login, alice: User
) -> None:
    own, other = pair
    ReviewItem.objects.filter(pk=own.pk).update(is_blind=True)
    addresses = urls(own, other.submission_id)
    assert "data-compare=" not in login(alice).get(addresses[0]).text
    assert login(alice).get(addresses[1]).status_code == 404
    first_call_record(item_id=own.pk, reviewer=alice, label="real")
    assert login(alice).get(addresses[1]).status_code == 200


def test_an_erased_picture_is_not_offered(
    pair: tuple[ReviewItem, ReviewItem], login: Login, alice: User
) -> None:
    own, other = pair
    assert len(selectors.comparable(viewer=alice, item=own)) == 1
    submission_erase(submission_id=other.submission_id, reason="Article 17")
    assert selectors.comparable(viewer=alice, item=own) == []


def test_a_look_alike_of_the_same_applicant_is_offered_once(
    enqueue: Enqueue, examine: Examine, alice: User
) -> None:
    picture = saved(photograph(), 90)
    first, second = (enqueue(risk=risk, image=picture, applicant_ref="p-1") for risk in (0.9, 0.1))
    item_claim_next(reviewer=alice)
    examine(first)
    examine(second)
    item = ReviewItem.objects.get(pk=first.pk)
    (seen,) = selectors.comparable(viewer=alice, item=item)
    assert (seen.submission.pk, seen.same_file) == (second.submission_id, True), "later, and still found"


def test_views_of_evidence_of_an_item_that_is_not_held_are_recorded(
    claimed: ReviewItem, examine: Examine, login: Login, alice: User, staff: Callable[..., User]
) -> None:
    examine(claimed)
    address = reverse("evidence:picture", args=[claimed.pk, "noise"])
    login(alice).get(address)
    assert not Event.objects.filter(action="item.looked_at").exists(), "the claim is trace enough"
    login(staff("sue", "senior")).get(address)
    assert Event.objects.filter(action="item.looked_at").count() == 1


def reference_urls(item: ReviewItem) -> list[str]:
    return [reverse(f"evidence:{name}", args=[item.pk]) for name in ("reference", "reference-thumbnail")]


def test_the_holder_compares_with_the_reference_image_even_before_the_first_call_and_it_is_recorded(
    enqueue: Enqueue, login: Login, alice: User, bob: User
) -> None:
    item = enqueue(reference_image=jpeg_bytes(seed=77), applicant_ref="p-1")
    enqueue(applicant_ref="p-1", risk=0.1)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    assert item_claim_next(reviewer=alice) == item
    addresses = reference_urls(item)
    choice = login(alice).get(reverse("evidence:comparisons", args=[item.pk])).text
    assert choice.count("data-compare=") == 1, "similar pictures stay hidden until the first call"
    assert f'data-compare="{addresses[0]}"' in choice
    for address in addresses:
        answer = login(alice).get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        assert "no-store" in answer["Cache-Control"]
        assert login(bob).get(address).status_code == 403
    looks = Event.objects.filter(action="submission.reference_looked_at").order_by("pk")
    assert [(row.actor_name, row.target_id, row.detail["size"]) for row in looks] == [
        ("alice", str(item.submission_id), size) for size in ("picture", "thumbnail")
    ]
    submission_erase(submission_id=item.submission_id, reason="Article 17")
    assert {login(alice).get(address).status_code for address in addresses} <= {403, 404}


def test_without_a_reference_image_there_is_none(
    pair: tuple[ReviewItem, ReviewItem], login: Login, alice: User
) -> None:
    for address in reference_urls(pair[0]):
        assert login(alice).get(address).status_code == 404
    assert not Event.objects.filter(action="submission.reference_looked_at").exists()
