"""A submission's dossier: complete for auditors; for the applicant without other people's data and staff names."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.audit.signing import public_keys_dir, signing_key_ensure
from kyc_review.core.signed_archive import archive_verify
from kyc_review.evidence.models import Likeness
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.records import dossier_rows
from kyc_review.records.names import Names
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.webhooks.models import Delivery, Endpoint
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
Files = dict[str, bytes]


@pytest.fixture
def twin(judged: Decision, enqueue: Callable[..., ReviewItem]) -> Submission:
    """Another applicant's submission, which looks like the judged one."""
    other = enqueue(applicant_ref="somebody-else").submission
    Likeness.objects.create(submission=judged.submission, earlier=other, bits_apart=3, same_file=False)
    return other


def packed(judged: Decision, audience: str, folder: Path) -> Files:
    out = folder / f"{audience}.zip"
    call_command("records", "dossier", str(judged.submission_id), "--for", audience, "--out", str(out))
    [key] = public_keys_dir().glob("*.pem")
    assert archive_verify(out, key.read_bytes()).is_trusted
    return read(out.read_bytes())


def read(content: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_auditor_gets_all_that_is_stored(judged: Decision, twin: Submission, tmp_path: Path) -> None:
    files = packed(judged, "auditor", tmp_path)
    row = judged.submission
    with originals.open(row.image_key) as posted:
        assert files[f"picture.{row.format.lower()}"] == posted.read()
    review, shown = json.loads(files["review.json"]), json.loads(files["shown.json"])
    [decision], [call] = review["decisions"], review["first_calls"]
    assert (decision["reviewer"], decision["label"], decision["note"]) == ("alice", "fake", "Left eye.")
    assert (call["label"], call["reviewer"]) == ("real", "alice")
    [before] = shown["before_decisions"]
    assert before["picture_from"] < before["votes_and_evidence_from"] < decision["decided_at"]
    assert before["not_known"]
    votes = json.loads(files["votes.json"])["votes"]
    assert (votes[0]["probability"], votes[0]["threshold"]) == (0.91, 0.5)
    assert json.loads(files["evidence.json"])["similar"][0]["earlier"] == str(twin.pk)
    actions = [json.loads(line)["action"] for line in files["audit-events.jsonl"].splitlines()]
    assert actions == [moment["action"] for moment in json.loads(files["timeline.json"])]
    assert "item.decided" in actions
    assert json.loads(files["receipt.json"])["submission"] == str(row.pk)
    assert [event["kind"] for event in json.loads(files["told.json"])] == ["submission.completed"]


def test_the_applicants_copy_names_no_staff_and_no_other_applicant(
    judged: Decision, twin: Submission, alice: User, tmp_path: Path
) -> None:
    alice.first_name, alice.last_name = "Alice", "Weber"
    alice.save()
    comment: Any = {"author": alice, "text": "@alice: Ms Weber asked bob, see alice."}
    judged.submission.comments.create(**comment)
    files = packed(judged, "subject", tmp_path)
    everything = b"".join(content for name, content in files.items() if name.endswith((".json", ".txt")))
    for hidden in (b"alice", b"Weber", str(twin.pk).encode(), twin.applicant_ref.encode()):
        assert hidden not in everything
    review = json.loads(files["review.json"])
    assert review["decisions"][0]["reviewer"] == review["first_calls"][0]["reviewer"] == "reviewer 1"
    assert review["decisions"][0]["note"] == "Left eye.", "what is said about a person is that person's data"
    assert review["comments_and_appeals"][0]["text"] == "reviewer 1: Ms reviewer 1 asked bob, see reviewer 1."
    assert json.loads(files["evidence.json"])["similar_pictures"] == 1
    assert not {"audit-events.jsonl", "receipt.json"} & set(files)
    contents = json.loads(files["contents.json"])
    assert any("staff" in line for line in contents["left_out"])
    assert "names of staff" not in packed(judged, "auditor", tmp_path)["contents.json"].decode()


@pytest.mark.parametrize(
    ("username", "last", "text", "said"),
    [
        ("kim", "Weiß", "Weiß, WEISS, weiss; Weissenberg", "reviewer 1, reviewer 1, reviewer 1; Weissenberg"),
        ("yilmaz", "", "Y\u0131lmaz, YİLMAZ, YILMAZ!", "reviewer 1, reviewer 1, reviewer 1!"),
        ("İpek", "", "ask @ipek, İPEK", "ask reviewer 1, reviewer 1"),
        ("jm", "Müller", "Mu\u0308ller. Muller", "reviewer 1. reviewer 1"),
        ("@ada", "van  Dyk", "@ada, ada: van\nDyk", "reviewer 1, ada: reviewer 1"),
    ],
)
def test_names_of_staff_are_found_in_every_case_and_with_and_without_accents(
    username: str, last: str, text: str, said: str
) -> None:
    User.objects.create(username=username, last_name=last)
    assert Names(is_told=False).within(text) == said


def test_the_applicants_copy_tells_no_reason_why_a_delivery_failed(judged: Decision) -> None:
    event = judged.submission.webhook_events.get()
    endpoint = Endpoint.objects.create(
        integration=judged.submission.integration, url="https://kyc.bank.example/"
    )
    delivery = Delivery.objects.create(event=event, endpoint=endpoint, gives_up_at=event.created_at)
    for status, error in ((None, "hooks.bank.internal has the address 10.1.2.3"), (503, ""), (200, "")):
        delivery.attempts.create(status=status, error=error, elapsed_ms=1)
    [told] = dossier_rows.told(judged.submission, is_auditor=False)
    attempts = told["deliveries"][0]["attempts"]
    assert [set(one) for one in attempts] == [{"at", "status", "has_failed"}] * 3
    assert [one["has_failed"] for one in attempts] == [True, True, False]
    [told] = dossier_rows.told(judged.submission, is_auditor=True)
    assert "10.1.2.3" in told["deliveries"][0]["attempts"][0]["error"]


def test_what_remains_of_an_erased_submission_is_said(judged: Decision, tmp_path: Path) -> None:
    submission_erase(submission_id=judged.submission_id, reason="Asked for.")
    files = packed(judged, "subject", tmp_path)
    erased = json.loads(files["contents.json"])["erased"]
    assert "the picture" in erased["deleted"]
    remaining = {name for line in erased["remains"] for name in files if name in line}
    assert {"submission.json", "checks.json", "votes.json", "review.json", "told.json"} <= remaining
    assert not [name for name in files if name.startswith(("picture", "reference", "evidence"))]
    assert json.loads(files["submission.json"])["external_ref"] == ""
    assert json.loads(files["review.json"])["decisions"][0]["note"] == ""


@pytest.mark.parametrize("role", ["reviewer", "senior", "admin", "auditor"])
def test_admins_and_auditors_download_it_and_only_who_sees_faces_gets_pictures(
    judged: Decision, staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    signing_key_ensure()
    row = judged.submission
    person = staff("person", "admin")
    script = Script(person, is_read_only=True)
    person.groups.set([Group.objects.get(name=role)])
    window, page = login(person), reverse("insights:submission", args=[row.pk])
    address = reverse("records:dossier", args=[row.pk, "subject"])
    by_token = f"/api/v1/records/submissions/{row.pk}/dossier?audience=subject"
    answers = [window.get(address), script.client.get(by_token)]
    assert [Client().get(address).status_code, Client().get(by_token).status_code] == [302, 401]
    if role in ("reviewer", "senior"):
        assert [answer.status_code for answer in answers] == [403, 403]
        assert address not in window.get(page).text
        assert not Event.objects.filter(action="submission.dossier_packed").exists()
        return
    assert address in window.get(page).text
    for answer in answers:
        files = read(answer.getvalue())
        assert (f"picture.{row.format.lower()}" in files) == (role == "auditor")
        contents = json.loads(files["contents.json"])
        assert any("may not see faces" in line for line in contents["left_out"]) == (role == "admin")
    events = Event.objects.filter(action="submission.dossier_packed", target_id=str(row.pk))
    assert [(event.actor_name, event.detail["for"]) for event in events] == [("person", "subject")] * 2
    assert window.get(reverse("records:dossier", args=[row.pk, "press"])).status_code == 404


def test_who_may_still_be_asked_to_review_the_face_gets_none(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    signing_key_ensure()
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    both = staff("both", "auditor")
    script = Script(both)
    both.groups.add(Group.objects.get(name="senior"))
    assert (
        login(both).get(reverse("records:dossier", args=[item.submission_id, "auditor"])).status_code == 403
    )
    by_token = f"/api/v1/records/submissions/{item.submission_id}/dossier?audience=auditor"
    assert script.client.get(by_token).status_code == 403
