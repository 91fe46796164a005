"""What people who decide receive is the same to the last character, whether a picture was planted or a customer's."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from detection.voting import Vote as MemberVote
from kyc_review.accounts.models import Integration, User
from kyc_review.insights import dashboard_queries
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import AuditDraw, ReviewItem
from kyc_review.review.quality import qualities
from kyc_review.review.refusals import refusals_sampled
from kyc_review.submissions.models import Submission
from tests.factories.checks import checks
from tests.factories.claims import item_claim_next
from tests.factories.planted import planted

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# Numbers of rows, which sequences count on, and times to the second; csrf tokens.
CHANGING = re.compile(
    r"""(items?[/ #]|value=")\d+(/">\d+)?|\d+(\.\d)? (s|min)\b|\d{10}|\d\d:\d\d(:\d\d)?|csrf[^>]*>""",
    re.IGNORECASE,
)


@pytest.fixture
def senior(staff: Callable[..., User]) -> User:
    return staff("sam", "senior")


@pytest.fixture
def window(senior: User, login: Callable[[User], Client]) -> Client:
    return login(senior)


def score(probability: float) -> None:
    votes = tuple(MemberVote(f"member-{i}", probability, 0.5) for i in range(5))
    rows = lease_batch(holder="one", limit=10)
    scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks()) for row in rows}
    verdicts_record(holder="one", bundle_version="b-1", bundle_digest="c" * 64, scored=scored)


def judge(row: Submission, *people: User) -> None:
    """Each of them gets the item of it and finds it fake; others wait meanwhile."""
    for person in people:
        item = item_claim_next(reviewer=person)
        assert item is not None
        assert item.submission_id == row.pk
        if item.is_blind:
            first_call_record(item_id=item.pk, reviewer=person, label="fake")
        decision_record(item_id=item.pk, reviewer=person, label="fake")


def seen(window: Client, row: Submission, extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Every page of a senior on which the picture can count, without what changes from one run to the next."""
    decided = timezone.now().replace(minute=0, second=0, microsecond=0)
    addresses = (
        "/review/",
        "/review/quality/",
        "/review/recent/",
        "/planted/",
        "/insights/",
        "/insights/loop/",
        "/insights/search/",
        "/insights/search/?reviewer=alice",
        f"/insights/search/?decided={decided:%Y-%m-%dT%H:%M:%S}&hours=24",
        f"/insights/search/?scored={decided:%Y-%m-%dT%H:%M:%S}&hours=24",
        "/insights/search/?member=member-1",
        f"/insights/submissions/{row.pk}/",
        f"/review/cases/{row.pk}/",
        *extra,
    )
    found = {}
    for address in addresses:
        answer = window.get(address)
        assert answer.status_code == 200, address
        text = answer.text.replace(row.sha256, "SHA").replace(row.sha256[:12], "SHA")
        found[UUID.sub("ID", address)] = CHANGING.sub("", UUID.sub("ID", text))
    return found


@pytest.mark.parametrize("probability", [0.9, 0.1], ids=["flagged", "cleared"])
def test_a_seniors_pages_are_the_same_for_a_planted_picture_and_for_a_customers(
    submit: Submit,
    window: Client,
    senior: User,
    alice: User,
    integration: Integration,
    settings: LazySettings,
    probability: float,
) -> None:
    """The same day twice: another picture is judged, then this one."""
    settings.BLIND_SHARE = settings.AUDIT_SHARE = 1.0
    told = []
    for make in (lambda **fields: submit(**fields), lambda **fields: planted(submit, **fields)):
        with transaction.atomic():
            other = submit(external_ref="other", applicant_ref="A-1")
            score(0.9)
            judge(other, alice)
            row = make(external_ref="this", applicant_ref="A-2")
            score(probability)
            judge(row, alice)
            told.append(seen(window, row))
            transaction.set_rollback(True)
    customers, made = told
    for address, text in customers.items():
        assert made[address] == text, address


def test_a_second_look_counts_at_once_as_of_a_customers_picture(
    submit: Submit, senior: User, alice: User, bob: User, settings: LazySettings
) -> None:
    """The agreement of a planted forgery is no figure from tomorrow on, when its answer is told."""
    settings.SECOND_REVIEW_SHARE = 1.0
    row = planted(submit)
    score(0.9)
    judge(row, alice, bob)
    now = timezone.now()
    assert [own.agreement.total for own in qualities(viewer=senior, now=now)] == [1, 1]
    assert [own.agreement.total for own in qualities(viewer=senior, now=now + timedelta(days=1))] == [0, 0]


def test_calibration_counts_in_the_work_that_people_who_decide_see(
    enqueue: Callable[..., ReviewItem], senior: User, staff: Callable[..., User], alice: User
) -> None:
    judge(enqueue("gold").submission, alice)
    since = timezone.now() - timedelta(hours=1)
    counts = [
        dashboard_queries.totals(viewer=viewer, since=since)["number"]
        for viewer in (senior, staff("ada", "admin"))
    ]
    assert counts == [1, 0]


def test_what_was_sent_back_is_told_to_people_who_decide_on_the_next_day(
    clear: Callable[..., Submission], senior: User, staff: Callable[..., User]
) -> None:
    AuditDraw.objects.create(
        submission=clear(), outcome="resubmit", probability=1.0, uniform_share=1.0, is_uniform=True
    )
    tables = [refusals_sampled(viewer=viewer) for viewer in (senior, staff("ada", "admin"))]
    assert [table.everything.waiting for table in tables if table] == [0, 1]
