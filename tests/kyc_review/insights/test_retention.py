"""What the audit log's page says about erasing by age."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.insights.retention import retention
from kyc_review.submissions.models import RetentionPass

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(staff: Callable[..., User], login: Callable[[User], Client]) -> Callable[[], str]:
    window = login(staff("audrey", "auditor"))
    return lambda: " ".join(window.get("/insights/audit/").content.decode().split())


def test_the_page_names_the_rule_and_what_it_erased_lately(page: Callable[[], str], settings: Any) -> None:
    assert "nothing is erased because of its age" in page()
    settings.RETENTION_UNREVIEWED_DAYS = 90
    assert "is erased 90 days after its outcome. One that a person decided is kept without limit." in page()
    settings.RETENTION_REVIEWED_DAYS = 1
    today = timezone.localdate()
    for days_ago, erased in ((40, 500), (1, 30), (0, 4)):
        RetentionPass.objects.create(day=today - timedelta(days=days_ago), erased=erased)
    assert "One that a person decided is erased 1 day after its outcome." in page()
    assert f"The pass of {today} is running and has erased 4. Erased in 30 days:" in page()
    assert ">34</a>" in page()
    RetentionPass.objects.filter(day=today).update(ended_at=timezone.now(), failed=2)
    assert f"The pass of {today} erased 4. It failed on 2 submissions." in page()


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_it_tells_nothing_to_people_who_may_not_read_the_log(staff: Callable[..., User], role: str) -> None:
    assert retention(viewer=staff("person", role)) is None
