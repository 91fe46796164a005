"""tools/raw_sql.py: raw SQL stays with the tables of its own app."""

from pathlib import Path

import pytest

from tools import raw_sql


@pytest.fixture
def product(tmp_path: Path) -> Path:
    for app in ("review", "datasets"):
        (tmp_path / app / "migrations").mkdir(parents=True)
    return tmp_path


def found(product: Path, source: str, path: str = "datasets/filters.py") -> list[tuple[int, str]]:
    (product / path).write_text(source)
    return [(finding.line, finding.table) for finding in raw_sql.findings(product)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM review_decision",
        "SELECT 1 FROM datasets_snapshot s JOIN review_decision d ON d.id = s.id",
        'DELETE FROM "review_decision"',
        "UPDATE review_decision SET note = ''",
        "INSERT INTO review_decision VALUES (1)",
        "SELECT 1 FROM datasets_snapshot, review_decision",
    ],
)
def test_a_table_of_another_app_is_found(product: Path, statement: str) -> None:
    assert found(product, f"SQL = {statement!r}") == [(1, "review_decision")]


def test_the_line_is_that_of_the_table_and_formatted_strings_are_read(product: Path) -> None:
    source = 'COLUMNS = "id"\nSQL = f"""SELECT {COLUMNS}\nFROM review_decision"""\n'
    assert found(product, source) == [(3, "review_decision")]


@pytest.mark.parametrize(
    "source",
    [
        "SQL = 'SELECT decision_id FROM datasets_snapshotitem'",
        "SQL = 'SELECT review_id FROM datasets_snapshotitem'",
        "name = 'review_decision'",
        "# SELECT 1 FROM review_decision\n",
    ],
)
def test_own_tables_columns_and_words_are_left_alone(product: Path, source: str) -> None:
    assert found(product, source) == []


def test_migrations_may_name_the_tables_that_they_depend_on(product: Path) -> None:
    source = "SQL = 'SELECT 1 FROM review_decision'"
    assert found(product, source, "datasets/migrations/0002_write_once.py") == []


def test_the_product_keeps_to_it() -> None:
    assert {"review", "submissions", "datasets"} <= raw_sql.apps()
    assert list(raw_sql.findings()) == []
