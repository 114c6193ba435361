"""Devices of the host in a guest. Test machines have neither an IOMMU nor USB, so this is on one that has: an emulated
machine whose root is this one's, in which roost launches a guest (which is emulated once more, and does not boot)."""
import fcntl
import json
import subprocess

import guest
import pytest
from harness.roost import BUILD, ROOT

HERE = ROOT / "tests/e2e/host_devices"
# The device behind the IOMMU has nothing of a guest's usual ones: an e1000e.
MACHINE = ["-machine", "q35", "-accel", "tcg,tb-size=256", "-cpu", "max", "-m", "2048", "-nodefaults",
           "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-device", "intel-iommu,intremap=on",
           "-device", "e1000e,addr=5,romfile=", "-device", "qemu-xhci,id=usb", "-device", "usb-tablet,bus=usb.0,port=1",
           "-blockdev", "null-co,node-name=stick,size=1048576,read-zeroes=on",
           "-device", "usb-storage,bus=usb.0,drive=stick"]
CMDLINE = "console=ttyS0 quiet nokaslr mitigations=off audit=0 apparmor=0 panic=-1 intel_iommu=on no_timer_check"


@pytest.fixture(scope="session")
def kernel():
    guest.need("qemu-system-x86_64", "apt-get", "depmod", "cpio")
    out = BUILD / "guest" / "host-devices"
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.parent / ".host-devices.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["sh", HERE / "machine.sh", out], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_a_guest_gets_devices_of_its_host(kernel):
    def share(tag, path):
        return ["-fsdev", f"local,id={tag},path={path},security_model=none,readonly=on,multidevs=remap",
                "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]

    done = subprocess.run(["qemu-system-x86_64", *MACHINE, "-kernel", kernel / "vmlinuz", "-initrd", kernel / "initrd",
                           "-append", f"{CMDLINE} tree={ROOT} build={BUILD}",
                           *share("root", "/"), *share("tree", ROOT)],
                          capture_output=True, text=True, errors="replace", timeout=840, stdin=subprocess.DEVNULL)
    console = done.stdout.replace("\r", "")
    seen = {}
    for line in console.splitlines():
        if line.startswith("SEEN "):
            seen |= json.loads(line[5:])
    assert "inside.py has ended: 0" in console, console + done.stderr
    assert "PCI device 0000:00:05.0 has the driver none, and a guest's vfio-pci" in seen["without its driver"]
    little = "192 MiB with what goes with it, and roostd may lock 8.0 MiB: LimitMEMLOCK=infinity"
    assert little in seen["with little to lock"]
    assert seen["runs"], seen
    assert [0x8086, 0x10d3] in seen["pci"], "as the device itself says"
    assert "Product QEMU USB Tablet" in seen["usb"] and "Product QEMU USB HARDDRIVE" in seen["usb"], seen["usb"]
