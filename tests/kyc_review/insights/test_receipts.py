from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review.models import ReviewItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(enqueue: Callable[..., ReviewItem]) -> str:
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    return reverse("insights:receipt", args=[item.submission_id])


def test_an_auditor_downloads_a_receipt_and_the_log_says_so(
    staff: Callable[..., User], login: Callable[..., Client], url: str
) -> None:
    answer = login(staff("audrey", "auditor")).get(url)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="receipt-')
    assert answer.json()["unsealed"] > 0
    event = Event.objects.get(action="submission.receipt_downloaded")
    assert (event.actor_name, event.target_id) == ("audrey", answer.json()["submission"])


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_others_get_none(
    staff: Callable[..., User], login: Callable[..., Client], url: str, role: str
) -> None:
    assert login(staff("person", role)).get(url).status_code in (403, 404)


def test_an_auditor_who_may_still_review_the_face_gets_none(
    staff: Callable[..., User], login: Callable[..., Client], url: str
) -> None:
    from django.contrib.auth.models import Group

    both = staff("both", "auditor")
    both.groups.add(Group.objects.get(name="senior"))
    assert login(both).get(url).status_code == 403
    assert not Event.objects.filter(action="submission.receipt_downloaded").exists()
