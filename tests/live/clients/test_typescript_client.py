"""clients/typescript, as the package that is published: against the live server and a server with a script."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devstack.paths import REPOSITORY
from tests.factories.clients import COMPILER_OPTIONS, DOCUMENT, FLOWS, SUBMISSION, example, posted, run
from tests.factories.hostile_answers import (
    NO_EVENTS,
    NO_SECRETS,
    ODD_ERRORS,
    ODD_HEADERS,
    UNREADABLE,
    retry_after_date,
)
from tests.factories.processes import free_port
from tests.factories.scripted_server import ScriptedServer, Step
from tests.factories.webhook_messages import OTHER_SECRET, SECRET, message, signed

HERE = REPOSITORY / "clients" / "typescript"
PROGRAMS = ("client_types", "client_live", "client_retries", "client_hostile")


@pytest.fixture(scope="module")
def app(node: Path, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has installed the packed package; its programs, and those of the README, are compiled."""
    modules, folder = tools / "typescript/node_modules", tmp_path_factory.mktemp("typescript")
    source, app = folder / "source", folder / "app"
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (source / "node_modules").symlink_to(modules)
    run(["npm", "run", "--silent", "build"], source)
    run(["npm", "pack", "--silent", "--offline", "--pack-destination", str(folder)], source)
    (archive,) = folder.glob("*.tgz")
    (app / "node_modules").mkdir(parents=True)
    (app / "node_modules/@types").symlink_to(modules / "@types")
    (app / "node_modules/undici-types").symlink_to(modules / "undici-types")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (folder / "package").rename(app / "node_modules/kyc-review-client")

    (app / "package.json").write_text('{"type": "module"}')
    run([str(modules / ".bin/openapi-typescript"), str(DOCUMENT), "-o", "schema.d.ts"], app)
    for name in PROGRAMS:
        shutil.copy(FLOWS / f"{name}.mts", app)
    for number, name in enumerate(("readme", "receiver")):
        (app / f"{name}.mts").write_text(example(HERE / "README.md", number, "ts"))
    programs = [f"{name}.mts" for name in (*PROGRAMS, "readme", "receiver")]
    run([str(modules / ".bin/tsc"), *COMPILER_OPTIONS, "--outDir", "built", *programs], app)
    return app


def test_the_package_holds_what_it_needs_and_no_more(app: Path) -> None:
    package = app / "node_modules/kyc-review-client"
    names = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {"README.md", "package.json", "dist/index.js", "dist/index.d.ts"} <= names
    assert not any(name.startswith("src/") for name in names)
    assert "dependencies" not in json.loads((package / "package.json").read_text())


def test_everything_an_integrator_does_and_the_readme_work(
    node: Path, app: Path, client_environment: Mapping[str, str], clockwork: None
) -> None:
    assert run([str(node), "built/client_live.mjs"], app, client_environment) == "done"
    shutil.copy(client_environment["PICTURE"], app / "selfie.jpg")
    told = {"KYC_URL": client_environment["SERVER"], "KYC_KEY": client_environment["KEY"]}
    assert run([str(node), "built/readme.mjs"], app, told) == "clear reviewer_found_genuine"


def test_requests_are_repeated_with_their_key_and_their_picture(
    node: Path, app: Path, scripted: ScriptedServer
) -> None:
    now = {"Retry-After": "0"}
    scripted.steps = [
        Step(is_lost=True),
        Step(409, {"code": "idempotency_key_in_flight"}, now),
        Step(503, "<html>", now),
        Step(429, {}, now),
        Step(202, SUBMISSION),
        Step(is_lost=True),  # what may have happened is not repeated without a key
        Step(500, {"code": "internal_error"}),
        Step(429, {"code": "throttled"}, {"Retry-After": "3600"}),
        Step(200, {"data": [SUBMISSION], "has_more": True, "next": "after-me"}),
        Step(
            200, {"data": [SUBMISSION | {"external_ref": "application-2"}], "has_more": False, "next": None}
        ),
    ]
    assert run([str(node), "built/client_retries.mjs"], app, {"SERVER": scripted.url}) == "done"
    creates = scripted.seen[:5]
    assert len({one.headers["idempotency-key"] for one in creates}) == 1
    assert all(b"\x01\x02\x03" in one.body for one in creates)
    assert scripted.seen[-1].path == "/api/v1/submissions?status=in_review&after=after-me"
    assert scripted.steps == []


def test_hostile_answers_and_messages_are_errors_of_the_package(
    node: Path, app: Path, scripted: ScriptedServer
) -> None:
    created, done = Step(202, SUBMISSION), SUBMISSION | {"status": "completed"}
    circle = Step(200, {"data": [], "has_more": True, "next": None})
    unreadable = [
        step for name, step in UNREADABLE.items() if name != "no gzip"
    ]  # waits for the time-out, below
    scripted.steps = [
        *(answer for step in unreadable for answer in (step, created, step)),
        *(step for step, _ in ODD_ERRORS.values()),
        *(UNREADABLE["html"], UNREADABLE["html"], circle, Step(200, {"data": None})),
        *(Step(429, {}, retry_after_date(3600)), Step(503, {}, retry_after_date(5)), created),
        Step(raw=b"HTTP/1.1 200 OK\r\n\r\n", drip_s=3),
        UNREADABLE["no gzip"],
        *(Step(202, SUBMISSION, hold_s=0.4), Step(200, done, hold_s=0.4)),
    ]
    body = message()
    told = [
        *((body, signed(body) | changed, SECRET) for changed in ODD_HEADERS),
        *((body, signed(body), SECRET) for body in NO_EVENTS),
        *((body, signed(body), secret) for secret in NO_SECRETS),
    ]
    environment = {
        "SERVER": scripted.url,
        "UNREADABLE": str(len(unreadable)),
        "STATUSES": json.dumps([status for _, status in ODD_ERRORS.values()]),
        "MESSAGES": json.dumps(told),
    }
    assert run([str(node), "built/client_hostile.mjs"], app, environment) == "done"
    assert scripted.steps == []
    creates = [
        one.headers["idempotency-key"]
        for one in scripted.seen[: 3 * len(unreadable)]
        if "/cancel" not in one.path
    ]
    assert creates[::2] == creates[1::2]


def test_the_receiver_of_the_readme_takes_messages_that_were_signed_so_now(node: Path, app: Path) -> None:
    port, body = free_port(), message()
    environment = os.environ | {"WEBHOOK_SECRET": SECRET}
    program = [str(node), "built/receiver.mjs", str(port)]
    receiver = subprocess.Popen(
        program, cwd=app, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    both = signed(body)
    both["Webhook-Signature"] = (
        signed(body, OTHER_SECRET)["Webhook-Signature"] + " " + both["Webhook-Signature"]
    )
    old = datetime.now(UTC) - timedelta(minutes=6)
    try:
        assert posted(port, body, signed(body)) == 204
        assert posted(port, body, both) == 204
        assert posted(port, message(result="rejected"), signed(body)) == 401
        assert posted(port, body, signed(body, OTHER_SECRET)) == 401
        assert posted(port, body, signed(body, at=old)) == 401
        assert posted(port, body, {}) == 401
    finally:
        receiver.terminate()
        receiver.wait(10)
