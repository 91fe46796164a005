#!/bin/sh
# Runs tools/sbom.py in an environment of its own, made from requirements/sbom.txt when that changed.
set -eu
cd "$(dirname "$0")/.."
home=.local/sbom-env
stamp="$home/.installed"
wanted=$(cksum < requirements/sbom.txt)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
    .venv/bin/python -m venv --clear "$home"
    .venv/bin/uv pip install --quiet --python "$home/bin/python" --require-hashes -r requirements/sbom.txt
    printf '%s' "$wanted" > "$stamp"
fi
exec "$home/bin/python" tools/sbom.py
