#!/bin/sh
# Installs what is missing of the given groups of contrib/packages. Shows the line first and asks;
# YES=1 does not ask (scripts, CI).
set -eu
cd "$(dirname "$0")/.."

missing=
for group in "$@"; do
    for package in $(awk -v g="$group" '$1 == g { print $2 }' contrib/packages); do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

sudo=
[ "$(id -u)" = 0 ] || sudo="sudo "
echo "roost needs packages that are not installed here:"
echo "    ${sudo}apt-get install --no-install-recommends $missing"
if [ "${YES:-}" != 1 ]; then
    [ -t 0 ] || { echo "Run that line, or say YES=1 to have it run." >&2; exit 3; }
    printf 'Run it now? [y/N] '
    read -r answer
    case $answer in [yY]*) ;; *) echo "Nothing was installed." >&2; exit 3 ;; esac
fi
if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
    echo "sudo is missing: run that line as root." >&2
    exit 5
fi
# A package list may be as old as the machine.
${sudo}env DEBIAN_FRONTEND=noninteractive apt-get -q update
${sudo}env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing
