"""The web process must not carry the scoring worker's weight (DESIGN: floors)."""

import subprocess
import sys

LOAD = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "kyc_review.settings"
from kyc_review.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
from kyc_review.celery import app
app.loader.import_default_modules()
heavy = {"torch", "timm", "torchvision", "sklearn", "imblearn", "scipy", "numpy", "ml"}
print(sorted(heavy & set(sys.modules)))
"""


def test_loading_every_url_and_task_imports_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
