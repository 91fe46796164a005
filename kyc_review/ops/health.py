"""Probes for orchestrators: liveness and readiness."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from kyc_review.core.db.answers import silence
from kyc_review.core.db.clock import ClockWrong, clock_check, database_now
from kyc_review.core.db.locks import Locked, locks_waited_for
from kyc_review.core.valkey import client
from kyc_review.encryption.keys import difference, keys_in_use
from kyc_review.encryption.keys import problem as keys_problem
from kyc_review.encryption.shared_secrets import SecretDiffers, fingerprints, secrets_compare
from kyc_review.scoring.state import last_scored_at, scoring_state
from kyc_review.submissions.models import StorageIdentity
from kyc_review.submissions.storage import is_remote, originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity,
    storage_identity_compare,
)

log = logging.getLogger(__name__)
# Seconds after the start of the web process in which missing heartbeats of workers are no fault.
STARTING_S = 30
_started = time.monotonic()
MIGRATIONS_AGAIN_S = 60
_migrated_at = float("-inf")
_unknown_migrations: set[tuple[str, str]] = set()
REMOTE_AGAIN_S = 15
# Less than probes wait (5 s in Kubernetes): a store that is silent holds a request for twice its own time-out.
REMOTE_WAIT_S = 3.0
_remote = ThreadPoolExecutor(1, "store-probe")
_remote_trial: Future[None] | None = None
_stored_at = float("-inf")
# The number of failures in a row that are told: one can be a pause of the network, or of a busy store.
REMOTE_FAILURES = 2
_remote_failures = 0
# Anyone may ask, so each check runs at most once in this many seconds and process, whatever its answer was.
KEPT_S = 1.0
LOCKS_WAITED_FOR_S = 2.0
# The others wait less for this long after one has met a lock: together they answer before probes give up.
LOCKED_FOR_S = 5.0
LOCKED_AGAIN_S = 0.2
_locked_at = float("-inf")
_kept: dict[str, tuple[float, str]] = {}
# A probe waits this long, in all, for those before it: what answers nothing must not take one thread after another.
PROBE_WAIT_S = 3.0
# No statement of a probe waits longer for its answer.
DATABASE_WAIT_S = 3
# The server ends it before, so that a slow one costs no connection.
DATABASE_STATEMENT_S = 2.5
NOT_ASKED = "not checked: it needs the database"


class Unready(Exception):
    """The message says what is wrong, without addresses or secrets."""


def livez(request: HttpRequest) -> HttpResponse:
    """Touches nothing but the process itself."""
    return HttpResponse("alive\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything works that a selfie needs on its way to a verdict, 503 otherwise; names each check."""
    return _answer(CHECKS, needed=set(CHECKS))


def readyz_web(request: HttpRequest) -> HttpResponse:
    """Whether this web process can take requests. For load balancers: while scoring stands still or no worker can be
    woken, intake accepts and people decide."""
    checks = {name: check for name, check in CHECKS.items() if name != "scoring"}
    return _answer(checks, needed=set(checks) - {"broker"})


def _answer(checks: Mapping[str, Callable[[], None]], *, needed: set[str]) -> JsonResponse:
    """What fails and is not needed is told as degraded."""
    until = time.monotonic() + PROBE_WAIT_S
    found: dict[str, str] = {}
    for name, check in checks.items():
        is_asked = name not in ASK_DATABASE or found["database"] == "ok"
        found[name] = _recently_found(name, check, until) if is_asked else NOT_ASKED
    failing = [name for name, text in found.items() if text != "ok"]
    is_ready = needed.isdisjoint(failing)
    body = {
        "ready": is_ready,
        "degraded": [name for name in failing if name not in needed],
        "checks": found,
        "version": settings.VERSION,
        "build": settings.BUILD,
        "unknown_migrations": len(_unknown_migrations),
    }
    return JsonResponse(body, status=200 if is_ready else 503)


def _recently_found(name: str, check: Callable[[], None], waits_until: float) -> str:
    """The result of a check, at most KEPT_S old. waits_until: on the monotonic clock, for a probe before this one."""
    if not _one_checks[name].acquire(timeout=max(0.0, waits_until - time.monotonic())):
        return "an earlier probe still waits for an answer"
    try:
        until, text = _kept.get(name, (float("-inf"), ""))
        if time.monotonic() >= until:
            text = _found(name, check)
            _kept[name] = (time.monotonic() + KEPT_S, text)
        return text
    finally:
        _one_checks[name].release()


@contextmanager
def _locks_bounded() -> Iterator[None]:
    """A transaction for what a check asks the database. Raises Locked."""
    global _locked_at
    is_locked = time.monotonic() - _locked_at < LOCKED_FOR_S
    try:
        wait_s = min(LOCKS_WAITED_FOR_S, LOCKED_AGAIN_S) if is_locked else LOCKS_WAITED_FOR_S
        with locks_waited_for(wait_s, statement_s=DATABASE_STATEMENT_S):
            yield
    except Locked:
        _locked_at = time.monotonic()
        raise


def _found(name: str, check: Callable[[], None]) -> str:
    try:
        with connection.answers_within(DATABASE_WAIT_S):  # type: ignore[attr-defined]
            check()
    except (Unready, ClockWrong, WrongStorage, SecretDiffers) as reason:
        return str(reason)
    except Locked as reason:
        return f"{reason}; docs/runbooks.md, RequestsSlow, names the query that finds who holds it"
    except (
        Exception
    ) as error:  # whatever is wrong: the reason is in the log, for strangers may read the answer
        log.error("not ready, %s: %s: %s", name, type(error).__name__, error)
        return "does not answer"
    return "ok"


def database() -> None:
    """A probe that finds the server silent spares the requests after it: they are refused at once.

    Only this check does so. What the others ask may be slow where the server works.
    """
    try:
        with (
            connection.answers_within(DATABASE_WAIT_S, shows_silence=True),  # type: ignore[attr-defined]
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
    except OperationalError as error:
        if not silence.is_on:
            raise
        log.error("not ready, database: %s", error)
        raise Unready(f"has not answered for {DATABASE_WAIT_S} s: the server or its host hangs") from error


def migrations() -> None:
    """Whether the database has what this code expects; asked again only while it has not, and every MIGRATIONS_AGAIN_S.

    What a newer release has applied is counted and is no fault: migrations keep the release before working.
    """
    global _migrated_at, _unknown_migrations
    if time.monotonic() - _migrated_at < MIGRATIONS_AGAIN_S:
        return
    with _locks_bounded():
        executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Unready("migrations are missing; run manage.py prepare")
    _unknown_migrations = set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
    _migrated_at = time.monotonic()


def broker() -> None:
    client().ping()


def encryption() -> None:
    """Whether pictures can be encrypted and decrypted, and are where all processes must encrypt them."""
    with _locks_bounded():
        used, said = keys_in_use(), difference()
    if said:
        raise Unready(said)
    if text := keys_problem(used):
        log.error("not ready, encryption: %s", text)
        raise Unready(
            "a key-encryption key cannot be used now; the log and manage.py keys status say which, and why"
        )


def secrets() -> None:
    """Whether this process has the SECRET_KEY and the WEBHOOK_SECRETS_KEY of the others."""
    with _locks_bounded():
        known = fingerprints()
    secrets_compare(known)  # after the transaction: slow the first time


def storage() -> None:
    """Whether an original can be written, read and deleted, among those of this database.

    In an object storage that takes four requests, so it is tried again only after REMOTE_AGAIN_S, or when it failed.
    """
    global _stored_at
    if is_remote() and time.monotonic() - _stored_at < REMOTE_AGAIN_S:
        return
    with _locks_bounded():
        identity = storage_identity()
    if identity is None:
        raise Unready("the originals have no identity yet; run manage.py prepare")
    if is_remote():
        if not _remote_answers(identity):
            return
    else:
        storage_identity_compare(identity)
        _original_tried()
    _stored_at = time.monotonic()


def _remote_answers(identity: StorageIdentity) -> bool:
    """False: not now, for the first time since it did, so the next probe tries again. Raises as `_remote_tried`."""
    global _remote_failures
    try:
        _remote_tried(identity)
    except WrongStorage:
        raise  # it did answer
    except (Unready, OSError) as error:
        _remote_failures += 1
        if _remote_failures < REMOTE_FAILURES and _stored_at > float("-inf"):
            log.warning("the storage failed once and is tried again: %s", error)
            return False
        raise
    _remote_failures = 0
    return True


def _remote_tried(identity: StorageIdentity) -> None:
    """Wait for the trial in work or for a new one. Raises Unready after REMOTE_WAIT_S, and what the trial raises."""
    global _remote_trial
    if _remote_trial is None or _remote_trial.done():  # one that a probe gave up says how it was then
        _remote_trial = _remote.submit(_remote_trial_made, identity)
    trial = _remote_trial
    if not wait([trial], REMOTE_WAIT_S).done:
        raise Unready(f"the storage has not answered for {REMOTE_WAIT_S:g} s")
    _remote_trial = None
    trial.result()


def _remote_trial_made(identity: StorageIdentity) -> None:
    """Asks no database. Raises Unready, WrongStorage, OSError."""
    storage_identity_compare(identity)
    _original_tried()


def _original_tried() -> None:
    """Asks no database. Raises Unready, OSError."""
    name = originals.save(f"probe/{uuid.uuid4().hex}", ContentFile(b"probe"))
    try:
        with originals.open(name) as file:
            if file.read() != b"probe":
                raise Unready("what was stored cannot be read")
    finally:
        originals.delete(name)


def scoring() -> None:
    """Whether selfies get verdicts now, by the workers' heartbeats, because missing verdicts show too late."""
    if time.monotonic() - _started < STARTING_S:
        return  # the workers of a fresh installation are still loading
    with _locks_bounded():
        now = database_now()
        state = scoring_state(now)
        last = last_scored_at(state.last_outcome_at)
    if not state.workers:
        raise Unready("no scoring worker is alive")
    if state.failing == state.workers:
        what = state.problem.partition(":")[0]  # not the text: it may name a path
        raise Unready(f"no scoring worker can score ({what}); the log and the queue page tell why")
    if state.is_standing_still:
        raise Unready(f"no selfie had an outcome for {settings.SCORING_STANDSTILL_S} s, and some wait")
    limit = timedelta(seconds=settings.CANARY_MAX_AGE_S)
    if time.monotonic() - _started > limit.total_seconds() and (last is None or now - last > limit):
        raise Unready(f"nothing was scored for {limit.total_seconds():.0f} s, not even the sample")


CHECKS: dict[str, Callable[[], None]] = {
    "database": database,
    "migrations": migrations,
    "clock": clock_check,
    "broker": broker,
    "storage": storage,
    "encryption": encryption,
    "secrets": secrets,
    "scoring": scoring,
}
# Their texts would point away from the cause while the database does not answer.
ASK_DATABASE = set(CHECKS) - {"database", "broker"}
_one_checks = {name: threading.Lock() for name in CHECKS}
