"""Schemathesis against the live server: no 5xx, and no answer that its documents do not describe."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models import Model

from devstack.paths import REPOSITORY
from kyc_review.accounts.models import User
from kyc_review.accounts.tokens.services import token_create
from kyc_review.registry.models import Bundle
from kyc_review.registry.shadows import shadow_start
from kyc_review.submissions.models import Submission
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from kyc_review.training.proposals import proposal_open

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "use_after_free",
    "ignored_auth",
)


LOOP, RECORDS = "^/api/v1/retraining/", "^/api/v1/records/"


@pytest.mark.slow
def test_the_live_server_keeps_to_its_schema(server: str, live_key: str, tmp_path: Path) -> None:
    check("openapi", server, live_key, tmp_path, "--max-examples", "15")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_records_keep_to_their_schema(
    server: str, staff: Callable[..., User], submit: Callable[..., Submission], tmp_path: Path
) -> None:
    """Asked by an auditor, with a submission there."""
    token = token_create(owner=staff("olga", "auditor"), label="schemathesis", days=1)[1]
    told = '[parameters]\n"path.submission_id" = "{}"\n'
    (tmp_path / "schemathesis.toml").write_text(told.format(submit().pk))
    check("openapi-staff", server, token, tmp_path, "--include-path-regex", RECORDS, "--max-examples", "8")


@pytest.mark.slow
@pytest.mark.usefixtures("loop_rows")
@pytest.mark.django_db(transaction=True)
def test_the_retraining_loop_keeps_to_its_schema(server: str, tmp_path: Path) -> None:
    """Asked by an admin, with a row of each kind there."""
    token = token_create(owner=User.objects.get(username="ada"), label="schemathesis", days=1)[1]
    (tmp_path / "schemathesis.toml").write_text(numbers())
    check("openapi-staff", server, token, tmp_path, "--include-path-regex", LOOP, "--max-examples", "8")


@pytest.fixture
def loop_rows(comparison: Comparison, run: TrainingRun, staff: Callable[..., User]) -> None:
    staff("ada", "admin")
    proposal_open(comparison=comparison, actor=staff("amir", "admin"), reason="It is better.")
    shadow_start(actor=None, bundle=comparison.candidate)


def numbers() -> str:
    """Which rows there are, for what is asked by number or name."""
    rows: dict[str, type[Model]] = {"comparisons": Comparison, "runs": TrainingRun, "proposals": Proposal}
    told = [
        f'[parameters]\nname = "ready"\ndigest = "{Bundle.objects.values_list("digest", flat=True)[0]}"\n'
    ]
    for name, model in rows.items():
        pattern = f'include-path-regex = "/{name}/"'
        told.append(
            f"[[operations]]\n{pattern}\nparameters = {{ number = {model._default_manager.get().pk} }}\n"
        )
    return "\n".join(told)


def check(document: str, server: str, key: str, tmp_path: Path, *more: str) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        str(REPOSITORY / f"docs/{document}.yaml"),
    ]
    command += ["--url", server, "--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--seed", "1", *more]
    # `?wait=` holds an answer back for 10 s, which is also the default time-out.
    command += ["--workers", "1", "--generation-deterministic", "--no-color", "--request-timeout", "30"]
    environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
