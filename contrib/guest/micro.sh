#!/bin/sh
# micro.sh OUTDIR [--arm64]: a guest of 10 MB from Debian packages, for tests that need many of them. No
# root. An arm64 one is made on any machine: nothing of it is run here, and its packages come by lists of
# their own (from MIRROR, else where apt has bookworm from), so that the machine's dpkg and apt stay as they are.
#
#   OUTDIR/vmlinuz      Debian's cloud kernel
#   OUTDIR/initrd       busybox, dropbear and a handful of modules; it needs no disk, but can keep its
#                       host key on one
#   OUTDIR/cmdline
#   OUTDIR/image.yaml   the piece of a fleet file that names them
#
# What it does is in micro/init.
set -eu
PROG=micro.sh
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

ARCH=amd64
OUT=
for arg; do
    case $arg in
    --arm64) ARCH=arm64 ;;
    -*) die "unknown option $arg; usage: micro.sh OUTDIR [--arm64]" ;;
    *) OUT=$arg ;;
    esac
done
[ -n "$OUT" ] || die "usage: micro.sh OUTDIR [--arm64]"
NAME=micro
TRIPLET=x86_64-linux-gnu
LOADER=lib64/ld-linux-x86-64.so.2
CMDLINE='console=ttyS0 quiet nokaslr mitigations=off audit=0 apparmor=0 edd=off panic=-1'
MODULES='virtio_pci virtio_net virtio_rng virtio_blk virtio_scsi sd_mod nvme evdev button pvpanic_mmio pvpanic qemu_fw_cfg'
if [ "$ARCH" = arm64 ]; then
    NAME=micro-arm64
    TRIPLET=aarch64-linux-gnu
    LOADER=lib/ld-linux-aarch64.so.1
    CMDLINE='console=ttyAMA0 quiet nokaslr mitigations=off audit=0 apparmor=0 panic=-1'
    MODULES='virtio_pci virtio_net virtio_rng virtio_blk virtio_scsi sd_mod nvme evdev button qemu_fw_cfg'
fi

PATH=$PATH:/usr/sbin:/sbin
need apt-get apt
need dpkg-deb dpkg
need depmod kmod
need cpio cpio
mkdir -p "$(dirname "$OUT")"
OUT=$(cd "$(dirname "$OUT")" && pwd)/$(basename "$OUT")
TMP=$(mktemp -d "$OUT.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP

# foreign_lists: package lists of the other architecture in TMP/apt, for the apt programs of this script.
foreign_lists() {
    mkdir -p "$TMP/apt/state/lists/partial" "$TMP/apt/cache/archives/partial"
    mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Identifier: Packages' |
        awk '$2 == "bookworm" { print $1; exit }')}
    [ -n "$mirror" ] || die "apt's sources have no Debian bookworm: say where it is, MIRROR=URL"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm main\n' \
        "$mirror" >"$TMP/apt/sources.list"
    cat >"$TMP/apt/conf" <<END
APT::Architecture "$ARCH";
APT::Architectures { "$ARCH"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$TMP/apt/state";
Dir::State::status "/dev/null";
Dir::Cache "$TMP/apt/cache";
Dir::Etc::sourcelist "$TMP/apt/sources.list";
Dir::Etc::sourceparts "-";
END
    export APT_CONFIG="$TMP/apt/conf"
    apt-get -q update >"$TMP/log" 2>&1 || true
}
[ "$ARCH" = "$(dpkg --print-architecture)" ] || foreign_lists
KERNEL_PACKAGE=$(apt-cache depends "linux-image-cloud-$ARCH" 2>/dev/null |
    sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
# Without apt's lists nothing can be newer than what is there.
[ -n "$KERNEL_PACKAGE" ] || [ ! -e "$OUT/stamp" ] || { say "$OUT is kept (no package lists)"; exit 0; }
[ -n "$KERNEL_PACKAGE" ] || die "no package linux-image-cloud-$ARCH in sight: apt-get update"

BUILD_INPUTS="$KERNEL_PACKAGE $ARCH"
STAMP=$(stamp "$HERE/micro.sh" "$HERE/lib.sh" "$HERE/micro/"*)
keep_if_fresh "$OUT" "$STAMP"

say "fetching packages"
mkdir "$TMP/deb" "$TMP/root" "$TMP/tree"
# dropbear's libraries too: glibc and what dropbear-bin depends on.
(cd "$TMP/deb" && apt-get download -q -o APT::Sandbox::User=root "$KERNEL_PACKAGE" busybox-static dropbear-bin \
    libc6 libcrypt1 libtomcrypt1 libtommath1 libgmp10 zlib1g >../log 2>&1) || {
    cat "$TMP/log" >&2
    die "apt-get download failed"
}
for deb in "$TMP"/deb/*.deb; do
    dpkg-deb -x "$deb" "$TMP/root"
done

say "making the initramfs"
KERNEL=$(cd "$TMP/root/lib/modules" && ls)
depmod -b "$TMP/root" "$KERNEL"
TREE=$TMP/tree
for dir in bin dev proc sys tmp root etc lib/modules lib64 "lib/$TRIPLET"; do
    mkdir -p "$TREE/$dir"
done
install -m 755 "$TMP/root/bin/busybox" "$TMP/root/usr/sbin/dropbear" "$TMP/root/usr/bin/dropbearkey" \
    "$HERE/micro/lease" "$HERE/micro/power_button" "$TREE/bin/"
install -m 755 "$HERE/micro/init" "$TREE/init"
# The loader and what it needs, wherever a package puts it.
install -m 755 "$(find "$TMP/root" -name "${LOADER##*/}" | head -n 1)" "$TREE/$LOADER"
for library in libc.so.6 libcrypt.so.1 libtomcrypt.so.1 libtommath.so.1 libgmp.so.10 libz.so.1 \
    libnss_files.so.2; do
    cp -L "$(find "$TMP/root" -name "$library" | head -n 1)" "$TREE/lib/$TRIPLET/"
done
printf 'root::0:0:root:/root:/bin/sh\n' >"$TREE/etc/passwd"
printf '/bin/sh\n' >"$TREE/etc/shells"
# shellcheck disable=SC2086 # a list of words
module_closure "$TMP/root/lib/modules/$KERNEL" $MODULES >"$TREE/modules"
while read -r module; do
    cp "$TMP/root/lib/modules/$KERNEL/$module" "$TREE/lib/modules/"
done <"$TREE/modules"
initramfs "$TREE" "$TMP/initrd"
cp "$TMP/root/boot/vmlinuz-$KERNEL" "$TMP/vmlinuz"
printf '%s\n' "$CMDLINE" >"$TMP/cmdline"
cat >"$TMP/image.yaml" <<END
images:
  $NAME:
    arch: $ARCH
    kernel: $OUT/vmlinuz
    initrd: $OUT/initrd
    cmdline: $CMDLINE
    default-user: root
END
rm -rf "$TMP/deb" "$TMP/root" "$TMP/tree" "$TMP/log" "$TMP/apt"
printf '%s\n' "$STAMP" >"$TMP/stamp"
publish "$TMP" "$OUT"
say "$OUT: kernel $KERNEL, initrd $(du -h "$OUT/initrd" | cut -f1)"
