"""python -m bench.decided COUNT: creates COUNT decided submissions from a few scored selfies.

Runs with the environment of the product. Rows are copied inside Postgres. Each submission has a file and a
hash of its own: the template's JPEG with its number in a comment, so that files cannot share storage.
"""

import hashlib
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import django

from bench.filling import COLUMNS, VOTES

PEOPLE = 4  # submissions of one applicant
FAKE_EVERY = 10
COMMENT = b"\xff\xfe"
TEMPLATES = """SELECT s.id, s.image_key FROM submissions_submission s JOIN scoring_scoring c ON c.submission_id = s.id
    ORDER BY s.id"""
COPY = "CREATE TEMP TABLE copy (n int, id uuid, template uuid, image_key text, sha256 text, size_bytes int)"
MADE = "COPY copy (n, id, template, image_key, sha256, size_bytes) FROM STDIN"
IS_FAKE = f"c.n %% {FAKE_EVERY} = 0"
DECIDED_AT = "now() - interval '1 second' * (c.n + 60)"
COPIES = {
    "submissions_submission": {
        "id": "c.id",
        "external_ref": "'decided-' || c.n",
        "applicant_ref": f"'applicant-' || c.n / {PEOPLE}",
        "image_key": "c.image_key",
        "sha256": "c.sha256",
        "size_bytes": "c.size_bytes",
        "state": "'completed'",
        "result": f"CASE WHEN {IS_FAKE} THEN 'rejected' ELSE 'clear' END",
        "completed_at": DECIDED_AT,
        "received_at": "now() - interval '1 second' * (c.n + 600)",
    },
    "scoring_scoring": {"submission_id": "c.id"},
}
ITEMS = f"""INSERT INTO review_reviewitem
    (submission_id, reason, masked_reason, queue_reason, is_blind, is_escalated, risk, state, message, opened_at,
    decided_at)
    SELECT c.id, 'split_vote', '', '', false, false, 0.5, 'decided', '', {DECIDED_AT} - interval '1 minute',
    {DECIDED_AT}
    FROM copy c"""
DECISIONS = f"""INSERT INTO review_decision (item_id, submission_id, reviewer_id, label, obstacle, parts, methods,
    regions, note, decided_at, handling_ms)
    SELECT i.id, c.id, %s, CASE WHEN {IS_FAKE} THEN 'fake' ELSE 'real' END, '', '[]', '[]', '[]', '', i.decided_at, 9000
    FROM copy c JOIN review_reviewitem i ON i.submission_id = c.id AND i.state = 'decided'"""


def fill(count: int) -> None:
    """In one transaction; the files are written before it ends."""
    from django.db import connection, transaction

    from kyc_review.accounts.models import User
    from kyc_review.submissions.storage import is_remote, originals

    if is_remote():
        raise SystemExit("Originals are written as files: run it with FILE_STORAGE=files.")
    reviewer = User.objects.create_user("bench-decider")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TEMPLATES)
        templates = [(pk, Path(originals.path(key)).read_bytes()) for pk, key in cursor.fetchall()]
        cursor.execute(COPY)
        with cursor.copy(MADE) as rows:
            for number in range(count):
                rows.write_row(_photographed(number, *templates[number % len(templates)]))
        for table, own in COPIES.items():
            _copied(cursor, table, own)
        cursor.execute(VOTES)
        cursor.execute(ITEMS, [])
        cursor.execute(DECISIONS, [reviewer.pk])


def settle() -> None:
    from django.db import connection

    os.sync()  # dirty pages would disturb the measurement; in production these files are old
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _photographed(number: int, template: uuid.UUID, jpeg: bytes) -> tuple[Any, ...]:
    """The file of one submission, and its row in `copy`."""
    from kyc_review.submissions.storage import originals

    pk = uuid.uuid4()
    text = f"submission {number}".encode()
    data = jpeg[:2] + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
    key = f"{pk.hex[:2]}/{pk}.jpg"
    path = Path(originals.path(key))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    return number, pk, template, key, hashlib.sha256(data).hexdigest(), len(data)


def _copied(cursor: Any, table: str, own: dict[str, str]) -> None:
    cursor.execute(COLUMNS, [table])
    columns = [name for (name,) in cursor.fetchall()]
    values = ", ".join(own.get(name, f"t.{name}") for name in columns)
    key = "id" if table.startswith("submissions") else "submission_id"
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {values} FROM copy c JOIN {table} t ON t.{key} = c.template".replace("%%", "%")
    )


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    fill(int(sys.argv[1]))
    settle()


if __name__ == "__main__":
    main()
