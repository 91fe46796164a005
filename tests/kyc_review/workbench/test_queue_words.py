"""What the queue's filters and a submission's page tell a senior."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.workbench.queue_forms import QueueFilterForm
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def test_the_closed_box_names_filters_and_order_in_the_readers_language(
    staff: Callable[..., User], login: Login, alice: User
) -> None:
    page = login(staff("sue", "senior")).get(
        reverse("review:queue"), {"sort": "newest", "check": "occluded", "kept_for": str(alice.pk)}
    )
    summary = page.text.split("<summary>")[1].split("</summary>")[0]
    for words in ("Sort: Newest", "Check found: The face is covered or pixelated", "Offered to: alice"):
        assert words in summary
    assert "List all items" in page.text
    with override("de"):
        form = QueueFilterForm({"check": "occluded"})
        assert form.is_valid()
        assert form.in_words() == ["Befund der Bildprüfung: Das Gesicht ist verdeckt oder verpixelt"]


def test_a_seniors_page_of_a_decided_submission_leads_to_the_item_that_can_be_corrected(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Login, alice: User
) -> None:
    enqueue()
    item = claim_next(alice)
    address = reverse("insights:submission", args=[item.submission_id])
    window = login(staff("sue", "senior"))
    assert "decided-item" not in window.get(address).text
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    assert f"Item {item.pk}: view or correct" in window.get(address).text
    assert "view or correct" not in login(staff("audrey", "auditor")).get(address).text
