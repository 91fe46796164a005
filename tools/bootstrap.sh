#!/bin/sh
# Makes .venv hold exactly what requirements/<set>.txt pins; returns at once when it already does.
# usage: tools/bootstrap.sh dev|bench|worker|web      PYTHON=/path/to/python chooses the interpreter
set -eu
cd "$(dirname "$0")/.."
SET=${1:-dev}
WANTED="requirements/$SET.txt"
STAMP=".venv/.installed-$SET"

say() { printf '%s\n' "$*" >&2; }
stop() { say "error: $*"; exit 1; }

digest() { cat requirements/uv.txt "$WANTED" | cksum; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3 python}; do
        if is_new_enough "$name"; then command -v "$name"; return; fi
    done
    stop "no Python 3.11 or newer found (looked for: ${PYTHON:-python3.13, python3.12, python3.11, python3.14, python3});" \
        "install one, or name it: make PYTHON=/path/to/python3.12 ..."
}

free_mb() { df -Pm "$1" | awk 'NR == 2 {print $4}'; }

# torch with its CUDA libraries is most of it. Files are linked, not copied, when uv's cache lies on the same disk.
check_disk() {
    needed=6500
    case $SET in web) needed=500 ;; esac
    if ls .venv/lib/python*/site-packages/torch >/dev/null 2>&1; then needed=800; fi
    [ "$(free_mb .)" -ge "$needed" ] ||
        stop "the disk of $(pwd) has $(free_mb .) MB free, the environment needs $needed MB: free some space and run again"
    cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}}
    while [ ! -d "$cache" ]; do cache=$(dirname "$cache"); done
    [ "$(free_mb "$cache")" -ge "$needed" ] ||
        stop "the disk of $cache has $(free_mb "$cache") MB free, downloads need $needed MB: free some space," \
            "or set UV_CACHE_DIR to a folder on a larger disk"
}

make_venv() {
    if [ -e .venv ] && is_new_enough .venv/bin/python; then return; fi
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        stop "$python lacks the venv and ensurepip modules: install them (Debian, Ubuntu: apt-get install python3-venv) and run again"
    say "Creating .venv with $("$python" --version 2>&1) ($python)"
    "$python" -m venv --clear .venv || stop "could not create .venv in $(pwd): is the folder writable and the disk not full?"
}

# A site's own pip settings (mirror, certificates) hold for uv too, unless uv has its own.
adopt_pip_settings() {
    pip_setting() { .venv/bin/python -m pip config get "global.$1" 2>/dev/null || true; }
    index=${PIP_INDEX_URL:-$(pip_setting index-url)}
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    certificates=${PIP_CERT:-$(pip_setting cert)}
    if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "$certificates" ]; then export SSL_CERT_FILE="$certificates"; fi
    # uv brings its own list of authorities; a bank's own, as its proxies use it, is in the machine's.
    for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        if [ -s "$store" ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"; fi
    done
}

explain_failure() {
    [ "$(free_mb .)" -ge 200 ] || stop "the disk is full: free some space and run again"
    case $(tail -c 4000 "$1") in
        *"o space left"*) stop "the disk is full: free some space and run again" ;;
        *"peer certificate"* | *CERTIFICATE_VERIFY_FAILED*)
            stop "the package registry's certificate is not trusted (a proxy that inspects TLS?): set SSL_CERT_FILE to your site's CA bundle" ;;
        *onnect* | *"timed out"* | *"name resolution"* | *dns* | *"ould not fetch"* | *unreachable* | *"No matching distribution"*)
            stop "the package registry cannot be reached: check the network, or set UV_DEFAULT_INDEX (and PIP_INDEX_URL) to your mirror" ;;
        *) tail -n 15 "$1" >&2; stop "installing $WANTED failed; the lines above say why" ;;
    esac
}

pinned_uv() { sed -n 's/^uv==\([^ ]*\).*/uv \1/p' requirements/uv.txt; }

install_uv() {
    case $(.venv/bin/uv --version 2>/dev/null) in "$(pinned_uv)" | "$(pinned_uv) "*) return ;; esac
    say "Installing $(pinned_uv) (pinned, hash-checked)"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2 --require-hashes \
        -r requirements/uv.txt >"$LOG" 2>&1 || explain_failure "$LOG"
}

install_wanted() {
    say "Installing $(grep -c '==' "$WANTED") pinned packages from $WANTED; the first time takes minutes (torch is about 3 GB)"
    # The file is complete: no dependency is looked up. Compiled now, or else the first start would spend its time on it.
    # The first try shows uv's own progress; only a failed one is repeated quietly, to read its reason.
    .venv/bin/uv pip install --python .venv/bin/python --compile-bytecode --no-deps --require-hashes -r "$WANTED" && return
    .venv/bin/uv pip install --python .venv/bin/python --no-deps --require-hashes -r "$WANTED" >"$LOG" 2>&1 || explain_failure "$LOG"
}

[ -f "$WANTED" ] || stop "there is no $WANTED; the sets are: dev, bench, worker, web"
if [ -x .venv/bin/python ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(digest)" ]; then exit 0; fi

LOG=$(mktemp) || stop "no temporary file could be made: is the disk full?"
trap 'rm -f "$LOG"' EXIT
started=$(date +%s)
check_disk
make_venv
adopt_pip_settings
install_uv
install_wanted
digest >"$STAMP"
say "The environment is ready ($(($(date +%s) - started)) s)"
