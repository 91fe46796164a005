"""Postgres and Valkey for the tests, started before Django reads its settings (loaded by `-p tests.services`).

Parallel workers inherit the addresses from the process that started them, and so share both services.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

KEPT = Path(__file__).parent.parent / ".local" / "test"


def _private_folder(until_exit: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kyc-test-"))
    until_exit.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(until_exit: ExitStack) -> dict[str, str]:
    """The services kept for the tests of this checkout; separate ones for a concurrent run."""
    from devstack import services
    from devstack.errors import AlreadyRunning

    try:
        urls = until_exit.enter_context(services.ensure(state_dir=KEPT, durable=False))
    except AlreadyRunning:
        own = services.ensure(state_dir=_private_folder(until_exit) / "stack", durable=False)
        urls = until_exit.enter_context(own)
    # Tests make databases, so they are the owner; those of the application's role change to it (`as_application`).
    addresses = {"DATABASE_URL": urls.owner_url or urls.database_url, "APPLICATION_URL": urls.database_url}
    return urls.environment | addresses


_until_exit = ExitStack()
atexit.register(_until_exit.close)
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 40)
os.environ.setdefault("HTTPS", "false")
# Chance has no place in the processes of tests.
os.environ |= {"AUDIT_SHARE": "0", "AUDIT_RISK_SHARE": "0", "SECOND_REVIEW_SHARE": "0"}
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = str(_private_folder(_until_exit))
if "DATABASE_URL" not in os.environ or "VALKEY_URL" not in os.environ:
    os.environ |= _start(_until_exit)
# A parallel worker (gw0, gw1, ...) has a numbered database in Valkey, as it has one in Postgres: no Celery worker
# of one test may take the messages of another.
if worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
    os.environ["VALKEY_URL"] = os.environ["VALKEY_URL"].rpartition("/")[0] + f"/{1 + int(worker)}"
