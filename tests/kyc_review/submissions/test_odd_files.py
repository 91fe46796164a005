"""Whatever is posted, the answer says what became of it: no 5xx, and no decoder or web process is lost for good."""

import base64
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from detection.decoding import Damage, TrailingKind
from kyc_review.core.problem_types import TYPES
from kyc_review.submissions.models import Submission
from tests.factories.image_corpus import corpus, drawing
from tests.factories.phone_files import jpeg

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"
CODES = {kind.code for kind in TYPES}


def test_every_odd_file_gets_a_proper_answer(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    files, statuses = corpus(), {}
    assert len(files) > 300
    for number, (name, data) in enumerate(files):
        upload = SimpleUploadedFile(f"{number}.jpg", data)
        answer = api.post(
            URL, {"image": upload, "external_ref": name}, headers={"Idempotency-Key": f"k-{number}"}
        )
        statuses[name] = answer.status_code
        assert answer.status_code < 500, (name, answer.content)
        if answer.status_code != 202:
            problem = answer.json()
            assert problem["code"] in CODES, name
            assert len(problem["detail"]) > 20, name
    accepted = Submission.objects.count()
    assert accepted == sum(status == 202 for status in statuses.values())
    assert accepted > 150
    for row in Submission.objects.all():
        facts = row.file_facts
        assert facts["damage"] is None or Damage(facts["damage"])
        assert all(TrailingKind(part["kind"]) for part in facts["trailing"])
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_every_phone_layout_of_the_corpus_is_accepted(api: Client) -> None:
    layouts = [(name, data) for name, data in corpus() if name.startswith("layout") and "," not in name]
    assert len(layouts) >= 6
    for number, (name, data) in enumerate(layouts):
        upload = SimpleUploadedFile("IMG_0001.JPG", data, content_type="image/jpeg")
        answer = api.post(
            URL, {"image": upload, "external_ref": name}, headers={"Idempotency-Key": f"k-{number}"}
        )
        assert answer.status_code == 202, (name, answer.content)
    kinds = {part["kind"] for row in Submission.objects.all() for part in row.file_facts["trailing"]}
    assert kinds >= {"mpf", "gain_map", "samsung", "motion_photo"}


def test_base64_with_line_breaks_is_read(api: Client) -> None:
    data = jpeg(drawing())
    for number, text in enumerate(
        (base64.encodebytes(data).decode(), base64.encodebytes(data).decode().replace("\n", "\r\n"))
    ):
        answer = api.post(
            URL,
            json.dumps({"image": text, "external_ref": "a"}),
            content_type="application/json",
            headers={"Idempotency-Key": f"b-{number}"},
        )
        assert answer.status_code == 202, answer.content
        assert answer.json()["sha256"] == Submission.objects.latest("received_at").sha256
