"""Choosing which decisions a snapshot holds."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshot_filters import SnapshotFilter, count_matching, describe_filter
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.review.corrections import decision_correct
from kyc_review.review.models import Decision, ReviewItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(staff: Callable[..., User]) -> User:
    return staff("carol", "reviewer")


def manifest_of(snapshot: Snapshot) -> dict:
    return json.loads(snapshot.manifest.read_text())


@pytest.fixture
def held(staff: Callable[..., User], alice: User) -> Callable[[SnapshotFilter], set[str]]:
    """held(choices) are the submissions in a snapshot that is made with them."""
    ada = staff("ada", "admin")

    def freeze(choices: SnapshotFilter) -> set[str]:
        snapshot = snapshot_create(name=f"s{Snapshot.objects.count()}", choices=choices)
        found = {item["submission"] for item in manifest_of(snapshot)["items"]}
        describe_filter = count_matching(viewer=ada, choices=choices)
        assert sum(describe_filter.values()) == len(found), "the preview counts what would be frozen"
        assert not any(count_matching(viewer=alice, choices=choices).values())
        return found

    return freeze


def also(decision: Decision, reviewer: User, label: str, reason: str = "second_opinion") -> Decision:
    """One more person's final word on the same submission."""
    item = ReviewItem.objects.create(
        submission=decision.submission, reason=reason, risk=0.5, state="decided", decided_at=timezone.now()
    )
    return Decision.objects.create(
        item=item, submission=decision.submission, reviewer=reviewer, label=label, handling_ms=1
    )


def ids(*decisions: Decision) -> set[str]:
    return {str(decision.submission_id) for decision in decisions}


def test_consensus_is_two_people_who_agree_or_a_third_who_settled_it(
    decide: Callable[..., Decision],
    held: Callable[[SnapshotFilter], set[str]],
    alice: User,
    bob: User,
    carol: User,
) -> None:
    agreed, settled, split, alone, same, gold = (decide("fake") for _ in range(6))
    also(agreed, bob, "fake")
    also(settled, bob, "real")
    also(settled, carol, "real", reason="adjudication")
    also(split, bob, "real")
    also(same, alice, "fake")
    also(gold, bob, "fake", reason="gold")
    assert held(SnapshotFilter(consensus=True)) == ids(agreed, settled)
    assert held(SnapshotFilter()) == ids(agreed, settled, split, alone, same, gold)


def test_a_corrected_word_agrees_with_nobody(
    decide: Callable[..., Decision], held: Callable[[SnapshotFilter], set[str]], alice: User, bob: User
) -> None:
    first, kept = decide("fake"), decide("real")
    second = also(first, bob, "real")
    decision_correct(item_id=second.item_id, corrector=bob, label="fake")
    also(kept, bob, "real")
    assert held(SnapshotFilter(consensus=True)) == ids(first, kept), "bob's last word agrees with alice's"
    decision_correct(item_id=first.item_id, corrector=alice, label="real")
    assert held(SnapshotFilter(consensus=True)) == ids(kept), "alice's does not agree with bob's any more"


def test_sources_reasons_and_days_narrow_it_down(
    decide: Callable[..., Decision], held: Callable[[SnapshotFilter], set[str]], alice: User
) -> None:
    other = accounts.integration_create(slug="branch", name="Branch")
    here, there = decide("fake"), decide("real", integration=other)
    audited = decide("real")
    looked = also(audited, alice, "fake", reason="audit")
    today = timezone.localdate()
    assert held(SnapshotFilter(sources=("branch",))) == ids(there)
    assert held(SnapshotFilter(sources=("branch", "mobile-app"))) == ids(here, there, audited)
    assert held(SnapshotFilter(reasons=("audit",))) == ids(looked)
    assert held(SnapshotFilter(reasons=("split_vote",))) == ids(here, there), (
        "of two decisions the later counts"
    )
    assert held(SnapshotFilter(since=today, until=today)) == ids(here, there, audited)
    for nothing in (
        SnapshotFilter(since=today + timedelta(days=1)),
        SnapshotFilter(until=today - timedelta(days=1)),
        SnapshotFilter(sources=("nowhere",)),
        SnapshotFilter(consensus=True),
    ):
        with pytest.raises(SnapshotFailed, match="match these filters"):
            snapshot_create(choices=nothing)


def test_choices_are_in_row_manifest_and_log_and_the_digest_covers_items_alone(
    decide: Callable[..., Decision],
) -> None:
    decide("fake")
    plain = snapshot_create(name="plain")
    chosen = snapshot_create(
        name="chosen", choices=SnapshotFilter(sources=("mobile-app",), since=date(2026, 1, 2))
    )
    chosen_options = {"sources": ["mobile-app"], "since": "2026-01-02"}
    assert (plain.choices, manifest_of(plain)["choices"]) == ({}, {})
    assert (chosen.choices, manifest_of(chosen)["choices"]) == (chosen_options, chosen_options)
    assert (
        Event.objects.get(action="snapshot.requested", target_id=str(chosen.pk)).detail["choices"]
        == chosen_options
    )
    assert plain.digest == chosen.digest
    assert describe_filter(chosen.choices) == ["From mobile-app", "Decided from 2026-01-02"]


def test_an_admin_counts_and_creates_on_the_page(
    decide: Callable[..., Decision], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    decide("fake"), decide("real")
    window: Client = login(staff("ada", "admin"))
    query = {"name": "narrow", "sources": "mobile-app", "reasons": "split_vote", "since": "2026-01-02"}
    counted_page = window.get("/retraining/new-snapshot/", query).content.decode()
    assert "1 real and 1 fake" in counted_page
    made = window.post("/retraining/snapshots/", query | {"chosen": "yes"})
    assert made.status_code == 302
    assert Snapshot.objects.get().choices == {
        "sources": ["mobile-app"],
        "reasons": ["split_vote"],
        "since": "2026-01-02",
    }
    page = window.get("/retraining/snapshots/narrow/").content.decode()
    assert "Because of: Votes disagree" in page
    for wrong in ({"reasons": "gold"}, {"until": "2025-01-01"}, {"sources": "nowhere"}, {"consensus": "on"}):
        assert (
            window.post("/retraining/snapshots/", query | {"chosen": "y", "name": "x"} | wrong).status_code
            == 422
        )


@pytest.mark.parametrize("role", ["auditor", "senior", "reviewer"])
def test_nobody_but_an_admin_chooses(
    staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    window: Client = login(staff("person", role))
    assert window.get("/retraining/new-snapshot/").status_code == 403
    assert window.post("/retraining/snapshots/", {"chosen": "yes"}).status_code == 403


def test_the_command_takes_the_same_choices(decide: Callable[..., Decision], alice: User, bob: User) -> None:
    also(decide("fake"), bob, "fake")
    decide("real")
    out, today = StringIO(), f"{timezone.localdate()}"
    chosen_options = ["--consensus", "--source", "mobile-app", "--since", today, "--until", today]
    call_command("snapshot", "create", *chosen_options, "--reason", "second_opinion", stdout=out)
    assert "0 real, 1 fake" in out.getvalue()
