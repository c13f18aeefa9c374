#!/usr/bin/env bash
# Makes build/tools with the pinned packages of scripts/tools.lock: bill of materials, audit, fuzzing. Apart from .venv,
# so that what the tests run with is what the lock of the project says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PLACE=build/tools
readonly STAMP=$PLACE/.set-up-for
wanted=$(cksum <scripts/tools.lock; pwd -P)

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ]; then
    exit 0
fi
echo "Making $PLACE with the packages of scripts/tools.lock" >&2
.venv/bin/python -m venv --clear "$PLACE"
"$PLACE/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --require-hashes --no-deps \
    -r scripts/tools.lock
echo "$wanted" >"$STAMP"
