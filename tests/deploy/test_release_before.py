"""A rolling upgrade, or a rollback of the code: the release before works on this release's schema."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories.databases import database, url_of
from tests.factories.release_before import environment, unpack_code

pytestmark = pytest.mark.slow
# Its tests of intake, scoring, routing and decisions, as its own files name them.
API = "tests/kyc_review/submissions/test_api.py"
TESTS = [
    f"{API}::test_an_accepted_selfie_answers_202_with_its_location",
    f"{API}::test_the_original_bytes_are_kept_untouched_and_private",
    f"{API}::test_every_acceptance_is_in_the_audit_log",
    f"{API}::test_a_failed_insert_leaves_no_file",
    "tests/kyc_review/pipeline/test_routing.py",
    "tests/kyc_review/pipeline/test_worker.py::test_everything_due_is_scored_in_batches",
    "tests/kyc_review/review/test_decisions.py",
]
# Django's tests make their database from this one, so that the old migrations find nothing to do.
SETTINGS = """
import os
from kyc_review.settings import *
DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ["TEMPLATE"]}
"""


@pytest.mark.django_db(transaction=True)
def test_its_tests_pass_on_the_new_schema(tmp_path: Path) -> None:
    unpack_code(code := tmp_path / "code")
    (tmp_path / "on_new_schema.py").write_text(SETTINGS)
    with (
        database("new", is_copy=True) as template,
        database("of_old_code") as own,
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--ds=on_new_schema", "--tb=short", *TESTS],
            cwd=code,
            env=environment(DATABASE_URL=url_of(own), TEMPLATE=template, PYTHONPATH=str(tmp_path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert done.returncode == 0, done.stdout[-10_000:]
