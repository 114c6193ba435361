#!/bin/sh
# Guest web1 on a Mac, by Homebrew's QEMU (brew install qemu). Its console and QEMU's monitor are on
# this terminal (Ctrl-a c changes between them, Ctrl-a x ends QEMU at once).
# Stop it under roost, then fetch its files beside this script:
#   scp HOST:'/var/lib/my roost/instances/web1/disk.qcow2' .
#   scp HOST:'/var/lib/my roost/instances/web1/vars.fd' .
#   scp HOST:'/var/lib/my roost/instances/web1/smbios.bin' .
#   scp HOST:'/var/lib/my roost/images/debian/disk' base
# Written by roost from the instance's definition.
set -eu
cd "$(dirname "$0")"

# Two QEMUs on one disk destroy it, and macOS has no flock(1): whoever runs the guest has made
# this directory. A Mac that lost power leaves it behind.
mkdir running 2>/dev/null || {
    echo "web1 runs already; if not: rmdir $PWD/running" >&2
    exit 6
}
trap 'rmdir running' EXIT
trap 'exit 1' HUP INT TERM

# The Hypervisor framework runs what the Mac's own processor can.
case $(uname -m) in
arm64 | aarch64) set -- -accel hvf -cpu host "$@" ;;
*) set -- -accel tcg,tb-size=256 -cpu max "$@" ;;
esac

# edk2 comes with Homebrew's QEMU.
for share in "${QEMU_SHARE:-}" /opt/homebrew/share/qemu /usr/local/share/qemu; do
    code=$share/edk2-aarch64-code.fd
    [ ! -e "$code" ] || break
done
[ -e vars.fd ] || cp "$share/edk2-arm-vars.fd" vars.fd

# Only a first boot needs its seed, and then the way to roost.
[ ! -e smbios.bin ] || set -- -smbios file=smbios.bin "$@"

qemu-system-aarch64 \
    -name guest=web1,process=roost-web1 \
    -no-user-config \
    -nodefaults \
    -display none \
    -msg timestamp=on \
    -machine virt,gic-version=max,pflash0=code,pflash1=variables \
    -smp cpus=2,sockets=1,cores=2,threads=1 \
    -m size=262144K \
    -device pvpanic-pci \
    -action reboot=reset,shutdown=poweroff,panic=shutdown \
    -uuid 0a1b2c3d-4e5f-8607-8809-0a0b0c0d0e0f \
    -smbios type=3,asset=rack7.web_1 \
    -blockdev driver=file,node-name=code-file,filename="$code",read-only=on \
    -blockdev driver=raw,node-name=code,file=code-file,read-only=on \
    -blockdev driver=file,node-name=variables-file,filename=vars.fd \
    -blockdev driver=raw,node-name=variables,file=variables-file \
    -blockdev driver=file,node-name=base-file,filename=base,read-only=on \
    -blockdev driver=qcow2,node-name=base,file=base-file,read-only=on \
    -blockdev driver=file,node-name=disk-file,filename=disk.qcow2,discard=unmap \
    -blockdev driver=qcow2,node-name=disk,file=disk-file,discard=unmap,backing=base \
    -device virtio-blk-pci,id=disk0,drive=disk \
    -netdev user,id=net0,hostname=web1,hostfwd=tcp:127.0.0.1:0-:22 \
    -device virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:aa:bb:cc,romfile= \
    -object rng-random,id=rng0,filename=/dev/urandom \
    -device virtio-rng-pci,rng=rng0 \
    -chardev stdio,id=console,mux=on,signal=off \
    -serial chardev:console \
    -mon chardev=console,mode=readline \
    "$@"
