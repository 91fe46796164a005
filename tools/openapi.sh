#!/bin/sh
# Writes the API's schemas into the folder named, without a database: generating them opens no connection.
# openapi.yaml is for integrators, openapi-staff.yaml for the bank's own scripts.
set -eu
cd "$(dirname "$0")/.."
. tools/placeholder-env.sh
.venv/bin/python manage.py spectacular --validate --file "$1/openapi.yaml"
.venv/bin/python manage.py spectacular --validate --file "$1/openapi-staff.yaml" \
    --custom-settings kyc_review.settings.api.STAFF_DOCUMENT
