"""SIGTERM, as clusters and docker compose send it, to each process while it works: what is in work is finished or given
back, the rest is not begun, and the process ends within the grace that its manifest states."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
from django.db import connection, transaction

from kyc_review.accounts.models import Integration, User
from kyc_review.core import wake
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.evidence.models import Evidence
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import State, Submission
from kyc_review.training.models import TrainingRun
from kyc_review.webhooks.models import Delivery, Kind
from kyc_review.webhooks.services import endpoint_create
from tests.factories.bundles import small_bundle, tiny_bundle
from tests.factories.pictures import jpeg_bytes
from tests.factories.portraits import portrait_bytes
from tests.factories.processes import wait_for
from tests.factories.product_processes import Processes, processes_in
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
POSTED = 24
ESTABLISHED = "01"


@pytest.fixture
def processes(private_data: Path) -> Iterator[Processes]:
    with processes_in(private_data, WEBHOOK_ALLOWED_HOSTS="127.0.0.1") as made:
        yield made


@pytest.fixture
def champion(tmp_path: Path, transactional_db: None) -> None:
    tiny_bundle(tmp_path / "tiny", version="tiny")
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source="trained"))


def test_a_web_process_answers_what_it_was_asked(processes: Processes, api_key: str) -> None:
    processes.start("web")
    parts = [
        b'--cut\r\nContent-Disposition: form-data; name="external_ref"\r\n\r\none\r\n',
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n',
        jpeg_bytes(),
        b"\r\n--cut--\r\n",
    ]
    body = b"".join(parts)
    head = (
        f"POST /api/v1/submissions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api_key}\r\n"
        f"Idempotency-Key: one\r\nContent-Type: multipart/form-data; boundary=cut\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", processes.port), timeout=60) as client:
        client.sendall(head.encode() + body[: len(body) // 2])
        wait_for(lambda: has_read_all(processes.port))
        ended = processes.terminate("web")
        wait_for(lambda: not listens(processes))
        client.sendall(body[len(body) // 2 :])
        assert client.recv(100).startswith(b"HTTP/1.1 202"), processes.log("web")
    ended()
    assert Submission.objects.count() == 1


def has_read_all(port: int) -> bool:
    """Whether the server has taken from the kernel what its one client has sent so far."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    waiting = [
        int(row[4].partition(":")[2], 16)
        for row in rows
        if row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED
    ]
    return waiting == [0]


def listens(processes: Processes) -> bool:
    try:
        urlopen(f"{processes.address}/livez", timeout=2).close()
    except (URLError, OSError):
        return False
    return True


def test_the_clock_ends(processes: Processes) -> None:
    processes.start("beat")
    processes.terminate("beat")()


def test_the_default_worker_ends_what_is_in_flight_and_begins_no_other_delivery(
    processes: Processes, integration: Integration, receiver: Receiver, submit: Callable[..., Submission]
) -> None:
    endpoint_create(integration=integration, url=receiver.url)
    for number in range(30):
        event_record(submission=submit(external_ref=f"r{number}"), kind=Kind.CLEARED)
    asked, may_answer = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        may_answer.wait(60)

    receiver.on_post = hold
    processes.start("default")
    wake.WEBHOOKS.send()
    assert asked.wait(60)
    ended = processes.terminate("default")
    time.sleep(0.5)
    assert processes.running["default"].poll() is None, "it does not wait for the answer"
    may_answer.set()
    ended()
    states = list(Delivery.objects.values_list("state", "attempts_made"))
    done = states.count((Delivery.State.DELIVERED, 1))
    assert done == len(receiver.seen) > 0
    assert states.count((Delivery.State.PENDING, 0)) == 30 - done > 0


def test_a_scoring_worker_gives_back_what_it_has_not_begun(
    processes: Processes, champion: None, submit: Callable[..., Submission]
) -> None:
    for number in range(POSTED):
        submit(image=portrait_bytes(number % 4), external_ref=f"r{number}")
    processes.environment["SCORING_BATCH_MAX"] = "2"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "LOCK TABLE scoring_scoring IN EXCLUSIVE MODE"
        )  # its first batch waits before it is stored
        processes.start("scoring")
        wait_for(Submission.objects.filter(state=State.SCORING).exists)
        ended = processes.terminate("scoring")
    ended()
    assert not Submission.objects.filter(state=State.SCORING).exists()
    waiting = Submission.objects.filter(state=State.RECEIVED)
    assert 0 < waiting.count() == POSTED - Scoring.objects.count() - sent_back()
    assert set(waiting.values_list("attempts", "lease_holder")) == {(0, "")}


def sent_back() -> int:
    """Submissions that their checks sent back without votes."""
    return Submission.objects.exclude(state__in=(State.RECEIVED, State.SCORING)).filter(scoring=None).count()


def test_an_evidence_worker_finishes_the_picture_in_work(
    processes: Processes, enqueue: Callable[..., ReviewItem]
) -> None:
    for number in range(4):
        Evidence.objects.create(submission=enqueue(image=portrait_bytes(number)).submission)
    processes.start("evidence")
    wake.EVIDENCE.send()
    with transaction.atomic():
        working = Evidence.objects.filter(state=Evidence.State.WORKING).select_for_update()
        wait_for(
            lambda: working.first() is not None
        )  # what it works on cannot be stored before this transaction ends
        ended = processes.terminate("evidence")
    ended()
    states = list(Evidence.objects.values_list("state", "attempts"))
    assert states.count((Evidence.State.READY, 1)) > 0
    assert states.count((Evidence.State.WAITING, 0)) > 0
    assert len(set(states)) == 2


def test_a_training_worker_ends_its_training_and_gives_the_run_back(
    processes: Processes, decide: Callable[..., Decision], alice: User, tmp_path: Path
) -> None:
    bundle = bundle_register(path=small_bundle(tmp_path / "served"), source="baseline")
    bundle_promote(actor=None, bundle=bundle)
    for label in ("real", "fake"):
        decide(label)
    run = TrainingRun.objects.create(snapshot=snapshot_create(name="first"), init=bundle)
    processes.start("training")
    wake.TRAINING.send()
    pid = processes.running["training"].pid
    wait_for(lambda: " train " in " ".join(commands_below(pid)))
    processes.terminate("training")()
    run.refresh_from_db()
    assert (run.state, run.attempts, run.lease_holder) == (TrainingRun.State.QUEUED, 0, "")


def commands_below(pid: int) -> list[str]:
    return [" ".join(one.cmdline()) for one in psutil.Process(pid).children(recursive=True)]
