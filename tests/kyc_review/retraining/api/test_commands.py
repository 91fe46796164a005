"""The loop at the command line: JSON in the API's words; who proposes and who approves says so by a token."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from kyc_review.accounts.models import User
from kyc_review.accounts.tokens.services import token_create
from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion
from kyc_review.review.models import Decision
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
WHY = ("--reason", "It catches more of the forged mouths.")


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def told(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


@pytest.fixture
def token_of(staff: Callable[..., User], tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """token_of("ada") makes an admin; the arguments that act in her name."""

    def make(name: str, role: str = "admin", **more: Any) -> tuple[str, str]:
        file = tmp_path / f"{name}.token"
        file.write_text(token_create(owner=staff(name, role), label="cli", days=1, **more)[1] + "\n")
        return "--token-file", str(file)

    return make


def test_lists_are_the_apis_own(
    ada: Script, comparison: Comparison, run: TrainingRun, ready: Snapshot
) -> None:
    for command, path in (
        (("snapshot", "list"), "/snapshots"),
        (("bundle", "list"), "/bundles"),
        (("comparison", "list"), "/comparisons"),
        (("proposal", "list"), "/proposals"),
    ):
        assert told(*command) == list(reversed(ada.get(path).json()["data"])), command
    assert told("retrain") == [ada.get(f"/runs/{run.pk}").json()]
    assert told("comparison", "show", str(comparison.pk)) == ada.get(f"/comparisons/{comparison.pk}").json()
    shown = told("bundle", "show", "v2")
    assert (shown["digest"], shown["state"]) == (comparison.candidate.digest, "candidate")


def test_a_snapshot_is_made_and_verified_for_a_script(decide: Callable[..., Decision]) -> None:
    decide("fake")
    made = told("snapshot", "create", "--name", "autumn")
    assert (made["state"], made["counts"]) == ("ready", {"real": 0, "fake": 1})
    assert json.loads(Path(made["manifest"]).read_text())["name"] == "autumn"
    assert told("snapshot", "verify", "autumn") == {"intact": True, "items": 1, "detail": ""}
    (Snapshot.objects.get().manifest).write_text("changed")
    with pytest.raises(CommandError, match="was changed"):
        said("snapshot", "verify", "autumn", "--json")


def test_a_run_and_its_end_are_told(run: TrainingRun) -> None:
    assert told("retrain", "ready", "--epochs", "4")["epochs"] == 4
    assert told("retrain", "--cancel", str(run.pk))["state"] == "cancelled"


def test_a_comparison_is_started_and_shown(comparison: Comparison) -> None:
    assert "waits" in said("comparison", "start", "v2", "ready")
    shown = said("comparison", "show", str(comparison.pk))
    assert "90.0% (80.0% to 100.0%), champion 75.0%" in shown
    assert "40 held-out fakes count like 20; an audit of cleared faces found 10 of them." in shown
    assert "Recall at most 5 points below the champion's: passed." in shown
    assert "Review load within its limit: failed." in said(
        "comparison", "show", str(comparison.pk), "--shift", "-3"
    )
    for wrong in (
        ("start", "v2", "nothing"),
        ("start", "v9", "ready"),
        ("start", "v1", "ready"),
        ("show", "99999"),
        ("show", str(comparison.pk), "--shift", "0.123"),
    ):
        with pytest.raises(CommandError):
            said("comparison", *wrong)


def test_a_token_does_not_approve_where_approvals_need_a_second_factor(
    comparison: Comparison, token_of: Callable[..., tuple[str, str]], settings: LazySettings
) -> None:
    settings.APPROVER_SECOND_FACTOR = True
    number = str(told("proposal", "create", str(comparison.pk), *WHY, *token_of("ada"))["id"])
    with pytest.raises(CommandError, match="A personal token cannot approve"):
        said("proposal", "approve", number, *token_of("amir"))
    assert champion() == comparison.champion


def test_two_tokens_promote_and_the_log_names_their_owners(
    comparison: Comparison, token_of: Callable[..., tuple[str, str]]
) -> None:
    ada, amir = token_of("ada"), token_of("amir")
    number = str(told("proposal", "create", str(comparison.pk), *WHY, *ada)["id"])
    with pytest.raises(CommandError, match="Another admin"):
        said("proposal", "approve", number, *ada)
    assert "proposed by ada" in said("proposal", "show", number)
    assert "is in production" in said("proposal", "approve", number, "--remark", "fine", *amir)
    assert champion() == comparison.candidate
    row = Proposal.objects.get()
    assert (row.proposed_by.username, row.decided_by and row.decided_by.username) == ("ada", "amir")
    assert Event.objects.get(action="promotion.approved").detail["token"].startswith("kyc_person_")
    assert "approved by amir" in said("proposal", "list")
    with pytest.raises(CommandError, match="already closed"):
        said("proposal", "reject", number, *amir)


def test_whoever_has_no_good_token_does_nothing(
    comparison: Comparison,
    token_of: Callable[..., tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "wrong").write_text("kyc_person_000000000000_" + "a" * 43)
    for token in (
        ("--token-file", str(tmp_path / "wrong")),
        ("--token-file", str(tmp_path / "nowhere")),
        token_of("audrey", "auditor"),
        token_of("careful", is_read_only=True),
    ):
        with pytest.raises(CommandError):
            said("proposal", "create", str(comparison.pk), *WHY, *token)
    with pytest.raises(CommandError, match="token-file"):
        said("proposal", "create", str(comparison.pk), *WHY)
    assert not Proposal.objects.exists()
    monkeypatch.setattr("sys.stdin", StringIO(Path(token_of("ada")[1]).read_text()))
    assert "open" in said("proposal", "create", str(comparison.pk), *WHY, "--token-file", "-")


def test_what_was_erased_is_told(decide: Callable[..., Decision], serving: Bundle) -> None:
    decide("fake")
    snapshot_create(name="autumn")
    assert told("snapshot", "list")[0]["erased"] is None
    assert told("bundle", "list")[0]["erased"] is None
