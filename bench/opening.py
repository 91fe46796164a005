"""python -m bench.opening TIMES: what opening an item costs, with alerts and pictures to compare, and without them.

`python -m bench opening` runs it in an empty database of its own. Both items are opened in turns by the two reviewers
who hold them, so that a busy machine slows both down. The weight of the page is what a browser loads without any
photograph, before compression.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.images import jpegs
from bench.own_postgres import measured_in
from bench.report import line
from devstack.progress import Say

if TYPE_CHECKING:
    from django.test import Client

    from kyc_review.accounts.models import User
    from kyc_review.review.models import ReviewItem
    from kyc_review.submissions.models import Submission

RATIO_MAX, WEIGHT_MAX_KB = 1.3, 300
TWINS = OTHERS = 6  # as many as the panel shows
LOADED = re.compile(r'<(?:link rel="stylesheet" href|script [^>]*?src)="/static/([^"]+)"')
IMPORTED = re.compile(r'^import (?:[^"]*? from )?"([^"]+)";', re.MULTILINE)


def run(times: int, say: Say) -> bool:
    """Whether alerts and pictures cost at most RATIO_MAX times as much, and the page stays below WEIGHT_MAX_KB."""
    found = measured_in("bench.opening", [str(times)], say)
    print(f"Opening an item, {times} times each, in turns:")
    for name in ("plain", "alerts"):
        of = found[name]
        line(
            f"{name}: median, of it processor time of the web process",
            f"{of['ms']:.1f}, {of['cpu_ms']:.1f} ms",
        )
        line("  statements, size of the answer", f"{of['queries']}, {of['kb']:.0f} kB")
    line("each picture to compare, once it is in view", f"{found['thumbnail_ms']:.1f} ms")
    ratio = found["alerts"]["ms"] / found["plain"]["ms"]
    target = f"<= {RATIO_MAX}"
    is_cheap = line("with alerts, as a multiple", f"{ratio:.2f}", reached=ratio <= RATIO_MAX, target=target)
    weight, most = found["weight_kb"], f"< {WEIGHT_MAX_KB} kB"
    is_light = line("page without pictures", f"{weight:.0f} kB", reached=weight < WEIGHT_MAX_KB, target=most)
    return is_cheap and is_light


def measure(times: int) -> dict[str, Any]:
    plain, alerts = _pages()
    spent: dict[str, list[tuple[float, float]]] = {"plain": [], "alerts": []}
    for _ in range(times + 3):  # the first ones fill caches
        for name, (window, address) in (("plain", plain), ("alerts", alerts)):
            spent[name].append(_timed(window, address))
    found: dict[str, Any] = {
        name: {"ms": median(wall for wall, _ in rows[3:]), "cpu_ms": median(cpu for _, cpu in rows[3:])}
        for name, rows in spent.items()
    }
    for name, (window, address) in (("plain", plain), ("alerts", alerts)):
        found[name] |= _size(window, address)
    window, address = alerts
    page = window.get(address).content.decode()
    shown = re.findall(r'data-seen="([^"]+)"', page)
    assert len(shown) == TWINS + OTHERS, shown
    assert 'class="alert ' in page
    assert "/thumbnail/" in shown[0]
    found["thumbnail_ms"] = median(_timed(window, path)[0] for path in shown * 5)
    found["weight_kb"] = (len(page.encode()) + _weight(LOADED.findall(page))) / 1000
    return found


def _timed(window: "Client", address: str) -> tuple[float, float]:
    """Milliseconds of one request: on the clock, and of this process."""
    started, spent = time.perf_counter(), time.process_time()
    answer = window.get(address)
    b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.status_code
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - spent)


def _size(window: "Client", address: str) -> dict[str, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = window.get(address)
    return {"queries": len(queries), "kb": len(answer.content) / 1000}


def _weight(names: list[str]) -> int:
    """Bytes of these static files and of every module that they import."""
    from django.contrib.staticfiles import finders

    waiting, sizes = list(names), dict[str, int]()
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        text = Path(str(finders.find(name))).read_text()
        sizes[name] = len(text.encode())
        folder = Path("/") / Path(name).parent
        waiting += [os.path.normpath(folder / found)[1:] for found in IMPORTED.findall(text)]
    return sum(sizes.values())


def _pages() -> "tuple[tuple[Client, str], tuple[Client, str]]":
    """(browser, address) of an item without anything to say, and of one with alerts and pictures to compare."""
    from django.test import Client
    from django.urls import reverse

    from kyc_review.accounts import services as accounts

    accounts.roles_ensure()
    system = accounts.integration_create(slug="bench", name="Bench")
    rows = [
        _scored(system, image, f"r-{number}") for number, image in enumerate(jpegs(count=2 + TWINS + OTHERS))
    ]
    items = [_item(rows[0]), _item(rows[1])]
    _connect(rows[1], rows[2 : 2 + TWINS], rows[2 + TWINS :])
    found = []
    for name, item in zip(("alice", "bob"), items, strict=True):
        person = accounts.staff_create(username=name, password=os.urandom(16).hex(), role="reviewer")
        _hold(item, person)
        window = Client(SERVER_NAME="127.0.0.1")
        window.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        found.append((window, reverse("review:item", args=[item.pk])))
    return found[0], found[1]


def _scored(system: Any, image: bytes, name: str) -> "Submission":
    from django.db.models.functions import Now

    from kyc_review.evidence.models import Evidence
    from kyc_review.scoring.models import Scoring, Vote
    from kyc_review.submissions.intake import submission_create
    from kyc_review.submissions.models import Submission

    row = submission_create(integration=system, image=image, external_ref=name, applicant_ref=f"of-{name}")
    Submission.objects.filter(pk=row.pk).update(state="in_review")
    scoring = Scoring.objects.create(
        submission=row,
        bundle_version="b",
        bundle_digest="d" * 64,
        verdict="split_vote",
        risk=0.5,
        elapsed_ms=10,
    )
    Vote.objects.bulk_create(
        Vote(scoring=scoring, position=at, member=f"m{at}", probability=0.6, threshold=0.5, is_fake=True)
        for at in range(5)
    )
    Evidence.objects.create(submission=row, state="ready", computed_at=Now(), likenesses_found_at=Now())
    return row


def _item(row: "Submission") -> "ReviewItem":
    from kyc_review.review.models import ReviewItem

    return ReviewItem.objects.create(submission=row, reason="split_vote", risk=0.5)


def _hold(item: "ReviewItem", person: "User") -> None:
    from datetime import timedelta

    from django.utils import timezone

    from kyc_review.review.models import ReviewItem

    now = timezone.now()
    ReviewItem.objects.filter(pk=item.pk).update(
        state="claimed", claimed_by=person, claimed_at=now, claim_expires_at=now + timedelta(hours=1)
    )


def _connect(row: "Submission", twins: "list[Submission]", others: "list[Submission]") -> None:
    """Twins under other applicants, cleared and rejected, and rejected attempts of the same applicant."""
    from django.db.models.functions import Now

    from kyc_review.evidence.models import Likeness
    from kyc_review.submissions.models import Submission

    for number, other in enumerate([*twins, *others]):
        result = "clear" if number == 0 else "rejected"
        Submission.objects.filter(pk=other.pk).update(state="completed", result=result, completed_at=Now())
    for twin in twins:
        Likeness.objects.create(submission=row, earlier=twin, bits_apart=1, same_file=twin is twins[0])
    keys = [other.pk for other in others]
    Submission.objects.filter(pk__in=keys).update(applicant_ref=row.applicant_ref)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    print(json.dumps(measure(int(sys.argv[1]))))
