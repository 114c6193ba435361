#!/bin/sh
# image.sh OUTDIR ARCH DEB: a disk that boots by UEFI into Debian 12 with roost as a service and nothing else, as root
# or as anybody. ARCH: amd64 or arm64; DEB: roost's package for it.
#
#   OUTDIR/roost.raw     the disk, sparse: to write to a card or a disk
#   OUTDIR/roost.qcow2   the same for virtual machines
#
# roost-image(7) tells how it is set up and used. It holds no key, no password and no machine-id. Packages of another
# architecture are configured by its own programs: they have to run here (qemu-user-static). MIRROR=URL takes packages
# from there.
set -eu
PROG=image.sh
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../guest/lib.sh"

[ $# = 3 ] || die "usage: image.sh OUTDIR ARCH DEB"
OUT=$1 ARCH=$2 DEB=$3
SUITE=bookworm
DISK_MIB=2048
ESP_MIB=256
# rootdelay: the initrd gives a disk 30 s to appear, and then the machine begins anew; slow ones take longer.
CMDLINE='root=LABEL=roost-root rw rootdelay=180 quiet panic=10 console=tty0'
# Boot program by the name firmware looks for; GPT type of the root file system (Discoverable Partitions).
case $ARCH in
amd64) EFI=x64 ROOT_TYPE=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 CMDLINE="$CMDLINE console=ttyS0" ;;
arm64) EFI=aa64 ROOT_TYPE=B921B045-1DF0-41C3-AF44-4C6F280D3FAE CMDLINE="$CMDLINE console=ttyAMA0" ;;
*) die "ARCH is $ARCH: amd64 or arm64" ;;
esac
PATH=$PATH:/usr/sbin:/sbin
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need qemu-img qemu-utils
need sfdisk fdisk
need mcopy mtools
need mkfs.vfat dosfstools
[ "$(id -u)" = 0 ] || need newuidmap uidmap

PACKAGES=linux-image-$ARCH,initramfs-tools,zstd,systemd-sysv,systemd-resolved,systemd-timesyncd,systemd-boot-efi,\
libnss-resolve,libpam-systemd,dbus,udev,kmod,e2fsprogs,dosfstools,openssh-server,iproute2,iputils-ping,netbase,\
ca-certificates,adduser,less,vim-tiny
# What roost's package depends on comes with the rest; where there is a choice, the first.
PACKAGES=$PACKAGES,$(dpkg-deb -f "$DEB" Pre-Depends Depends | sed 's/^[A-Za-z-]*: //; s/([^)]*)//g; s/|[^,]*//g; s/ //g' |
    tr '\n' ',' | sed 's/,$//')
BUILD_INPUTS="$ARCH $PACKAGES ${MIRROR:-}"
# shellcheck disable=SC2046 # names without spaces
STAMP=$(stamp $(find "$HERE" -type f | LC_ALL=C sort) "$HERE/../guest/lib.sh" "$DEB")
mkdir -p "$(dirname "$OUT")"
OUT=$(cd "$(dirname "$OUT")" && pwd)/$(basename "$OUT")
keep_if_fresh "$OUT" "$STAMP"

TMP=$(mktemp -d "$OUT.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM HUP
# Hooks run as the root of a user namespace, which may not look into our directory.
chmod 755 "$TMP"
install -m 644 "$DEB" "$TMP/roost.deb"

# as_root COMMAND…: root, or root of a user namespace.
if [ "$(id -u)" = 0 ]; then
    MODE=root
    as_root() { "$@"; }
else
    MODE=unshare
    as_root() { mmdebstrap --unshare-helper "$@"; }
fi

FOREIGN= TAKES='some minutes'
[ "$ARCH" = "$(dpkg --print-architecture)" ] || FOREIGN="$HERE/binfmt" TAKES='a quarter of an hour, emulated'
say "installing Debian $SUITE packages for $ARCH ($TAKES)"
# INITRD: the kernel's package makes none, after which initramfs-tools would make the same again; customize makes the
# one. That is thousands of short programs, eight minutes of them where they are emulated.
INITRD=No $FOREIGN mmdebstrap --mode=$MODE --arch="$ARCH" --variant=minbase --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/man/man*/roost*' --dpkgopt='path-include=/usr/share/doc/roost*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='APT::Install-Recommends "false"' \
    --customize-hook="copy-in '$TMP/roost.deb' '$HERE/tree' '$HERE/customize' /" \
    --customize-hook='chroot "$1" /customize && rm -r "$1/customize" "$1/tree" "$1/roost.deb"' \
    --skip=cleanup/reproducible \
    $SUITE "$TMP/root.tar" ${MIRROR:+"$MIRROR"} >"$TMP/log" 2>&1 || {
    tail -n 20 "$TMP/log" >&2
    die "mmdebstrap failed"
}

say "making the disk"
# What the firmware reads, and where the operator writes: kernel, initrd and loader, and roost/ for the configuration.
mkdir "$TMP/boot"
tar -C "$TMP/boot" --no-same-owner --wildcards -xf "$TMP/root.tar" './boot/vmlinuz-*' './boot/initrd.img-*' \
    "*/systemd/boot/efi/systemd-boot$EFI.efi"
ESP=$TMP/esp
mkdir -p "$ESP/EFI/BOOT" "$ESP/loader/entries" "$ESP/roost"
cp "$TMP"/boot/boot/vmlinuz-* "$ESP/vmlinuz"
cp "$TMP"/boot/boot/initrd.img-* "$ESP/initrd.img"
find "$TMP/boot" -name "systemd-boot$EFI.efi" -exec cp {} "$ESP/EFI/BOOT/BOOT$EFI.EFI" \;
[ -s "$ESP/EFI/BOOT/BOOT$EFI.EFI" ] || die "no boot loader in systemd-boot-efi"
printf 'timeout 0\neditor no\n' >"$ESP/loader/loader.conf"
printf 'title roost\nlinux /vmlinuz\ninitrd /initrd.img\noptions %s\n' "$CMDLINE" >"$ESP/loader/entries/roost.conf"
cp "$HERE/README.txt" "$ESP/roost/README.txt"
truncate -s ${ESP_MIB}M "$TMP/esp.img"
mkfs.vfat -n ROOST "$TMP/esp.img" >/dev/null
mcopy -s -i "$TMP/esp.img" "$ESP"/* ::/

# From an unpacked tree by mke2fs, so no mount and no loop device is needed, and owners are right because a root
# unpacks it, be it of a user namespace. The result comes out through a pipe: that root may not write here.
as_root sh -eu -c '
    dir=$(mktemp -d "${TMPDIR:-/tmp}/roost-image.XXXXXX")
    trap "rm -rf \"$dir\"" EXIT
    mkdir "$dir/root"
    tar -C "$dir/root" --numeric-owner --xattrs --xattrs-include="*" --exclude="./dev/*" -xf -
    mke2fs -q -t ext4 -L roost-root -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -d "$dir/root" "$dir/disk" "$1" >&2
    rm -rf "$dir/root"
    qemu-img convert -O qcow2 "$dir/disk" "$dir/disk.qcow2"
    cat "$dir/disk.qcow2"
' sh ${DISK_MIB}M <"$TMP/root.tar" >"$TMP/root.qcow2" 2>"$TMP/log" || {
    cat "$TMP/log" >&2
    die "the file system could not be made"
}
qemu-img convert -O raw "$TMP/root.qcow2" "$TMP/root.img"
truncate -s $((DISK_MIB + ESP_MIB + 2))M "$TMP/roost.raw"
sfdisk -q "$TMP/roost.raw" <<END
label: gpt
start=1MiB, size=${ESP_MIB}MiB, type=uefi, name=ESP
start=$((ESP_MIB + 1))MiB, size=${DISK_MIB}MiB, type=$ROOT_TYPE, name=root
END
dd if="$TMP/esp.img" of="$TMP/roost.raw" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$TMP/root.img" of="$TMP/roost.raw" bs=1M seek=$((ESP_MIB + 1)) conv=notrunc,sparse status=none
qemu-img convert -O qcow2 "$TMP/roost.raw" "$TMP/roost.qcow2"
rm -rf "$TMP/boot" "$ESP" "$TMP/esp.img" "$TMP/root.tar" "$TMP/root.qcow2" "$TMP/root.img" "$TMP/roost.deb" "$TMP/log"
printf '%s\n' "$STAMP" >"$TMP/stamp"
publish "$TMP" "$OUT"
say "$OUT/roost.raw, roost.qcow2: $ARCH, $(du -h "$OUT/roost.qcow2" | cut -f1)"
