#!/bin/sh
# Every check that needs no service. All run, so that one look shows all that is wrong; exit 1 when any failed.
set -u
cd "$(dirname "$0")/.."
. tools/placeholder-env.sh
BIN=.venv/bin
failed=""

check() {
    name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

openapi_is_current() {
    fresh=$(mktemp -d)
    tools/openapi.sh "$fresh" && diff -u docs/openapi.yaml "$fresh/openapi.yaml" &&
        diff -u docs/openapi-staff.yaml "$fresh/openapi-staff.yaml" || {
        echo "docs/openapi.yaml or openapi-staff.yaml differs from the code: run make openapi and commit them"
        rm -rf "$fresh"
        return 1
    }
    rm -rf "$fresh"
}

# New migrations are linted by tests/deploy/test_new_migrations.py, because that needs a database.
# makemigrations asks the database which migrations ran, warns that it cannot, and compares models all the same.
migrations_are_complete() { $BIN/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run; }

check "ruff check" $BIN/ruff check .
check "ruff format" $BIN/ruff format --check .
check "mypy" $BIN/mypy
check "import contracts" $BIN/lint-imports
check "raw SQL names own tables only" $BIN/python tools/raw_sql.py
check "plain words" $BIN/python tools/words.py
check "no raw values of state enums" $BIN/python tools/raw_states.py
check "line length of templates and documents" $BIN/python tools/line_length.py
check "texts are marked for translation" $BIN/python tools/untranslated.py
check "translations are complete" $BIN/python tools/messages.py check
check "missing migrations" migrations_are_complete
check "OpenAPI drift" openapi_is_current

[ -z "$failed" ] || { printf 'FAILED: %s\n' "${failed#, }"; exit 1; }
echo "lint: all clean"
