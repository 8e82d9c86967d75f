#!/bin/sh
# What the Dockerfile does, one subcommand a step: the same on any machine with Node, where no image is built.
#
#   install.sh packages            npm ci, with what compiles
#   install.sh compile             npm run build
#   install.sh tools               what the addon of TensorFlow is built with (apt-get, as root)
#   install.sh tensorflow [--gpu]  that addon
#   install.sh assemble FOLDER     a server in FOLDER with what it runs on, and no more
#   install.sh addon FOLDER        the addon into such a folder
set -eu
cd "$(dirname "$0")/../.."

package=node_modules/@tensorflow/tfjs-node-gpu

assemble() {
  mkdir -p "$1"
  cp package.json package-lock.json .npmrc LICENSE "$1"
  # Without its addon TensorFlow's package is dead weight. It can't be left out by --omit=optional: so would be the
  # native parts of lmdb.
  (cd "$1" && npm ci --omit=dev && npm uninstall --no-save --omit=dev "${package#node_modules/}")
  find "$1/node_modules" -type d -empty -delete
  mkdir -p "$1/dist"
  cp -R dist/server dist/schemas "$1/dist"
  find "$1/dist" -name '*.d.ts' -delete
  cp server/deploy/health.js "$1"
}

# Of the package the addon, its libraries and its name: the server loads it without the JavaScript around it.
addon() {
  mkdir -p "$1/$package/lib"
  cp "$package/package.json" "$1/$package"
  cp -R "$package/lib/napi-v8" "$1/$package/lib"
  cp -R "$package/deps" "$1/$package"
  rm -rf "$1/$package/deps/include"
}

step=${1:-}
[ $# -eq 0 ] || shift
case $step in
  packages) npm ci ;;
  compile) npm run build ;;
  tools)
    apt-get update
    apt-get install -y --no-install-recommends g++ python3-pip
    rm -rf /var/lib/apt/lists/*
    ;;
  tensorflow) npm run setup:tensorflow -- "$@" ;;
  assemble | addon)
    [ $# -eq 1 ] || { echo "install.sh $step takes a folder" >&2; exit 2; }
    "$step" "$1"
    ;;
  *)
    echo "install.sh has no step ${step:-without a name}: packages, compile, tools, tensorflow, assemble, addon" >&2
    exit 2
    ;;
esac
