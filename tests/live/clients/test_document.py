"""The documents are clean to the two common linters, and importable; with the tools of `make clients`."""

from pathlib import Path

import pytest

from devstack.paths import REPOSITORY
from tests.factories.clients import DOCUMENT, run

DOCUMENTS = [str(DOCUMENT), str(REPOSITORY / "docs" / "openapi-staff.yaml")]


@pytest.mark.long
def test_spectral_finds_no_error_and_no_warning(node: Path, all_tools: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text('extends: ["spectral:oas"]\n')
    command = [str(all_tools / "node/node_modules/.bin/spectral"), "lint", "--ruleset", "rules.yaml"]
    out = run([*command, "--fail-severity", "hint", "--format", "text", *DOCUMENTS], tmp_path)
    assert out == "No results with a severity of 'hint' or higher found!"


@pytest.mark.long
def test_redocly_finds_no_error_and_no_warning(node: Path, all_tools: Path, tmp_path: Path) -> None:
    """Its "recommended" rules; an empty list of problems is what `--format json` then says."""
    command = [str(all_tools / "node/node_modules/.bin/redocly"), "lint", "--format", "json", *DOCUMENTS]
    out = run(command, tmp_path)
    clean = '"totals": {\n    "errors": 0,\n    "warnings": 0,\n    "ignored": 0\n  }'
    assert out.count(clean) == len(DOCUMENTS), out
