#!/bin/sh
# Make the test vectors with the pinned Optax (or, with --check, compare them).
set -eu
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
exec .venv/bin/python generate.py "$@"
