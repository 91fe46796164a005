#!/bin/sh
# Writes the API's schema to the file named, without a database: generating it opens no connection.
set -eu
cd "$(dirname "$0")/.."
. tools/placeholder-env.sh
.venv/bin/python manage.py spectacular --validate --file "$1"
