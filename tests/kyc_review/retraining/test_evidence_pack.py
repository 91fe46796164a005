"""The evidence of a promotion holds what it rests on, and can be checked by somebody without our database."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.audit.signing import key_file, public_keys_dir, signing_key_ensure
from kyc_review.core.signed_archive import archive_verify
from kyc_review.registry.bundles import bundle_rollback
from kyc_review.registry.models import Promotion
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.promotion_basis import promotion_of
from kyc_review.training.proposals import proposal_approve, proposal_open
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def promotion(comparison: Comparison, staff: Callable[..., User]) -> Promotion:
    proposal = proposal_open(comparison=comparison, actor=staff("ada", "admin"), reason="It is better.")
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"), remark="Agreed.")
    return Promotion.objects.latest("pk")


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_pack_tells_who_why_on_what_and_with_which_gate(
    promotion: Promotion, comparison: Comparison, tmp_path: Path
) -> None:
    out = tmp_path / "pack.zip"
    call_command("evidence", "pack", str(promotion.pk), "--out", str(out))
    files = read(out)
    proposal, compared = json.loads(files["proposal.json"]), json.loads(files["comparison.json"])
    assert (proposal["proposed_by"], proposal["decided_by"], proposal["remark"]) == ("ada", "amir", "Agreed.")
    assert proposal["gate_at_approval"] == proposal["gate"]
    assert compared["report"] == comparison.report
    assert json.loads(files["promotion.json"])["bundle"] == comparison.candidate.digest
    assert files["bundle/model-card.md"] == (comparison.candidate.directory / "MODEL_CARD.md").read_bytes()
    assert json.loads(files["gate-settings.json"])["in_force"]["recall_min"] == 0.5
    assert "django" in {name.lower() for name in json.loads(files["software.json"])["packages"]}
    actions = [json.loads(line)["action"] for line in files["audit-events.jsonl"].splitlines()]
    assert {"promotion.proposed", "promotion.approved", "bundle.promoted"} <= set(actions)
    contents = json.loads(files["contents.json"])
    assert "run.json" in contents["missing"]  # this candidate was registered, not trained here
    assert Event.objects.filter(action="promotion.evidence_packed").count() == 1
    with pytest.raises(CommandError, match="exists"):
        call_command("evidence", "pack", str(promotion.pk), "--out", str(out))


def test_what_was_changed_on_disk_is_named(
    promotion: Promotion, comparison: Comparison, tmp_path: Path
) -> None:
    manifest = comparison.snapshot.manifest
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("{}")
    call_command("evidence", "pack", str(promotion.pk), "--out", str(tmp_path / "pack.zip"))
    contents = json.loads(read(tmp_path / "pack.zip")["contents.json"])
    assert contents["changed"] == ["snapshot-compared-on/manifest.json"]


def test_a_rollback_has_evidence_without_a_proposal(
    promotion: Promotion, staff: Callable[..., User], tmp_path: Path
) -> None:
    leaving = promotion.bundle.digest
    step = bundle_rollback(actor=staff("maya", "admin"), reason="Too many flags.", leaving=leaving)
    call_command("evidence", "pack", str(step.pk), "--out", str(tmp_path / "back.zip"))
    files = read(tmp_path / "back.zip")
    assert json.loads(files["promotion.json"])["kind"] == "rollback"
    assert "proposal.json" in json.loads(files["contents.json"])["missing"]


def test_it_is_verified_without_database_or_settings(promotion: Promotion, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    call_command("evidence", "pack", str(promotion.pk), "--out", str(out))
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    [key] = public_keys_dir().glob("*.pem")
    command = [
        sys.executable,
        str(REPOSITORY / "manage.py"),
        "evidence",
        "verify",
        str(out),
        "--key",
        str(key),
    ]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Valid: ")
    assert "the key that you named" in done.stdout


def test_the_help_lists_verify_and_a_file_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("evidence", "verify", str(tmp_path / "none.zip"))
    assert ended.value.code == 2
    assert f"{tmp_path / 'none.zip'} cannot be read: No such file" in capsys.readouterr().err


def test_an_unknown_promotion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no promotion 99"):
        call_command("evidence", "pack", "99", "--out", str(tmp_path / "x.zip"))
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_readers_of_the_loop_download_it_from_the_page_and_the_log_names_them(
    promotion: Promotion,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    tmp_path: Path,
    role: str,
) -> None:
    signing_key_ensure()
    window = login(staff("audrey", role))
    address = reverse("retraining:evidence", args=[promotion.pk])
    assert address in window.get("/retraining/").text
    assert address in window.get(f"/registry/{promotion.bundle.digest}/").text
    assert not Event.objects.filter(action="promotion.evidence_packed").exists()
    answer = window.get(address)
    content = answer.getvalue()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    (tmp_path / "pack.zip").write_bytes(content)
    [key] = public_keys_dir().glob("*.pem")
    assert archive_verify(tmp_path / "pack.zip", key.read_bytes()).is_trusted
    event = Event.objects.get(action="promotion.evidence_packed")
    assert (event.actor_name, event.target_id) == ("audrey", str(promotion.pk))
    assert event.detail["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_others_get_no_evidence_by_page(
    promotion: Promotion, staff: Callable[..., User], login: Callable[[User], Client], role: str
) -> None:
    window = login(staff("rita", role))
    assert window.get(reverse("retraining:evidence", args=[promotion.pk])).status_code == 403
    proposal = Proposal.objects.get()
    assert window.get(reverse("retraining:proposal_evidence", args=[proposal.pk])).status_code == 403


def test_an_approved_proposal_leads_to_the_evidence_of_its_own_promotion(
    promotion: Promotion, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    signing_key_ensure()
    proposal = Proposal.objects.get()
    bundle_rollback(actor=staff("maya", "admin"), reason="Too many flags.", leaving=promotion.bundle.digest)
    window = login(staff("audrey", "auditor"))
    address = reverse("retraining:proposal_evidence", args=[proposal.pk])
    assert address in window.get("/retraining/").text
    assert window.get(address).status_code == 200
    assert Event.objects.get(action="promotion.evidence_packed").target_id == str(promotion.pk)
    assert window.get(reverse("retraining:proposal_evidence", args=[9999])).status_code == 404
    proposal.state = Proposal.State.REJECTED
    assert promotion_of(proposal) is None


def test_a_web_process_without_the_key_signs_nothing_and_makes_no_key(
    promotion: Promotion, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    auditor = staff("audrey", "auditor")
    answer = login(auditor).get(reverse("retraining:evidence", args=[promotion.pk]), follow=True)
    assert "manage.py" in str(next(iter(answer.context["messages"])))
    asked = Script(auditor).get(f"/promotions/{promotion.pk}/evidence")
    assert (asked.status_code, asked.json()["code"]) == (503, "signing_key_unavailable")
    assert not key_file().exists()
    assert not Event.objects.filter(action="promotion.evidence_packed").exists()


def test_an_auditor_gets_it_by_token(
    promotion: Promotion, staff: Callable[..., User], tmp_path: Path
) -> None:
    signing_key_ensure()
    script = Script(staff("audrey", "auditor"), is_read_only=True)
    answer = script.get(f"/promotions/{promotion.pk}/evidence")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    (tmp_path / "pack.zip").write_bytes(answer.getvalue())
    assert "proposal.json" in read(tmp_path / "pack.zip")
    assert archive_verify(tmp_path / "pack.zip").files > 5
    assert "token" in Event.objects.get(action="promotion.evidence_packed").detail
    assert script.get("/promotions/9999/evidence").status_code == 404
