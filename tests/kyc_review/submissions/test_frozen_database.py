"""A post whose commit got no answer, because the database hangs."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client

from kyc_review.core.db import answers
from kyc_review.core.db import base as backend
from kyc_review.core.db.inserted import insert
from kyc_review.core.problems import RETRY_AFTER_S
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import original_read
from tests.factories.frozen import frozen_backends
from tests.factories.pictures import jpeg_bytes
from tests.factories.processes import eventually
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def freezing(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Until it is closed, the database hangs from the commit of the next submission on."""
    commit = connections["default"].commit
    inserted: list[bool] = []

    def inserting(*rows: object) -> None:
        insert(*rows)  # type: ignore[arg-type]
        inserted.append(True)

    def committing() -> None:
        if inserted.pop() if inserted else False:
            until_end.enter_context(frozen_backends())
        commit()

    monkeypatch.setattr(backend, "ANSWER_MARGIN_S", 0)
    connection.close()
    monkeypatch.setitem(connections.databases["default"], "STATEMENT_WAIT_S", 1)
    monkeypatch.setattr("kyc_review.submissions.intake.insert", inserting)
    monkeypatch.setattr(connections["default"], "commit", committing)
    with ExitStack() as until_end:
        yield until_end
    answers.silence.is_on = False
    connection.close()


def post(api: Client) -> ClientResponse:
    connection.close_if_unusable_or_obsolete()  # as at the beginning of a request
    form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": "a"}
    return api.post("/api/v1/submissions", form, headers={"Idempotency-Key": "k"})


def test_a_post_whose_commit_got_no_answer_is_repeated_and_is_one_submission(
    api: Client, freezing: ExitStack
) -> None:
    first = post(api)
    assert (first.status_code, first["Retry-After"]) == (503, RETRY_AFTER_S), first.content
    second = post(api)
    assert second.status_code == 409, "the frozen process still holds the key's lock"
    assert second["Retry-After"]
    freezing.close()
    answered: list[ClientResponse] = []

    def is_free() -> bool:
        """Once the process that goes on has made the commit, or given it up."""
        answered.append(post(api))
        return answered[-1].status_code != 409

    assert eventually(is_free)
    third = answered[-1]
    assert (third.status_code, third["Idempotent-Replayed"]) == (202, "true")
    row = Submission.objects.get()
    assert third.json()["id"] == str(row.pk)
    assert original_read(row.image_key) == jpeg_bytes()
