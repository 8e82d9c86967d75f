#!/bin/sh
# Install what the Python peer needs. Arguments go to pip: --index-url of an index with wheels for CPUs only saves 3 GB.
set -eu
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt "$@"
