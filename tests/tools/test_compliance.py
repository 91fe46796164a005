"""docs/compliance.md points at pages, commands and documents that exist."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.urls import resolve

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
PAGES = sorted(set(re.findall(r"`(/[a-z/]*)`", TEXT)))
COMMANDS = sorted(set(re.findall(r"`manage\.py ([a-z -]+)`", TEXT)))
DOCUMENTS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))
REGULATIONS = {
    "EU AI Act": [*(f"Art. {article}" for article in range(9, 16)), "Art. 26"],
    "GDPR": ["Art. 15", "Art. 17", "Art. 22", "Art. 35"],
    "SR 11-7": ["Inventory", "Validation", "Ongoing monitoring"],
}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_exists(page: str) -> None:
    assert resolve(page)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    name, *verbs = command.split()
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    listed = {choice for action in parser._actions for choice in (action.choices or ())}
    assert set(verbs) <= listed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_document_exists(document: str) -> None:
    assert (ROOT / "docs" / document).is_file()


def test_each_row_says_how_to_show_it() -> None:
    rows = re.findall(r"^- \*\*.+?(?=\n- |\n\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"Show: [`\[]", row)] == []


@pytest.mark.parametrize("regulation", REGULATIONS)
def test_every_article_has_a_row(regulation: str) -> None:
    part = next(part for part in TEXT.split("\n## ") if part.startswith(regulation))
    assert [wanted for wanted in REGULATIONS[regulation] if f"- **{wanted}" not in part] == []
