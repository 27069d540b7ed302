#!/usr/bin/env bash
# Builds the image without a Docker engine and runs it as it is to be run: `sudo npm run test:image`. Needs buildah and mmdebstrap.
# IMAGE_STORE keeps what was built for the next time; `full` as an argument builds that target too.
set -euo pipefail
cd "$(dirname "$0")/../.."
store=${IMAGE_STORE:-$(mktemp -d)}
work=$(mktemp -d)
node=$PWD/node_modules/.bin/node
builder() { buildah --storage-driver vfs --root "$store/images" --runroot "$work/run" "$@"; }
fail() { echo "FAILED: $*"; exit 1; }

cleanup() {
  [ -z "${postgres-}" ] || { kill -TERM "$postgres" && wait "$postgres"; } 2>/dev/null || true
  for path in proc dev/null dev/urandom etc/hosts tmp data ""; do umount -l "$work/root/$path" 2>/dev/null || true; done
  [ -z "${container-}" ] || builder rm "$container" >/dev/null
  rm -rf "$work"
  [ -n "${IMAGE_STORE-}" ] || rm -rf "$store"
}
trap cleanup EXIT

# --- what the Dockerfile stands on: Debian, and the node that this project is tested with -----------------------------------
if ! builder inspect base >/dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,tini bookworm "$work/base.tar"
  mkdir "$work/base"
  cp "$(readlink -f "$node")" "$work/base/node"
  cp -r "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$work/base/npm"
  # What npm needs here to reach its registry is lent to the build.
  cat /etc/npmrc ~/.npmrc > "$work/base/npmrc" 2>/dev/null || true
  cp "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$work/base/authorities.crt"
  mv "$work/base.tar" "$work/base/"
  cat > "$work/base/Dockerfile" <<'DOCKERFILE'
FROM scratch
ADD base.tar /
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY npmrc /usr/local/etc/npmrc
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && groupadd -g 1000 node && useradd -u 1000 -g 1000 -m node
DOCKERFILE
  builder bud --quiet --isolation chroot -t base "$work/base" >/dev/null
fi

build() {
  builder bud --isolation chroot --format docker --layers --build-arg NODE_IMAGE=localhost/base --target "$1" -t "gatehouse:$1" \
    "${@:2}" . > "$work/build.log" 2>&1 || { tail -30 "$work/build.log"; fail "the image $1 is not built"; }
  echo "$1: $(builder inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.ExposedPorts}}' "gatehouse:$1")"
  builder images --format '{{.Name}}:{{.Tag}} {{.Size}}' | grep -E "base|gatehouse:$1"
}
build slim
if [ "${1-}" = full ]; then
  # uv comes from an image of its own, which may not be reachable: its place is kept by a file.
  mkdir "$work/uv" && touch "$work/uv/uv" "$work/uv/uvx" && printf 'FROM scratch\nCOPY uv uvx /\n' > "$work/uv/Dockerfile"
  builder bud --quiet --isolation chroot -t uv "$work/uv" >/dev/null
  build full --build-arg UV_IMAGE=localhost/uv
fi
for said in "User:1000:1000" "Entrypoint:[tini --]" "StopSignal:SIGTERM"; do
  value=$(builder inspect --type image --format "{{.OCIv1.Config.${said%%:*}}}" gatehouse:slim)
  [ "$value" = "${said#*:}" ] || fail "${said%%:*} is $value"
done

# --- run as user 1000 on a root that may not be written --------------------------------------------------------------------
container=$(builder from --pull-never localhost/gatehouse:slim)
mkdir "$work/root" "$work/data"
chown 1000:1000 "$work/data"
mount --bind "$(builder mount "$container")" "$work/root"
touch "$work/root/dev/null" "$work/root/dev/urandom" "$work/root/etc/hosts"
mount -t proc proc "$work/root/proc"
for path in dev/null dev/urandom etc/hosts; do mount --bind "/$path" "$work/root/$path"; done
mount -t tmpfs -o mode=1777 tmpfs "$work/root/tmp"
mount --bind "$work/data" "$work/root/data"
mount -o remount,bind,ro "$work/root"
mark="IMAGE_TEST=$work"
port=$("$node" -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
# What the image says, and what somebody who runs it does.
mapfile -t said < <(builder inspect --type image --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' gatehouse:slim | grep .)
inside() {
  env -i "${said[@]}" HOST=127.0.0.1 PORT="$port" LOG_FORMAT=json "$mark" "${extra[@]}" \
    "$(command -v chroot)" --userspec=1000:1000 "$work/root" /bin/sh -c 'cd /data && exec "$@"' - "$@"
}

run() {
  local began first
  began=$(date +%s%3N)
  inside tini -s -- node --import /app/dist/boot.js /app/dist/main.js > "$work/log" 2>&1 &
  first=$!
  until curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; do
    kill -0 $first 2>/dev/null || { cat "$work/log"; fail "$1 does not start"; }
    sleep 0.02
  done
  local ready=$(($(date +%s%3N) - began))
  local server
  server=$(for each in /proc/[0-9]*; do
    grep -qsz "^$mark$" "$each/environ" && [ "$(readlink "$each/exe")" = "$work/root/usr/local/bin/node" -o "$(cat "$each/comm")" = node ] && basename "$each"
  done | head -1) || true # Whoever ended meanwhile is no failure.
  local resident
  resident=$(awk '/^VmRSS/{print int($2/1024)}' "/proc/$server/status")
  [ "$(awk '/^Uid/{print $2}' "/proc/$server/status")" = 1000 ] || fail "it is not user 1000"
  inside sh -c 'touch /app/x' 2>/dev/null && fail "its root may be written"
  inside gatehouse init "/tmp/$RANDOM" > /dev/null || fail "gatehouse init"
  inside gatehouse doctor --login "http://localhost:$port" > "$work/doctor" 2>&1 &
  local doctor=$!
  until grep -q '^ *http.*/authorize?' "$work/doctor"; do
    kill -0 $doctor 2>/dev/null || { cat "$work/doctor"; fail "the doctor"; }
    sleep 0.1
  done
  "$node" test/deploy/allow.ts "$(grep -o 'http.*/authorize?.*' "$work/doctor")" || fail "nobody is let in"
  # It ends with 1 where a client cannot link itself, as those from the internet cannot here.
  wait $doctor || true
  grep -q 'ok    leaves nothing behind' "$work/doctor" || { cat "$work/doctor"; fail "the doctor"; }
  kill -TERM "$server"
  local ended=0
  wait $first || ended=$?
  [ $ended = 0 ] || fail "it ended with $ended"
  local left
  left=$(grep -lsz "^$mark$" /proc/[0-9]*/environ 2>/dev/null | wc -l) || true
  [ "$left" = 0 ] || fail "$left processes are left"
  echo "$1: ready in $ready ms, $resident MiB resident, doctor --login: a whole flow, SIGTERM: 0, none left"
}

extra=()
run "embedded, first start"
run "embedded, second start"
"$node" --input-type=module -e "
  const { startPostgres } = await import('$PWD/test/support/realPostgres.ts')
  const { url, stop } = await startPostgres()
  console.log(url)
  process.on('SIGTERM', () => stop().then(() => process.exit(0)))
  setInterval(() => {}, 1000)
" > "$work/url" &
postgres=$!
until [ -s "$work/url" ]; do sleep 0.1; done
extra=("DATABASE_URL=$(cat "$work/url")")
inside gatehouse db init > "$work/log" 2>&1 || { cat "$work/log"; fail "db init"; }
for time in first second; do run "Postgres, $time start"; done
echo passed
