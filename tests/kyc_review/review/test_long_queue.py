"""What a reviewer's work costs does not depend on how many items wait."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


def test_a_decision_and_the_next_page_cost_as_many_queries_at_a_thousand_items_as_at_ten(
    enqueue: Callable[..., ReviewItem], login: Callable[[User], Client], alice: User
) -> None:
    client, model = login(alice), enqueue()
    assert item_claim_next(reviewer=alice)

    def queries() -> list[int]:
        found = []
        for path, form in (("next/", {}), ("ahead/", {}), ("decision/", {"label": "real"})):
            held = item_claim_next(reviewer=alice)
            assert held is not None
            address = f"{held.pk}/{path}" if path == "decision/" else path
            with CaptureQueriesContext(connection) as captured:
                answer = client.post(
                    f"/review/items/{address}", form | {"shown_item": held.pk}, headers={"HX-Request": "true"}
                )
            assert answer.status_code == 200
            found.append(len(captured))
        return found

    lengthen(model, 10)
    queries()  # the first time looks up what is remembered afterwards
    before = queries()
    lengthen(model, 1000)
    assert queries() == before
    assert max(before) <= 42


def lengthen(model: ReviewItem, number: int) -> None:
    """`number` more items, each with its own submission."""
    made = [copied(model.submission, f"{number}-{place}.jpg") for place in range(number)]
    Submission.objects.bulk_create(made)
    ReviewItem.objects.bulk_create(
        ReviewItem(submission=one, reason="split_vote", risk=place / number) for place, one in enumerate(made)
    )


def copied(submission: Submission, image_key: str) -> Submission:
    fields = {field.attname: getattr(submission, field.attname) for field in Submission._meta.concrete_fields}
    return Submission(**fields | {"id": uuid4(), "image_key": image_key, "state": "in_review"})
