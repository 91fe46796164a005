"""python -m bench.rows_filling SUBMISSIONS [--waiting N]: rows of two years of traffic, made inside Postgres.

`python -m bench fill` runs it in the database of DATABASE_URL, as the owner of its tables; `manage.py prepare` comes
before it. No picture is stored: lists, pages and figures work, and an opened face is missing. Each run adds as many
again. Never run it where real submissions are: nothing can use the tables meanwhile (bench/bulk.py), and the counts
that workers keep are made again.

Of 1,000 submissions 950 are cleared by the models (10 of them are drawn into the quality sample), 20 are sent back by a
check and 20 are flagged; people have decided all but the newest. 20 are of the sandbox. There are 5 votes and 10 checks
of each, webhook messages with a delivery of one of the two integrations, and audit events, fingerprints and records of
idempotency as the product writes them.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kyc_review.core.db.rollups import Rollup

CHUNK = 500_000  # submissions of one statement: joins read what earlier chunks wrote, as there are no indexes
YEARS = 2
REVIEWERS = 12
BUNDLES = 8  # one in production each quarter of the two years
SLUGS = ("filled-app", "filled-branch")

# What each submission becomes. `u`, `v`: uniform numbers of its own; n counts on over several runs. The first row is
# two years old, the last came just now.
MADE = f"""
CREATE TEMP TABLE made AS
SELECT n, id, at, is_test, integration_id, bundle, u, v,
    CASE WHEN is_test THEN 'clear' WHEN n > %(last)s - 200 THEN 'waiting' WHEN u < 0.001 THEN 'cancelled'
        WHEN u < 0.02 THEN 'sent_back' WHEN u < 0.04 THEN 'flagged' WHEN u < 0.05 THEN 'drawn' ELSE 'clear' END AS fate,
    n > %(last)s - %(waiting)s * 33 AS is_new  -- of 100 submissions, 3 have an item
FROM (
    SELECT n, gen_random_uuid() AS id, random() AS u, random() AS v, random() < 0.02 AS is_test,
        %(now)s - make_interval(secs => {YEARS} * 365.0 * 86400 * (1 - (n - %(before)s) / %(span)s::float)) AS at,
        (%(integrations)s::bigint[])[1 + n %% 2] AS integration_id,
        least({BUNDLES} - 1, ((n - %(before)s) * {BUNDLES} / %(span)s)) AS bundle
    FROM generate_series(%(first)s, %(until)s) AS n
) AS rows
"""

# The file begins with its own remarks.
STATEMENTS = (Path(__file__).parent / "rows.sql").read_text().split("\n\n")[1:]
TABLES = re.findall(r"^INSERT INTO (\w+)", "\n".join(STATEMENTS), re.MULTILINE)


def fill(count: int, waiting: int, say: Callable[[str], Any]) -> None:
    """Adds `count` submissions with all that hangs on them; about `waiting` flagged ones are not decided yet."""
    from django.db import connection

    from bench.bulk import bare
    from kyc_review.core.db.clock import database_now
    from kyc_review.submissions.models import Submission

    found = _ensure_people_and_systems()
    before = Submission.objects.count()
    values = found | {
        "now": database_now(),
        "before": before,
        "span": count,
        "last": before + count,
        "waiting": waiting,
        "people": REVIEWERS,
    }
    started = time.monotonic()
    with bare(TABLES, say), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        for first in range(before + 1, before + count + 1, CHUNK):
            until = min(first + CHUNK - 1, before + count)
            cursor.execute(MADE, values | {"first": first, "until": until})
            cursor.execute("ANALYZE made")
            for statement in STATEMENTS:
                cursor.execute(statement, values)
            cursor.execute("DROP TABLE made")
            say(f"{until - before:,} of {count:,} submissions after {time.monotonic() - started:.0f} s")
        _forget_counts()
    say(f"complete after {time.monotonic() - started:.0f} s")


def _forget_counts() -> None:
    """What was counted before does not hold the rows that were added to the past."""
    for rollup in rollups():
        rollup.counts._default_manager.all().delete()
        rollup.mark._default_manager.all().delete()


def rollups() -> list["Rollup"]:
    from kyc_review.review.audit_counts import AUDIT_COUNTS
    from kyc_review.review.decision_counts import DECISION_COUNTS
    from kyc_review.scoring.counts import RESULT_COUNTS, SCORING_COUNTS

    return [SCORING_COUNTS, RESULT_COUNTS, AUDIT_COUNTS, DECISION_COUNTS]


def _ensure_people_and_systems() -> dict[str, Any]:
    """Reviewers, two integrations and the webhook endpoint of the first."""
    from django.utils import timezone

    from kyc_review.accounts import services as accounts
    from kyc_review.accounts.models import Integration, User
    from kyc_review.accounts.people.services import password_new
    from kyc_review.webhooks.models import Endpoint
    from kyc_review.webhooks.secret_encryption import seal
    from kyc_review.webhooks.services import fresh_secret

    accounts.roles_ensure()
    systems = []
    for slug in SLUGS:
        row = Integration.objects.filter(slug=slug).first()
        systems.append(row or accounts.integration_create(slug=slug, name=slug.replace("-", " ").title()))
    endpoint = Endpoint.objects.filter(integration=systems[0]).first() or Endpoint.objects.create(
        integration=systems[0],
        url="https://receiver.invalid/",
        secret=seal(fresh_secret()),
        paused_until=timezone.now() + timedelta(days=365),
    )
    people = list(User.objects.filter(username__startswith="filled-").order_by("pk"))
    for number in range(len(people), REVIEWERS):
        name = f"filled-{number + 1}"
        people.append(accounts.staff_create(username=name, password=password_new(), role="reviewer"))
    return {
        "integrations": [row.pk for row in systems],
        "endpoint": endpoint.pk,
        "reviewers": [person.pk for person in people],
    }


def main(arguments: list[str] | None = None) -> None:
    import django

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("submissions", type=int)
    parser.add_argument("--waiting", type=int, default=5000, help="flagged ones that no person has decided")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    from django.db import connection

    fill(options.submissions, options.waiting, _say)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    for rollup in rollups():  # as workers do
        started, number = time.monotonic(), 0
        while written := rollup.count():
            number += written
        _say(f"{number:,} {rollup.counts._meta.verbose_name_plural} after {time.monotonic() - started:.0f} s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
