#!/usr/bin/env bash
# The README's two commands on a machine that has Python, make and git and nothing else: `make fresh-check`.
#
# A bare Debian is made by debootstrap, the last commit is cloned into it by an ordinary user, and
# `make sweep` and `make test` are run there. What this machine has on its PATH, in its site-packages
# or in its home cannot help. Of this machine come the network, the certificates, and where pip looks
# for packages. Prints the time of both commands and every skipped test with its reason.
#
#   FRESH_ROOT=DIR   keep the bare root in DIR and use it again (default: a folder that is removed)
#   ARGS="..."       handed to `make test`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=bookworm # its python3 is the oldest that the project takes

if [ "$(id -u)" != 0 ]; then
  echo "make fresh-check: needs root rights, to make a bare root and run in it. Run: sudo make fresh-check" >&2
  exit 2
fi
for tool in debootstrap unshare chroot; do
  if ! command -v "$tool" >/dev/null; then
    echo "make fresh-check: $tool is not installed. Run: apt-get install debootstrap util-linux" >&2
    exit 2
  fi
done
if [ -n "$(git -C "$here" status --porcelain)" ]; then
  echo "note: what is not committed is not in the clone"
fi

if [ "${1:-}" != --inside ]; then
  # Mounts and processes of the bare root end with this command, however it ends.
  exec unshare --mount --pid --fork --kill-child --propagation private "$0" --inside
fi

root=${FRESH_ROOT:-}
if [ -z "$root" ]; then
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh-XXXXXX")
  # Unmounted first: nothing of this machine may be reached by the removal.
  trap 'umount -R "$root"/* 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
fi
if [ ! -x "$root/usr/bin/git" ]; then
  echo "Making a bare $suite in $root"
  debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
    "$suite" "$root" >"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 1; }
  rm -f "$root.log"
fi

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost %s\n' "$(hostname)" >"$root/etc/hosts" # as installers write it
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# Where pip looks for packages here, it looks there: its settings, and the folders they name.
for settings in etc/pip.conf etc/xdg/pip; do
  if [ -e "/$settings" ]; then
    mkdir -p "$root/$(dirname "$settings")"
    cp -r "/$settings" "$root/$(dirname "$settings")/"
  fi
done
folders=$(python3 -m pip config list 2>/dev/null | grep -oE "(file://)?/[^ ']+" | sed 's#^file://##' | sort -u || true)
for folder in $folders; do
  if [ -d "$folder" ] && [ ! -d "$root$folder" ]; then
    mkdir -p "$root$folder"
  fi
  if [ -d "$folder" ]; then
    mount --bind -o ro "$folder" "$root$folder"
  fi
done

git -C "$here" bundle create --quiet "$root/source.bundle" HEAD
chroot "$root" id user >/dev/null 2>&1 || chroot "$root" useradd --shell /bin/bash user
# A home without anything of an earlier check.
rm -rf --one-file-system "$root/home/user"
chroot "$root" install --directory --owner=user --group=user /home/user

variables=(HOME=/home/user USER=user LOGNAME=user SHELL=/bin/bash PATH=/usr/local/bin:/usr/bin:/bin)
while IFS='=' read -r name value; do
  variables+=("$name=$value")
done < <(env | grep -E '^(PIP_[A-Z_]+|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY)=' || true)

as_user() {
  chroot --userspec=user:user "$root" env -i "${variables[@]}" bash -c "cd; set -e; $1"
}

clock() { # NAME COMMAND: run it, say how long it took
  local started=$SECONDS code=0
  as_user "$2" || code=$?
  printf '\nfresh-check: %s: exit code %d after %d min %d s\n\n' \
    "$1" "$code" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
  return "$code"
}

as_user "git -c advice.detachedHead=false clone --quiet /source.bundle dnasweep"
clock "make sweep" "cd dnasweep; make sweep"
clock "make test" "cd dnasweep; ARGS=$(printf %q "${ARGS:-}") make test"
