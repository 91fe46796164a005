"""python -m bench.rows [--times N]: how long every page, list, claim, lease and sweep takes, as JSON, slowest first.

`python -m bench rows` fills a database of its own (bench/rows_filling.py) at two sizes and runs it at both. Pages are
those of docs/authorisation.md, opened by every role without network; changes are rolled back. Each line names the
slowest statement. The rows that are filled have no pictures.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

    from kyc_review.accounts.models import User

LISTED = re.compile(r"^\| `GET (/[^`]*)`", re.MULTILINE)
ROLES = ("reviewer", "senior", "admin", "auditor")
SLOW_S = 0.3
OTHER_FILES = ("/archive", "/manifest", "/records/audit-log", "/branding", "/qr.svg", "break-glass")
# Lists with filters: address -> what is asked of it. {day}: a day in the middle of the history.
FILTERS = {
    "/insights/": ["days=1", "days=30"],
    "/insights/loop/": ["days=30", "days=365"],
    "/insights/search/": [
        "state=in_review",
        "state=completed",
        "state=cancelled",
        "state=received",
        "result=clear",
        "result=rejected",
        "result=resubmit",
        "reason=split_vote",
        "reason=unanimous_fake",
        "reason=audit",
        "check=blurred",
        "check=no_face",
        "waiting=late",
        "waiting=any",
        "reviewer=filled-3",
        "reviewer=filled-3&result=rejected",
        "since={day}&until={day}",
        "until={day}",
        "q=application-4711",
        "q=customer-17",
        "q=zzzz-nothing",
        'q="application-4711"',
        "q={sha256}",
        "q={id}",
        "q=4711",
        "q={ref}",
        "after={old}",
        "result=rejected&after={old}",
    ],
    "/insights/audit/": [
        "action=item.decided",
        "action=staff.",
        "action=nothing.here",
        "actor=filled",
        "actor=no-such-person",
        "target={id}",
        "since={day}&until={day}",
        "until={day}",
        "action=item.decided&since={day}&until={day}",
        "before=1000",
    ],
    "/review/": [
        "reason=split_vote",
        "reason=gold",
        "check=blurred",
        "late=on",
        "sort=newest",
        "sort=oldest",
        "field=channel&value=app",
        "field=channel&value=none",
        "integration={integration}",
    ],
    "/webhooks/{endpoint}/": ["state=dead", "state=pending", "page=2"],
}
API_FILTERS = {
    "/api/v1/submissions": [
        "",
        "limit=100",
        "status=received",
        "status=in_review",
        "status=completed",
        "status=cancelled",
        "result=clear",
        "result=rejected",
        "result=resubmit",
        "status=cancelled&result=clear",
        "external_ref=application-4711",
        "applicant_ref=customer-17",
        "received_from={day}T00:00:00Z",
        "received_before={day}T00:00:00Z",
        "received_from={day}T00:00:00Z&received_before={day}T01:00:00Z",
        "completed_from={day}T00:00:00Z",
        "completed_before={day}T00:00:00Z",
        "completed_from={day}T00:00:00Z&completed_before={day}T01:00:00Z",
        "after={old}",
        "result=rejected&after={old}",
        "status=cancelled&after={old}",
    ],
    "/api/v1/events": ["", "limit=100", "after={old_event}"],
    "/api/v1/webhook-endpoints/{endpoint}/deliveries": ["", "state=dead", "state=pending", "state=delivered"],
    "/api/v1/submissions/{id}": [""],
}
TASKS = (
    "submissions.tasks.advance_sandbox",
    "submissions.tasks.expire_idempotency",
    "accounts.tasks.clear_sessions",
    "lifecycle.tasks.sweep_erasures",
    "lifecycle.tasks.erase_by_age",
    "lifecycle.tasks.erase_planted",
    "lifecycle.tasks.prune_webhooks",
    "datasets.tasks.build_snapshots",
    "training.tasks.retrain_on_schedule",
    "training.tasks.run_due_jobs",
    "training.tasks.watch_alarms",
    "pipeline.tasks.sweep",
    "pipeline.tasks.sweep_evidence",
    "pipeline.tasks.count_scorings",
    "pipeline.tasks.count_votes",
    "pipeline.tasks.measure_evidence",
    "webhooks.tasks.deliver_due",
    "notices.tasks.deliver_due",
    "encryption.tasks.rewrap",
    "audit.tasks.seal",
    "planting.tasks.plant_by_chance",
    "review.tasks.sweep",
    "review.tasks.sweep_twins",
    "review.tasks.renew_blinding_exceptions",
    "review.tasks.count_audits",
    "review.tasks.count_decisions",
)


@dataclass(frozen=True)
class Measured:
    name: str
    ms: float
    cpu_ms: float
    statements: int
    slowest_ms: float
    slowest: str
    status: str = ""


class Rollback(Exception):
    """Undoes what was measured."""


def measure(name: str, act: Callable[[], Any], times: int) -> Measured:
    """The fastest of `times` runs, each rolled back; a slow one runs once more at most."""
    best: Measured | None = None
    for _ in range(times):
        found = _once(name, act)
        best = found if best is None or found.ms < best.ms else best
        if found.ms > 2000 * SLOW_S:
            break
    assert best is not None
    return best


def _once(name: str, act: Callable[[], Any]) -> Measured:
    from django.db import connection, transaction

    spent: list[tuple[float, str]] = []

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent.append((time.perf_counter() - started, str(sql)))

    status = ""
    used = _processor_ms()
    started = time.perf_counter()
    try:
        with transaction.atomic(), connection.execute_wrapper(timed):
            try:
                status = str(getattr(act(), "status_code", ""))
            except Exception as error:
                status = f"{type(error).__name__}: {error}"[:120]
            ms, cpu_ms = 1000 * (time.perf_counter() - started), _processor_ms() - used
            raise Rollback
    except Rollback:
        pass
    slowest = max(spent, default=(0.0, ""))
    return Measured(
        name, ms, cpu_ms, len(spent), 1000 * slowest[0], " ".join(slowest[1].split())[:400], status
    )


def _processor_ms() -> float:
    """Processor time of this process and of its server process of Postgres, which says more than the clock on a busy
    machine; without that of Postgres where it runs elsewhere."""
    from django.db import connection

    raw = connection.connection
    try:
        text = Path(f"/proc/{raw.info.backend_pid}/schedstat").read_text() if raw else "0"
    except OSError:
        text = "0"
    return 1000 * time.process_time() + int(text.split()[0]) / 1e6


def requests(values: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every page for each role, the lists of the API and the acts of workers; (name, act)."""
    from django.test import Client

    windows = {}
    for role in ROLES:
        windows[role] = Client(SERVER_NAME="127.0.0.1")
        windows[role].force_login(_person(role), backend="django.contrib.auth.backends.ModelBackend")
        windows[role].get("/account/")  # loads what the first request of a process loads
    places = dict.fromkeys(_addresses(values))
    for role, window in windows.items():
        for path in places:
            yield f"{role} {path}", _get(window, path)
        for path, filters in FILTERS.items():
            for asked in filters:
                address = f"{path}?{asked}".format(**values)
                yield f"{role} {address}", _get(window, address)
    system = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {values['key']}"})
    for path, filters in API_FILTERS.items():
        for asked in filters:
            address = f"{path}?{asked}".format(**values)
            yield f"key {address}", _get(system, address)


def _addresses(values: dict[str, Any]) -> Iterator[str]:
    named = {
        "<submission_id>": values["id"],
        "<item_id>": values["item"],
        "<endpoint_id>": values["endpoint"],
        "<slug>": values["slug"],
        "<person_id>": values["person"],
        "<digest>": values["digest"],
    }
    text = (Path(__file__).parents[1] / "docs" / "authorisation.md").read_text()
    for path in LISTED.findall(text):
        if path.startswith("/api/") or any(part in path for part in OTHER_FILES):
            continue
        for name, value in named.items():
            path = path.replace(name, str(value))
        if "<" not in path:
            yield path


def _get(window: "Client", address: str) -> Callable[[], Any]:
    def act() -> Any:
        answer = window.get(address)
        b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        return answer

    return act


def _person(role: str) -> "User":
    from kyc_review.accounts import services as accounts
    from kyc_review.accounts.models import User
    from kyc_review.accounts.people.services import password_new

    name = f"rows-{role}"
    found = User.objects.filter(username=name).first()
    return found or accounts.staff_create(username=name, password=password_new(), role=role)


def known() -> dict[str, Any]:
    """What addresses name: a submission of the middle of the history, its item, day and so on."""
    from django.db.models.functions import Now

    from kyc_review.accounts import services as accounts
    from kyc_review.accounts.models import ApiKey, Integration, User
    from kyc_review.registry.models import Bundle
    from kyc_review.review.models import ReviewItem
    from kyc_review.submissions.models import Submission
    from kyc_review.webhooks.models import Endpoint, Event

    system = Integration.objects.get(slug="filled-app")
    ApiKey.objects.filter(integration=system).update(expires_at=Now())  # of earlier runs
    _, key = accounts.key_create(integration=system, scopes=["submissions:read", "webhooks:manage"])
    rows = Submission.objects.filter(integration=system, is_test=False)
    middle = ReviewItem.objects.filter(state="decided", submission__integration=system).order_by("pk")
    item = middle.select_related("submission")[middle.count() // 2]
    old = rows.order_by("received_at")[50]
    bundle = Bundle.objects.first()
    event = Event.objects.filter(integration=system).order_by("created_at")[50]
    return {
        "key": key,
        "integration": system.pk,
        "slug": system.slug,
        "id": item.submission_id,
        "item": item.pk,
        "ref": item.submission.external_ref,
        "sha256": item.submission.sha256,
        "day": item.submission.received_at.date().isoformat(),
        "old": old.pk,
        "old_event": event.message_id,
        "endpoint": Endpoint.objects.get(integration=system).pk,
        "person": User.objects.get(username="filled-3").pk,
        "digest": bundle.digest if bundle else "none",
    }


def acts(values: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Claims, leases, searches, erasures and every periodic task that needs no picture; (name, act)."""
    from importlib import import_module

    from kyc_review.evidence.models import Fingerprint
    from kyc_review.evidence.near_duplicates import near
    from kyc_review.lifecycle.erase import submission_erase
    from kyc_review.pipeline.submission_leases import lease_batch
    from kyc_review.review.claims import claim_next, item_reserve_next
    from kyc_review.submissions.models import Submission
    from kyc_review.webhooks.delivery import lease_messages

    reviewer = _person("reviewer")
    own = Fingerprint.objects.select_related("submission").get(pk=values["id"])
    person = Submission.objects.get(pk=values["id"]).applicant_ref
    yield "claim: next item", lambda: claim_next(reviewer=reviewer)
    yield "claim: item kept ahead", lambda: item_reserve_next(reviewer=reviewer)
    yield "lease: 64 submissions to score", lambda: lease_batch(holder="rows", limit=64)
    yield "lease: 20 webhook messages", lambda: lease_messages(limit=20, holder="rows")
    yield "near-duplicates of a picture", lambda: list(near(own, both_ways=True))
    yield "erasure of a submission", lambda: submission_erase(submission_id=values["id"], reason="measured")
    erased = Submission.objects.filter(
        integration=values["integration"], applicant_ref=person, erased_at=None
    )
    yield "erasure by person: finding", lambda: list(erased.values_list("pk", flat=True)[:100])
    for path in TASKS:
        module, name = f"kyc_review.{path}".rsplit(".", 1)
        yield f"task: {path}", getattr(import_module(module), name)


def sizes() -> dict[str, list[int]]:
    """Table -> [bytes with indexes, bytes of the indexes, rows], the largest first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid), pg_indexes_size(oid), greatest(reltuples, 0)::bigint "
            "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"
        )
        return {name: list(numbers) for name, *numbers in cursor.fetchall() if numbers[2]}


@contextmanager
def _quiet() -> Iterator[None]:
    import logging

    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def main() -> None:
    import django

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", default="", help="measure what has this in its name")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    values = known()
    found = []
    with _quiet():
        for source in (requests, acts):
            for name, act in source(values):
                if options.only in name:
                    found.append(measure(name.replace(str(values["id"]), "<id>"), act, options.times))
    found.sort(key=lambda row: -row.ms)
    print(json.dumps({"measured": [asdict(row) for row in found], "sizes": sizes()}))


if __name__ == "__main__":
    main()
