"""The main job from end to end: a selfie comes in over HTTP, a person decides, the retraining set grows."""

import io
import json
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from PIL import Image
from pytest_django.live_server_helper import LiveServer

from detection.bundle import read
from devstack.demo import SAMPLES
from kyc_review.accounts.models import User
from kyc_review.demo.client import ApiClient
from kyc_review.pipeline import worker
from kyc_review.submissions.models import Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def suspicious(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bundle serves that calls every selfie fake; its digest."""
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"
    tiny_bundle(tmp_path / "tiny", threshold=0.001)
    call_command(
        "bundle", "promote", str(tmp_path / "tiny"), "--reason", "The first model.", stdout=io.StringIO()
    )
    return read(tmp_path / "tiny").digest


def decide(client: Client, label: str) -> None:
    """What a reviewer's browser sends: log in, claim the next item, look at the face, decide."""
    logged_in = client.post("/login/", {"username": "alice", "password": PASSWORD})
    assert logged_in["Location"] == "/"
    assert client.get("/")["Location"] == "/review/"
    assert client.get("/review/").status_code == 200
    item = client.post("/review/items/next/")["Location"]
    assert re.fullmatch(r"/review/items/\d+/", item)
    assert client.get(item).status_code == 200
    shown = client.get(f"{item}image/")
    assert Image.open(io.BytesIO(b"".join(shown))).format == "JPEG"
    answer = {"label": label, "note": "the seam at the nose", "shown_item": item.split("/")[-2]}
    decided = client.post(f"{item}decision/", answer)
    assert decided.status_code == 302


def test_a_selfie_posted_over_http_is_flagged_decided_and_becomes_a_labelled_example(
    live_server: LiveServer, api_key: str, alice: User, suspicious: str, client: Client, private_data: Path
) -> None:
    selfie = SAMPLES / "sample-07-edited-nose.jpg"
    system = ApiClient(live_server.url, api_key)
    posted = system.post(selfie, external_ref="application-7", applicant_ref="person-7")

    assert worker.run_until_idle() == 1
    assert system.status(posted) == "in_review"
    decide(client, "fake")
    assert system.status(posted) == "completed"
    assert Submission.objects.get(pk=posted).result == "rejected"

    said = io.StringIO()
    call_command("snapshot", "create", "--name", "first", stdout=said)
    manifest = Path(said.getvalue().splitlines()[0])
    assert private_data in manifest.parents
    frozen = json.loads(manifest.read_text())
    assert frozen["counts"] == {"real": 0, "fake": 1}
    (example,) = frozen["items"]
    assert (example["submission"], example["label"], example["reason"]) == (posted, "fake", "unanimous_fake")
    assert len(example["votes"]) == 5
    assert (manifest.parent / example["path"]).read_bytes() == selfie.read_bytes()
