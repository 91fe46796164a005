"""python -m bench.audit COUNT: what sealing costs an empty database, and verifying COUNT events, as one JSON.

`python -m bench audit` runs it with the environment of a Postgres of its own. The cost of a post: real requests with
selfies of 600 x 600 through Django's test client, which is less than over HTTP, so that the share is not flattered.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from itertools import count
from statistics import median

import psutil

from bench.folders import bench_folder
from bench.images import jpegs
from bench.own_postgres import measured_in
from bench.report import line
from devstack.progress import Say

POSTS = 200
INSERTS = 2000
TURNS = 5
SHARE_MAX = 0.05
VERIFY_MAX_S = 60
EVENTS = """INSERT INTO audit_event (action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)
    SELECT 'submission.received', 'integration', '1', 'Mobile app', 'submission', gen_random_uuid()::text,
    jsonb_build_object('number', n, 'share', n / 7.0, 'reason', 'Größe ' || n) FROM generate_series(1, %s) AS n"""
COLUMNS = "at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail"
# The table as it was without seals: no transaction, no index over it.
PLAIN = """CREATE TABLE plain_event (LIKE audit_event INCLUDING ALL); ALTER TABLE plain_event DROP COLUMN transaction"""
INSERT = """INSERT INTO {} (action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)
    VALUES ('submission.received', 'integration', '1', 'Mobile app', 'submission', 'an id', '{{"number": 1}}')"""


def run(count: int, say: Say) -> bool:
    """Whether sealing costs at most SHARE_MAX of a post, and verifying `count` events at most VERIFY_MAX_S."""
    found = measured_in("bench.audit", [str(count)], say)
    print(f"Seals of the audit log, {count:,} events, {POSTS} posts:")
    line("a post, at the median", f"{found['post_s'] * 1000:.1f} ms")
    line("  its events until it is accepted", f"{found['events_per_post']:.1f}")
    line("inserting an event, more than without seals", f"{found['insert_s'] * 1e6:.1f} us")
    line("sealing an event, in the default worker", f"{found['seal_s'] * 1e6:.1f} us")
    line("  of it processor time, with Postgres", f"{found['seal_cpu_s'] * 1e6:.1f} us")
    share = found["events_per_post"] * (found["insert_s"] + found["seal_s"]) / found["post_s"]
    is_cheap = line(
        "both, as a share of the post",
        f"{share:.2%}",
        reached=share <= SHARE_MAX,
        target=f"<= {SHARE_MAX:.0%}",
    )
    line("problems found", str(found["problems"]), reached=not found["problems"], target="0")
    seconds = found["verify_s"]
    is_fast = line(
        "verifying all", f"{seconds:.1f} s", reached=seconds < VERIFY_MAX_S, target=f"< {VERIFY_MAX_S} s"
    )
    line("  of it processor time, with Postgres", f"{found['verify_cpu_s']:.1f} s")
    return is_cheap and is_fast and not found["problems"]


def measure(number: int) -> dict[str, float]:
    """Seconds of each step."""
    from django.db import connection

    from kyc_review.audit.models import Event
    from kyc_review.audit.sealing import seal_all
    from kyc_review.audit.signing import public_keys, signing_key_ensure
    from kyc_review.audit.verification import verify

    signing_key_ensure()
    before = Event.objects.count()
    post = poster()
    post_s = median(post() for _ in range(POSTS))
    events = Event.objects.count() - before - 2  # the integration and its key
    insert_s = insert_difference()
    with connection.cursor() as cursor:
        for _ in range(max(1, number // 10_000)):  # as many transactions
            cursor.execute(EVENTS, [min(number, 10_000)])
        cursor.execute("VACUUM ANALYZE audit_event")
    started, cpu = time.perf_counter(), processor_s()
    sealed = seal_all()
    seal_s, seal_cpu_s = (time.perf_counter() - started) / sealed, (processor_s() - cpu) / sealed
    started, cpu = time.perf_counter(), processor_s()
    report = verify(keys=public_keys())
    return {
        "seal_cpu_s": seal_cpu_s,
        "verify_cpu_s": processor_s() - cpu,
        "post_s": post_s,
        "events_per_post": events / POSTS,
        "insert_s": insert_s,
        "seal_s": seal_s,
        "verify_s": time.perf_counter() - started,
        "problems": len(report.problems),
    }


def processor_s() -> float:
    """Processor seconds of this process and of the one that serves its connection, on the same machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return time.process_time() + backend.user + backend.system


def poster() -> Callable[[], float]:
    """What posts one more selfie, and returns the seconds until it was accepted."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from kyc_review.accounts.services import integration_create, key_create

    key = key_create(integration=integration_create(slug="bench", name="Bench"), rate_per_minute=100_000)[1]
    client = Client(headers={"authorization": f"Bearer {key}", "host": "127.0.0.1"})
    images, numbers = jpegs(), count()

    def post() -> float:
        number = next(numbers)
        fields = {
            "external_ref": str(number),
            "image": SimpleUploadedFile("a.jpg", images[number % len(images)], content_type="image/jpeg"),
        }
        started = time.perf_counter()
        answer = client.post(
            "/api/v1/submissions", fields, headers={"idempotency-key": uuid.uuid4().hex}, secure=True
        )
        taken = time.perf_counter() - started
        if answer.status_code != 202:
            raise SystemExit(
                f"error: a post was answered with {answer.status_code}: {answer.content[:300]!r}"
            )
        return taken

    return post


def insert_difference() -> float:
    """Seconds by which one insert takes longer than into the same table without transaction numbers, in turns."""
    from django.db import connection, transaction

    seconds: dict[str, list[float]] = {"audit_event": [], "plain_event": []}
    with connection.cursor() as cursor:
        cursor.execute(PLAIN)
        for _ in range(TURNS):
            for table, taken in seconds.items():
                started = time.perf_counter()
                with transaction.atomic():
                    for _ in range(INSERTS):
                        cursor.execute(INSERT.format(table))
                taken.append((time.perf_counter() - started) / INSERTS)
        cursor.execute("DROP TABLE plain_event")
    return max(0.0, median(seconds["audit_event"]) - median(seconds["plain_event"]))


def main(count: int) -> None:
    from django.conf import settings

    with bench_folder() as folder:
        settings.DATA_DIR = folder
        print(json.dumps(measure(count)))


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    main(int(sys.argv[1]))
