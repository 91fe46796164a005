"""What calls for training, on the command line."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from kyc_review.review.models import Decision

pytestmark = pytest.mark.django_db


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("signals", *arguments, stdout=out)
    return out.getvalue()


def test_every_sign_has_a_line(decide: Callable[..., Decision], settings: Any) -> None:
    settings.RETRAIN_SUGGEST_DECISIONS = 1
    decide("fake")
    first, *others = told().splitlines()
    assert " ".join(first.split()) == "New decisions yes 1 are in no snapshot yet; 1 suggest a new candidate."
    assert [line[:14].strip() for line in others] == ["Scores", "Split votes", "Audit"]
    assert all("too few data" in line for line in others)


def test_as_json_it_is_what_the_api_answers(decide: Callable[..., Decision]) -> None:
    decide("fake")
    found = json.loads(told("--json"))
    assert (found["calls"], found["unused_decisions"], found["every_days"]) == (False, 1, 0)
    assert found["signals"][0]["name"] == "New decisions"
    assert found["signals"][1]["calls"] is None
