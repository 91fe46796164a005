"""Who may ask for an erasure, and how: by API, on the page and by the command."""

import time
from collections.abc import Callable
from io import StringIO
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Identity, Integration, User
from kyc_review.accounts.second_factor.services import second_factor_enrol
from kyc_review.accounts.single_sign_on.confirmation import CONFIRMED
from kyc_review.audit.models import Event
from kyc_review.lifecycle.erase import (
    FORGERY_GOES_TOO,
    ErasureRefused,
    submission_erase,
    submission_erase_alone,
)
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.pages import collapsed
from tests.factories.people import PASSWORD
from tests.factories.pictures import jpeg_bytes
from tests.factories.planted import planted
from tests.factories.responses import ClientResponse
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
REASON = "The applicant asked."
NAMED = {"applicant_ref": "p-1", "metadata": {"branch": "12"}}


@pytest.fixture
def eraser(client: Client, integration: Integration) -> Client:
    key = accounts.key_create(
        integration=integration, scopes=["submissions:erase", "submissions:read", "submissions:write"]
    )[1]
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def test_an_integration_erases_what_is_its_own_and_reads_410_afterwards(
    eraser: Client, submit: Callable[..., Submission]
) -> None:
    row, kept = submit(**NAMED), submit()
    url = f"/api/v1/submissions/{row.pk}"
    assert [eraser.delete(f"{url}?reason=asked").status_code for _ in range(2)] == [204, 204]
    gone = eraser.get(url)
    assert (gone.status_code, gone.json()["code"]) == (410, "erased")
    assert gone["Content-Type"] == "application/problem+json"
    assert eraser.post(f"{url}/cancel").status_code == 410
    assert [one["id"] for one in eraser.get("/api/v1/submissions").json()["data"]] == [str(kept.pk)]
    after = eraser.get(f"/api/v1/submissions?after={row.pk}")
    assert after.status_code == 200, "a page that ended at it goes on"
    told = Event.objects.get(action="submission.erased")
    assert (told.actor_kind, told.detail["reason"]) == ("integration", "asked")


def test_a_key_has_the_scope_only_if_somebody_chose_it(
    api: Client, submit: Callable[..., Submission]
) -> None:
    answer = api.delete(f"/api/v1/submissions/{submit().pk}")
    assert answer.status_code == 403
    assert "submissions:erase" in answer.json()["detail"]


def test_what_belongs_to_others_cannot_be_erased(eraser: Client, submit: Callable[..., Submission]) -> None:
    other = submit(integration=accounts.integration_create(slug="branch", name="Branch"))
    sandbox = submit(is_test=True)
    for row in (other, sandbox):
        assert eraser.delete(f"/api/v1/submissions/{row.pk}").status_code == 404
    assert eraser.delete(f"/api/v1/submissions/{uuid4()}").status_code == 404
    assert not Submission.objects.filter(erased_at__isnull=False).exists()


def test_a_late_repetition_of_its_create_says_that_it_was_erased(eraser: Client) -> None:
    headers = {"Idempotency-Key": "once"}

    def post() -> ClientResponse:
        sent = {"image": ContentFile(jpeg_bytes(), "a.jpg"), "external_ref": "application-7"}
        return eraser.post("/api/v1/submissions", sent | {"applicant_ref": "p-1"}, headers=headers)

    first = post().json()
    assert first["external_ref"] == "application-7"
    eraser.delete(f"/api/v1/submissions/{first['id']}")
    again = post()
    assert (again.status_code, again.json()["code"]) == (410, "erased")
    assert first["sha256"] not in again.content.decode()
    assert Submission.objects.count() == 1


def test_all_submissions_of_a_person_are_erased_and_no_others(
    eraser: Client, submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_review.lifecycle.api.views.ERASED_AT_ONCE", 2)
    other = accounts.integration_create(slug="other", name="Other")
    theirs = [submit(applicant_ref="p-7") for _ in range(3)]
    kept = [submit(applicant_ref=""), submit(applicant_ref="p-70"), submit(applicant_ref="p-7", is_test=True)]
    kept.append(submit(applicant_ref="p-7", integration=other))
    url = "/api/v1/submissions?applicant_ref=p-7&reason=asked"
    answers = [eraser.delete(url).json() for _ in range(3)]
    assert [len(one["erased"]) for one in answers] == [2, 1, 0]
    assert [one["has_more"] for one in answers] == [True, False, False]
    assert {pk for one in answers for pk in one["erased"]} == {str(row.pk) for row in theirs}
    assert set(Submission.objects.filter(erased_at=None)) == set(kept)


@pytest.mark.parametrize(
    "query", ["", "?applicant_ref=", "?aplicant_ref=p-7", "?applicant_ref=a&applicant_ref=b"]
)
def test_without_a_person_nothing_is_erased(
    eraser: Client, submit: Callable[..., Submission], query: str
) -> None:
    submit(applicant_ref="")
    assert eraser.delete(f"/api/v1/submissions{query}").status_code == 400
    assert not Submission.objects.exclude(erased_at=None).exists()


@pytest.mark.parametrize("sent", ["Zo\u00eb", "Zoe\u0308"])
def test_a_person_is_erased_in_every_spelling(
    eraser: Client, submit: Callable[..., Submission], sent: str
) -> None:
    """References from before they had one normal form are as they were sent."""
    theirs = [submit(applicant_ref=stored) for stored in ("Zo\u00eb", "Zoe\u0308")]
    submit(applicant_ref="Zoe")
    hidden = submit(applicant_ref="Zo\u200b\u00eb")
    answer = eraser.delete(f"/api/v1/submissions?{urlencode({'applicant_ref': sent})}").json()
    assert answer == {"erased": [str(row.pk) for row in theirs], "failed": [], "has_more": False}
    answer = eraser.delete(f"/api/v1/submissions?{urlencode({'applicant_ref': hidden.applicant_ref})}").json()
    assert answer["erased"] == [str(hidden.pk)]


def test_a_submission_that_cannot_be_erased_does_not_hold_up_the_others(
    eraser: Client, submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_review.lifecycle.api.views.ERASED_AT_ONCE", 1)
    bad, *others = [submit(applicant_ref="p-7") for _ in range(3)]

    def refuse(*, submission_id: UUID) -> None:
        if submission_id == bad.pk:
            raise RuntimeError("the storage is away")

    monkeypatch.setattr("kyc_review.lifecycle.erase.evidence_erase", refuse)
    answers = [eraser.delete("/api/v1/submissions?applicant_ref=p-7").json() for _ in range(2)]
    assert [one["failed"] for one in answers] == [[str(bad.pk)]] * 2
    assert [one["erased"] for one in answers] == [[str(row.pk)] for row in others]
    assert [one["has_more"] for one in answers] == [True, False]
    assert set(Submission.objects.filter(erased_at=None)) == {bad}


# --- people and the command line --------------------------------------------------------------------------


def test_an_admin_erases_on_the_submissions_page_with_a_reason_and_a_confirmation(
    decide: Callable[..., Decision],
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    row = decide("fake", **NAMED).submission
    window: Client = login(staff("ada", "admin"))
    page = f"/insights/submissions/{row.pk}/"
    assert "Erase permanently" in window.get(page).content.decode()
    assert window.post(f"{page}erasure/", {"reason": REASON}).status_code == 422
    assert window.post(f"{page}erasure/", {"confirmed": "on"}).status_code == 422
    sent = {"reason": REASON, "confirmed": "on"}
    assert window.post(f"{page}erasure/", sent).status_code == 422
    assert window.post(f"{page}erasure/", sent | {"password": "wrong"}).status_code == 422
    assert window.post(f"{page}erasure/", sent | {"password": PASSWORD}).status_code == 302
    shown = window.get(page).content.decode()
    assert "Erased submission" in shown
    assert "p-1" not in shown
    assert "Erase permanently" not in shown
    assert "erased" in window.get("/insights/search/").content.decode()


def test_an_erasure_asks_for_the_second_factor_of_an_admin_who_has_one(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[[User], Client],
    clock: list[float],
) -> None:  # fmt: skip
    row, ada = submit(), staff("ada", "admin")
    second_factor_enrol(user=ada, secret=SECRET, code=code_at(clock[0]))
    clock[0] += 60
    window: Client = login(User.objects.get(pk=ada.pk))
    path = f"/insights/submissions/{row.pk}/erasure/"
    sent = {"reason": REASON, "confirmed": "on", "password": PASSWORD}
    assert window.post(path, sent).status_code == 422
    assert not Submission.objects.exclude(erased_at=None).exists()
    assert window.post(path, sent | {"code": code_at(clock[0])}).status_code == 302


def test_a_login_at_the_identity_provider_confirms_one_erasure(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[[User], Client],
    settings: LazySettings,
) -> None:  # fmt: skip
    settings.OIDC_ISSUER = "https://login.bank.example"
    rows, ada = [submit(), submit()], staff("ada", "admin")
    window: Client = login(ada)
    settings.LOCAL_PASSWORDS = False
    Identity.objects.create(user=ada, issuer=settings.OIDC_ISSUER, subject="4711")
    session = window.session
    session[CONFIRMED] = {"at": time.time(), "with_factor": True}
    session.save()
    sent = {"reason": REASON, "confirmed": "on"}
    answers = [window.post(f"/insights/submissions/{row.pk}/erasure/", sent).status_code for row in rows]
    assert answers == [302, 422]


def test_one_admin_alone_erases_up_to_the_daily_number(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[[User], Client],
    settings: LazySettings,
) -> None:  # fmt: skip
    settings.ADMIN_ERASURES_PER_DAY = 2
    ada, amir, rows = staff("ada", "admin"), staff("amir", "admin"), [submit() for _ in range(3)]
    for row in rows[:2]:
        submission_erase_alone(submission_id=row.pk, reason=REASON, actor=ada)
    with pytest.raises(ErasureRefused, match="Two people erase more"):
        submission_erase_alone(submission_id=rows[2].pk, reason=REASON, actor=ada)
    refused = login(ada).post(
        f"/insights/submissions/{rows[2].pk}/erasure/",
        {"reason": REASON, "confirmed": "on", "password": PASSWORD},
    )
    assert (refused.status_code, "Two people erase more" in refused.text) == (422, True)
    assert Submission.objects.get(pk=rows[2].pk).erased_at is None
    submission_erase_alone(submission_id=rows[2].pk, reason=REASON, actor=amir)
    with pytest.raises(PermissionDenied):
        submission_erase_alone(submission_id=rows[2].pk, reason=REASON, actor=staff("audrey", "auditor"))


def test_no_reason_that_is_typed_lifts_the_daily_number_and_a_forgery_does_not_count(
    submit: Callable[..., Submission], staff: Callable[..., User], settings: LazySettings
) -> None:
    settings.ADMIN_ERASURES_PER_DAY = 2
    ada, rows = staff("ada", "admin"), [submit() for _ in range(3)]
    forgery = planted(submit, source=rows[0])
    for row in rows[:2]:
        submission_erase_alone(submission_id=row.pk, reason=FORGERY_GOES_TOO, actor=ada)
    with pytest.raises(ErasureRefused):
        submission_erase_alone(submission_id=rows[2].pk, reason=FORGERY_GOES_TOO, actor=ada)
    told = Event.objects.get(action="submission.erased", target_id=str(forgery.pk))
    assert told.detail["with"] == str(rows[0].pk)


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_nobody_but_an_admin_erases(
    submit: Callable[..., Submission], staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    row = submit()
    window: Client = login(staff("person", role))
    path = f"/insights/submissions/{row.pk}/erasure/"
    assert window.post(path, {"reason": REASON, "confirmed": "on"}).status_code == 403
    row.refresh_from_db()
    assert row.erased_at is None


def test_the_command_erases_and_lists(submit: Callable[..., Submission]) -> None:
    row, out = submit(), StringIO()
    call_command("submission", "erase", str(row.pk), "--reason", REASON, stdout=out)
    call_command("submission", "erased", "--since", f"{timezone.now():%Y-%m-%d}", stdout=out)
    assert out.getvalue().count(str(row.pk)) == 2
    with pytest.raises(CommandError, match="no submission"):
        call_command("submission", "erase", str(uuid4()), "--reason", REASON, stdout=out)


def test_a_senior_who_looks_at_its_item_reads_that_it_was_erased(
    claimed: ReviewItem, alice: User, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    submission_erase(submission_id=claimed.submission_id, reason=REASON)
    window: Client = login(staff("sara", "senior"))
    page = collapsed(window.get(f"/review/items/{claimed.pk}/"))
    assert "are deleted" in page
    assert "Decided <strong>fake</strong>" in page
    assert "Correct" not in page
    assert f"/review/items/{claimed.pk}/image/" not in page
    assert "hx-get" not in window.get(f"/review/items/{claimed.pk}/evidence/").content.decode()
