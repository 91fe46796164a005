"""What a post is answered when its picture or its row cannot be stored."""

import errno

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, InterfaceError, OperationalError
from django.test import Client

from kyc_review.accounts.models import Integration
from kyc_review.submissions import intake
from kyc_review.submissions.api import views
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse


def post(api: Client, query: str = "") -> ClientResponse:
    form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": "a"}
    return api.post(f"/api/v1/submissions{query}", form, headers={"Idempotency-Key": "k"})


@pytest.mark.django_db
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.ESTALE])
def test_storage_that_fails_is_answered_with_try_again(
    api: Client, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> str:
        raise OSError(number, "it fails")

    with monkeypatch.context() as full:
        full.setattr(originals, "save", refused)
        answer = post(api)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer["Retry-After"]
    assert not Submission.objects.exists()
    assert post(api).status_code == 202


@pytest.mark.django_db
def test_a_picture_that_cannot_be_removed_does_not_hide_the_error(
    integration: Integration, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise DatabaseError("the rows are refused")

    def stuck(_: str) -> None:
        raise OSError(errno.EIO, "it cannot be removed")

    monkeypatch.setattr(intake, "insert", refused)
    monkeypatch.setattr(originals, "delete", stuck)
    with pytest.raises(DatabaseError, match="the rows are refused"):
        post(api)


@pytest.mark.django_db
@pytest.mark.parametrize("lost", [OperationalError, InterfaceError])
def test_what_was_stored_is_accepted_although_waiting_for_it_failed(
    api: Client, monkeypatch: pytest.MonkeyPatch, lost: type[Exception]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise lost("the connection is lost")

    monkeypatch.setattr(views, "wait_until", fails)
    answer = post(api, "?wait=2")
    assert answer.status_code == 202
    assert answer.json()["id"] == str(Submission.objects.get().pk)
