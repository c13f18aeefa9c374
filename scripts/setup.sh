#!/usr/bin/env bash
# Makes .venv with the pinned packages and this project; does nothing when it is already up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly STAMP=$VENV/.set-up-for

usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 &&
        "$1" -c 'import ensurepip, ssl, venv' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.14 python3.11 python; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer with the venv module was not found (on Debian and Ubuntu: python3 and python3-venv)." >&2
    echo "If it has another name, give it: make run PYTHON=/path/to/python3" >&2
    return 1
}

# What the environment was made for: changes with the lock, the project file and the folder (last line).
fingerprint() {
    cat requirements.lock pyproject.toml | cksum
    pwd -P
}

up_to_date() {
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && "$VENV/bin/python" -c '' >/dev/null 2>&1
}

if up_to_date; then
    exit 0
fi

# A working environment of this very folder is brought up to date, any other is made anew.
if ! { [ -f "$STAMP" ] && [ "$(tail -n 1 "$STAMP")" = "$(pwd -P)" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }; then
    python=$(find_python)
    echo "Making $VENV with $("$python" --version)" >&2
    "$python" -m venv --clear "$VENV"
fi
echo "Installing the packages of requirements.lock" >&2
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check --no-input --quiet "$@"; }
pip install --require-hashes --no-deps -r requirements.lock
pip install --no-deps --no-build-isolation --editable .
fingerprint >"$STAMP"
