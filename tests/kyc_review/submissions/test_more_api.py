"""Reading, listing, batches, JSON, cancelling, late outcomes; creating by form is in test_api.py."""

import base64
import json
import time
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import IdempotencyRecord, Integration, User
from kyc_review.audit.models import Event
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions import searching
from kyc_review.submissions.api import waiting
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import submission_complete
from tests.factories.image_files import saved
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"

SIX = json.dumps({str(n): n for n in range(6)})
NOBODYS = "4f56eab5-bb7f-4ec7-bc11-53975e87884b"


def send(client: Client, path: str, body: Any, key: str | None = None) -> ClientResponse:
    once = {"Idempotency-Key": key or uuid4().hex}
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=once)


def as_json(seed: int = 0, **more: Any) -> dict[str, Any]:
    image = base64.b64encode(jpeg_bytes(seed=seed)).decode()
    return {"image": image, "external_ref": f"application-{seed}"} | more


def test_json_with_base64_is_the_same_submission_as_a_form(api: Client) -> None:
    response = send(api, "", as_json(metadata={"branch": "12"}), key="k")
    assert response.status_code == 202, response.content
    assert response.json()["metadata"] == {"branch": "12"}
    from django.core.files.uploadedfile import SimpleUploadedFile

    image = SimpleUploadedFile("x.jpg", jpeg_bytes(), content_type="image/jpeg")
    form = {"image": image, "external_ref": "application-0", "metadata": '{"branch": "12"}'}
    again = api.post(URL, form, headers={"Idempotency-Key": "k"})
    assert again.content == response.content


@pytest.mark.parametrize("name", ["image", "external_ref", "metadata", "branch"])
@pytest.mark.parametrize("path", ["", "/batch"])
def test_json_that_gives_a_name_twice_is_refused(api: Client, name: str, path: str) -> None:
    """Of two pictures, a gateway could have looked at the other one."""
    one = json.dumps(as_json(metadata={"branch": "1"}, branch="1"))
    other = json.dumps({name: as_json(seed=1, metadata={}, branch="2")[name]})
    body = f"{one[:-1]}, {other[1:]}"
    response = send(api, path, f'{{"submissions": [{body}]}}' if path else body)
    assert response.status_code == 400
    assert f"'{name}' more than once" in response.json()["detail"]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("more", "status", "pointer"),
    [
        ({"image": "no base64!"}, 400, "#/image"),
        ({"image": "data:image/jpeg;base64,AAAA"}, 400, "#/image"),
        ({"image": "AAAA"}, 415, "#/image"),
        ({"metadata": [1]}, 400, "#/metadata"),
        ({"metadata": {"a": "\u0000"}}, 400, "#/metadata"),
        ({"external_ref": 7, "metadata": {"a": "x" * 9000}}, 400, "#/metadata"),
    ],
)
def test_bad_json_fields_are_named(api: Client, more: dict[str, Any], status: int, pointer: str) -> None:
    response = send(api, "", as_json() | more)
    assert response.status_code == status, response.content
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "null", "[]", '{"external_ref": "\\ud800"}', "7"])
def test_nonsense_in_json_is_refused(api: Client, body: str) -> None:
    assert send(api, "", body).status_code == 400
    assert send(api, "/batch", body).status_code == 400


def test_a_batch_accepts_each_by_itself_and_is_replayed_as_a_whole(api: Client) -> None:
    items = [as_json(0), as_json(1, image="AAAA"), as_json(2, external_ref=""), "nonsense", as_json(3)]
    items[3] = {}
    body = {"submissions": items}
    response = send(api, "/batch", body, key="b")
    assert response.status_code == 202, response.content
    results = response.json()["results"]
    assert [one["status"] for one in results] == [202, 415, 400, 400, 202]
    assert [one["index"] for one in results] == [0, 1, 2, 3, 4]
    assert results[1]["problem"]["errors"][0]["pointer"] == "#/image"
    assert results[4]["submission"]["external_ref"] == "application-3"
    again = send(api, "/batch", body, key="b")
    assert (again.content, again["Idempotent-Replayed"]) == (response.content, "true")
    assert Submission.objects.count() == 2


@pytest.mark.parametrize("odd", [5, "text", None, True, [1], 1.5, {"image": 5}])
def test_an_entry_that_is_no_submission_is_refused_alone(api: Client, odd: object) -> None:
    response = send(api, "/batch", {"submissions": [odd, as_json()]})
    assert response.status_code == 202, response.content
    results = response.json()["results"]
    assert [one["status"] for one in results] == [400, 202]
    assert results[0]["problem"]["detail"]


@pytest.mark.parametrize("number", [0, 51])
def test_a_batch_has_one_to_fifty(api: Client, number: int) -> None:
    response = send(api, "/batch", {"submissions": [{}] * number})
    assert response.status_code == 400
    assert not Submission.objects.exists()


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


@pytest.mark.parametrize(
    ("more", "said"),
    [({"image": "selfie.jpg"}, "image=@selfie.jpg"), ({"metadata": "x"}, "Send a JSON object")],
)
def test_a_form_with_a_usual_mistake_is_told_what_to_send(
    api: Client, more: dict[str, Any], said: str
) -> None:
    form = {"image": SimpleUploadedFile("x.jpg", jpeg_bytes()), "external_ref": "a"} | more
    response = api.post(URL, form, headers={"Idempotency-Key": "k"})
    assert response.status_code == 400
    assert said in response.json()["errors"][0]["detail"]


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


@pytest.mark.parametrize("state", [State.RECEIVED, State.IN_REVIEW])
def test_a_cancelled_submission_leaves_the_queue_and_stays_cancelled(
    api: Client, submit: Callable[..., Submission], state: str
) -> None:
    row = submit()
    if state == State.IN_REVIEW:
        Submission.objects.update(state=state)
        items_open([(row.pk, "split_vote", 0.5)])
    for _ in range(2):
        response = api.post(f"{URL}/{row.pk}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert not ReviewItem.objects.exists()
    assert Event.objects.filter(action="submission.cancelled").count() == 1


def test_a_blind_first_call_does_not_keep_a_cancelled_submission_in_the_queue(
    api: Client, submit: Callable[..., Submission], alice: User
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = ReviewItem.objects.get()
    FirstCall.objects.create(item=item, reviewer=alice, label="real")
    assert api.post(f"{URL}/{row.pk}/cancel").status_code == 200
    assert not ReviewItem.objects.exists()


def test_what_a_person_has_decided_is_too_late_to_cancel(
    api: Client, submit: Callable[..., Submission], alice: User
) -> None:
    """Also within the seconds in which the decision may be taken back: the reviewer's word stands until then."""
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = ReviewItem.objects.get()
    Decision.objects.create(item=item, submission=row, reviewer=alice, label="real", handling_ms=1)
    response = api.post(f"{URL}/{row.pk}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "already_decided")
    row.refresh_from_db()
    assert row.state == State.IN_REVIEW


def test_a_submission_with_a_result_cannot_be_cancelled(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    response = api.post(f"{URL}/{row.pk}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "already_decided")


def test_a_late_outcome_is_kept_and_corrected_and_changes_no_result(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    path = f"/{row.pk}/outcome"
    early = send(api, path, {"outcome": "confirmed_fraud"})
    assert (early.status_code, early.json()["code"]) == (409, "not_completed")
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    first = send(api, path, {"outcome": "confirmed_fraud", "note": "charge-back"})
    assert first.status_code == 201, first.content
    assert first.json() == send(api, path, {"outcome": "confirmed_fraud", "note": "charge-back"}).json()
    assert send(api, path, {"outcome": "confirmed_genuine"}).status_code == 201
    assert list(row.late_outcomes.order_by("pk").values_list("finding", flat=True)) == [
        "confirmed_fraud",
        "confirmed_genuine",
    ]
    assert api.get(f"{URL}/{row.pk}").json()["result"] == "clear"
    assert send(api, path, {"outcome": "perhaps"}).status_code == 400


def test_a_wait_ends_with_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(time, "sleep", lambda _: asked.append(1))
    waiting.wait_until(lambda: len(asked) > 3, seconds=10)
    assert len(asked) == 4


def test_only_so_many_wait_and_the_others_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import BoundedSemaphore

    monkeypatch.setattr(waiting, "_places", BoundedSemaphore(1))
    with waiting._places:
        waiting.wait_until(lambda: False, seconds=3600)
    assert waiting._places.acquire(blocking=False)


@pytest.mark.parametrize("wait", ["11", "-1", "x", "nan", "inf"])
def test_a_wait_has_bounds(api: Client, submit: Callable[..., Submission], wait: str) -> None:
    response = api.get(f"{URL}/{submit().pk}?wait={wait}")
    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["parameter"] == "wait"


def test_a_large_json_body_is_refused_before_it_is_read(api: Client, settings: LazySettings) -> None:
    answer = send(api, "", '"' + "A" * settings.JSON_MAX_BYTES + '"')
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_bytes")


@pytest.mark.parametrize("path", ["/json", "/batch"])
def test_a_picture_of_some_megabytes_is_accepted_as_json(api: Client, path: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "PNG")
    assert len(data) > 3_500_000
    body: dict[str, Any] = {"image": base64.b64encode(data).decode(), "external_ref": "large"}
    answer = send(api, path, {"submissions": [body]} if path == "/batch" else body, key="large")
    assert answer.status_code == 202, answer.content[:500]
    (row,) = Submission.objects.all()
    assert row.size_bytes == len(data)


@pytest.mark.parametrize(
    "odd",
    [
        '{"\\ud800": 1}',
        '{"metadata": {"a": "\\udfff"}}',
        '{"metadata": {"\\ud800": 1}}',
        '{"metadata": {"a": 1e-999999999999999999999}}',
        '{"metadata": {"a": 0e999999999999999999999}}',
        '{"metadata": {"a": ' + "[" * 905 + "1" + "]" * 905 + "}}",
        '{"metadata": {"a": [], "b": ' + '{"c":' * 102 + "1" + "}" * 102 + "}}",
    ],
    ids=lambda text: text[:40],
)
def test_json_that_cannot_come_back_as_it_was_sent_is_refused(api: Client, odd: str) -> None:
    for path in ("/json", "/batch"):
        answer = api.post(
            f"{URL}{path}", odd, content_type="application/json", headers={"Idempotency-Key": "o"}
        )
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), (
            answer.content
        )
    form = {"image": SimpleUploadedFile("a.jpg", b"x"), "external_ref": "x", "metadata": odd}
    assert api.post(URL, form, headers={"Idempotency-Key": "o"}).status_code == 400


@pytest.mark.parametrize("charset", ["rot13", "hex", "zlib", "utf-16", "nonsense"])
def test_another_charset_than_utf8_is_refused(api: Client, charset: str) -> None:
    for kind, body in (("application/json", b"{}"), ("multipart/form-data; boundary=b", b"--b--")):
        answer = api.generic("POST", f"{URL}/json", body, f"{kind}; charset={charset}")
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert api.post(f"{URL}/json", b"{}", content_type='application/json; charset="UTF-8"').status_code == 400
    page = Client().generic(
        "POST", "/login/", b"username=a", f"application/x-www-form-urlencoded; charset={charset}"
    )
    assert page.status_code in (200, 403)


def test_a_list_by_time_of_completion_and_the_outcome_that_was_reported(
    api: Client, submit: Callable[..., Submission]
) -> None:
    early, late, _open = submit(), submit(), submit()
    for row, day in ((early, 1), (late, 2)):
        at = f"2026-11-0{day}T12:00:00Z"
        Submission.objects.filter(pk=row.pk).update(
            state=State.COMPLETED, result="clear", result_reason="models_agree", completed_at=at
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


def test_a_repeated_outcome_does_not_overrule_a_later_one(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    said = {"outcome": "confirmed_fraud", "note": "charge-back of Jane Doe"}

    def report(body: dict[str, Any], key: str) -> Any:
        path = f"{URL}/{row.pk}/outcome"
        return api.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})

    first = report(said, "k-1")
    report({"outcome": "confirmed_genuine"}, "k-2")
    again = report(said, "k-1")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert api.get(f"{URL}/{row.pk}/outcome").json()["outcome"] == "confirmed_genuine"
    assert report({"outcome": "confirmed_fraud"}, "k-1").json()["code"] == "idempotency_key_reused"
    assert not IdempotencyRecord.objects.filter(body__contains="Jane").exists()


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
