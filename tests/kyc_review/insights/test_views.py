import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import kyc_review
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.insights import dashboard_queries
from kyc_review.insights.action_words import ACTIONS, KINDS
from kyc_review.insights.audit_views import events_found
from kyc_review.insights.search import history, submissions_found, submissions_visible
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import OutcomeExposure, ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next
from tests.factories.pictures import jpeg_bytes
from tests.factories.planted import planted

pytestmark = pytest.mark.django_db

PAGES = {
    "/insights/": {"senior", "admin", "auditor"},
    "/insights/search/": {"senior", "admin", "auditor"},
    "/insights/audit/": {"admin", "auditor"},
}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", ["reviewer", "senior", "admin", "auditor"])
def test_each_page_opens_for_its_roles_alone(
    staff: Callable[..., User], login: Callable[..., Client], path: str, role: str
) -> None:
    assert login(staff("person", role)).get(path).status_code == (200 if role in PAGES[path] else 403)


@pytest.mark.parametrize(
    "query",
    [
        "search/?until=9999-12-31",
        "search/?since=0001-01-01",
        "search/?decided=9999-12-31T23:59:00&hours=8784",
        "search/?scored=9999-12-31T23:59:00&hours=8784",
        "audit/?until=9999-12-31",
    ],
)
def test_the_last_day_of_time_can_be_asked_for(
    staff: Callable[..., User], login: Callable[..., Client], query: str
) -> None:
    assert login(staff("ada", "admin")).get(f"/insights/{query}").status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_the_login(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/login/")


def test_selectors_leak_nothing_to_a_reviewer(enqueue: Callable[..., ReviewItem], alice: User) -> None:
    submission, since = enqueue().submission, timezone.now() - timedelta(days=1)
    assert not dashboard_queries.queue_by_reason(viewer=alice)
    assert not dashboard_queries.totals(viewer=alice, since=since)
    assert not dashboard_queries.decisions_by_hour(viewer=alice, since=since)
    assert not dashboard_queries.work_by_reviewer(viewer=alice, since=since)
    assert not dashboard_queries.reviewers_online(viewer=alice)
    assert not dashboard_queries.outcomes_by_day(viewer=alice, since=since)
    assert not dashboard_queries.member_disagreement(viewer=alice, since=since)
    assert not submissions_visible(viewer=alice)
    assert not history(viewer=alice, submission=submission).events
    assert not events_found(viewer=alice, wanted={})


def test_the_numbers_count_what_waits_and_what_people_did(
    enqueue: Callable[..., ReviewItem], alice: User, staff: Callable[..., User]
) -> None:
    ada = staff("ada", "admin")
    late = enqueue("split_vote", 0.2)
    enqueue("split_vote", 0.9)
    enqueue("unanimous_fake", 0.1)
    ReviewItem.objects.filter(pk=late.pk).update(opened_at=Now() - timedelta(hours=5))
    held = item_claim_next(reviewer=alice)
    assert held is not None
    decision_record(item_id=held.pk, reviewer=alice, label="fake", note="")
    waiting = {row.reason: row for row in dashboard_queries.queue_by_reason(viewer=ada)}
    assert (waiting["split_vote"].total, waiting["split_vote"].late) == (2, 1)
    since = timezone.now() - timedelta(days=1)
    assert dashboard_queries.totals(viewer=ada, since=since)["number"] == 1
    assert dashboard_queries.reviewers_online(viewer=ada) == [{"name": "alice", "item": None}]
    assert dashboard_queries.outcomes_by_day(viewer=ada, since=since)[0]["queued"] == 3


def test_the_sandbox_never_counts(enqueue: Callable[..., ReviewItem], staff: Callable[..., User]) -> None:
    ada = staff("ada", "admin")
    item = enqueue()
    Submission.objects.filter(pk=item.submission_id).update(is_test=True)
    assert not dashboard_queries.queue_by_reason(viewer=ada)
    assert not dashboard_queries.outcomes_by_day(viewer=ada, since=timezone.now() - timedelta(days=1))
    assert not submissions_visible(viewer=ada)


@pytest.mark.parametrize("path", ["/insights/?days=30", "/insights/search/?waiting=any"])
def test_query_count_does_not_grow_with_the_queue(
    enqueue: Callable[..., ReviewItem],
    staff: Callable[..., User],
    login: Callable[..., Client],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    path: str,
) -> None:
    for _ in range(6):
        enqueue()
    window = login(staff("ada", "admin"))
    window.get(path)  # the first page of a session writes its row
    with django_assert_max_num_queries(24):  # four count what waits for an admin, for the navigation
        assert window.get(path).status_code == 200


def test_search_finds_by_reference_id_hash_item_and_state(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User]
) -> None:
    ada, item = staff("ada", "admin"), enqueue(applicant_ref="customer-7")
    enqueue()
    one = item.submission
    starts = (one.pk.hex[:8], str(one.pk)[:20].upper())
    for text in (one.external_ref, "customer-7", str(one.pk), *starts, one.sha256.upper(), str(item.pk)):
        assert submissions_found(viewer=ada, wanted={"q": text}).rows == [one]
    assert len(submissions_found(viewer=ada, wanted={"state": "in_review", "waiting": "any"}).rows) == 2
    assert not submissions_found(viewer=ada, wanted={"waiting": "late"}).rows


def test_a_history_names_every_step_and_votes_by_bundle(
    claimed: ReviewItem, alice: User, staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="real", note="Hair is fine.")
    page = (
        login(staff("audrey", "auditor"))
        .get(f"/insights/submissions/{claimed.submission_id}/")
        .content.decode()
    )
    for text in (
        "Submission received",
        "Item claimed",
        "Item decided",
        "baseline-1",
        "atto-a",
        "Hair is fine.",
    ):
        assert text in page


def test_a_senior_reads_nothing_of_a_face_that_waits_for_a_blind_look(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    page = login(staff("sam", "senior")).get(f"/insights/submissions/{item.submission_id}/").content.decode()
    assert "atto-a" not in page
    assert "Submission received" not in page


def test_before_it_is_scored_a_planted_forgery_looks_to_a_senior_like_a_customers(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    senior, auditor = staff("sam", "senior"), staff("audrey", "auditor")
    window = login(senior)
    told = []
    for row in (planted(submit), submit()):
        [received] = history(viewer=auditor, submission=row).events
        told.append((received.actor_kind, received.actor_name))
        for state in ("received", "scoring"):
            Submission.objects.filter(pk=row.pk).update(
                state=state, lease_holder="one" if state == "scoring" else ""
            )
            row.refresh_from_db()
            assert history(viewer=senior, submission=row).events == []
            page = window.get(f"/insights/submissions/{row.pk}/").text
            assert "Submission received" not in page
            assert "not scored yet" in page
            assert "In review" not in page.split("<main")[1]
    assert told[0] == told[1]
    assert told[0][0] == "integration"
    assert not OutcomeExposure.objects.exists(), "nothing was read, so the senior may be asked"


def test_a_look_at_a_face_is_recorded_and_refused_to_admins(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    path = f"/insights/submissions/{enqueue().submission_id}/image/"
    assert login(staff("ada", "admin")).get(path).status_code == 403
    assert login(staff("audrey", "auditor")).get(path)["Content-Type"] == "image/jpeg"
    assert Event.objects.get(action="submission.looked_at").actor_name == "audrey"


def test_the_reference_image_is_shown_to_those_who_see_the_face_and_the_look_is_recorded(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    page = f"/insights/submissions/{enqueue(reference_image=jpeg_bytes(seed=9)).submission_id}/"
    ada, audrey = login(staff("ada", "admin")), login(staff("audrey", "auditor"))
    assert f"{page}reference/" not in ada.get(page).text
    assert ada.get(f"{page}reference/").status_code == 403
    assert f"{page}reference/" in audrey.get(page).text
    assert audrey.get(f"{page}reference/")["Content-Type"] == "image/jpeg"
    assert Event.objects.get(action="submission.reference_looked_at").actor_name == "audrey"
    other = f"/insights/submissions/{enqueue().submission_id}/"
    assert f"{other}reference/" not in audrey.get(other).text
    assert audrey.get(f"{other}reference/").status_code == 404


def test_the_log_is_narrowed_by_kind_and_by_event_and_shortens_hashes(
    staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    Event.objects.create(action="submission.scored", detail={"bundle": "643d2d0bec61" + 52 * "0", "note": ""})
    Event.objects.create(action="gold.added")
    reader = login(staff("audrey", "auditor"))
    kind = reader.get("/insights/audit/?action=submission.").text
    assert "bundle: 643d2d0bec61</td>" in kind
    assert "Gold added" not in kind
    assert '<option value="submission." selected>Submissions</option>' in kind
    event = reader.get("/insights/audit/?action=gold.added").text
    assert '<option value="gold.added" selected>Gold added</option>' in event
    assert "Submission scored" not in event


def test_every_event_that_the_product_records_is_of_a_kind_that_the_log_can_be_narrowed_to() -> None:
    sources = [file.read_text() for file in Path(kyc_review.__file__).parent.rglob("*.py")]
    recorded = set(re.findall(r'action=f?"([a-z_]+\.)[a-z_{]+', "".join(sources)))
    assert recorded <= set(KINDS)


def test_every_event_that_the_product_records_has_words() -> None:
    sources = [file.read_text() for file in Path(kyc_review.__file__).parent.rglob("*.py")]
    recorded = set(re.findall(r'action = "([a-z_]+\.[a-z_]+)"|action="([a-z_]+\.[a-z_]+)"', "".join(sources)))
    assert {one or other for one, other in recorded} <= set(ACTIONS)


def test_calibration_counts_in_no_total(
    enqueue: Callable[..., ReviewItem], alice: User, bob: User, staff: Callable[..., User]
) -> None:
    ada, since = staff("ada", "admin"), timezone.now() - timedelta(days=1)
    item = enqueue("split_vote", 0.9)
    held = item_claim_next(reviewer=alice)
    assert held is not None
    decision_record(item_id=held.pk, reviewer=alice, label="fake", note="")
    ReviewItem.objects.create(submission=item.submission, reason="gold", masked_reason="split_vote", risk=0.5)
    gold = item_claim_next(reviewer=bob)
    assert gold is not None
    decision_record(item_id=gold.pk, reviewer=bob, label="real", note="")
    assert dashboard_queries.totals(viewer=ada, since=since)["number"] == 1
    assert [row["name"] for row in dashboard_queries.work_by_reviewer(viewer=ada, since=since)] == ["alice"]
    assert sum(row["number"] for row in dashboard_queries.decisions_by_hour(viewer=ada, since=since)) == 1


def test_a_plots_point_finds_its_submissions(
    enqueue: Callable[..., ReviewItem], alice: User, staff: Callable[..., User]
) -> None:
    ada = staff("ada", "admin")
    fake, real = enqueue("split_vote", 0.9), enqueue("split_vote", 0.4)
    for item, label in ((fake, "fake"), (real, "real")):
        assert item_claim_next(reviewer=alice) == item
        decision_record(item_id=item.pk, reviewer=alice, label=label, note="")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)

    def found(**wanted: object) -> set[object]:
        return {row.pk for row in submissions_found(viewer=ada, wanted=wanted).rows}

    both = {fake.submission_id, real.submission_id}
    assert found(decided=hour) | found(decided=hour - timedelta(hours=1)) == both
    assert found(decided=hour - timedelta(hours=3)) == set()
    assert found(member="atto-b", erred="missed") == {fake.submission_id}
    assert found(member="atto-a", erred="alarm") == {real.submission_id}
    assert found(member="atto-a", erred="missed") == set()
    assert found(member="atto-a", erred="") == both
    counted = {
        row["member"]: row
        for row in dashboard_queries.member_disagreement(viewer=ada, since=hour - timedelta(1))
    }
    assert (counted["atto-b"]["missed"], counted["atto-a"]["alarms"]) == (1, 1)


def test_votes_of_a_face_that_somebody_still_judges_blind_are_not_found_by_a_plot(
    enqueue: Callable[..., ReviewItem], alice: User, staff: Callable[..., User]
) -> None:
    item = enqueue("split_vote", 0.9)
    item_claim_next(reviewer=alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake", note="")
    ReviewItem.objects.create(submission=item.submission, reason="gold", is_blind=True, risk=0.5)
    for role, number in (("senior", 0), ("auditor", 1)):
        wanted = {"member": "atto-b", "erred": "missed"}
        assert len(submissions_found(viewer=staff(role, role), wanted=wanted).rows) == number


def test_the_search_says_what_a_plot_asked_for(
    staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    page = login(staff("ada", "admin")).get("/insights/search/?member=atto-a&erred=missed").text
    assert "atto-a called real what people rejected" in page


def test_a_share_says_of_how_many_it_is(
    claimed: ReviewItem, alice: User, staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    page = " ".join(login(staff("ada", "admin")).get("/insights/?days=30").text.split())
    assert '0.0 % <span class="soft small">(0 of 1)</span>' in page
    assert '100.0 % <span class="soft small">(1 of 1)</span>' in page


def test_the_audit_page_names_people_and_leads_to_them(
    staff: Callable[..., User], login: Callable[..., Client]
) -> None:
    ada, bert = staff("ada", "admin"), staff("bert", "reviewer")
    login(ada).post(f"/people/{bert.pk}/role/", {"role": "senior"})
    page = login(ada).get("/insights/audit/?action=staff.role_changed").text
    assert [name for name in ("ada", "bert") if f">{name}</a>" not in page] == []
    assert f'<a href="/people/{bert.pk}/">bert</a>' in page
    assert f"person {bert.pk}" not in page
