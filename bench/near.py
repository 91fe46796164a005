"""python -m bench.near COUNT: fills an empty database with COUNT fingerprints and times the search for near-duplicates.

`python -m bench near` runs it with the environment of a Postgres of its own. Each bit is 1 with BIT_SHARE: then as many
pictures share a band of 16 bits as of 5,800 faces in the most crowded band (11 times as many as of random hashes).
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from statistics import median
from uuid import UUID

import numpy as np

from bench.own_postgres import measured_in
from bench.report import line, percentile
from devstack.progress import Say

BIT_SHARE = 0.7
COPIES = 100  # the latest: each a near-duplicate of an earlier one, five bits apart
BITS_APART = 5
ROWS_AT_ONCE = 20_000
TARGET_MS = 50
ID = "00000000-0000-4000-8000-{:012x}"
SUBMISSIONS = """INSERT INTO submissions_submission (id, integration_id, external_ref, applicant_ref, metadata,
    is_test, image_key, sha256, size_bytes, format, width, height, state, result, result_reason, attempts, last_error,
    received_at, completed_at, due_at, lease_holder)
    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %s, 'filled', 'a' || n, '{}', false,
    'k' || n, md5(n::text) || md5(n::text), 1, 'JPEG', 600, 600, 'completed', 'clear', 'models_agree', 1, '',
    now() - interval '1 second' * (%s - n), now(), now(), '' FROM generate_series(1, %s) AS n"""


def run(count: int, say: Say) -> bool:
    """Whether the slowest twentieth of the searches begins below TARGET_MS."""
    measured = measured_in("bench.near", [str(count)], say)
    ms = [1000 * seconds for seconds in measured["seconds"]]
    print(f"Near-duplicates among {count:,} fingerprints, {len(ms)} searches:")
    line("median", f"{median(ms):.1f} ms")
    p95 = percentile(ms, 95)
    fine = line("  its p95", f"{p95:.1f} ms", reached=p95 < TARGET_MS, target=f"< {TARGET_MS} ms")
    missed = measured["missed"]
    return line("near-duplicates that were missed", f"{missed}", reached=missed == 0, target="0") and fine


def hashes(count: int) -> Iterator[tuple[int, bytes]]:
    """(coarse as a signed number, fine) of `count` pictures; the last COPIES are like the first."""
    rng = np.random.default_rng(0)
    first: list[tuple[np.ndarray, bytes]] = []
    for start in range(0, count - COPIES, ROWS_AT_ONCE):
        rows = min(ROWS_AT_ONCE, count - COPIES - start)
        coarse = np.packbits(rng.random((rows, 64)) < BIT_SHARE, axis=1)
        fine = np.packbits(rng.random((rows, 256)) < BIT_SHARE, axis=1)
        if not first:
            first = [(coarse[row].copy(), fine[row].tobytes()) for row in range(COPIES)]
        numbers = coarse.view(">i8").ravel()
        yield from ((int(numbers[row]), fine[row].tobytes()) for row in range(rows))
    for bits, fine_bytes in first:
        flipped = np.unpackbits(bits)
        flipped[rng.choice(64, BITS_APART, replace=False)] ^= 1
        yield int(np.packbits(flipped).view(">i8")[0]), fine_bytes


def fill(count: int) -> None:
    from django.db import connection

    from kyc_review.accounts.services import integration_create

    integration = integration_create(slug="filled", name="Filled")
    with connection.cursor() as cursor:
        cursor.execute(SUBMISSIONS, [integration.pk, count, count])
        columns = "COPY evidence_fingerprint (submission_id, coarse, fine) FROM STDIN"
        with cursor.copy(columns) as copy:
            for number, (coarse, fine) in enumerate(hashes(count), 1):
                copy.write_row((ID.format(number), coarse, fine))
        cursor.execute("VACUUM ANALYZE evidence_fingerprint")
        cursor.execute("ANALYZE submissions_submission")


def searches(count: int) -> dict[str, object]:
    """Seconds of each search, as the evidence worker makes it, and how many copies were not found."""
    from kyc_review.evidence.models import Fingerprint
    from kyc_review.evidence.near_duplicates import near

    seconds, missed = [], 0
    for number in range(COPIES):
        own = Fingerprint.objects.select_related("submission").get(
            pk=UUID(ID.format(count - COPIES + 1 + number))
        )
        started = time.perf_counter()
        neighbours = list(near(own))
        seconds.append(time.perf_counter() - started)
        missed += ID.format(number + 1) not in {str(row.pk) for row in neighbours}
    return {"seconds": seconds, "missed": missed}


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    fill(int(sys.argv[1]))
    print(json.dumps(searches(int(sys.argv[1]))))
