"""Machines other than an amd64 one that is given its kernel: of arm64, and booted by UEFI from the
disk alone. What UEFI remembers is the guest's own, and lasts as long as its disk."""
import os

import pytest

import guest
from harness.roost import Roost

CODE = "/usr/share/AAVMF/AAVMF_CODE.fd"
# A variable of the guest's own (UEFI specification 2.10, 8.2: attributes 7 are non-volatile, boot
# service and runtime access), by efivarfs: four bytes of attributes, then the value.
VARIABLE = "/sys/firmware/efi/efivars/RoostTest-12345678-1234-1234-1234-123456789abc"


def variables(roost, name):
    return roost.state / "instances" / name / "vars.fd"


def test_an_arm64_guest_comes_home(micro_arm64):
    """QEMU hands the kernel to the firmware, and the firmware the SMBIOS to the kernel: without it
    Linux on arm64 sees no asset tag, and the guest would not know its seed."""
    guest.need("qemu-system-aarch64")
    if not os.path.exists(CODE):
        pytest.skip(f"{CODE} is missing (make deps)")
    with Roost() as roost:
        roost.apply({"images": {"arm": guest.image(micro_arm64, arch="arm64")},
                     "instances": {"arm1": {"image": "arm", "memory": "256M"}}})
        guest.start(roost, "arm1")
        guest.home(roost, "arm1")
        assert guest.keys_on_record(roost, "arm1").keys() == {"ssh-ed25519"}
        said = guest.console(roost, "arm1")
        assert "micro: mode ok, tag arm1" in said
        pid = roost.guests()["arm1"]
        argv = [a.decode() for a in guest.cmdlines()[pid]]
        assert argv[0] == "qemu-system-aarch64" and argv[argv.index("-accel") + 1].startswith("tcg")
        checks = {c["name"]: c for c in roost.json("check", check=False)["checks"]}
        assert checks["qemu-arm64"]["ok"] and checks["uefi-arm64"]["ok"]

        # It is a machine like any other: it hears the power button, and begins anew when rebuilt.
        # Its firmware's variables are small, whatever the size of the template.
        first = variables(roost, "arm1").stat()
        assert first.st_size == os.path.getsize("/usr/share/AAVMF/AAVMF_VARS.fd")
        assert first.st_blocks * 512 < 4 << 20
        roost.cli("instance", "stop", "arm1", timeout=180)
        ends = [e for e in roost.json("events", "arm1")["events"] if e["kind"] == "stopped"]
        assert len(ends) == 1 and "kill" not in ends[0]["detail"], ends
        assert variables(roost, "arm1").stat().st_ino == first.st_ino
        with open(variables(roost, "arm1"), "rb"):  # its inode is nobody else's as long as it is open
            roost.cli("instance", "rebuild", "arm1", "--yes")
            guest.start(roost, "arm1")
            guest.home(roost, "arm1")
            assert variables(roost, "arm1").stat().st_ino != first.st_ino


def test_uefi_boots_a_disk_alone_and_remembers(debian_efi, key):
    with Roost() as roost:
        roost.apply({
            "identities": {"ops": {"public-keys": [key.public], "sudo": True}},
            "images": {"efi": {"file": str(debian_efi / "disk.qcow2"), "firmware": "uefi",
                               "default-user": "debian"}},
            "instances": {"boot1": {"image": "efi", "identities": ["ops"], "memory": "768M"}},
        })
        guest.start(roost, "boot1")
        guest.home(roost, "boot1")
        argv = guest.cmdlines()[roost.guests()["boot1"]]
        assert b"-kernel" not in argv and b"-initrd" not in argv

        def run(command, **kw):
            return guest.ssh(roost, key, "boot1", command, **kw).stdout.strip()

        run("test -d /sys/firmware/efi && (mountpoint -q /sys/firmware/efi/efivars || "
            "sudo mount -t efivarfs efivarfs /sys/firmware/efi/efivars)")
        run(f"printf '\\007\\000\\000\\000remember' | sudo tee {VARIABLE} >/dev/null && sync")
        boot = run("cat /proc/sys/kernel/random/boot_id")
        roost.cli("instance", "stop", "boot1", timeout=330)
        assert b"R\0o\0o\0s\0t\0T\0e\0s\0t\0" in variables(roost, "boot1").read_bytes()
        seen = guest.Events(roost, "boot1")
        guest.start(roost, "boot1")
        seen.wait("homed", "homed-again")
        assert run("cat /proc/sys/kernel/random/boot_id") != boot
        run("mountpoint -q /sys/firmware/efi/efivars || "
            "sudo mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
        assert run(f"cat {VARIABLE} | tail -c +5") == "remember"
