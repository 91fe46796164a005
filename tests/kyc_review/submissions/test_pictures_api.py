"""An integration fetches the pictures that it posted."""

import hashlib
from base64 import b64encode
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration
from kyc_review.audit.models import Event
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def fetcher(integration: Integration) -> Client:
    key = accounts.key_create(integration=integration, scopes=["submissions:pictures"])[1]
    return Client(headers={"Authorization": f"Bearer {key}"})


def url(row: Submission, name: str = "image") -> str:
    return f"/api/v1/submissions/{row.pk}/{name}"


def test_the_posted_bytes_come_back_once_each_access_is_audited(
    fetcher: Client, submit: Callable[..., Submission]
) -> None:
    picture = jpeg_bytes(seed=5)
    row = submit(image=picture)
    with originals.open(row.image_key) as stored:
        assert stored.read() == picture
    response = fetcher.get(url(row))
    assert (response.status_code, response.content) == (200, picture)
    assert (response["Content-Type"], response["Cache-Control"]) == (
        "application/octet-stream",
        "private, no-store",
    )
    assert response["Repr-Digest"] == f"sha-256=:{b64encode(hashlib.sha256(picture).digest()).decode()}:"
    event = Event.objects.get(action="submission.picture_fetched")
    assert event.detail["picture"] == "image"
    assert event.detail["key"].startswith("kyc_live_")
    assert fetcher.get(url(row, "reference-image")).status_code == 404


def test_a_key_that_was_made_without_the_scope_is_told_its_name(
    api: Client, submit: Callable[..., Submission]
) -> None:
    response = api.get(url(submit()))
    assert (response.status_code, "submissions:pictures" in response.json()["detail"]) == (403, True)
    assert not Event.objects.filter(action="submission.picture_fetched").exists()


def test_an_erased_picture_is_gone(fetcher: Client, submit: Callable[..., Submission]) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason="Asked.", actor=None)
    assert (fetcher.get(url(row)).status_code, fetcher.get(url(row)).json()["code"]) == (410, "erased")


def test_a_picture_that_is_not_what_was_posted_is_not_sent(
    fetcher: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    originals.delete(row.image_key)
    originals.save(row.image_key, ContentFile(jpeg_bytes(seed=9)))
    exchanged = fetcher.get(url(row))
    assert (exchanged.status_code, exchanged.json()["code"]) == (500, "picture_damaged")
    originals.delete(row.image_key)
    missing = fetcher.get(url(row))
    assert (missing.status_code, missing.json()["code"]) == (503, "unavailable")
    assert not Event.objects.filter(action="submission.picture_fetched").exists()
