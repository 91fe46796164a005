"""Key-encryption keys that AWS KMS unwraps: one call serves many pictures, and nothing is lost while KMS is away."""

import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from kyc_review.encryption import aws_kms, keys, providers
from kyc_review.encryption.key_files import key_file_create
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.problems import KeysUnavailable, key_id
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.pipeline import worker
from kyc_review.pipeline.heartbeat import PicturesUnreadable
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage import original_read, originals
from tests.factories.key_service import KeyService
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


@pytest.fixture
def wrapped_file(
    key_service: KeyService, tmp_path_factory: pytest.TempPathFactory, settings: LazySettings
) -> Path:
    """Encryption is on, with a key file whose key KMS wrapped."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    settings.KEY_ENCRYPTION, settings.KEY_ENCRYPTION_KEY_FILE = True, str(path)
    key_file_create(path)
    key_service.calls.clear()
    return path


@pytest.fixture
def forget_clients() -> Iterator[Callable[[], None]]:
    """forget_clients() lets clients of KMS be made again, by what the test has changed; none is left after it."""
    yield aws_kms._client.cache_clear
    aws_kms._client.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """clock(seconds) lets as much time pass for the keys in memory."""
    now = [1000.0]
    monkeypatch.setattr("kyc_review.encryption.aws_kms.monotonic", lambda: now[0])

    def pass_s(seconds: float) -> None:
        now[0] += seconds

    return pass_s


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("keys", *arguments, stdout=out)
    return out.getvalue()


def post(api: Client, key: str = "one") -> Any:
    picture = SimpleUploadedFile("a.jpg", jpeg_bytes(seed=3), "image/jpeg")
    fields = {"image": picture, "external_ref": "application-1"}
    return api.post("/api/v1/submissions", fields, HTTP_IDEMPOTENCY_KEY=key)


def test_the_file_holds_no_key_and_one_call_serves_all_pictures(
    wrapped_file: Path, key_service: KeyService, submit: Submit
) -> None:
    rows = [submit() for _ in range(3)]
    for row in rows:
        original_read(row.image_key)
    assert key_service.calls == ["Decrypt"]
    [line] = providers.key_lines(wrapped_file)
    held = aws_kms.parsed(line, "the file")
    assert key_id(held.value()) == held.id
    assert held.value().hex() not in wrapped_file.read_bytes().hex()
    assert wrapped_file.stat().st_mode & 0o077 == 0
    said = run("status")
    assert f"{held.id} is unwrapped by AWS KMS with arn:aws:kms:" in said
    assert keys.problem() == ""


def test_a_key_is_asked_for_again_and_serves_for_as_long_again_while_kms_is_away(
    wrapped_file: Path,
    key_service: KeyService,
    submit: Submit,
    settings: LazySettings,
    clock: Callable[[float], None],
) -> None:
    settings.KEY_ENCRYPTION_KMS_CACHE_S = 600
    row = submit()
    clock(299)
    original_read(row.image_key)
    assert key_service.calls == ["Decrypt"]
    clock(2)
    original_read(row.image_key)
    assert key_service.calls == ["Decrypt"] * 2
    key_service.refusal = (500, "KMSInternalException")
    clock(599)
    original_read(row.image_key)
    asked = len(key_service.calls)
    original_read(row.image_key)
    assert len(key_service.calls) == asked  # not for every picture
    clock(2)
    with pytest.raises(KeysUnavailable, match=r"KMSInternalException; it is asked again every 5 s"):
        originals.read(row.image_key)
    key_service.refusal = None
    with pytest.raises(KeysUnavailable):
        originals.read(row.image_key)
    clock(aws_kms.PAUSE_S)
    original_read(row.image_key)


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("AccessDeniedException", r"kms:Decrypt.*with the encryption context .*kyc-review"),
        ("DisabledException", "enable the key"),
        ("KMSInvalidStateException", "cancel the deletion"),
        ("UnrecognizedClientException", "IAM role"),
    ],
)
def test_what_kms_refuses_is_forgotten_at_once_and_the_text_says_what_to_do(
    wrapped_file: Path,
    key_service: KeyService,
    submit: Submit,
    clock: Callable[[float], None],
    code: str,
    cure: str,
) -> None:
    row = submit()
    key_service.refusal = (400, code)
    clock(301)
    with pytest.raises(KeysUnavailable, match=f"{code}.*{cure}"):
        originals.read(row.image_key)
    with pytest.raises(CommandError, match=cure):
        run("status")


def test_while_kms_is_away_posts_are_told_to_try_again_and_selfies_wait(
    wrapped_file: Path,
    key_service: KeyService,
    api: Client,
    submit: Submit,
    champion: Bundle,
    settings: LazySettings,
    clock: Callable[[float], None],
) -> None:
    settings.SCORING_DEVICE = "cpu"
    row, port = submit(), int(key_service.address.rpartition(":")[2])
    key_service.stop()
    clock(601)
    answer = post(api)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"]
    assert Submission.objects.count() == 1
    with pytest.raises(PicturesUnreadable, match="keys"):  # it takes nothing; its heartbeat says so
        worker.run_until_idle()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert not ReviewItem.objects.exists()
    key_service.start(port)
    clock(aws_kms.PAUSE_S)
    assert post(api).status_code == 202
    Submission.objects.update(due_at=row.received_at)
    assert worker.run_until_idle() == 2


def test_a_silent_kms_is_asked_by_one_thread_and_not_for_long(
    wrapped_file: Path,
    key_service: KeyService,
    forget_clients: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget_clients()
    monkeypatch.setattr(aws_kms, "READ_S", 0.1)
    key_service.pause_s = 0.5
    [line] = providers.key_lines(wrapped_file)
    key, said = aws_kms.parsed(line, "the file"), []

    def read() -> None:
        try:
            key.value()
        except KeysUnavailable as unavailable:
            said.append(str(unavailable.strerror))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(said) == 4
    assert all("ReadTimeoutError" in text for text in said)
    assert key_service.calls == ["Decrypt"] * aws_kms.ATTEMPTS


def test_an_installation_moves_from_a_plain_key_to_kms_and_to_another_kms_key(
    key_file: Path, key_service: KeyService, submit: Submit, settings: LazySettings
) -> None:
    arn, settings.KEY_ENCRYPTION_KMS_KEY = settings.KEY_ENCRYPTION_KMS_KEY, ""
    row, erased = submit(), submit()
    settings.KEY_ENCRYPTION_KMS_KEY = arn
    assert "as it is" in run("status")
    run("rotate", "--new")
    key_file.write_text(providers.key_lines(key_file)[0])
    original_read(row.image_key)
    settings.KEY_ENCRYPTION_KMS_KEY = other = key_service.new_key()
    run("rotate", "--new")
    newest, older = providers.key_lines(key_file)
    assert (arn in older, other in newest) == (True, True)
    key_file.write_text(newest)
    original_read(row.image_key)
    submission_erase(submission_id=erased.pk, reason="asked for")
    assert not DataKey.objects.get(pk=keys.submission_scope(erased.pk)).wrapped


def test_a_line_that_was_changed_or_exchanged_is_refused(
    wrapped_file: Path, key_service: KeyService, settings: LazySettings
) -> None:
    mark, id, arn, text = providers.key_lines(wrapped_file)[0].split()
    other = aws_kms.new_line(arn).split()[3]
    for line, said in (
        (f"{mark} {id} {arn}", "not whole"),
        (f"{mark} {id} no-arn {text}", "not whole"),
        (f"{mark} {id} {key_service.new_key()} {text}", "AWS KMS refused to decrypt"),
        (f"{mark} {id} {arn} {other}", "another key"),
        (f"{mark} {id} {arn} {text[:-8]}AAAAAAA=", "InvalidCiphertextException"),
    ):
        wrapped_file.write_text(line)
        assert said in keys.problem(), line


def test_a_key_that_cannot_be_made_leaves_no_file(
    key_service: KeyService, tmp_path_factory: pytest.TempPathFactory, settings: LazySettings
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "keys"
    settings.KEY_ENCRYPTION, settings.KEY_ENCRYPTION_KEY_FILE = True, str(path)
    key_service.refusal = (400, "AccessDeniedException")
    with pytest.raises(CommandError, match=r"^AWS KMS refused to encrypt .*kms:Encrypt"):
        run("generate", str(path))
    with pytest.raises(CommandError, match=r"The key file .*: AWS KMS refused to encrypt"):
        call_command("prepare", "--without-bundle")
    settings.KEY_ENCRYPTION_KMS_KEY = "alias/pictures"
    with pytest.raises(CommandError, match=r"KEY_ENCRYPTION_KMS_KEY is no ARN"):
        run("generate", str(path))
    assert not path.exists()


def test_without_boto3_the_text_names_the_packages(
    wrapped_file: Path, forget_clients: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_clients()
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "requirements/cloud.txt" in keys.problem()


def test_without_credentials_the_text_says_so(
    wrapped_file: Path, forget_clients: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget_clients()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "no credentials" in keys.problem()
