#!/bin/sh
# Pins requirements/*.txt with hashes from pyproject.toml. The largest set is resolved first and constrains the others,
# so that every file names the same version of a package. No index address is written: pip and uv use the reader's own.
# usage: tools/lock.sh [--upgrade]
set -eu
cd "$(dirname "$0")/.."
UV=${UV:-.venv/bin/uv}
[ -x "$UV" ] || UV=uv
export UV_CUSTOM_COMPILE_COMMAND="make lock"

pin() {
    out=$1
    shift
    echo "  $out"
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate "$@" --output-file "$out"
}

pin requirements/bench.txt "$@" pyproject.toml --all-extras --group dev --group bench
pin requirements/dev.txt pyproject.toml --all-extras --group dev --constraint requirements/bench.txt
pin requirements/worker.txt pyproject.toml --extra worker --constraint requirements/bench.txt
pin requirements/web.txt pyproject.toml --constraint requirements/bench.txt
pin requirements/web-parquet.txt pyproject.toml --extra parquet --constraint requirements/bench.txt
pin requirements/tracing.txt requirements/tracing.in --constraint requirements/bench.txt
pin requirements/cloud.txt requirements/cloud.in --constraint requirements/bench.txt
pin requirements/onnx.txt requirements/onnx.in --constraint requirements/bench.txt
pin requirements/uv.txt "$@" requirements/uv.in
pin requirements/sbom.txt "$@" requirements/sbom.in
