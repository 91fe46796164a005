"""The documents that show the way through the code name only paths that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/GLOSSARY.md")
TOP = "kyc_review|detection|ml|estimation|devstack|templates|static|tools|tests|docs|bench|samples"
PATH = re.compile(rf"`((?:{TOP})/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    file = ROOT / document
    text = file.read_text()
    missing = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    missing += [link for link in LINK.findall(text) if not (file.parent / link).exists()]
    assert missing == []


def test_the_architecture_names_files() -> None:
    assert len(PATH.findall((ROOT / "docs/ARCHITECTURE.md").read_text())) > 25
