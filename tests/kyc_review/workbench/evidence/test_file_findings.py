from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from detection.decoding import Damage, TrailingKind
from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence.alerts import AlertKind
from kyc_review.workbench.evidence.file_findings import DAMAGES, KINDS, file_findings

pytestmark = pytest.mark.django_db
FACTS = {
    "trailing": [{"kind": "gain_map", "size_bytes": 1882}, {"kind": "unknown", "size_bytes": 34}],
    "damage": "ends_early",
    "declared": {"extension": "heic", "content_type": "image/heic"},
}


def test_every_kind_and_damage_has_words() -> None:
    assert set(KINDS) == set(TrailingKind)
    assert set(DAMAGES) == set(Damage)


@pytest.mark.parametrize("facts", [{}, {"trailing": [], "damage": None, "declared": None}])
def test_an_ordinary_file_has_no_line(submit: Callable[..., Submission], facts: dict[str, object]) -> None:
    row = submit()
    row.file_facts = facts
    assert file_findings(row) == []


def test_the_panel_names_kind_and_size_before_the_evidence_is_ready(
    claimed: ReviewItem, login: Callable[[User], Client], alice: User
) -> None:
    Submission.objects.filter(pk=claimed.submission_id).update(file_facts=FACTS)
    part = login(alice).get(reverse("evidence:panel", args=[claimed.pk])).text
    for text in (
        "HDR gain map, 1.8",
        "unknown data, 34",
        str(DAMAGES[Damage.ENDS_EARLY]),
        ".heic",
        "is JPEG",
    ):
        assert text in part.replace("&nbsp;", " ").replace("&#x27;", "'"), text


def test_what_deserves_weight_is_marked(submit: Callable[..., Submission]) -> None:
    row = submit()
    row.file_facts = FACTS
    assert [line.alert for line in file_findings(row)] == [AlertKind.DAMAGED, AlertKind.UNKNOWN_DATA, None]
    row.file_facts = FACTS | {"trailing": FACTS["trailing"][:1], "damage": None}  # type: ignore[index]
    assert [line.alert for line in file_findings(row)] == [None, None]
