"""Migrations that the release before does not have work while its code still runs, and lock no table for long.

django-migration-linter reads the SQL of each, for which Django asks a database; hence no part of `make lint`.
"""

import re

import pytest
from django.db.migrations import AddConstraint, CreateModel
from django_migration_linter import MigrationLinter

from tests.factories.release_before import (
    COMMIT,
    LAST_MIGRATIONS,
    git,
    new_migrations,
    skip_without_history,
)

# What the linter warns of, and why it does no harm there. A line goes when its migration has been released.
HARMLESS = {
    ("accounts", "0008_key_erasing_by_two"): "an index of `accounts_apikey`, which has a few rows",
}
# It wants the variable of a model to be named as its class, which is no question of safety.
STYLE = ["RUNPYTHON_MODEL_VARIABLE_NAME"]


@pytest.mark.django_db(transaction=True)
def test_the_linter_finds_nothing_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(
        analyser_string="postgresql",
        all_warnings_as_errors=True,
        exclude_migration_tests=STYLE,
        no_cache=True,
    )
    found = set()
    for key, migration in new_migrations().items():
        before = linter.nb_erroneous
        linter.lint_migration(migration)
        if linter.nb_erroneous > before:
            found.add(key)
    assert found == set(HARMLESS), capsys.readouterr().out


def test_constraints_of_tables_with_rows_are_not_validated_under_the_lock_that_adds_them() -> None:
    """The linter has no rule for these: AddConstraintNotValid, and ValidateConstraint in a later migration."""
    blocking = set()
    for key, migration in new_migrations().items():
        made = {one.name_lower for one in migration.operations if isinstance(one, CreateModel)}
        blocking |= {
            (*key, one.constraint.name)
            for one in migration.operations
            if type(one) is AddConstraint and one.model_name_lower not in made
        }
    assert blocking == set()


def test_the_record_of_the_release_before_is_that_of_its_commit() -> None:
    skip_without_history()
    paths = git("ls-tree", "-r", "--name-only", COMMIT, "kyc_review").decode()
    there: dict[str, str] = {}
    for app, name in re.findall(r"^kyc_review/(\w+)/migrations/(\d\w+)\.py$", paths, re.M):
        there[app] = max(there.get(app, ""), name)
    assert there == LAST_MIGRATIONS
