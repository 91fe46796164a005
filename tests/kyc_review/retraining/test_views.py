import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from kyc_review import celery_app
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.core.wake import SNAPSHOTS
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import unused_decisions_unchecked
from kyc_review.datasets.snapshots import snapshot_create, snapshot_request, snapshots_build_due
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
PAGE = "/retraining/"
CREATE = "/retraining/snapshots/"


@pytest.fixture
def as_role(staff: Callable[..., User]) -> Callable[[str], Client]:
    def make(role: str) -> Client:
        client = Client()
        client.force_login(staff(f"the-{role}", role))
        return client

    return make


def paths_of(snapshot: Snapshot) -> list[str]:
    return [reverse(f"retraining:{name}", args=[snapshot.name]) for name in ("manifest", "archive")]


@pytest.mark.parametrize(
    ("role", "page", "create", "manifest", "archive"),
    [
        ("reviewer", 403, 403, 403, 403),
        ("senior", 403, 403, 403, 403),
        ("auditor", 200, 403, 200, 200),
        ("admin", 200, 302, 200, 403),
    ],
)
def test_who_may_do_what(
    decide: Callable[..., Decision],
    as_role: Callable[[str], Client],
    role: str,
    page: int,
    create: int,
    manifest: int,
    archive: int,
) -> None:
    decide("fake")
    snapshot = snapshot_create(name="first")
    client = as_role(role)
    assert client.get(PAGE).status_code == page
    assert client.get(PAGE, headers={"HX-Request": "true", "HX-Target": "snapshots"}).status_code == page
    assert [client.get(path).status_code for path in paths_of(snapshot)] == [manifest, archive]
    assert client.post(CREATE, {"name": "second"}).status_code == create
    assert Snapshot.objects.filter(name="second").exists() == (create == 302)
    taken = Event.objects.filter(action="snapshot.downloaded").count()
    assert taken == [manifest, archive].count(200)
    assert ('href="/retraining/"' in client.get("/review/").text) == (page == 200)


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    for path in (PAGE, "/retraining/snapshots/first/manifest/", "/retraining/snapshots/first/archive/"):
        assert client.get(path)["Location"] == f"/login/?next={path}"
    assert client.post(CREATE)["Location"].startswith("/login/")


def test_making_and_downloading_are_not_confused_with_reading(as_role: Callable[[str], Client]) -> None:
    admin = as_role("admin")
    assert admin.get(CREATE).status_code == 405
    assert admin.post(PAGE).status_code == 405


def test_a_post_without_a_csrf_token_is_refused(staff: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("ada", "admin"))
    assert client.post(CREATE).status_code == 403


def test_an_empty_house_says_what_to_do(as_role: Callable[[str], Client]) -> None:
    text = as_role("admin").get(PAGE).text
    assert "manage.py prepare" in text
    assert "The first one freezes every decision" in text


def test_the_page_shows_counts_champion_metrics_bundles_and_history(
    decide: Callable[..., Decision], as_role: Callable[[str], Client], registered: Callable[..., Bundle]
) -> None:
    decide("fake"), decide("real"), decide("real")
    for version in ("v1", "v2"):
        bundle_promote(actor=None, bundle=registered(version), reason=f"because {version}")
    text = as_role("auditor").get(PAGE).text
    for said in ("mobile-app", "Votes disagree", "v1", "v2", "In production", "because v1", "auc", "0.75"):
        assert said in text
    assert "Create snapshot" not in text
    assert "<img" not in text


def test_a_snapshot_is_asked_for_built_by_the_worker_and_then_offered(
    decide: Callable[..., Decision], as_role: Callable[[str], Client]
) -> None:
    decide("fake")
    admin = as_role("admin")
    answer = admin.post(CREATE, {"name": "first"}, follow=True)
    assert "Snapshot first is being built." in answer.text
    assert 'hx-trigger="every 2s"' in answer.text
    assert snapshots_build_due() == 1
    part = admin.get(PAGE, headers={"HX-Request": "true", "HX-Target": "snapshots"}).text
    assert "<html" not in part
    assert "every 2s" not in part
    assert "/retraining/snapshots/first/manifest/" in part
    page = "/retraining/snapshots/first/"
    assert f"{page}archive/" not in admin.get(page).text
    assert f"{page}archive/" in as_role("auditor").get(page).text
    assert Snapshot.objects.get().created_by == User.objects.get(username="the-admin")


def test_the_message_goes_out_after_the_commit_and_its_loss_is_no_error(
    decide: Callable[..., Decision],
    as_role: Callable[[str], Client],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sent = []

    def lost(task: str, **options: object) -> None:
        sent.append(task)
        raise OSError("broker away")

    decide("fake")
    monkeypatch.setattr(celery_app, "send_task", lost)
    with django_capture_on_commit_callbacks(execute=True):
        assert as_role("admin").post(CREATE).status_code == 302
    assert sent == [SNAPSHOTS.task]
    assert Snapshot.objects.get().state == Snapshot.State.PENDING


@pytest.mark.parametrize(("name", "says"), [("Bad Name", "is not a valid name"), ("first", "exists")])
def test_what_cannot_be_made_is_said_and_the_name_is_kept(
    decide: Callable[..., Decision], as_role: Callable[[str], Client], name: str, says: str
) -> None:
    decide("fake")
    snapshot_request(actor=None, name="first")
    answer = as_role("admin").post(CREATE, {"name": name})
    assert answer.status_code == 422
    assert says in answer.text
    assert f'value="{name}"' in answer.text


def test_a_failure_is_shown_with_its_reason(
    decide: Callable[..., Decision], as_role: Callable[[str], Client]
) -> None:
    decide("fake")
    snapshot_request(actor=None)
    Snapshot.objects.update(state="failed", error="The original of submission 7 is missing.")
    assert "The original of submission 7 is missing." in as_role("auditor").get(PAGE).text


def test_the_zip_holds_the_manifest_first_and_every_image(
    decide: Callable[..., Decision], as_role: Callable[[str], Client]
) -> None:
    for label in ("fake", "real", "real"):
        decide(label)
    snapshot = snapshot_create(name="first")
    auditor = as_role("auditor")
    answer = auditor.get(paths_of(snapshot)[1])
    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="first.zip"'
    assert "no-store" in answer["Cache-Control"]
    archive = zipfile.ZipFile(io.BytesIO(answer.getvalue()))
    assert archive.testzip() is None
    assert archive.namelist()[0] == "first/manifest.json"
    manifest = archive.read("first/manifest.json")
    assert hashlib.sha256(manifest).hexdigest() == snapshot.manifest_sha256
    items = json.loads(manifest)["items"]
    for item in items:
        assert hashlib.sha256(archive.read(f"first/{item['path']}")).hexdigest() == item["sha256"]
    assert len(archive.namelist()) == len(items) + 1 == 4
    assert auditor.get(paths_of(snapshot)[0]).getvalue() == manifest


def test_only_ready_snapshots_whose_files_exist_are_downloaded(
    decide: Callable[..., Decision], as_role: Callable[[str], Client]
) -> None:
    decide("fake")
    auditor = as_role("auditor")
    waiting, ready = snapshot_request(actor=None, name="waiting"), snapshot_create(name="ready")
    shutil.rmtree(ready.directory)
    for path in [*paths_of(waiting), *paths_of(ready), "/retraining/snapshots/never/archive/"]:
        assert auditor.get(path).status_code == 404


def test_the_pages_queries_do_not_grow_with_its_rows(
    decide: Callable[..., Decision], as_role: Callable[[str], Client], registered: Callable[..., Bundle]
) -> None:
    client = as_role("admin")

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(PAGE)
        return len(seen)

    for n in range(2):  # two, so that there is something to compare and to return to
        decide("fake")
        bundle_promote(actor=None, bundle=registered(f"v{n}"))
        snapshot_create(name=f"s{n}")
    client.get(PAGE)  # the first page of a session writes its row
    before = queries()
    for n in range(2, 6):
        decide("real")
        bundle_promote(actor=None, bundle=registered(f"v{n}"))
        snapshot_create(name=f"s{n}")
    assert queries() == before


def test_unused_decisions_are_counted_once(
    decide: Callable[..., Decision], as_role: Callable[[str], Client], settings: LazySettings
) -> None:
    """For the strip, the signals and the list of what waits, which say the same number."""
    settings.RETRAIN_SUGGEST_DECISIONS = 2
    decide("fake"), decide("real")
    Submission.objects.filter(pk=decide("real").submission_id).update(is_test=True)
    client = as_role("admin")
    with CaptureQueriesContext(connection) as queries:
        page = client.get(PAGE).context
    assert sum("datasets_snapshotitem" in query["sql"] and "COUNT" in query["sql"] for query in queries) == 1
    assert page["unused"].number == unused_decisions_unchecked().count() == 2
    assert page["signals"][0].calls
    assert [one.text for one in page["waiting"] if page["signals"][0].detail in one.text]
