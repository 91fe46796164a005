"""What helps at the first look at a blind face, and tells nothing of its votes."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from detection.forensics.phash import Fingerprint as Hashes
from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence, Fingerprint
from kyc_review.evidence.services import fingerprints_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.shortcuts import GUIDED_DECISIONS
from tests.factories.workbench import url

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
EYES = {"eyes": [0.25, 0.3, 0.5, 0.15]}


@pytest.fixture
def blind(claimed: ReviewItem) -> ReviewItem:
    ReviewItem.objects.update(is_blind=True)
    return claimed


def close_ups(page: str) -> list[str]:
    return re.findall(r'data-box="([^"]+)"', page)


def test_close_ups_of_a_blind_face_are_there_as_soon_as_it_is_scored_whatever_its_evidence(
    blind: ReviewItem, login: Login, alice: User
) -> None:
    """A face that waits for its evidence must look like one that was examined long ago, as calibration items were."""
    hashes = {blind.submission_id: Hashes(coarse=1, fine=1)}
    fingerprints_record(hashes, {blind.submission_id: EYES})
    client = login(alice)
    fresh = client.get(url("item", blind)).text
    assert close_ups(fresh) == ["0.25 0.3 0.5 0.15"]
    Evidence.objects.create(
        submission=blind.submission, state="ready", computed_at="2026-01-01T00:00Z", facts={"regions": EYES}
    )
    assert close_ups(client.get(url("item", blind)).text) == close_ups(fresh)
    Fingerprint.objects.update(close_ups={})  # scored before they were kept
    old = client.get(url("item", blind)).text
    assert close_ups(old) == close_ups(fresh)
    assert "data-pane=" not in old, "the views themselves wait for the first call"


def test_parts_and_boxes_can_be_marked_before_the_first_call(
    blind: ReviewItem, login: Login, alice: User
) -> None:
    page = login(alice).get(url("item", blind)).text
    assert "data-first-look" in page
    assert 'name="parts"' in page
    ReviewItem.objects.update(is_blind=False)
    assert "data-first-look" not in login(alice).get(url("item", blind)).text


def is_open(page: str) -> bool:
    return bool(re.search(r'<details class="guidance"[^>]* open', page))


def test_the_guide_folds_away_after_some_faces_and_stays_as_the_person_left_it(
    blind: ReviewItem, login: Login, alice: User, bob: User
) -> None:
    client, guide = login(alice), reverse("review:guidance")
    assert is_open(client.get(url("item", blind)).text)
    said = {"item": blind, "submission": blind.submission, "label": "real", "handling_ms": 1}
    Decision.objects.bulk_create(Decision(reviewer=alice, **said) for _ in range(GUIDED_DECISIONS))
    assert not is_open(client.get(url("item", blind)).text)
    assert client.post(guide).status_code == 204
    assert is_open(client.get(url("item", blind)).text), "opened again by the person"
    client.post(guide, {"folds": "on"})
    assert not is_open(login(alice).get(url("item", blind)).text), "in another browser, too"
    client.post("/review/keys/", {"is_on": "on"})
    assert not is_open(client.get(url("item", blind)).text), "other settings leave it alone"
