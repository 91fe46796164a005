"""Processes of the product on machines that share no folder, with their files in an S3 that checks signatures."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.conf import settings as product_settings
from django.core.files.storage import storages
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, User
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.bundles import tiny_bundle
from tests.factories.object_stores import Store
from tests.factories.portraits import portrait_bytes
from tests.factories.processes import wait_for
from tests.factories.product_processes import Processes, processes_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bucket(
    rclone: tuple[str, Path],
    bucket_at: Callable[[str], Store],
    in_store: Callable[[Store], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Store:
    """For this process, too."""
    store = bucket_at(rclone[0])
    in_store(store)
    bundles = store.storage("bundles", write_once=False)
    monkeypatch.setitem(storages.__dict__["_storages"], "bundles", bundles)
    storage_identity_ensure()
    return store


@contextmanager
def machines(folder: Path, store: Store) -> Iterator[Processes]:
    """Each process has an empty folder of its own."""
    variables = {
        "DATA_DIR": str(folder / "{process}"),
        "FILE_STORAGE": "s3",
        "OBJECT_STORAGE_URL": store.access["url"],
        "OBJECT_STORAGE_BUCKET": store.bucket,
        "OBJECT_STORAGE_REGION": store.access["region"],
        "OBJECT_STORAGE_ACCESS_KEY_ID": store.access["access_key_id"],
        "OBJECT_STORAGE_SECRET_ACCESS_KEY": store.access["secret_access_key"],
        "UNDO_WINDOW_S": "0",
    }
    with processes_in(folder, **variables) as made:
        yield made


class Web:
    """Asks the web process, with a key or with the session of a person."""

    def __init__(self, address: str, **headers: str) -> None:
        self.address, self.headers = address, headers

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): text for name, text in (self.headers | headers).items()}
        request = Request(self.address + path, body, named, method=method)
        try:
            with build_opener(Stay).open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except HTTPError as refused:
            return refused.code, refused.read()


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """The answer itself."""


def person(address: str, user: User) -> Web:
    client = Client()
    client.force_login(user)
    session, token = client.cookies[product_settings.SESSION_COOKIE_NAME].value, "t" * 32
    return Web(
        address,
        Cookie=f"{product_settings.SESSION_COOKIE_NAME}={session}; {product_settings.CSRF_COOKIE_NAME}={token}",
        X_CSRFToken=token,
        Content_Type="application/x-www-form-urlencoded",
    )


def test_a_selfie_is_posted_scored_decided_and_erased(
    bucket: Store, integration: Integration, alice: User, tmp_path: Path
) -> None:
    tiny_bundle(tmp_path / "tiny", threshold=0.01)  # so that the picture goes to a person
    bundle = bundle_register(path=tmp_path / "tiny", source="trained")
    bundle_promote(actor=None, bundle=bundle)
    before = set(bucket.keys())
    scopes = ["submissions:erase", "submissions:read", "submissions:write"]
    key = accounts.key_create(integration=integration, scopes=scopes)[1]
    picture = portrait_bytes()
    with machines(tmp_path, bucket) as processes:
        processes.start("web", "scoring")
        api = Web(processes.address, Authorization=f"Bearer {key}", Idempotency_Key="one")
        form = (
            b'--cut\r\nContent-Disposition: form-data; name="external_ref"\r\n\r\none\r\n--cut\r\n'
            b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
            + picture
            + b"\r\n--cut--\r\n"
        )
        posted = api.ask(
            "POST", "/api/v1/submissions", form, Content_Type="multipart/form-data; boundary=cut"
        )
        assert posted[0] == 202, posted
        url = f"/api/v1/submissions/{json.loads(posted[1])['id']}"

        row = Submission.objects.get()
        wait_for(lambda: Submission.objects.filter(state=State.IN_REVIEW).exists())
        assert (processes.folder / "scoring" / "copies" / "bundles" / bundle.digest).is_dir()

        reviewer = person(processes.address, alice)
        assert reviewer.ask("POST", "/review/items/next/", b"")[0] == 302
        item = ReviewItem.objects.get(claimed_by=alice)
        status, shown = reviewer.ask("GET", f"/review/items/{item.pk}/image/")
        assert (status, shown[:2]) == (200, b"\xff\xd8"), shown
        fields = f"label=fake&shown_item={item.pk}".encode()
        for act in ("first-call", "decision"):
            assert reviewer.ask("POST", f"/review/items/{item.pk}/{act}/", fields)[0] in (200, 302)
        said = json.loads(api.ask("GET", url)[1])
        assert (said["status"], said["result"]) == ("completed", "rejected")

        stored = set(bucket.keys()) - before
        assert f"kyc-review/originals/{row.image_key}" in stored
        assert any(name.startswith("kyc-review/derivatives/") for name in stored)
        assert api.ask("DELETE", f"{url}?reason=asked")[0] == 204
        assert api.ask("GET", url)[0] == 410
        assert set(bucket.keys()) == before
        for name in ("web", "scoring"):
            files = [path for path in (processes.folder / name).rglob("*") if path.is_file()]
            assert not [path for path in files if picture in path.read_bytes()]
