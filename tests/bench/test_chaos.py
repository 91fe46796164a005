"""The short run of `make chaos`, and that its checker sees what is lost, doubled or changed."""

import hashlib
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from bench.chaos import invariants, plan, suite
from bench.chaos.disk import leftovers_remove, small_disk
from bench.chaos.plan import Kind
from bench.chaos.relay import Line, Relay
from bench.chaos.selfies import selfies
from bench.chaos.traffic import answer
from bench.images import jpegs
from detection.checks import CheckStatus
from detection.faces.examine import examine
from detection.forensics.phash import fingerprint
from devstack import credentials
from devstack.postgres import SUPERUSER
from kyc_review.datasets.picture_groups import Pictured, picture_groups
from kyc_review.training.runs import LEAST
from tests.factories.bundles import small_bundle, tiny_bundle

# What is done to the database or the files, and the beginning of what the checker says.
TAMPERINGS = {
    "DELETE FROM scoring_vote WHERE id = (SELECT min(id) FROM scoring_vote)": "a submission has a verdict without",
    "INSERT INTO webhooks_event (id, integration_id, submission_id, kind, payload, created_at) "
    "SELECT gen_random_uuid(), integration_id, submission_id, kind, payload, created_at FROM webhooks_event LIMIT 1": (
        "an event is there twice"
    ),
    "DELETE FROM webhooks_delivery WHERE id = (SELECT id FROM webhooks_delivery LIMIT 1)": "an event has no delivery",
    "UPDATE scoring_vote SET is_fake = true, probability = 1 "
    "WHERE position = 0 AND scoring_id = (SELECT max(id) FROM scoring_scoring); "
    "UPDATE submissions_submission SET state = 'completed', result = 'clear', result_reason = 'models_agree', "
    "completed_at = now() WHERE id = (SELECT submission_id FROM scoring_scoring ORDER BY id DESC LIMIT 1)": (
        "a submission was cleared"
    ),
    "UPDATE audit_event SET detail = '{}' WHERE id = (SELECT min(id) FROM audit_event)": "manage.py audit verify",
}


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whatever_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "VALKEY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCORING_THREADS", "1")
    tiny_bundle(tmp_path / "tiny")
    scenario = suite.Scenario(seconds=20, seed=3, per_s=8, times=1, trains=False, patience_s=10)
    with suite.system(tmp_path / "tiny", scenario, print) as faults:
        outcome = suite.play(faults, jpegs(side=300, count=8), scenario, print)
        assert outcome.violations == ()
        assert outcome.told.accepted
        assert outcome.scored
        running = faults.running
        password = credentials.credentials(running.paths).postgres_superuser
        with psycopg.connect(running.owner_url, user=SUPERUSER, password=password) as superuser:
            superuser.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
            for statement in TAMPERINGS:
                superuser.execute(statement)
        shutil.rmtree(faults.originals)
        said = list(invariants.violations(running, outcome.told, faults.originals))
        for beginning in (*TAMPERINGS.values(), "an original is missing", "manage.py verify"):
            assert any(text.startswith(beginning) for text in said), (beginning, said)


@pytest.mark.long
@pytest.mark.slow
def test_a_training_whose_worker_is_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "VALKEY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCORING_THREADS", "1")
    small_bundle(tmp_path / "small")
    scenario = suite.Scenario(seconds=20, seed=3, per_s=8, times=1, patience_s=10)
    outcome = suite.run(tmp_path / "small", selfies(80), scenario, print)
    assert outcome.violations == ()


def test_selfies_are_of_one_face_each_and_no_two_look_alike() -> None:
    hashes = []
    for content in selfies(20):
        with Image.open(io.BytesIO(content)) as picture:
            checks = examine(picture.convert("RGB")).checks
            assert not [check for check in checks if check.status == CheckStatus.FAIL]
            hashes.append(fingerprint(picture.convert("RGB")))
    rows = [Pictured(one, str(one), str(one), found.coarse, found.fine) for one, found in enumerate(hashes)]
    assert picture_groups(rows).near == 0


def test_people_agree_on_pictures_but_for_errors() -> None:
    """Answers at random would leave most pictures that need two people without an outcome, and nothing to train on."""
    people = [random.Random(seed) for seed in range(2)]
    digests = [hashlib.sha256(content).hexdigest() for content in selfies(120)]
    answers = [[answer(digest, dice) for digest in digests] for dice in people]
    assert all(one.count("fake") >= LEAST and one.count("real") >= LEAST for one in answers)
    differ = sum(first != second for first, second in zip(*answers, strict=True))
    assert 0 < differ < len(digests) / 3


def test_what_a_killed_run_mounted_is_removed_and_what_a_living_one_mounted_stays() -> None:
    if os.geteuid() or subprocess.run(["mount", "-V"], capture_output=True).returncode:
        pytest.skip("only root may mount")
    code = (
        "import os\nfrom bench.chaos.disk import small_disk\nwith small_disk() as disk:\n"
        "    print(disk.folder if disk else '', flush=True)\n    os.kill(os.getpid(), {signal})"
    )

    def run(number: int) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code.format(signal=number)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    (stopped, living), (killed, left) = run(signal.SIGSTOP), run(signal.SIGKILL)
    if not left:
        pytest.skip("mounting is not permitted here")
    killed.wait()
    assert os.path.ismount(left)
    with small_disk() as disk:
        assert disk is not None
        assert not Path(left).exists()
        assert os.path.ismount(living)
    stopped.kill()
    stopped.wait()
    leftovers_remove()
    assert not Path(living).exists()


def test_a_seed_draws_the_same_faults_again_and_a_short_run_has_each_kind() -> None:
    targets = {kind: ["one", "two", "three"] for kind in Kind}
    drawn = plan.draw(targets, seconds=60, seed=7)
    assert drawn == plan.draw(targets, seconds=60, seed=7) != plan.draw(targets, seconds=60, seed=8)
    assert {fault.kind for fault in drawn} == set(Kind)
    assert all(0 <= fault.at_s <= fault.ends_s <= 60 for fault in drawn)
    for fault in drawn:
        others = [one for one in drawn if one is not fault and one.at_s <= fault.at_s <= one.ends_s]
        assert len(others) < plan.AT_ONCE
        assert fault.target not in {one.target for one in others}


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says everything again."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, suppress(ConnectionResetError):
                while chunk := connection.recv(1024):
                    connection.sendall(chunk)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_a_relay_passes_everything_or_nothing_or_cuts_the_connection(echo: int) -> None:
    relay = Relay("echo", "127.0.0.1", echo)
    with closing(socket.create_connection(("127.0.0.1", relay.port), timeout=20)) as client:
        client.sendall(b"one")
        assert client.recv(10) == b"one"
        relay.line = Line.SILENT
        client.sendall(b"two")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(10)
        relay.line = Line.OPEN
        client.settimeout(20)
        assert client.recv(10) == b"two"
        relay.line = Line.CUT
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    # The reset may come before the connection is returned, or after.
    with (
        pytest.raises(ConnectionResetError),
        closing(socket.create_connection(("127.0.0.1", relay.port), timeout=20)) as again,
    ):
        again.recv(10)
