"""The search finds parts of references and of metadata, and leads through all that it finds."""

import random
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.core.days import begin_of
from kyc_review.core.db.roles import owned_tables
from kyc_review.insights import search
from kyc_review.insights.search import submissions_found
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import FOUND_BY_PART, Submission
from kyc_review.submissions.searching import PART_MIN_CHARS, with_part

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]
Staff = Callable[..., User]
ARABIC = "\u0645\u062d\u0645\u062f"


@pytest.fixture
def submit(submit: Submit) -> Submit:
    """Posts one that has been scored already."""

    def make(**fields: object) -> Submission:
        row = submit(**fields)
        Submission.objects.filter(pk=row.pk).update(state="in_review")
        return row

    return make


@pytest.fixture
def audrey(staff: Staff) -> User:
    return staff("audrey", "auditor")


@pytest.fixture
def sam(staff: Staff) -> User:
    return staff("sam", "senior")


def found(viewer: User, text: str, **more: object) -> list[Submission]:
    return submissions_found(viewer=viewer, wanted={"q": text, **more}).rows


@pytest.mark.parametrize(
    "text",
    [
        "7-900",
        "CUST-9",
        "z\u00dcrich",
        "Z\u00fc",
        "rich 3",
        "4711",
        'the "old" one',
        "back\\slash",
        ARABIC,
        "100%_sure",
    ],
)
def test_a_part_of_a_reference_or_of_a_metadata_value_is_found_at_any_depth(
    submit: Submit, audrey: User, text: str
) -> None:
    metadata = {
        "branch": "Z\u00fcrich 3",
        "agent": {"number": 4711, "notes": ['see the "old" one', "back\\slash", ARABIC]},
        "rate": "100%_sure",
    }
    one = submit(external_ref="app-17-9001", applicant_ref="cust-90001", metadata=metadata)
    submit(
        external_ref="app-18", applicant_ref="cust-80001", metadata={"branch": "Bern 12", "rate": "100 sure"}
    )
    assert found(audrey, text) == ([one] if len(text) >= PART_MIN_CHARS else [])


def test_names_of_fields_and_the_end_of_one_text_with_the_beginning_of_the_next_are_not_found(
    submit: Submit, audrey: User
) -> None:
    submit(external_ref="app-1", applicant_ref="cust-1", metadata={"branch": "Bern", "way": "web"})
    for text in ("branch", "1cust", "app-1cust", "ernweb"):
        assert found(audrey, text) == []


def test_what_waits_for_its_votes_is_found_by_whole_references_only(submit: Submit, audrey: User) -> None:
    one = submit(applicant_ref="cust-1")
    Submission.objects.filter(pk=one.pk).update(state="received")
    assert found(audrey, "cust-1") == [one]
    assert found(audrey, "ust-1") == []


def test_text_in_double_quotes_is_a_whole_reference(submit: Submit, audrey: User) -> None:
    one, longer = submit(applicant_ref="cust-1"), submit(applicant_ref="cust-10")
    assert found(audrey, "cust-1") == [longer, one]
    assert found(audrey, '"cust-1"') == [one]
    assert found(audrey, '"cust"') == []


def test_the_index_answers_for_the_expression_of_the_query() -> None:
    with connection.cursor() as cursor:  # of an empty table every index costs the same
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("DROP INDEX submission_newest, submission_listed, submission_unfinished")
    plan = with_part(
        Submission.objects.filter(is_test=False), "cust-9", Q(pk=uuid4()), states=FOUND_BY_PART
    ).explain()
    assert "submission_by_part" in plan


def test_the_statistics_are_of_the_text_that_is_indexed() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('submission_by_part'::regclass, 1, false)")
        indexed = cursor.fetchone()[0]
        cursor.execute(
            """SELECT pg_get_statisticsobjdef_expressions(oid) FROM pg_statistic_ext
            WHERE stxname = 'submission_searchable'"""
        )
        assert cursor.fetchone()[0] == [indexed]


def test_the_applications_role_may_use_the_index_without_owning_anything(
    request: pytest.FixtureRequest, submit: Submit, audrey: User
) -> None:
    request.getfixturevalue("as_application")
    assert owned_tables() == 0
    one = submit(applicant_ref="cust-1")
    assert found(audrey, "ust-1") == [one]


def test_pages_lead_through_all_that_is_found_with_the_filters_and_new_rows_shift_nothing(
    submit: Submit, audrey: User, login: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_review.insights.views.ROWS", 2)
    rows = [submit(external_ref=f"app-{number}", applicant_ref="cust-1") for number in range(5)]
    Submission.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(
        received_at=Now()
    )  # at the same moment
    window, address, listed = login(audrey), "/insights/search/?q=app-&state=in_review", []
    for expected in (2, 2, 1):
        page = window.get(address).text
        names = re.findall(r"<bdi>(app-\d)</bdi>", page)
        assert len(names) == expected
        listed += names
        submit(external_ref=f"app-{len(listed)}-later")
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = "/insights/search/" + following.group(1).replace("&amp;", "&") if following else ""
    assert address == ""
    assert sorted(listed) == [f"app-{number}" for number in range(5)]
    assert "Newest" in page


@pytest.mark.parametrize("after", ["x", "~", "0" * 32, "00000000-0000-4000-8000-00000000000g"])
def test_a_damaged_address_of_a_page_is_an_error_in_words(
    audrey: User, login: Callable[[User], Client], after: str
) -> None:
    assert "damaged" in login(audrey).get("/insights/search/", {"after": after}).text


def test_blinded_submissions_come_first_in_an_order_that_tells_nothing_and_are_found_by_references_only(
    enqueue: Callable[..., ReviewItem], submit: Submit, audrey: User, sam: User
) -> None:
    seen = [submit(applicant_ref="cust-1", metadata={"since": "2019"}) for _ in range(3)]
    blind = [enqueue(applicant_ref="cust-1", metadata={"since": "2019"}).submission for _ in range(4)]
    ReviewItem.objects.update(is_blind=True)
    for age, row in enumerate(blind):
        Submission.objects.filter(pk=row.pk).update(received_at=Now() - timedelta(days=40 * age))
    expected = sorted(row.pk for row in blind) + [row.pk for row in reversed(seen)]
    pages: list[UUID] = []
    after = ""
    while not pages or after:
        page = submissions_found(viewer=sam, wanted={"q": "cust", "after": after}, limit=2)
        pages += [row.pk for row in page.rows]
        after = page.after
    assert pages == expected
    assert [row.pk for row in found(sam, "2019")] == [row.pk for row in reversed(seen)]
    assert len(found(audrey, "2019")) == 7
    assert not submissions_found(viewer=sam, wanted={"q": "cust", "check": "blurred"}).rows


def test_reviewers_find_nothing(submit: Submit, staff: Staff) -> None:
    submit(applicant_ref="cust-1")
    assert found(staff("alice", "reviewer"), "cust-1") == []


@pytest.mark.parametrize("window", [1, 3, 100])
def test_all_is_found_wherever_it_lies(
    submit: Submit, sam: User, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """By a text and by a check, in the newest rows and behind them, page by page and within days."""
    monkeypatch.setattr(search, "WINDOW", window)
    rows = []
    for place in range(9):
        row = submit(external_ref=f"{'branch' if place % 4 in (0, 3) else 'kiosk'}-{place}")
        Submission.objects.filter(pk=row.pk).update(received_at=Now() - timedelta(days=place))
        if place in (1, 2, 7):
            CheckResult.objects.create(
                submission=row, name="pose", status="fail", code="turned_away", action="review"
            )
        rows.append(row)
    days = {
        "since": timezone.localdate() - timedelta(days=7),
        "until": timezone.localdate() - timedelta(days=2),
    }
    for wanted, places in (
        ({"q": "branch"}, [0, 3, 4, 7, 8]),
        ({"check": "turned_away"}, [1, 2, 7]),
        ({"q": "kiosk", "check": "turned_away"}, [1, 2]),
        ({"q": "branch"} | days, [3, 4, 7]),
        ({"check": "turned_away"} | days, [2, 7]),
        ({"q": "nowhere"}, []),
    ):
        for limit in (1, 2, 50):
            read, after = [], ""
            while True:
                page = submissions_found(viewer=sam, wanted=wanted | {"after": after}, limit=limit)
                read += page.rows
                after = page.after
                if not after:
                    break
            assert read == [rows[place] for place in places]


@pytest.mark.parametrize("wanted", [{}, {"state": "in_review"}, {"since": True}])
def test_a_search_by_a_check_finds_the_newest_whatever_was_read_and_however_late_it_was_checked(
    submit: Submit, audrey: User, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    draw, now = random.Random(1), timezone.now()
    wanted = wanted | ({"since": (now - timedelta(days=2)).date()} if wanted.get("since") else {})
    for _ in range(24):
        age = timedelta(days=4 * draw.random())
        row = submit(metadata={})
        Submission.objects.filter(pk=row.pk).update(received_at=now - age)
        if draw.random() < 0.2:
            Submission.objects.filter(pk=row.pk).update(state="cancelled", cancelled_at=now)
        code = draw.choice(["blurred", "blurred", "turned_away"])
        check = CheckResult.objects.create(
            submission=row, name="sharpness", status="fail", code=code, action="resubmit"
        )
        late = draw.choice([timedelta(seconds=2), draw.random() * age])
        CheckResult.objects.filter(pk=check.pk).update(checked_at=now - age + late)
    rows = Submission.objects.filter(checks__code="blurred").order_by("-received_at")
    rows = rows.filter(state=wanted["state"]) if "state" in wanted else rows
    rows = rows.filter(received_at__gte=begin_of(wanted["since"])) if "since" in wanted else rows
    expected = [row.pk for row in rows]
    assert len(expected) > 4
    read: list[bool] = []
    original = search._newest_checked

    def newest(*args: Any) -> list[Submission] | None:
        found = original(*args)
        read.append(found is not None)
        return found

    monkeypatch.setattr(search, "_newest_checked", newest)
    for sizes in ((1, 2), (3, 6), (8, 100), (100, 200)):
        monkeypatch.setattr(search, "CHECKS_READ", sizes)
        for limit in (1, 3, 30):
            asked = {"check": "blurred"} | wanted
            found = submissions_found(viewer=audrey, wanted=asked, limit=limit).rows
            assert [row.pk for row in found] == expected[:limit], (sizes, limit)
    assert set(read) == {True, False}
