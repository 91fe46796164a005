#!/bin/sh
# Installs the pinned tools that generate and build clients of the API into .clients/; returns at once when they are there.
# usage: tools/clients.sh light|all     light: what CI runs (openapi-python-client, openapi-typescript); all: 500 MB more
set -eu
cd "$(dirname "$0")/.."
UV=.venv/bin/uv
mkdir -p .clients
# Tests of two workers may come at the same time.
exec 9>.clients/.lock
if command -v flock >/dev/null; then flock 9; fi
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    index=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
fi

is_current() { [ "$(cat ".clients/$1.stamp" 2>/dev/null)" = "$(cat "$2" | cksum)" ]; }
done_with() { cksum <"$2" >".clients/$1.stamp"; }

python_set() { # name, requirements
    if is_current "$1" "$2"; then return; fi
    $UV venv --quiet --clear --python .venv/bin/python ".clients/$1"
    $UV pip install --quiet --python ".clients/$1/bin/python" --no-deps --require-hashes -r "$2"
    done_with "$1" "$2"
}

node_set() { # name, folder with package-lock.json
    if is_current "$1" "$2/package-lock.json"; then return; fi
    mkdir -p ".clients/$1"
    cp "$2/package.json" "$2/package-lock.json" "$2/.npmrc" ".clients/$1"
    npm ci --prefix ".clients/$1" --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error >&2
    done_with "$1" "$2/package-lock.json"
}

python_set python tests/live/clients/python.txt
if command -v npm >/dev/null; then node_set typescript clients/typescript; fi
[ "$1" = all ] || exit 0
python_set generators tests/live/clients/generators.txt
if command -v npm >/dev/null; then node_set node tests/live/clients/node; fi
