import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from kyc_review.pipeline.canary import canary_record
from kyc_review.submissions.models import RetentionPass
from kyc_review.training.models import Comparison

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
GRAFANA = FOLDER.with_name("grafana")
DASHBOARDS = [json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))]
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]


def test_each_alert_has_a_runbook_and_no_runbook_is_left_over() -> None:
    runbooks = (FOLDER.parents[1] / "docs" / "runbooks.md").read_text()
    sections = re.findall(r"^## (\w+)$", runbooks, re.M)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"


@pytest.fixture
def exported(client: Client, comparison: Comparison, settings: Any) -> set[str]:
    """Every metric that /metrics of a web process or worker has once there is a champion, a verdict and a pass."""
    canary_record(bundle_version="1", elapsed_ms=5)
    settings.RETENTION_UNREVIEWED_DAYS = 90
    RetentionPass.objects.create(day=timezone.now().date())
    workers = CollectorRegistry()
    ProcessCollector(registry=workers)
    text = client.get("/metrics").text + generate_latest(workers).decode()
    found = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)", text, re.M):
        found |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


@pytest.mark.django_db
def test_rules_and_dashboards_ask_for_metrics_that_exist(exported: set[str]) -> None:
    asked = [rule["expr"] for rule in RULES] + [expr for one in DASHBOARDS for expr in expressions(one)]
    assert {name for expr in asked for name in re.findall(r"(?:kyc|process)_\w+", expr)} <= exported


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def test_dashboards_show_no_metric_that_reveals_which_items_are_checks() -> None:
    """Changes of `kyc_queue_check_items` tell reviewers afterwards which items were checks."""
    assert "kyc_queue_check" not in json.dumps(DASHBOARDS)


def test_dashboards_can_be_provisioned() -> None:
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/kyc-review.yaml").read_text())
    assert provider["providers"][0]["options"]["path"].startswith("/")
    assert len({one["uid"] for one in DASHBOARDS}) == len(DASHBOARDS) == 2
    for one in DASHBOARDS:
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])
        places = [panel["gridPos"] for panel in one["panels"]]
        assert all(place["x"] + place["w"] <= 24 for place in places)
        cells = [
            (x, y)
            for p in places
            for x in range(p["x"], p["x"] + p["w"])
            for y in range(p["y"], p["y"] + p["h"])
        ]
        assert len(cells) == len(set(cells)), "panels lie on each other"


def test_each_expression_of_the_dashboards_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(expr for one in DASHBOARDS for expr in expressions(one))
    ]
    assert len(rules) > 40
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(path))


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_fault_raises_its_alert_in_time() -> None:
    promtool("test", "rules", str(FOLDER / "alerts_test.yaml"))


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    names = {rule["alert"] for rule in RULES}
    quiet = {one["alertname"] for one in tests[0]["alert_rule_test"]}
    raised = {one["alertname"] for test in tests[1:] for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert quiet == raised == names
