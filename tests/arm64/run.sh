#!/bin/sh
# run.sh BUILD: boots an emulated arm64 machine whose disk holds BUILD/guest, the source tree and what BUILD has
# for it, and shows what tests/arm64/init has to say. ARM64_LIMIT: seconds for all of it (1200).
set -eu
PROG=check-arm64
build=$1
. contrib/guest/lib.sh
need qemu-system-aarch64 qemu-system-arm
need mke2fs e2fsprogs
need depmod kmod
need cpio cpio
PATH=$PATH:/usr/sbin:/sbin

tmp=$(mktemp -d "$build/machine.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
root=$build/guest
kernel=$(cd "$root/lib/modules" && ls)
modules=$root/lib/modules/$kernel
[ -e "$modules/modules.dep" ] || depmod -b "$root" "$kernel"

mkdir -p "$tmp/initrd/bin" "$tmp/initrd/lib/modules" "$tmp/initrd/dev" "$tmp/initrd/proc" "$tmp/initrd/sys" \
    "$tmp/initrd/root"
module_closure "$modules" virtio_pci virtio_blk crc32c_generic ext4 >"$tmp/initrd/modules"
while read -r module; do
    cp "$modules/$module" "$tmp/initrd/lib/modules/"
done <"$tmp/initrd/modules"
cp "$root/bin/busybox" "$tmp/initrd/bin/"
install -m 755 contrib/guest/debian/init "$tmp/initrd/init"
initramfs "$tmp/initrd" "$tmp/initrd.img"

# Everything by hard links; what only a compiler or a reader wants is left out.
cp -al "$root" "$tmp/root"
rm -rf "$tmp/root/boot" "$tmp/root/usr/include" "$tmp/root/usr/share/doc"
find "$tmp/root" -name '*.a' -delete
rm -f "$tmp/root/sbin/init"
install -D -m 755 tests/arm64/init "$tmp/root/sbin/init"
mkdir -p "$tmp/root/src"
tar --exclude-vcs --exclude='./build*' --exclude=__pycache__ -cf - . | tar -C "$tmp/root/src" -xf -
for file in $(cd "$build" && find . -type f -perm -u+x -path './roost*' -o -type f -perm -u+x -path './tests/*'); do
    install -D "$build/$file" "$tmp/root/src/build-arm64/$file"
done
mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard -d "$tmp/root" "$tmp/disk" 2G

# One processor: emulation with several is what guests die of. cortex-a72: "max" spends its time on pointer
# authentication. Memory: what tests of starting guests want to see there; little of it is used.
status=0
timeout "${ARM64_LIMIT:-1200}" qemu-system-aarch64 -machine virt -cpu cortex-a72 -accel tcg,tb-size=256 -m 4096 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio \
    -kernel "$root/boot/vmlinuz-$kernel" -initrd "$tmp/initrd.img" \
    -append 'root=/dev/vda rw console=ttyAMA0 quiet nokaslr mitigations=off audit=0 apparmor=0 panic=-1' \
    -drive "if=none,id=d,format=raw,cache=unsafe,file=$tmp/disk" -device virtio-blk-pci,drive=d,romfile= \
    </dev/null >"$tmp/console" 2>&1 || status=$?
tr -d '\r' <"$tmp/console"
[ "$status" = 0 ] || die "the machine ended with status $status (124: its time was over)"
grep -q '^arm64: 0 failed' "$tmp/console" || die "not everything passed"
