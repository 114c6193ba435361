#!/bin/sh
# sysroot.sh OUTDIR ARCH PACKAGE…: Debian 12 packages of another architecture and all that they depend on,
# unpacked and not installed: to compile and link against, or to put into a guest. As anybody; nothing of it
# is executed here. OUTDIR/shlibs tells which library is in which package. MIRROR=URL takes packages from there.
set -eu
PROG=sysroot.sh
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/guest/lib.sh"

[ $# -ge 3 ] || die "usage: sysroot.sh OUTDIR ARCH PACKAGE…"
OUT=$1 ARCH=$2
shift 2
need mmdebstrap mmdebstrap
PACKAGES=$(printf '%s,' "$@")
BUILD_INPUTS="$ARCH $PACKAGES ${MIRROR:-}"
STAMP=$(stamp "$HERE/sysroot.sh" "$HERE/guest/lib.sh")
mkdir -p "$(dirname "$OUT")"
OUT=$(cd "$(dirname "$OUT")" && pwd)/$(basename "$OUT")
keep_if_fresh "$OUT" "$STAMP"

TMP=$(mktemp -d "$OUT.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP
say "unpacking Debian bookworm packages of $ARCH"
# A tar file first: its members belong to root, and unpacked they are our own.
mmdebstrap --variant=extract --arch="$ARCH" --include="${PACKAGES%,}" \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb -I "$deb" shlibs 2>/dev/null || :; done >"$1/shlibs"' \
    bookworm "$TMP/root.tar" ${MIRROR:+"$MIRROR"} >"$TMP/log" 2>&1 || {
    tail -n 20 "$TMP/log" >&2
    die "mmdebstrap failed"
}
mkdir "$TMP/root"
tar -C "$TMP/root" --no-same-owner --exclude='./dev/*' -xf "$TMP/root.tar"
chmod -R u+rwX "$TMP/root"
# Links like libz.so -> /lib/…: that root is not the linker's.
find "$TMP/root" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$TMP/root$(readlink "$link")" "$link"
done
printf '%s\n' "$STAMP" >"$TMP/root/stamp"
publish "$TMP/root" "$OUT"
say "$OUT: $(du -sh "$OUT" | cut -f1)"
