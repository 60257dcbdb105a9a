#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the README's commands as on a fresh machine: a bare Debian in a chroot, with git and make
# alone, and a clone of this repository at HEAD. By hand, as root:
#
#     PORT=8000 tests/harness/chroot_check.sh SUITE [FOLDER]
#
# SUITE is bookworm or trixie. FOLDER: where a bare system of that suite already is, or is to be made
# and kept; without it one is made in a temporary folder and removed. It is used as it is and changed.
# curl runs outside: a bare system has none, and the network is shared.
# shellcheck disable=SC2016,SC2086 # apt's own variable; the environment is split on purpose
set -eu

suite=${1:?usage: $0 SUITE [FOLDER]}
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${2:-$(mktemp -d)/$suite}
port=${PORT:-8000}
environment="HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"
server=

say() {
    printf '\n== %s: %s\n' "$suite" "$*"
}

clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    ! mountpoint -q "$folder/proc" || umount "$folder/proc"
    [ -n "${2:-}" ] || rm -rf "$(dirname "$folder")"
}
trap 'clean_up "$@"' EXIT
trap 'exit 130' INT TERM

inside() {
    chroot "$folder" env -i $environment "$@"
}

if [ ! -x "$folder/usr/bin/apt-get" ]; then
    say "a bare system"
    # This machine's own mirror serves the other suites too.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)
    debootstrap --variant=minbase "$suite" "$folder" "${mirror:?no mirror in the sources of apt}"
fi
[ -e "$folder/proc/self" ] || mount -t proc proc "$folder/proc"
cp /etc/resolv.conf "$folder/etc/resolv.conf"

say "git, make and a clone"
inside apt-get update -qq
inside env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends git make >/dev/null
rm -rf "$folder/root/capricorn"
git clone -q --no-hardlinks "$root" "$folder/root/capricorn"

say "make run"
! curl -s -o /dev/null "http://127.0.0.1:$port/" || {
    echo "Something else answers on port $port: choose another with PORT=." >&2
    exit 1
}
# exec, so that the signal below reaches make, which passes it on.
{ exec chroot "$folder" env -i $environment make -C /root/capricorn run "PORT=$port"; } &
server=$!
answer=
for _ in $(seq 300); do
    answer=$(curl -s "http://127.0.0.1:$port/weather?city=London") && break
    kill -0 "$server" 2>/dev/null || break
    sleep 1
done
echo "GET /weather?city=London: $answer"
curl -s -o /dev/null -w 'GET /weather: %{http_code}\n' "http://127.0.0.1:$port/weather"
kill "$server" 2>/dev/null || true
wait "$server" || true
server=
! curl -s -o /dev/null "http://127.0.0.1:$port/" || {
    say "the server did NOT stop"
    exit 1
}
case $answer in
*'"city"'*London*temp_c*) ;;
*)
    say "make run FAILED"
    exit 1
    ;;
esac

say "make test"
start=$(date +%s)
if inside make -C /root/capricorn test; then
    say "passed, make test in $(($(date +%s) - start)) s with its packages"
else
    say "make test FAILED"
    exit 1
fi
