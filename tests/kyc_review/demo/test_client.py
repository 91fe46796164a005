from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from kyc_review.demo.client import ApiClient, ApiRefused
from kyc_review.submissions.models import Submission
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def selfie(tmp_path: Path) -> Path:
    file = tmp_path / "selfie.jpg"
    file.write_bytes(jpeg_bytes())
    return file


def test_a_selfie_posted_over_http_is_stored_with_its_references(
    live_server: LiveServer, api_key: str, selfie: Path
) -> None:
    client = ApiClient(live_server.url, api_key)
    posted = client.post(selfie, external_ref="demo-01", applicant_ref="p-1")
    row = Submission.objects.get(pk=posted)
    assert (row.external_ref, row.applicant_ref) == ("demo-01", "p-1")
    assert row.size_bytes == selfie.stat().st_size
    assert client.status(posted) == "received"


def test_a_refusal_repeats_the_reason_of_the_api(
    live_server: LiveServer, api_key: str, tmp_path: Path
) -> None:
    text = tmp_path / "selfie.jpg"
    text.write_text("no image")
    with pytest.raises(ApiRefused, match=r"POST /api/v1/submissions: 415 .+"):
        ApiClient(live_server.url, api_key).post(text, external_ref="demo-01")


def test_a_wrong_key_is_refused(live_server: LiveServer, selfie: Path) -> None:
    with pytest.raises(ApiRefused, match="401"):
        ApiClient(live_server.url, "wrong").post(selfie, external_ref="demo-01")


def test_a_server_that_is_away_is_one_line(selfie: Path) -> None:
    with pytest.raises(ApiRefused, match="no answer"):
        ApiClient("http://127.0.0.1:1", "key").post(selfie, external_ref="demo-01")
