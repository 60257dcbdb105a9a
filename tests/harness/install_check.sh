#!/bin/sh
# SPDX-License-Identifier: MIT
# Is what make install installs enough? Builds in one bare Debian, installs into another that has only
# a compiler, make, pkg-config and the libraries, and makes, tests and serves a new plugin there, as a
# user who is not root; then uninstalls. By hand, as root:
#
#     PORT=8000 tests/harness/install_check.sh SUITE [FOLDER]
#
# SUITE is bookworm or trixie. FOLDER is a bare system of that suite, which is copied; without it one
# is made. It takes what git tracks of this tree. curl runs outside: the network is shared.
# shellcheck disable=SC2016,SC2086 # apt's own variable; lists of names are split on purpose
set -eu

suite=${1:?usage: $0 SUITE [FOLDER]}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
port=${PORT:-8000}
environment="HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"
case $suite in
bookworm) libraries="libuv1 libcjson1 zlib1g libbrotli1 libssl3" ;;
*) libraries="libuv1t64 libcjson1 libllhttp9.2 zlib1g libbrotli1 libssl3t64" ;;
esac

say() {
    printf '\n== %s: %s\n' "$suite" "$*"
}

clean_up() {
    for system in build bare; do
        ! mountpoint -q "$work/$system/proc" || umount "$work/$system/proc"
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# in_system SYSTEM USER COMMAND...
in_system() {
    folder=$work/$1
    user=$2
    shift 2
    chroot "--userspec=$user" "$folder" env -i $environment DEBIAN_FRONTEND=noninteractive "$@"
}

say "two bare systems"
base=${2:-$work/base}
if [ ! -x "$base/usr/bin/apt-get" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)
    debootstrap --variant=minbase "$suite" "$base" "${mirror:?no mirror in the sources of apt}"
fi
for system in build bare; do
    cp -a "$base" "$work/$system"
    cp /etc/resolv.conf "$work/$system/etc/resolv.conf"
    mount -t proc proc "$work/$system/proc"
done

say "make install, where all is that building takes"
mkdir "$work/build/src"
(cd "$root" && git ls-files -z | tar -c --null -T -) | tar -x -C "$work/build/src"
in_system build 0:0 apt-get update -qq
in_system build 0:0 sh /src/.ci/deps build >/dev/null
in_system build 0:0 make -C /src -j2 all >/dev/null
in_system build 0:0 make -C /src install DESTDIR=/out

say "the other system: a compiler, make, pkg-config, the libraries, and what was installed"
in_system bare 0:0 apt-get update -qq
in_system bare 0:0 apt-get install -y -qq --no-install-recommends gcc libc6-dev make pkg-config \
    libcjson-dev $libraries >/dev/null
cp -a "$work/build/out/." "$work/bare/"
mkdir "$work/bare/srv/user"
chown 1000:1000 "$work/bare/srv/user"

say "capricorn new hello && cd hello && make && make test"
in_system bare 1000:1000 sh -ec 'cd /srv/user && capricorn new hello && cd hello && make && make test'

say "make run"
{ exec chroot --userspec=1000:1000 "$work/bare" env -i $environment make -C /srv/user/hello run "PORT=$port"; } &
server=$!
answer=
for _ in $(seq 50); do
    answer=$(curl -s "http://127.0.0.1:$port/hello?name=Ada") && break
    sleep 0.2
done
in_system bare 1000:1000 capricorn health --port "$port" || answer=unwell
kill "$server"
wait "$server" || true
echo "GET /hello?name=Ada: $answer"
[ "$answer" = '{"message":"Hello, Ada"}' ]

say "the installed plugins, from an empty folder"
in_system bare 1000:1000 sh -ec 'mkdir /srv/user/empty && cd /srv/user/empty && capricorn call "/weather?city=London"'
echo

say "make uninstall"
in_system build 0:0 make -C /src uninstall DESTDIR=/out >/dev/null
left=$(find "$work/build/out" ! -type d)
[ -z "$left" ] || {
    say "left behind: $left"
    exit 1
}
say "passed"
