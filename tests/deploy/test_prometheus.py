import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.test import Client

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]


def test_each_alert_has_a_runbook_and_no_runbook_is_left_over() -> None:
    runbooks = (FOLDER.parents[1] / "docs" / "runbooks.md").read_text()
    sections = re.findall(r"^## (\w+)$", runbooks, re.M)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"


@pytest.mark.django_db
def test_the_rules_ask_for_metrics_that_exist(client: Client) -> None:
    known = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.M))
    asked = {name for rule in RULES for name in re.findall(r"kyc_\w+", rule["expr"])}
    known |= {
        "kyc_scoring_worker_silence_seconds",
        "kyc_retention_silence_seconds",
        "kyc_audit_fake_share",
    }  # absent before the first selfie, promotion or pass
    assert asked <= known


def test_each_fault_raises_its_alert_in_time() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [promtool, "test", "rules", str(FOLDER / "alerts_test.yaml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    names = {rule["alert"] for rule in RULES}
    quiet = {one["alertname"] for one in tests[0]["alert_rule_test"]}
    raised = {one["alertname"] for test in tests[1:] for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert quiet == raised == names
