"""Exports: what they hold, who gets them, that they stream, and what the audit log says of them."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event
from kyc_review.insights.audit_views import events_found
from kyc_review.records import writers
from kyc_review.records.columns import Period, Row
from kyc_review.records.exports import Export, rows_export, table_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
API = "/api/v1/records"


def today() -> Period:
    day = datetime.now(UTC).date()
    return Period(day - timedelta(days=1), day)


def query(format: str = "jsonl") -> str:
    return f"since={today().since}&until={today().until}&format={format}"


def content(export: Export) -> bytes:
    return b"".join(export.pieces)


def exported(name: str, format: Format) -> bytes:
    return content(table_export(table=TABLES[name], period=today(), format=format, actor=None))


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_a_decision_comes_with_first_call_votes_thresholds_and_checks(judged: Decision) -> None:
    [row] = lines(exported("decisions", Format.JSON_LINES))
    assert list(row) == [column.name for column in TABLES["decisions"].columns]
    assert (row["first_call"], row["label"], row["parts"], row["reviewer"]) == (
        "real",
        "fake",
        ["eyes"],
        judged.reviewer.username,
    )
    assert row["decided_at"] == judged.decided_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [vote["probability"] for vote in row["votes"]] == [0.91, 0.12, 0.74, 0.08, 0.55]
    assert {vote["threshold"] for vote in row["votes"]} == {0.5}
    assert (row["is_blind"], row["is_final"], row["undone_at"]) == (True, True, None)
    assert "Left eye." not in json.dumps(row), "notes are free text about people: they are in the dossier"


def test_outcomes_say_whether_a_person_decided(clear: Callable[..., Submission]) -> None:
    cleared = clear()
    [row] = lines(exported("outcomes", Format.JSON_LINES))
    assert (row["submission_id"], row["decided_by"], row["decisions"]) == (str(cleared.pk), "models", [])
    assert [check["name"] for check in row["checks"]]
    assert len(row["votes"]) == 5


def test_a_period_holds_its_days_in_utc_alone(judged: Decision) -> None:
    def on(moment: datetime) -> bytes:
        day = moment.astimezone(UTC).date()
        period = Period(day, day)
        made = table_export(table=TABLES["decisions"], period=period, format=Format.JSON_LINES, actor=None)
        return content(made)

    assert on(judged.decided_at)
    assert not on(judged.decided_at - timedelta(days=1))
    assert not on(judged.decided_at + timedelta(days=1))


@pytest.mark.parametrize("needs_two", [False, True])
def test_a_corrected_decision_is_replaced_and_a_correction_that_waits_replaces_none(
    judged: Decision, alice: User, needs_two: bool, settings: Any
) -> None:
    settings.CORRECTIONS_NEED_TWO = needs_two
    decision_correct(item_id=judged.item_id, corrector=alice, label="not_assessable", obstacle="blurred")
    rows = lines(exported("decisions", Format.JSON_LINES))
    assert [(row["is_replaced"], row["correction_state"]) for row in rows] == [
        (not needs_two, None),
        (False, "waits" if needs_two else "in_effect"),
    ]


@pytest.mark.parametrize(
    ("label", "state", "is_replaced"), [("real", "agreed", False), ("fake", "overruled", True)]
)
def test_a_reviewed_correction_is_agreed_or_overruled(
    judged: Decision, alice: User, bob: User, settings: Any, label: str, state: str, is_replaced: bool
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    decision_correct(item_id=judged.item_id, corrector=alice, label="real")
    for person, said in ((bob, label), (User.objects.create(username="carl"), label)):
        person.groups.add(Group.objects.get(name="reviewer"))
        if (held := item_claim_next(reviewer=person)) is None:
            continue
        first_call_record(item_id=held.pk, reviewer=person, label=said)
        decision_record(item_id=held.pk, reviewer=person, label=said)
    rows = lines(exported("decisions", Format.JSON_LINES))[:2]
    assert [(row["correction_state"], row["is_replaced"]) for row in rows] == [
        (None, True),
        (state, is_replaced),
    ]


def test_csv_runs_no_formula(judged: Decision) -> None:
    for start in ("=", "+", "-", "@", "\t", "\r", "\n"):
        Integration.objects.update(name=f"{start}cmd|' /C calc'!A1")
        [row] = csv.DictReader(io.StringIO(exported("decisions", Format.CSV).decode(), newline=""))
        assert row["integration"] == f"'{start}cmd|' /C calc'!A1"
    assert json.loads(row["votes"])[0]["threshold"] == 0.5
    assert row["corrects"] == ""


def test_numbers_and_times_of_csv_are_not_quoted() -> None:
    table = TABLES["audit-events"]
    moment = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
    row: Row = (1, -5, moment, "a", "system", "", "", "", "", {"a": -1})
    data = writers.CsvWriter(table).batch([row]).decode()
    assert data == '1,-5,2026-11-27T01:02:03.000000Z,a,system,,,,,"{""a"":-1}"\r\n'


def test_the_log_has_the_person_the_period_the_rows_and_the_hash(
    judged: Decision, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    answer = login(staff("audrey", "auditor")).get(f"/records/export/?records=decisions&{query('csv')}")
    assert answer.streaming
    data = answer.getvalue()
    assert 'attachment; filename="decisions-v1-' in answer["Content-Disposition"]
    began, ended = Event.objects.filter(target_id=answer["X-Export-Id"]).order_by("pk")
    assert (began.action, ended.action) == ("export.started", "export.ended")
    assert {began.actor_name, ended.actor_name} == {"audrey"}
    period = {"since": str(today().since), "until": str(today().until)}
    assert period.items() <= ended.detail.items()
    assert (ended.detail["rows"], ended.detail["sha256"], ended.detail["is_complete"]) == (
        1,
        hashlib.sha256(data).hexdigest(),
        True,
    )


def endless(read: list[int]) -> Iterator[Row]:
    while True:
        read.append(len(read))
        yield (1, len(read), datetime.now(UTC), "a", "system", "", "", "", "", {})


@pytest.mark.parametrize("format", [Format.CSV, Format.JSON_LINES])
def test_rows_are_read_as_they_are_sent_and_a_reader_who_leaves_is_in_the_log(format: Format) -> None:
    read: list[int] = []
    made = rows_export(
        table=TABLES["audit-events"], rows=endless(read), format=format, actor=None, asked={}, name="x"
    )
    assert read == []
    pieces = made.pieces
    for _ in range(3):
        next(pieces)
    assert len(read) <= 3 * writers.CsvWriter.rows_at_once
    pieces.close()  # type: ignore[attr-defined]
    ended = Event.objects.get(action="export.ended")
    assert ended.detail["is_complete"] is False
    assert 0 < ended.detail["rows"] <= len(read)


def test_parquet_has_types_bounded_row_groups_and_the_schema(
    judged: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`")
    file = parquet.ParquetFile(io.BytesIO(exported("decisions", Format.PARQUET)))
    assert file.schema_arrow.metadata[b"schema"] == b"kyc-review/decisions/1"
    [row] = file.read().to_pylist()
    assert row["decided_at"] == judged.decided_at
    assert [vote["is_fake"] for vote in row["votes"]] == [True, False, True, False, True]
    assert row["corrects"] is None
    monkeypatch.setattr(writers.ParquetWriter, "rows_at_once", 3)
    events = parquet.ParquetFile(io.BytesIO(exported("audit-events", Format.PARQUET)))
    sizes = [events.metadata.row_group(group).num_rows for group in range(events.num_row_groups)]
    assert len(sizes) > 1
    assert max(sizes) == 3
    assert isinstance(json.loads(events.read().to_pylist()[0]["detail"]), dict)


def test_without_pyarrow_parquet_is_refused_in_words(
    staff: Callable[..., User], login: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "has_parquet", lambda: False)
    auditor = staff("audrey", "auditor")
    page = login(auditor).get(f"/records/export/?records=decisions&{query('parquet')}")
    assert (page.status_code, "pyarrow" in page.text) == (422, True)
    asked = Script(auditor).client.get(f"{API}/decisions?{query('parquet')}")
    assert (asked.status_code, asked.json()["code"]) == (501, "format_unavailable")
    assert not Event.objects.filter(action__startswith="export.").exists()


@pytest.mark.parametrize(
    ("roles", "status"),
    [(("auditor",), 200), (("admin",), 200), (("senior",), 403), (("auditor", "reviewer"), 403)],
)
def test_admins_and_auditors_who_judge_no_faces_export(
    staff: Callable[..., User],
    login: Callable[[User], Client],
    roles: tuple[str, ...],
    status: int,
) -> None:
    person = staff("person", "admin")
    script = Script(person, is_read_only=True)
    person.groups.set(Group.objects.filter(name__in=roles))
    window = login(person)
    for name in TABLES:
        assert window.get(f"/records/export/?records={name}&{query()}").status_code == status
        assert script.client.get(f"{API}/{name}?{query()}").status_code == status
        assert Client().get(f"{API}/{name}?{query()}").status_code == 401
        assert Client().get(f"/records/export/?records={name}&{query()}").status_code == 302
    assert Event.objects.filter(action="export.started").exists() == (status == 200)


def test_an_api_key_of_an_integration_exports_nothing(api_key: str) -> None:
    integration = Client(headers={"Authorization": f"Bearer {api_key}"})
    assert integration.get(f"{API}/decisions?{query()}").status_code == 401


def test_a_script_gets_a_csv_and_wrong_parameters_are_named(
    judged: Decision, staff: Callable[..., User]
) -> None:
    script = Script(staff("audrey", "auditor"))
    answer = script.client.get(f"{API}/decisions?{query('csv')}", headers={"Accept": "text/csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert len(answer.getvalue().splitlines()) == 2
    assert "token" in Event.objects.get(action="export.ended").detail
    before = Event.objects.count()
    first = script.client.head(f"{API}/decisions?{query('csv')}")
    assert (first.status_code, first["Content-Type"], first.content) == (200, "text/csv; charset=utf-8", b"")
    assert Event.objects.count() == before
    wrong = script.client.get(f"{API}/decisions?since=2026-11-02&until=2026-11-01&format=xml&to=1")
    assert (wrong.status_code, wrong["Content-Type"]) == (400, "application/problem+json")
    assert {error["parameter"] for error in wrong.json()["errors"]} == {"to"}
    wrong = script.client.get(f"{API}/decisions?since=2026-11-02&until=2026-11-01")
    assert {error["parameter"] for error in wrong.json()["errors"]} == {"until"}


def test_the_page_says_what_is_wrong_with_a_period(
    staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    window = login(staff("audrey", "auditor"))
    answer = window.get("/records/export/?records=decisions&since=2026-11-02&until=2026-11-01&format=csv")
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors()
    assert window.get("/records/export/?records=nothing").status_code == 422


def test_what_the_filters_of_the_audit_log_find_is_exported(
    staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    Event.objects.create(action="staff.created", actor_kind="user", actor_name="=cmd()")
    window = login(staff("audrey", "auditor"))
    answer = window.get(f"/records/audit-log.csv?x={'A' * 600}&actor=%3Dcmd()")
    [row] = csv.DictReader(io.StringIO(answer.getvalue().decode(), newline=""))
    assert (row["action"], row["actor_name"]) == ("staff.created", "'=cmd()")
    assert Event.objects.get(action="export.ended").detail["filters"] == {"actor": "=cmd()"}
    before = Event.objects.count()
    assert window.head("/records/audit-log.csv").status_code == 405, "nothing would be sent"
    assert Event.objects.count() == before
    for wrong in ("/records/audit-log.csv?since=x", "/records/audit-log.xml"):
        assert window.get(wrong).status_code == 422


def test_people_who_also_decide_export_no_events_and_find_none_that_tell_an_answer(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    ada, item = staff("ada", "admin"), enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    about = {"target_kind": "submission", "target_id": str(item.submission_id)}
    Event.objects.create(action="submission.scored", actor_kind="system", **about)
    Event.objects.create(action="item.opened", target_kind="reviewitem", target_id=str(item.pk))
    for action in ("planting.planted", "gold.added", "staff.created"):
        Event.objects.create(action=action, actor_kind="system")
    telling = {"planting.planted", "gold.added", "submission.scored", "item.opened"}
    assert telling <= {event.action for event in events_found(viewer=ada, wanted={})}
    ada.groups.add(Group.objects.get(name="senior"))
    ada = User.objects.get(pk=ada.pk)
    found = {event.action for event in events_found(viewer=ada, wanted={})}
    assert "staff.created" in found
    assert not telling & found
    assert login(ada).get("/records/audit-log.csv").status_code == 403
    assert "/records/audit-log.csv" not in login(ada).get("/insights/audit/").text


def test_the_command_writes_a_file_and_replaces_none(judged: Decision, tmp_path: Path) -> None:
    out = tmp_path / "decisions.jsonl"
    days = ["--since", str(today().since), "--until", str(today().until)]
    call_command("records", "export", "decisions", *days, "--out", str(out))
    assert len(lines(out.read_bytes())) == 1
    ended = Event.objects.get(action="export.ended")
    assert (ended.actor_kind, ended.detail["sha256"]) == (
        "system",
        hashlib.sha256(out.read_bytes()).hexdigest(),
    )
    with pytest.raises(CommandError, match="exists"):
        call_command("records", "export", "decisions", *days, "--out", str(out))


def test_a_period_is_whole_days() -> None:
    first, last = Period(date(2026, 11, 1), date(2026, 11, 1)).moments
    assert last - first == timedelta(days=1) - timedelta(microseconds=1)


def test_the_document_has_the_columns_of_the_tables() -> None:
    text = (Path(__file__).parents[3] / "docs" / "records.md").read_text()
    for table in TABLES.values():
        part = text.partition(f", schema {table.schema}\n")[2].partition("\n#")[0]
        for column in table.columns:
            assert f"| `{column.name}` | {column.type} |" in part, (table.name, column.name)
            for field in column.fields:
                assert f"`{field.name}`" in part, (table.name, field.name)


def test_the_days_of_the_form_are_read_by_a_browser_in_every_language(
    staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    window = login(staff("audrey", "auditor"))
    for language in ("en", "de"):
        page = window.get("/records/", headers={"Accept-Language": language}).text
        assert (
            len(
                re.findall(
                    r'type="date"[^>]* value="\d{4}-\d\d-\d\d"|value="\d{4}-\d\d-\d\d"[^>]*type="date"', page
                )
            )
            == 2
        )
