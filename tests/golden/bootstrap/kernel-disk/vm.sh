#!/bin/sh
# Guest web1 by hand: works without roost. Its console and QEMU's monitor are on this terminal
# (Ctrl-a c changes between them, Ctrl-a x ends QEMU at once, `poweroff` in the guest is kinder);
# `info usernet` in the monitor tells the port on 127.0.0.1 that leads to its SSH.
# Written by roostd from the instance's definition; changes are lost: roost apply is the way.
set -eu
cd "$(dirname "$0")"

# Two QEMUs on one disk destroy it: whoever runs the guest holds this lock.
exec 9>>instance.lock
flock -n 9 || {
    echo "web1 runs already, under roost or another vm.sh: roost instance stop web1" >&2
    exit 6
}

# What roost found to work here (or ACCEL=kvm, ACCEL=tcg), where this is a x86_64.
case ${ACCEL:-$(uname -m) $(head -n 1 ../../accelerator 2>/dev/null || :)} in
kvm | "x86_64 kvm") set -- -accel kvm -cpu host "$@" ;;
*) set -- -accel tcg,tb-size=256 -cpu max "$@" ;;
esac

exec /usr/bin/qemu-system-x86_64 \
    -name guest=web1,process=roost-web1 \
    -no-user-config \
    -nodefaults \
    -display none \
    -msg timestamp=on \
    -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
    -machine q35,graphics=off,vmport=off \
    -smp cpus=1,sockets=1,cores=1,threads=1 \
    -m size=262144K \
    -device pvpanic \
    -action reboot=reset,shutdown=poweroff,panic=shutdown \
    -uuid 0a1b2c3d-4e5f-8607-8809-0a0b0c0d0e0f \
    -smbios file=smbios.bin \
    -smbios type=3,asset=rack7.web_1 \
    -blockdev driver=file,node-name=base-file,filename=../../images/debian/disk,read-only=on \
    -blockdev driver=qcow2,node-name=base,file=base-file,read-only=on \
    -blockdev driver=file,node-name=disk-file,filename=disk.qcow2,discard=unmap \
    -blockdev driver=qcow2,node-name=disk,file=disk-file,discard=unmap,backing=base \
    -device virtio-blk-pci,id=disk0,drive=disk \
    -kernel ../../images/debian/kernel \
    -initrd ../../images/debian/initrd \
    -append 'root=LABEL=root console=ttyS0 panic=-1 x=a,b' \
    -netdev user,id=net0,hostname=web1,domainname=lab.internal,hostfwd=tcp:127.0.0.1:0-:22 \
    -device virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:aa:bb:cc,romfile= \
    -object rng-random,id=rng0,filename=/dev/urandom \
    -device virtio-rng-pci,rng=rng0 \
    -chardev stdio,id=console,mux=on,signal=off \
    -serial chardev:console \
    -mon chardev=console,mode=readline \
    "$@"
