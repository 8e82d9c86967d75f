#!/bin/sh
# Install the pinned Optax of the vectors for the comparison.
set -eu
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement ../vectors/requirements.txt
