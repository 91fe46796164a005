"""The database ends connections, or stays away, while workers compute: no attempt is spent, nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from kyc_review.core.db import passing
from kyc_review.evidence import services
from kyc_review.evidence.models import Evidence
from kyc_review.pipeline import evidence_worker, worker
from kyc_review.pipeline.routing import verdicts_record
from kyc_review.registry.models import Bundle
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from tests.factories.connections import backend_end
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, fresh_worker: None) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr(passing, "PAUSES_S", (0.0, 0.0))


def once_ended(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; before its first call the server ends the connection."""
    calls: list[bool] = []

    def call(**arguments: Any) -> Any:
        if not calls:
            calls.append(True)
            backend_end()
        return function(**arguments)

    return call


def away(**_: Any) -> None:
    raise OperationalError("the connection is lost")


def test_verdicts_and_evidence_survive_the_end_of_the_connection(
    submit: Callable[..., Submission], champion: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [submit(image=portrait_bytes(number)) for number in range(2)]
    monkeypatch.setattr(worker, "verdicts_record", once_ended(verdicts_record))
    assert worker.run_until_idle() == 2
    assert sorted(Scoring.objects.values_list("submission", flat=True)) == sorted(row.pk for row in rows)
    services.evidence_request([rows[0].pk])
    monkeypatch.setattr(evidence_worker, "evidence_record", once_ended(services.evidence_record))
    assert evidence_worker.run_until_idle() >= 1
    assert set(Evidence.objects.values_list("state", "attempts")) == {("ready", 1)}


def test_a_database_that_stays_away_costs_no_attempt(
    submit: Callable[..., Submission], champion: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = submit(image=portrait_bytes(1))
    for _ in range(4):  # more often than there are attempts
        with monkeypatch.context() as broken:
            broken.setattr(worker, "verdicts_record", away)
            with pytest.raises(OperationalError):
                worker.run_until_idle()
    assert worker.run_until_idle() == 1
    assert Submission.objects.get().attempts == 1
    services.evidence_request([row.pk])
    for _ in range(3):
        with monkeypatch.context() as broken:
            broken.setattr(evidence_worker, "evidence_record", away)
            with pytest.raises(OperationalError):
                evidence_worker.run_until_idle()
    assert evidence_worker.run_until_idle() == 1
    assert set(Evidence.objects.values_list("state", "attempts")) == {("ready", 1)}
