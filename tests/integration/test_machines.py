"""The machine of a guest: its words from the command line to QEMU, and what is wrong about them."""
import os
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from harness.roost import Roost

CODE, VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
pytestmark = pytest.mark.skipif(not os.path.exists(CODE), reason="no OVMF (make deps)")


@pytest.fixture(scope="module")
def home():
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    with Roost({"launch": {"accelerator": "tcg"}}, env=env) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        r.cli("image", "create", "d", "--file", r.dir / "d.qcow2", "--quiet")
        r.cli("image", "create", "arm", "--file", r.dir / "d.qcow2", "--arch", "arm64", "--quiet")
        yield r


def create(r, name, *options, check=True, image="d"):
    return r.cli("instance", "create", name, "--image", image, "--memory", "128M", "--disk", "1M", *options, check=check)


def argv(r, name):
    return [a.decode() for a in Path(f"/proc/{r.guests()[name]}/cmdline").read_bytes().split(b"\0")[:-1]]


def option(words, name):
    return words[words.index(name) + 1]


def connect(path, timeout=30):
    """QEMU opens its display after its monitor, and nothing tells of it."""
    end = time.monotonic() + timeout
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            assert time.monotonic() < end, f"nobody listens at {path}"
            select.select([], [], [], 0.05)


def test_every_word_reaches_qemu_and_another_one_asks_for_a_restart(home):
    shutil.copy(CODE, home.dir / "code.fd")
    shutil.copy(VARS, home.dir / "vars.fd")
    create(home, "whole", "--cpu", "max,-avx2", "--machine", "pc-q35-7.1", "--display", "vnc", "--keymap", "de",
           "--firmware-code", "code.fd", "--firmware-vars", "vars.fd",  # files are where the command is
           "--qemu-argument=-device", "--qemu-argument", "virtio-balloon-pci,id=bal0")
    home.cli("instance", "start", "whole")
    words = argv(home, "whole")
    assert option(words, "-cpu") == "max,avx2=off" and option(words, "-k") == "de"
    assert option(words, "-machine").startswith("pc-q35-7.1,")
    assert words[-2:] == ["-device", "virtio-balloon-pci,id=bal0"]
    for device in ("virtio-vga,id=video", "usb-tablet,bus=usb.0", "usb-kbd,bus=usb.0"):
        assert device in words
    # A viewer is greeted (RFC 6143, 7.1.1) where the command says.
    with connect(home.cli("vnc", "whole").stdout.strip()) as viewer:
        viewer.settimeout(20)
        assert viewer.recv(12) == b"RFB 003.008\n"
    spec = home.json("instance", "show", "whole")["spec"]
    assert spec["firmware-code"] == str(home.dir / "code.fd") and spec["cpu"] == "max,avx2=off"
    said = home.cli("instance", "modify", "whole", "--display", "headless", "--unset", "keymap", "--cpu", "Nehalem").stdout
    assert "cpu, display, keymap (needs restart)" in said
    home.cli("instance", "stop", "whole", "--force")
    home.cli("instance", "start", "whole")
    words = argv(home, "whole")
    assert option(words, "-cpu") == "Nehalem" and option(words, "-display") == "none" and "-vnc" not in words
    done = home.cli("vnc", "whole", check=False)
    assert done.returncode != 0 and "has no VNC display: roost instance modify whole --display vnc" in done.stderr
    home.cli("instance", "stop", "whole", "--force")


def test_variables_are_the_guests_own_until_it_has_others(home):
    create(home, "uefi", "--firmware", "uefi")
    file = home.state / "instances" / "uefi" / "vars.fd"

    def again(*change):
        if change:
            home.cli("instance", "modify", "uefi", *change)
        home.cli("instance", "start", "uefi")
        home.cli("instance", "stop", "uefi", "--force")
        held.append(open(file, "rb"))  # its inode is nobody else's as long as it is open
        return os.fstat(held[-1].fileno()).st_ino

    held = []
    first = again()
    assert again() == first == again("--cpu", "max"), "kept over restarts"
    shutil.copy(VARS, home.dir / "other.fd")
    second = again("--firmware-code", CODE, "--firmware-vars", str(home.dir / "other.fd"))
    assert second != first and again() == second
    assert (home.state / "instances" / "uefi" / "vars.from").read_text() == str(home.dir / "other.fd")
    home.cli("instance", "rebuild", "uefi", "--yes")
    assert again() != second, "begun anew with the disk"
    again("--unset", "firmware-code", "--unset", "firmware-vars")
    assert (home.state / "instances" / "uefi" / "vars.from").read_text() == VARS


def test_secure_boot_builds_get_what_they_want(home):
    code, variables = CODE.replace(".fd", ".ms.fd"), VARS.replace(".fd", ".ms.fd")
    if not os.path.exists(code):
        pytest.skip("no OVMF for Secure Boot")
    create(home, "secure", "--firmware-code", code, "--firmware-vars", variables)
    home.cli("instance", "start", "secure")
    words = argv(home, "secure")
    assert ",smm=on," in option(words, "-machine") and "driver=cfi.pflash01,property=secure,value=on" in words
    home.cli("instance", "stop", "secure", "--force")


@pytest.mark.parametrize("options, says", [
    (["--cpu", "x y"], "--cpu: \"x y\" is no CPU: expected MODEL"),
    (["--machine", "isapc"], "--machine: \"isapc\" is no machine that roost knows: expected q35"),
    (["--machine", "virt"], "machine: virt is for arm64, and the image for amd64"),
    (["--display", "screen"], "--display: \"screen\" is not headless, vnc or gtk"),
    (["--keymap", "de"], "keymap: is of a display, and there is none: say --display vnc"),
    (["--display", "vnc", "--keymap", "german"], "--keymap: \"german\" is no keymap of QEMU's: there are ar, "),
    (["--firmware", "efi"], "--firmware: \"efi\" is not bios or uefi"),
    (["--firmware-code", CODE], "firmware-vars: firmware-code and firmware-vars belong together"),
    (["--firmware", "bios", "--firmware-code", CODE, "--firmware-vars", VARS], "firmware: bios has no firmware-code"),
    (["--qemu-argument", "disk.img"], "qemu-argument: \"disk.img\": expected an option (-device), then its value"),
    (["--qemu-argument=-daemonize"], "qemu-argument: -daemonize is refused: by it roost would lose its hold"),
    (["--qemu-argument=--sandbox", "--qemu-argument", "off"], "--sandbox is refused: the sandbox is what holds"),
    (["--qemu-argument=-m", "--qemu-argument", "1G"], "-m is refused: roost has a word of its own for it: memory"),
    (["--host-device", "usb:9"], "--host-device: \"usb:9\" is no device of the host: expected pci:0000:3b:00.0"),
])
def test_what_is_wrong_is_said_and_nothing_is_defined(home, options, says):
    before = home.json("instance", "list")
    done = create(home, "wrong", *options, check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert [i["name"] for i in home.json("instance", "list")] == [i["name"] for i in before]


def test_arm64_has_its_own_machines(home):
    done = create(home, "wrong", "--machine", "pc-q35-7.2", check=False, image="arm")
    assert done.returncode == 2 and "machine: pc-q35-7.2 is for amd64, and the image for arm64" in done.stderr
    done = create(home, "wrong", "--firmware", "bios", check=False, image="arm")
    assert done.returncode == 2 and "machines have no bios" in done.stderr


def test_what_this_host_has_not_is_said_at_the_start(home):
    (home.dir / "packed.fd").write_bytes(b"QFI\xfb" + bytes(4096))
    for name, options, says in (
            ("w-cpu", ["--cpu", "host"], "cpu: host needs KVM, and this guest is emulated"),
            ("w-pci", ["--host-device", "pci:ffff:ff:1f.7"], "this host has no PCI device ffff:ff:1f.7"),
            ("w-none", ["--firmware-code", "/nowhere/c.fd", "--firmware-vars", VARS], "firmware-code /nowhere/c.fd"),
            ("w-qcow", ["--firmware-code", "packed.fd", "--firmware-vars", VARS], "is a qcow2 file, and firmware a raw")):
        create(home, name, *options)
        done = home.cli("instance", "start", name, check=False)
        assert done.returncode != 0 and says in done.stderr, (name, done.stderr)
        assert home.json("instance", "show", name)["state"] == "failed"
        assert name not in home.guests()


def test_what_qemu_has_not_is_told_in_its_words(home):
    """Where it cannot be known before (tests/integration/test_emulators.py)."""
    create(home, "q-bus", "--qemu-argument=-device", "--qemu-argument", "virtio-balloon-pci,bus=nowhere")
    home.cli("instance", "start", "q-bus")
    done = home.cli("wait", "q-bus", "--for", "homed", "--timeout", "60s", check=False)
    assert done.returncode != 0 and "Bus 'nowhere' not found" in done.stdout + done.stderr


def test_rootless_limits_hold_when_they_are_said():
    with Roost({"launch": {"accelerator": "tcg", "allow-arguments": "-device=virtio-balloon*", "allow-devices": "usb:046d:*",
                           "allow-firmware": "/usr/share/OVMF"}}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        r.cli("image", "create", "d", "--file", r.dir / "d.qcow2", "--quiet")
        create(r, "fine", "--qemu-argument=-device", "--qemu-argument", "virtio-balloon-pci", "--host-device",
               "usb:046d:c52b", "--firmware-code", CODE, "--firmware-vars", VARS)
        for options, key in ((["--qemu-argument=-s"], "allow-arguments of roost.conf allows -device=virtio-balloon*"),
                             (["--host-device", "pci:00:00.0"], "allow-devices of roost.conf allows usb:046d:*"),
                             (["--firmware-code", "/tmp/c", "--firmware-vars", VARS], "allow-firmware of roost.conf")):
            done = create(r, "wrong", *options, check=False)
            assert done.returncode != 0 and key in done.stderr, done.stderr


def test_a_guest_without_an_image_has_a_machine_too(home):
    """Its root disk is somebody's file."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", home.dir / "own.qcow2", "1M"], check=True)
    own = ["instance", "create", "own", "--memory", "128M", "--disk", str(home.dir / "own.qcow2")]
    done = home.cli(*own, "--machine", "virt", check=False)
    assert done.returncode == 2 and "machine: virt is for arm64" in done.stderr, done.stderr
    home.cli(*own, "--cpu", "Nehalem", "--firmware-code", CODE, "--firmware-vars", VARS)
    home.cli("instance", "start", "own")
    words = argv(home, "own")
    assert option(words, "-cpu") == "Nehalem" and "pflash0=code" in option(words, "-machine")
    home.cli("instance", "stop", "own", "--force")
