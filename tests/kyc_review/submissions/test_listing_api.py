"""Lists of submissions, their filters and pages, and what one of them shows."""

import json
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration
from kyc_review.submissions import searching
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import submission_complete
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"

SIX = json.dumps({str(n): n for n in range(6)})
NOBODYS = "4f56eab5-bb7f-4ec7-bc11-53975e87884b"


def send(client: Client, path: str, body: Any, key: str | None = None) -> ClientResponse:
    once = {"Idempotency-Key": key or uuid4().hex}
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=once)


def test_a_list_goes_through_all_pages_newest_first(api: Client, submit: Callable[..., Submission]) -> None:
    posted = [str(submit().pk) for _ in range(5)]
    same = Submission.objects.get(pk=posted[0]).received_at
    Submission.objects.filter(pk__in=posted[:2]).update(received_at=same)
    seen: list[str] = []
    after = ""
    while True:
        page = api.get(f"{URL}?limit=2{after}").json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert sorted(seen) == sorted(posted)
    assert seen[:3] == posted[:1:-1]


def test_filters_are_combined(api: Client, submit: Callable[..., Submission]) -> None:
    wanted = submit(external_ref="a", applicant_ref="p-1")
    submit(external_ref="a", applicant_ref="p-2")
    done = submit(external_ref="b", applicant_ref="p-1")
    Submission.objects.filter(pk=done.pk).update(state=State.IN_REVIEW)
    submission_complete(submission_id=done.pk, result="rejected")
    hour = timedelta(hours=1)

    def ids(**query: str) -> set[str]:
        return {one["id"] for one in api.get(URL, query).json()["data"]}

    assert ids(external_ref="a", applicant_ref="p-1") == {str(wanted.pk)}
    assert ids(status="completed") == ids(result="rejected") == {str(done.pk)}
    assert ids(received_from=(wanted.received_at + hour).isoformat()) == set()
    assert len(ids(received_before=(wanted.received_at + hour).isoformat())) == 3


@pytest.mark.parametrize("stored", ["Zo\u00eb", "Zoe\u0308", "Zo\u200b\u00eb"])
def test_a_reference_is_found_however_it_was_stored(
    api: Client, submit: Callable[..., Submission], stored: str
) -> None:
    """References from before they had one normal form are as they were sent."""
    row = submit(external_ref=stored, applicant_ref=stored)
    submit(external_ref="Zoe", applicant_ref="Zoe")
    for sent in {stored, unicodedata.normalize("NFC", stored), unicodedata.normalize("NFD", stored)}:
        for name in ("external_ref", "applicant_ref"):
            if "\u200b" not in stored or sent == stored:
                assert [one["id"] for one in api.get(URL, {name: sent}).json()["data"]] == [str(row.pk)]
    assert api.get(URL, {"external_ref": "a\x00"}).status_code == 400
    assert api.get(URL, {"external_ref": "a" * 801}).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=odd",
        "after=x",
        f"after={NOBODYS}",
        "received_from=soon",
        "received_from=2026-11-27",
        "received_before=2026-11-27T10:00:00",
        "completed_from=2026-11-27T10:00:00+01:00",
        "completed_before=2026-11-27T10:00:00Z%00",
    ],
)
def test_a_bad_filter_is_named(api: Client, query: str) -> None:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] == query.split("=")[0]


def test_an_unchanged_read_answers_304(api: Client, submit: Callable[..., Submission]) -> None:
    row = submit()
    for path in (f"{URL}/{row.pk}", URL):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": f'W/{first["ETag"]}, "other"'})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert again["Cache-Control"] == "private, no-cache"
    Submission.objects.update(state=State.IN_REVIEW)
    changed = api.get(f"{URL}/{row.pk}", headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.json()["status"]) == (200, "in_review")


def test_the_reason_stands_beside_the_result(api: Client, submit: Callable[..., Submission]) -> None:
    for result, reason, code in (
        ("clear", "", "reviewer_found_genuine"),
        ("rejected", "", "reviewer_found_forged"),
        ("resubmit", "too_dark", "too_dark"),
    ):
        row = submit()
        Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
        submission_complete(submission_id=row.pk, result=result, reason=reason)
        shown = api.get(f"{URL}/{row.pk}").json()
        assert (shown["result"], [one["code"] for one in shown["reasons"]]) == (result, [code])
        assert len(shown["reasons"][0]["detail"]) > 10


def test_a_list_by_time_of_completion_and_the_outcome_that_was_reported(
    api: Client, submit: Callable[..., Submission]
) -> None:
    early, late, _open = submit(), submit(), submit()
    for row, day in ((early, 1), (late, 2)):
        at = f"2026-11-0{day}T12:00:00Z"
        Submission.objects.filter(pk=row.pk).update(
            state=State.COMPLETED,
            result="clear",
            result_reason="models_agree",
            received_at=at,
            completed_at=at,
        )
    between = {"completed_from": "2026-11-02T12:00:00Z", "completed_before": "2026-11-02T12:00:01Z"}
    assert [one["id"] for one in api.get(URL, between).json()["data"]] == [str(late.pk)]
    outcome = f"{URL}/{early.pk}/outcome"
    assert api.get(outcome).status_code == 404
    for finding in ("confirmed_genuine", "confirmed_fraud"):
        assert send(api, f"/{early.pk}/outcome", {"outcome": finding}).status_code == 201
    assert api.get(outcome).json()["outcome"] == "confirmed_fraud"


def test_updated_at_is_the_time_of_the_last_change_of_what_is_shown(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    received = api.get(f"{URL}/{row.pk}").json()["updated_at"]
    Submission.objects.filter(pk=row.pk).update(attempts=1, state=State.RECEIVED)
    assert api.get(f"{URL}/{row.pk}").json()["updated_at"] == received
    cancelled = send(api, f"/{row.pk}/cancel", {}).json()
    assert cancelled["updated_at"] > received
    assert api.get(f"{URL}/{row.pk}").json() == cancelled


@pytest.mark.parametrize("few", [searching.FEW, 0])
def test_a_list_by_metadata_has_the_integrations_own_rows_with_exactly_these_values(
    api: Client,
    integration: Integration,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    """Against the rule in Python, over two integrations, two modes, and values that look the same."""
    monkeypatch.setattr(searching, "FEW", few)  # 0: as for values that many rows have
    other = accounts.integration_create(slug="other", name="Other")
    values = ["12", 12, 12.0, True, "true", {"branch": "12"}, ["12"], None]
    rows = [
        submit(
            integration=whose,
            is_test=is_test,
            metadata={"branch": value, str(integration.pk): "12", "n": n % 2},
        )
        for whose, is_test in ((integration, False), (integration, True), (other, False))
        for n, value in enumerate(values)
    ]
    rows.append(submit(metadata={}))
    asked: list[dict[str, Any]] = [{"branch": value} for value in values[:5]]
    asked += [
        {"branch": "12", "n": 0},
        {"branch": "12", "n": 1},
        {"n": 1},
        {"branch": "13"},
        {"BRANCH": "12"},
    ]
    for wanted in asked:
        found = {one["id"] for one in api.get(URL, {"metadata": json.dumps(wanted)}).json()["data"]}
        assert found == {
            str(row.pk)
            for row in rows
            if (row.integration_id, row.is_test) == (integration.pk, False)
            and all(
                json.dumps(row.metadata.get(name)).removesuffix(".0") == json.dumps(value).removesuffix(".0")
                for name, value in wanted.items()
            )
        }, wanted


def test_a_list_by_metadata_is_read_from_an_index_that_knows_the_integration(
    integration: Integration,
) -> None:
    rows = searching.metadata_matching(
        Submission.objects.all(), {"branch": "12"}, integration_id=integration.pk
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = rows.explain()
    assert "submission_by_metadata" in plan
    assert f'{{"{integration.pk}": {{"branch": "12"}}}}' in plan


@pytest.mark.parametrize(
    "metadata",
    [
        "branch",
        "[]",
        "{}",
        '{"a": null}',
        '{"a": {}}',
        '{"a": "\\u0000"}',
        '{"a": 1, "a": 2}',
        "x" * 1001,
        SIX,
    ],
)
def test_a_filter_that_is_no_object_of_few_plain_values_is_refused(api: Client, metadata: str) -> None:
    response = api.get(URL, {"metadata": metadata})
    assert (response.status_code, response.json()["errors"][0]["parameter"]) == (400, "metadata")


def test_what_has_no_result_yet_is_not_found_by_one_and_a_page_after_an_unknown_one_is_still_refused(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    Submission.objects.filter(pk=row.pk).update(state=State.CANCELLED, cancelled_at=Now())
    assert [one["id"] for one in api.get(f"{URL}?status=cancelled").json()["data"]] == [str(row.pk)]
    with CaptureQueriesContext(connection) as asked:
        page = api.get(f"{URL}?status=cancelled&result=clear")
    assert page.json()["data"] == []
    assert not [one for one in asked if "ORDER BY" in one["sql"]], "rows are read for nothing"
    assert api.get(f"{URL}?status=cancelled&result=clear&after={NOBODYS}").status_code == 400


def test_a_list_before_a_time_begins_with_what_was_received_before_it(
    api: Client, submit: Callable[..., Submission]
) -> None:
    """Also where the clock of the host that received it was ahead of the database's, which says when it ended."""
    now = timezone.now()
    rows = {}
    for hours in (1, 5, 9):
        row = submit()
        ended = now - timedelta(hours=hours)
        Submission.objects.filter(pk=row.pk).update(
            state=State.COMPLETED,
            result="clear",
            completed_at=ended,
            received_at=ended + timedelta(seconds=9),
        )
        rows[hours] = str(row.pk)
    moment = (now - timedelta(hours=5) + timedelta(seconds=1)).isoformat()
    with CaptureQueriesContext(connection) as asked:
        found = api.get(URL, {"completed_before": moment}).json()["data"]
    assert [one["id"] for one in found] == [rows[5], rows[9]]
    (listed,) = [one["sql"] for one in asked if "ORDER BY" in one["sql"] and "completed_at" in one["sql"]]
    assert '"received_at" <' in listed
