#!/bin/sh
# debian.sh OUTDIR [--efi|--host]: a Debian 12 cloud image from Debian packages, as root or as anybody.
#
#   OUTDIR/disk.qcow2   the image: one ext4 file system, or with --efi a GPT disk that boots by UEFI
#   OUTDIR/vmlinuz      kernel and a small initrd, for direct kernel boot (image.yaml of --efi leaves
#   OUTDIR/initrd       them out: the firmware finds them on the disk)
#   OUTDIR/cmdline      the kernel command line that boots it fastest, also under emulation
#   OUTDIR/image.yaml   the piece of a fleet file that names them
#
# It is any cloud image: cloud-init, openssh-server, python3, the cloud kernel. It holds no address,
# key, user, URL, machine-id or host key. MIRROR=URL takes packages from there.
#
# --host: a host for roost instead, with all that its package depends on and recommends, and no
# cloud-init. At boot it runs `start` of the file system that is labelled "carry", when there is one: the
# way in for keys, packages and guest images, as it needs no network.
set -eu
PROG=debian.sh
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

USAGE='usage: debian.sh OUTDIR [--efi|--host]'
EFI=no
HOST=no
OUT=
for arg; do
    case $arg in
    --efi) EFI=yes ;;
    --host) HOST=yes ;;
    -*) die "unknown option $arg; $USAGE" ;;
    *) OUT=$arg ;;
    esac
done
[ -n "$OUT" ] || die "$USAGE"

SUITE=bookworm
DISK_SIZE=2G
PACKAGES=linux-image-cloud-amd64,systemd-sysv,systemd-resolved,libnss-resolve,libnss-myhostname,\
libpam-systemd,dbus,udev,kmod,openssh-server,python3,iproute2,netbase,busybox-static,e2fsprogs
if [ "$HOST" = yes ]; then
    # What roost runs with, and its libraries by way of what it is built with.
    PACKAGES=$PACKAGES,adduser,ansible-core,curl,$(awk '
        $1 == "run" || ($1 == "build" && $2 ~ /-dev$/) { printf "%s%s", sep, $2; sep = "," }' "$HERE/../packages")
else
    PACKAGES=$PACKAGES,cloud-init,cloud-guest-utils,sudo,ca-certificates,iputils-ping,less,vim-tiny,fdisk
fi
CMDLINE='root=LABEL=root rw console=ttyS0 quiet nokaslr mitigations=off audit=0 apparmor=0 edd=off panic=-1'

need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need qemu-img qemu-utils
need cpio cpio
if [ "$EFI" = yes ]; then
    PACKAGES=$PACKAGES,systemd-boot-efi
    need sfdisk fdisk
    need mcopy mtools
    need mkfs.vfat dosfstools
    need objcopy binutils
fi
[ "$(id -u)" = 0 ] || need newuidmap uidmap

PATH=$PATH:/usr/sbin:/sbin
BUILD_INPUTS="$EFI $HOST ${MIRROR:-}$([ "$HOST" = no ] || echo " $PACKAGES")"
STAMP=$(stamp "$HERE/debian.sh" "$HERE/lib.sh" "$HERE/debian/"*)
mkdir -p "$(dirname "$OUT")"
OUT=$(cd "$(dirname "$OUT")" && pwd)/$(basename "$OUT")
keep_if_fresh "$OUT" "$STAMP"

TMP=$(mktemp -d "$OUT.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP

# as_root COMMAND…: root, or root of a user namespace.
if [ "$(id -u)" = 0 ]; then
    MODE=root
    as_root() { "$@"; }
else
    MODE=unshare
    as_root() { mmdebstrap --unshare-helper "$@"; }
fi

say "installing Debian $SUITE packages (about a minute)"
# INITRD=No: the kernel package makes none, ours is smaller and needs no device database.
INITRD=No mmdebstrap --mode=$MODE --variant=minbase --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='APT::Install-Recommends "false"' \
    --customize-hook="copy-in '$HERE/debian/customize' /" \
    --customize-hook="chroot \"\$1\" /customize $HOST && rm \"\$1/customize\"" \
    --skip=cleanup/reproducible \
    $SUITE "$TMP/root.tar" ${MIRROR:+"$MIRROR"} >"$TMP/log" 2>&1 || {
    tail -n 20 "$TMP/log" >&2
    die "mmdebstrap failed"
}

say "making the initrd"
mkdir "$TMP/boot" "$TMP/initrd"
tar -C "$TMP/boot" --no-same-owner -xf "$TMP/root.tar" --wildcards \
    '*/boot/vmlinuz-*' '*lib/modules/*' '*bin/busybox' '*lib/systemd/boot/efi/*' 2>/dev/null || true
[ -d "$TMP/boot/lib" ] || { ln -s usr/lib "$TMP/boot/lib"; ln -s usr/bin "$TMP/boot/bin"; }
KERNEL=$(cd "$TMP/boot/lib/modules" && ls)
MODULES=$TMP/boot/lib/modules/$KERNEL
cp "$TMP/boot/boot/vmlinuz-$KERNEL" "$TMP/vmlinuz"
mkdir -p "$TMP/initrd/bin" "$TMP/initrd/lib/modules" "$TMP/initrd/dev" "$TMP/initrd/proc" \
    "$TMP/initrd/sys" "$TMP/initrd/root"
module_closure "$MODULES" virtio_pci virtio_blk crc32c_generic ext4 >"$TMP/initrd/modules"
while read -r module; do
    cp "$MODULES/$module" "$TMP/initrd/lib/modules/"
done <"$TMP/initrd/modules"
cp "$TMP/boot/bin/busybox" "$TMP/initrd/bin/busybox"
cp "$HERE/debian/init" "$TMP/initrd/init"
chmod 755 "$TMP/initrd/init" "$TMP/initrd/bin/busybox"
initramfs "$TMP/initrd" "$TMP/initrd.img"
printf '%s\n' "$CMDLINE" >"$TMP/cmdline"

# The file system is made from an unpacked tree by mke2fs, so no mount and no loop device is needed;
# owners are right because it is unpacked by a root, be it of a user namespace. That root may not write
# to our directories, so the result comes out through a pipe. Device nodes are the kernel's to make (devtmpfs).
say "making the disk"
as_root sh -eu -c '
    dir=$(mktemp -d "${TMPDIR:-/tmp}/debian-disk.XXXXXX")
    trap "rm -rf \"$dir\"" EXIT
    mkdir "$dir/root"
    tar -C "$dir/root" --numeric-owner --xattrs --xattrs-include="*" --exclude="./dev/*" -xf -
    mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0,nodiscard \
        -d "$dir/root" "$dir/disk" "$1" >&2
    rm -rf "$dir/root"
    qemu-img convert -O qcow2 "$dir/disk" "$dir/disk.qcow2"
    cat "$dir/disk.qcow2"
' sh $DISK_SIZE <"$TMP/root.tar" >"$TMP/disk.qcow2" 2>"$TMP/log" || {
    cat "$TMP/log" >&2
    die "the disk could not be made"
}
qemu-img check -q "$TMP/disk.qcow2" || die "the disk came out broken"

if [ "$EFI" = yes ]; then
    . "$HERE/debian/efi.sh"
    efi_disk
fi

{
    printf 'images:\n  debian:\n    file: %s/disk.qcow2\n' "$OUT"
    if [ "$EFI" = yes ]; then
        printf '    firmware: uefi\n'
    else
        printf '    kernel: %s/vmlinuz\n    initrd: %s/initrd\n    cmdline: %s\n' "$OUT" "$OUT" "$CMDLINE"
    fi
    printf '    default-user: debian\n'
} >"$TMP/image.yaml"
rm -rf "$TMP/boot" "$TMP/initrd" "$TMP/root.tar" "$TMP/log"
mv "$TMP/initrd.img" "$TMP/initrd"
printf '%s\n' "$STAMP" >"$TMP/stamp"
publish "$TMP" "$OUT"
say "$OUT: Debian $SUITE, kernel $KERNEL, $(du -h "$OUT/disk.qcow2" | cut -f1)"
