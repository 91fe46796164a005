"""python -m bench.filling ITEMS REVIEWERS: creates a long queue from a few scored selfies; prints sessions as
JSON.

Runs with the environment of the product. Rows are copied inside Postgres; each submission has a file of its
own, a hard link to the face that it was copied from, so a page and its photograph are served like any other.
"""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import django

COLUMNS = """SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' AND is_identity = 'NO'"""
# (tables with one row per submission) table -> columns that differ in a copy, in SQL; `c` is the copy.
COPIES = {
    "submissions_submission": {
        "id": "c.id",
        "external_ref": "'filled-' || c.n",
        "applicant_ref": "'applicant-' || c.n",
        "image_key": "left(replace(c.id::text, '-', ''), 2) || '/' || c.id || '.filled'",
        "received_at": "now() - interval '1 second' * c.n / 10",
    },
    "scoring_scoring": {"submission_id": "c.id"},
    "evidence_evidence": {
        "submission_id": "c.id",
        "state": "'ready'",
        "lease_holder": "''",
        "computed_at": "now()",
    },
    "review_reviewitem": {
        "submission_id": "c.id",
        "is_blind": "false",  # the full page, with votes and evidence, takes longest
        "risk": "random()",
        "opened_at": "now() - interval '1 second' * c.n / 10",
    },
}
VOTES = """INSERT INTO scoring_vote (scoring_id, position, member, probability, threshold, is_fake)
    SELECT g.id, v.position, v.member, v.probability, v.threshold, v.is_fake FROM copy c
    JOIN scoring_scoring g ON g.submission_id = c.id JOIN scoring_scoring o ON o.submission_id = c.template
    JOIN scoring_vote v ON v.scoring_id = o.id"""
TEMPLATES = """CREATE TEMP TABLE copy AS SELECT gen_random_uuid() AS id, t.id AS template, n
    FROM generate_series(1, %s) AS n JOIN (
        SELECT s.id, row_number() OVER (ORDER BY s.id) - 1 AS place, count(*) OVER () AS number
        FROM submissions_submission s JOIN review_reviewitem i ON i.submission_id = s.id
        JOIN evidence_evidence e ON e.submission_id = s.id WHERE i.state = 'open' AND (
            e.state = 'ready' OR NOT EXISTS (SELECT 1 FROM evidence_evidence WHERE state = 'ready'))
    ) t ON n %% t.number = t.place"""


def fill(items: int) -> None:
    from django.db import connection, transaction

    from kyc_review.evidence.derivatives import derivative_key
    from kyc_review.submissions.storage import derivatives, is_remote, originals

    if is_remote():
        raise SystemExit("Copies are made as links of files: run it with FILE_STORAGE=files.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TEMPLATES, [items])
        for table, own in COPIES.items():
            cursor.execute(COLUMNS, [table])
            columns = [name for (name,) in cursor.fetchall()]
            values = ", ".join(own.get(name, f"t.{name}") for name in columns)
            key = "id" if table.startswith("submissions") else "submission_id"
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {values} FROM copy c JOIN {table} t ON t.{key} = c.template"
            )
        cursor.execute(VOTES)
        cursor.execute(
            "SELECT c.id, s.image_key, t.id, t.image_key FROM copy c JOIN submissions_submission s ON s.id = c.id "
            "JOIN submissions_submission t ON t.id = c.template"
        )
        for copy, copy_key, template, template_key in cursor.fetchall():
            _link(Path(originals.path(template_key)), Path(originals.path(copy_key)))
            of_template = Path(derivatives.path(derivative_key(template)))
            _link(of_template, Path(derivatives.path(derivative_key(copy))))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _link(existing: Path, name: Path) -> None:
    name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(existing, name)
    except OSError as error:
        if error.errno != errno.EMLINK:  # a file has about 65,000 links at most; a copy has as many again
            raise
        shutil.copyfile(existing, name)
        os.replace(name, existing)
        os.link(existing, name)


def derive() -> None:
    """Derives the faces as browsers receive them, before they are linked."""
    from kyc_review.evidence.derivatives import derivative_ensure
    from kyc_review.submissions.models import Submission

    for submission in Submission.objects.filter(review_items__state="open"):
        derivative_ensure(submission)


def sessions(number: int) -> list[str]:
    """The session keys of `number` reviewers who are logged in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group
    from django.contrib.sessions.backends.db import SessionStore

    from kyc_review.accounts.models import User

    keys = []
    for index in range(number):
        reviewer = User.objects.create_user(f"bench-{index}")
        reviewer.groups.add(Group.objects.get_or_create(name="reviewer")[0])
        session = SessionStore()
        session[SESSION_KEY] = str(reviewer.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = reviewer.get_session_auth_hash()
        session.create()
        keys.append(str(session.session_key))
    return keys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    derive()
    fill(int(sys.argv[1]))
    print(json.dumps(sessions(int(sys.argv[2]))))


if __name__ == "__main__":
    main()
