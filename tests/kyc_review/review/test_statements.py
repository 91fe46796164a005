"""The hot statements say the same as the querysets that pages use, and their values never become part of the SQL."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from kyc_review.accounts.authentication import KEY_PATTERN, key_of_prefix
from kyc_review.accounts.models import ApiKey, User
from kyc_review.evidence.models import Likeness
from kyc_review.review import statements
from kyc_review.review.claims import items_for
from kyc_review.review.models import (
    Decision,
    DecisionUndo,
    FirstCall,
    Gold,
    OutcomeExposure,
    ReviewItem,
    Skip,
)
from kyc_review.review.models.reasons import QUEUE_ORDER

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mixed_queue(enqueue: Callable[..., ReviewItem], alice: User, bob: User) -> None:
    """Sixty open items, each with some of what keeps an item from a person."""
    draw = random.Random(7)
    for number in range(60):
        item = enqueue(draw.choice(["split_vote", "unanimous_fake"]), risk=number / 60)
        person = draw.choice([alice, bob])
        changes: dict[str, object] = {}
        if draw.random() < 0.3:
            changes |= {"reserved_for": person, "reserved_until": Now() + draw.choice([-1, 1]) * MINUTE}
        if draw.random() < 0.3:
            changes["snoozed_until"] = Now() + draw.choice([-1, 1]) * MINUTE
        if draw.random() < 0.2:
            changes |= {"is_escalated": True, "escalated_by": person}
        ReviewItem.objects.filter(pk=item.pk).update(**changes)
        fact = draw.random()
        if fact < 0.1:
            Skip.objects.create(item=item, reviewer=person)
        elif fact < 0.2:
            OutcomeExposure.objects.create(submission=item.submission, person=person)
        elif fact < 0.3:
            Gold.objects.create(submission=item.submission, label="fake", added_by=person)
        elif fact < 0.5:
            said = Decision.objects.create(
                item=item, submission=item.submission, reviewer=person, label="real", handling_ms=1
            )
            if fact < 0.4:
                DecisionUndo.objects.create(decision=said)
    pictures_known(draw)


def pictures_known(draw: random.Random) -> None:
    """Makes half of the items blind, some of them twins of others, some with outcomes that were seen in passing."""
    OutcomeExposure.objects.filter(pk__in=OutcomeExposure.objects.order_by("pk")[:2]).update(in_passing=True)
    items = list(ReviewItem.objects.select_related("submission").order_by("pk"))
    for item in items:
        item.is_blind, item.outcome_may_be_known = draw.random() < 0.5, draw.random() < 0.1
    ReviewItem.objects.bulk_update(items, ["is_blind", "outcome_may_be_known"])
    for _ in range(40):
        earlier, later = sorted(draw.sample(items, 2), key=lambda item: item.pk)
        Likeness.objects.get_or_create(
            submission=later.submission,
            earlier=earlier.submission,
            defaults={"bits_apart": 0, "same_file": True},
        )


@pytest.mark.usefixtures("mixed_queue")
@pytest.mark.parametrize("is_senior", [False, True])
@pytest.mark.parametrize("include_skipped", [False, True])
@pytest.mark.parametrize("only_reserved", [False, True])
def test_items_are_handed_out_as_the_page_lists_them(
    alice: User, is_senior: bool, include_skipped: bool, only_reserved: bool
) -> None:
    expected = items_for(alice.pk, is_senior=is_senior, include_skipped=include_skipped)
    if only_reserved:
        expected = expected.filter(reserved_for=alice)
    listed = list(expected.order_by(*QUEUE_ORDER).values_list("pk", flat=True))
    assert listed, "nothing to compare"
    handed_out = []
    while item := statements.lock_most_urgent(
        person=alice.pk, is_senior=is_senior, include_skipped=include_skipped, only_reserved=only_reserved
    ):
        handed_out.append(item)
        statements.claim_item(item=item, person=alice.pk, lease=MINUTE)
        decided = {"state": "decided", "decided_at": Now(), "claimed_by": None, "claimed_at": None}
        ReviewItem.objects.filter(pk=item).update(**decided, claim_expires_at=None)
    assert handed_out == listed


def test_only_the_holder_of_a_live_claim_locks_and_settles_an_item(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    assert statements.lock_held_item(item=claimed.pk, person=bob.pk) is None
    assert not statements.begin_settling(item=claimed.pk, person=bob.pk, window=MINUTE)
    found = statements.lock_held_item(item=claimed.pk, person=alice.pk)
    assert found is not None
    now, item = found
    fresh = ReviewItem.objects.get(pk=claimed.pk)
    columns = [field.attname for field in ReviewItem._meta.concrete_fields]
    assert [getattr(item, name) for name in columns] == [getattr(fresh, name) for name in columns]
    assert item.claimed_at is not None
    assert timedelta() <= now - item.claimed_at < MINUTE
    assert statements.begin_settling(item=claimed.pk, person=alice.pk, window=MINUTE)
    assert statements.lock_held_item(item=claimed.pk, person=alice.pk) is None
    ReviewItem.objects.filter(pk=claimed.pk).update(
        state="claimed", settles_at=None, claimed_by=alice, claimed_at=Now() - MINUTE, claim_expires_at=Now()
    )
    assert statements.lock_held_item(item=claimed.pk, person=alice.pk) is None, "its time is over"
    assert statements.lock_expired_claims() == [(claimed.pk, alice.pk, claimed.submission_id)]


def test_a_blind_item_is_blinded_until_the_first_call_and_again_for_others(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    def is_blinded(person: User) -> bool:
        return statements.claim_remaining_and_blindness(item=claimed.pk, person=person.pk)[1]

    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    assert is_blinded(alice)
    FirstCall.objects.create(item=claimed, reviewer=alice, label="real")
    assert not is_blinded(alice)
    assert is_blinded(bob)
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=False)
    assert not is_blinded(bob)
    assert statements.claim_remaining_and_blindness(item=0, person=bob.pk) == (None, True)


def test_a_key_is_the_row_that_a_queryset_reads(api_key: str) -> None:
    match = KEY_PATTERN.fullmatch(api_key)
    assert match is not None
    prefix = match["prefix"]
    expected = ApiKey.objects.select_related("integration").get(prefix=prefix)
    found = key_of_prefix(prefix=prefix)
    assert found is not None
    columns = [field.attname for field in ApiKey._meta.concrete_fields]
    assert [getattr(found, name) for name in columns] == [getattr(expected, name) for name in columns]
    assert found.integration.name == expected.integration.name
    assert key_of_prefix(prefix="' OR true --") is None


@pytest.mark.django_db(transaction=True)
def test_the_server_prepares_each_statement_once(alice: User) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(4):
            statements.tied_items(person=alice.pk)
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%reserved_for_id = $%'"
        )
        assert cursor.fetchone() == (1,)
