import io
import json
from collections.abc import Callable
from zipfile import ZipFile

import pytest

from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshot_create, snapshots_build_due
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.models import Decision
from tests.factories.scripts import LOOP, Script

pytestmark = pytest.mark.django_db


@pytest.fixture
def frozen(decide: Callable[..., Decision]) -> Snapshot:
    for label in ("fake", "real", "fake"):
        decide(label)
    return snapshot_create(name="autumn")


def test_a_snapshot_is_asked_for_built_and_read(ada: Script, decide: Callable[..., Decision]) -> None:
    decide("fake")
    decide("real")
    asked = ada.post("/snapshots", name="autumn")
    assert (asked.status_code, asked.json()["state"]) == (202, "pending")
    assert asked["Location"].endswith(f"{LOOP}/snapshots/autumn")
    assert snapshots_build_due() == 1
    told = ada.client.get(asked["Location"]).json()
    assert (told["state"], told["counts"], told["created_by"]) == ("ready", {"real": 1, "fake": 1}, "ada")
    assert told["shares"] == [
        {"source": "mobile-app", "reason": "split_vote", "real": 1, "fake": 1, "weight": 1.0}
    ]
    assert told["weighted_fakes"] == 0.5
    event = Event.objects.get(action="snapshot.requested")
    assert event.actor_name == "ada"
    assert event.detail["token"].startswith("kyc_person_")


def test_without_a_name_it_gets_the_date(ada: Script, decide: Callable[..., Decision]) -> None:
    decide("fake")
    assert ada.post("/snapshots").json()["name"].startswith("decisions-20")


def test_decisions_are_chosen_and_counted_before(ada: Script, decide: Callable[..., Decision]) -> None:
    for label in ("fake", "real", "fake"):
        decide(label)
    assert ada.get("/decisions").json() == {"real": 1, "fake": 2}
    assert ada.get("/decisions", sources=["mobile-app", "branch"], reasons="split_vote").json()["fake"] == 2
    assert ada.get("/decisions", consensus="true").json() == {"real": 0, "fake": 0}
    assert ada.get("/decisions", until="2020-01-01").json() == {"real": 0, "fake": 0}
    assert ada.get("/decisions", since="2020-01-01", until="9999-12-31").json()["real"] == 1
    chosen = {"sources": ["mobile-app"], "since": "2020-01-01"}
    assert ada.post("/snapshots", name="chosen", choices=chosen).json()["choices"] == chosen
    none = ada.post("/snapshots", name="none", choices={"consensus": True})
    assert (none.status_code, "choose wider ones" in none.json()["detail"]) == (409, True)
    for wrong in ({"reasons": ["gold"]}, {"since": "x"}, {"since": "2026-02-01", "until": "2026-01-01"}):
        assert ada.post("/snapshots", choices=wrong).status_code == 400


def test_a_snapshot_tells_what_was_erased_of_it(ada: Script, frozen: Snapshot) -> None:
    assert ada.get("/snapshots/autumn").json()["erased"] is None
    item = frozen.items.first()
    assert item is not None
    submission_erase(submission_id=item.decision.submission_id, reason="the applicant asked")
    for told in (ada.get("/snapshots/autumn").json(), ada.get("/snapshots").json()["data"][0]):
        assert told["erased"]["number"] == 1
    assert ada.get("/snapshots/autumn/verification").json()["intact"] is True


def test_what_cannot_be_frozen_is_refused_in_the_services_words(ada: Script, frozen: Snapshot) -> None:
    taken = ada.post("/snapshots", name="autumn")
    assert (taken.status_code, taken.json()["code"]) == (409, "snapshot_refused")
    assert "exists" in taken.json()["detail"]
    unfit = ada.post("/snapshots", name="Autumn 2026")
    assert (unfit.status_code, unfit.json()["errors"][0]["pointer"]) == (400, "#/name")


def test_manifest_and_archive_are_taken_away_and_that_is_recorded(
    script: Callable[..., Script], frozen: Snapshot
) -> None:
    audrey = script("audrey", "auditor")
    sent = b"".join(audrey.get("/snapshots/autumn/manifest").streaming_content)
    assert sent == frozen.manifest.read_bytes()
    archive = audrey.get("/snapshots/autumn/archive")
    assert archive["Content-Type"] == "application/zip"
    with ZipFile(io.BytesIO(b"".join(archive.streaming_content))) as packed:
        assert len(packed.namelist()) == 4
    taken = Event.objects.filter(action="snapshot.downloaded", actor_name="audrey").order_by("pk")
    assert [event.detail["what"] for event in taken] == ["manifest", "archive"]


def test_the_admin_who_freezes_does_not_take_the_images_away(ada: Script, frozen: Snapshot) -> None:
    refused = ada.get("/snapshots/autumn/archive")
    assert refused.status_code == 403
    assert "auditor" in refused.json()["detail"]
    assert not Event.objects.filter(action="snapshot.downloaded").exists()


def test_verification_tells_an_auditor_whether_a_file_was_changed(
    script: Callable[..., Script], frozen: Snapshot
) -> None:
    audrey = script("audrey", "auditor")
    path = "/snapshots/autumn/verification"
    assert audrey.get(path).json() == {"intact": True, "items": 3, "detail": ""}
    image = next((frozen.directory / "images").iterdir())
    image.write_bytes(b"another face")
    told = audrey.get(path).json()
    assert (told["intact"], told["items"]) == (False, None)
    assert image.name in told["detail"]


def test_a_manifest_that_was_changed_is_not_intact(ada: Script, frozen: Snapshot) -> None:
    items = json.loads(frozen.manifest.read_text())
    frozen.manifest.write_text(json.dumps(items))
    assert ada.get("/snapshots/autumn/verification").json()["intact"] is False


def test_files_that_are_gone_are_not_found(script: Callable[..., Script], ready: Snapshot) -> None:
    audrey = script("audrey", "auditor")
    for what in ("manifest", "archive"):
        assert audrey.get(f"/snapshots/ready/{what}").status_code == 404
    assert not Event.objects.filter(action="snapshot.downloaded").exists()


def test_pages_follow_one_another_by_cursor(ada: Script, ready: Snapshot) -> None:
    for number in range(4):
        Snapshot.objects.create(name=f"more-{number}")
    names: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = ada.get("/snapshots", limit=2, **after).json()
        names += [row["name"] for row in page["data"]]
        after = {"after": page["next"]}
    assert (names, page["has_more"], page["next"]) == (
        ["more-3", "more-2", "more-1", "more-0", "ready"],
        False,
        None,
    )
    assert [row["name"] for row in ada.get("/snapshots", state="ready").json()["data"]] == ["ready"]
    assert ada.get("/snapshots", after="nobody").json()["code"] == "invalid_cursor"
    assert ada.get("/snapshots", limit=101).status_code == 400
