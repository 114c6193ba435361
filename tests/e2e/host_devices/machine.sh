#!/bin/sh
# machine.sh OUTDIR: kernel and initramfs of a machine with an IOMMU and USB, which Debian's cloud kernel knows nothing
# of; see init. No root.
set -eu
PROG=machine.sh
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../../../contrib/guest/lib.sh"
[ $# = 1 ] || die "usage: machine.sh OUTDIR"
PATH=$PATH:/usr/sbin:/sbin
need apt-get apt
need dpkg-deb dpkg
need depmod kmod
need cpio cpio
mkdir -p "$(dirname "$1")"
OUT=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
TMP=$(mktemp -d "$OUT.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP

KERNEL_PACKAGE=$(apt-cache depends linux-image-amd64 2>/dev/null |
    sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$KERNEL_PACKAGE" ] || [ ! -e "$OUT/stamp" ] || { say "$OUT is kept (no package lists)"; exit 0; }
[ -n "$KERNEL_PACKAGE" ] || die "no package linux-image-amd64 in sight: apt-get update"
BUILD_INPUTS=$KERNEL_PACKAGE
STAMP=$(stamp "$HERE/machine.sh" "$HERE/init" "$HERE/../../../contrib/guest/lib.sh")
keep_if_fresh "$OUT" "$STAMP"

mkdir "$TMP/deb" "$TMP/root" "$TMP/tree"
(cd "$TMP/deb" && apt-get download -q -o APT::Sandbox::User=root "$KERNEL_PACKAGE" busybox-static >../log 2>&1) || {
    cat "$TMP/log" >&2
    die "apt-get download failed"
}
for deb in "$TMP"/deb/*.deb; do
    dpkg-deb -x "$deb" "$TMP/root"
done
KERNEL=$(cd "$TMP/root/lib/modules" && ls)
depmod -b "$TMP/root" "$KERNEL"
for dir in bin dev proc sys root lib/modules; do
    mkdir -p "$TMP/tree/$dir"
done
install -m 755 "$TMP/root/bin/busybox" "$TMP/tree/bin/"
install -m 755 "$HERE/init" "$TMP/tree/init"
module_closure "$TMP/root/lib/modules/$KERNEL" virtio_pci 9pnet_virtio 9p xhci_pci vfio_pci vfio_iommu_type1 \
    >"$TMP/tree/modules"
while read -r module; do
    cp "$TMP/root/lib/modules/$KERNEL/$module" "$TMP/tree/lib/modules/"
done <"$TMP/tree/modules"
initramfs "$TMP/tree" "$TMP/initrd"
cp "$TMP/root/boot/vmlinuz-$KERNEL" "$TMP/vmlinuz"
rm -rf "$TMP/deb" "$TMP/root" "$TMP/tree" "$TMP/log"
printf '%s\n' "$STAMP" >"$TMP/stamp"
publish "$TMP" "$OUT"
say "$OUT: kernel $KERNEL"
