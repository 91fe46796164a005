"""What a process of the web carries: not the weight of the scoring worker (DESIGN: floors), but every text it shows."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from kyc_review.review.models import ReviewItem

LOAD = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "kyc_review.settings"
from kyc_review.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
from kyc_review.core import stored_texts
texts = stored_texts.templates()
from kyc_review.celery import app
app.loader.import_default_modules()
heavy = {"torch", "timm", "torchvision", "sklearn", "imblearn", "scipy", "numpy", "ml"}
# The other parts of OpenTelemetry are loaded by redis, where they are installed.
heavy |= {"opentelemetry.exporter", "opentelemetry.sdk.trace"}
from kyc_review.core import tracing
with tracing.span("work"):
    assert tracing.traceparent() == ""
print(json.dumps({"heavy": sorted(heavy & set(sys.modules)), "texts": texts}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """Of the modules in `heavy` those that a process has with every URL and task, and its stored texts before tasks."""
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_loading_every_url_and_task_imports_no_torch_and_no_exporter_of_traces(
    loaded: dict[str, list[str]],
) -> None:
    assert loaded["heavy"] == []


def test_pages_know_every_stored_text_that_a_worker_writes(loaded: dict[str, list[str]]) -> None:
    written = set()
    for file in Path(settings.BASE_DIR, "kyc_review").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "stored":
                marked = node.args[0]
                assert isinstance(marked, ast.Call), file
                if isinstance(marked.args[0], ast.Constant):
                    written.add(marked.args[0].value)
                else:
                    assert file.name == "comparison_groups.py", file
    with override("en"):
        written |= {str(reason.label) for reason in ReviewItem.Reason}
    assert set(loaded["texts"]) == written
