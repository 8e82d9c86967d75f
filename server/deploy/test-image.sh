#!/bin/bash
# Builds the Dockerfile and runs what comes of it where there is no container engine and no registry of images: from a
# root that debootstrap makes, by buildah, as root. What stands for the base images is Debian itself, and Node as its
# makers built it, which npm has too.
#
#   apt-get install debootstrap buildah && server/deploy/test-image.sh [cpu | gpu]
#
# STORAGE_DRIVER=vfs, much slower, where the kernel has no overlay for it.
#
# gpu builds the addon for CUDA, from 3.4 GB of wheels, with Debian in place of NVIDIA's image; it runs without a GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${1:-cpu}
work=$(mktemp -d /tmp/stepd-image-XXXXXX)
image=$work/image
server=
say() { printf '\n== %s\n' "$*"; }
store() { buildah --root "$work/store" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@"; }
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait
  store rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# What the Dockerfile pins, and the same from elsewhere.
node_version=$(sed -n 's/^ARG NODE=node:\([0-9.]*\)-.*/\1/p' Dockerfile)
suite=$(sed -n 's/^ARG DEBIAN=debian:\([a-z]*\)-.*/\1/p' Dockerfile)
case $(uname -m) in
  x86_64) machine=x64 ;;
  aarch64) machine=arm64 ;;
  *) echo "There is no addon for $(uname -m)" >&2; exit 1 ;;
esac

say "Debian $suite by debootstrap"
debootstrap --variant=minbase "$suite" "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/var/lib/apt/lists/*

# As an image of that name: a folder's content.
import() {
  local container
  container=$(store from scratch)
  cp -a "$1/." "$(store mount "$container")"
  store commit -q "$container" "localhost/$2" >/dev/null
  store rm "$container" >/dev/null
}
import "$work/root" debian

say "Node $node_version from npm, with npm itself"
mkdir "$work/npm"
(cd "$work/npm" && npm pack --silent "node-linux-$machine@$node_version" npm@11.21.2)
tar -xzf "$work"/npm/node-linux-*.tgz -C "$work/root/usr/local" --strip-components=1 --no-same-owner
mkdir -p "$work/root/usr/local/lib/node_modules/npm"
tar -xzf "$work"/npm/npm-*.tgz -C "$work/root/usr/local/lib/node_modules/npm" --strip-components=1 --no-same-owner
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/root/usr/local/bin/npm"
# Where this machine's way out has a certificate of its own, what is built here has to know it.
bundle=/etc/ssl/certs/ca-certificates.crt
mkdir -p "$work/root/etc/ssl/certs" "$work/root/usr/local/etc"
cp "$bundle" "$work/root$bundle"
echo "cafile=$bundle" >"$work/root/usr/local/etc/npmrc"
printf '[global]\ncert = %s\n' "$bundle" >"$work/root/etc/pip.conf"
import "$work/root" node
rm -rf "$work/root"

say "The Dockerfile, target $target"
store build --isolation chroot --format docker --layers=false --pull-never --target "$target" -t "localhost/stepd:$target" \
  --build-arg NODE=localhost/node --build-arg DEBIAN=localhost/debian --build-arg CUDA=localhost/debian .
rootfs=$(store mount "$(store from "localhost/stepd:$target")")
store inspect --type image "localhost/stepd:$target" >"$image"
setting() { node -p "const c = JSON.parse(fs.readFileSync('$image')).Docker.config; $1"; }
for part in "" /srv/stepd; do du -sh "$rootfs$part" | sed "s#$rootfs#image: #"; done

say "It runs as its settings say, on a root that nobody can write to"
user=$(setting c.User)
mapfile -t command < <(setting "c.Entrypoint.join('\n')")
mapfile -t environment < <(setting "c.Env.join('\n')")
mkdir "$work/data"
chown "$user" "$work/data"
# In a mount namespace of its own: the root read-only, and /data the only thing to write to. In place of this shell, so
# that a signal reaches what runs.
contain() {
  # shellcheck disable=SC2016
  exec unshare --mount bash -euc '
    mount --bind "$1" "$1"
    mount --bind "$2" "$1/data"
    mount --bind /proc "$1/proc"
    mount --bind /dev "$1/dev"
    mount -o remount,ro,bind "$1"
    user=$3 folder=$4
    shift 4
    exec chroot --userspec="$user" "$ROOTFS" env -i --chdir="$folder" "$@"
  ' contain "$rootfs" "$work/data" "$user" "$(setting c.WorkingDir)" "${environment[@]}" "$@"
}
export ROOTFS=$rootfs
if (contain STEPD_PORT=0 "${command[@]}") 2>"$work/log"; then
  echo 'It listens on every address without keys, and must not' >&2
  exit 1
fi
grep STEPD_KEYS_FILE "$work/log"
(contain sh -c 'id -u; ! touch /srv/stepd/x 2>/dev/null && ! touch /tmp/x 2>/dev/null && touch /data/x && rm /data/x')

port=$(node -p "const s = net.createServer().listen(0, () => { console.log(s.address().port); s.close() }); ''" | grep .)
local=(STEPD_HOST=127.0.0.1 "STEPD_PORT=$port")
contain "${local[@]}" "${command[@]}" >"$work/log" 2>&1 &
server=$!
mapfile -t health < <(setting "c.Healthcheck.Test.slice(1).join('\n')")
healthy() { (contain "${local[@]}" "${health[@]}"); }
for _ in $(seq 100); do
  healthy 2>/dev/null && break
  sleep 0.2
done
healthy || { cat "$work/log"; exit 1; }
grep -o '"msg":"Engine[^"]*"' "$work/log"
curl -sf "http://127.0.0.1:$port/readyz"; echo

say 'The demo, from outside'
npm run --silent demo -- --url "http://127.0.0.1:$port" --epochs 1 --batch 2000 --out "$work/loss.svg"

say 'SIGTERM ends it, in peace'
kill -s "$(setting c.StopSignal)" "$server"
ended=0
wait "$server" || ended=$?
server=
[ "$ended" -eq 0 ] || { echo "It ended with $ended" >&2; tail -5 "$work/log" >&2; exit 1; }
healthy 2>/dev/null && { echo 'It is still there' >&2; exit 1; }
say "Target $target: built and run"
