"""A micro guest that boots from a CD-ROM: two guests share one image, which is ejected and another one
inserted while they run."""
import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest

import guest
from harness.roost import Roost

MARKER = "BOOTED FROM A CD-ROM"
ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"


def make_iso(micro, directory, name):
    """The micro guest's kernel and initrd under ISOLINUX, which says the marker on the serial console."""
    tree = directory / f"{name}.tree"
    tree.mkdir()
    for source in (ISOLINUX, LDLINUX, micro / "vmlinuz", micro / "initrd"):
        shutil.copy(source, tree)
    cmdline = (micro / "cmdline").read_text().strip()
    (tree / "isolinux.cfg").write_text(f"SERIAL 0 115200\nDEFAULT micro\nPROMPT 0\nSAY {MARKER}\nLABEL micro\n"
                                       f"KERNEL vmlinuz\nAPPEND initrd=initrd {cmdline}\n")
    iso = directory / f"{name}.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", name.upper(), "-o", iso, "-b", "isolinux.bin",
                    "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree],
                   check=True, capture_output=True, timeout=120)
    return iso


@pytest.fixture(scope="module")
def story(micro, tmp_path_factory):
    guest.need("xorriso")
    if not os.path.exists(ISOLINUX):
        pytest.skip("isolinux is missing (make deps)")
    directory = tmp_path_factory.mktemp("iso")
    s = SimpleNamespace(one=make_iso(micro, directory, "one"), two=make_iso(micro, directory, "two"))
    with Roost() as s.roost:
        s.roost.apply({
            "images": {"micro": guest.image(micro)},
            "defaults": {"image": "micro", "memory": "128M", "cdrom": str(s.one), "boot": "cdrom"},
            "instances": {"a": {}, "b": {}},
        })
        guest.start(s.roost, "a", "b")
        guest.home(s.roost, "a", "b")
        yield s


def opened(story, name):
    """The images that its QEMU holds open."""
    pid = (story.roost.state / "instances" / name / "qemu.pid").read_text().split()[0]
    links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    return {link for link in links if link.endswith(".iso")}


def test_two_boot_from_one_image(story):
    for name in ("a", "b"):
        assert MARKER in guest.console(story.roost, name)
        row = guest.show(story.roost, name)
        assert (row["boot"], row["cdrom"]) == ("cdrom", str(story.one))
        assert opened(story, name) == {str(story.one)}
        pid = (story.roost.state / "instances" / name / "qemu.pid").read_text().split()[0]
        args = open(f"/proc/{pid}/cmdline").read().split("\0")
        assert "-kernel" not in args


def test_eject_and_insert_while_it_runs(story):
    roost = story.roost
    roost.cli("instance", "eject", "a")
    assert opened(story, "a") == set() and opened(story, "b") == {str(story.one)}
    assert guest.show(roost, "a")["cdrom"] == "empty"
    roost.cli("instance", "eject", "a")  # empty already
    for image in (story.two, story.one, story.two):
        said = roost.cli("instance", "insert", "a", str(image)).stdout
        assert str(image) in said
        assert opened(story, "a") == {str(image)}
        assert guest.show(roost, "a")["cdrom"] == str(image)
    done = roost.cli("instance", "insert", "a", "/no/such.iso", check=False)
    assert done.returncode != 0 and "no such file" in done.stderr
    reply = roost.api("POST", "/v1/instances/a/insert", {"file": "/no/such.iso"})
    assert reply.status == 404 and "/no/such.iso" in reply.text
    assert opened(story, "a") == {str(story.two)} and guest.show(roost, "a")["cdrom"] == str(story.two)
    kinds = [e["detail"] for e in roost.json("events", "a", "--limit", "100")["events"] if e["kind"] == "changed"]
    assert any("ejected" in k for k in kinds) and any(str(story.two) in k for k in kinds)


def test_it_boots_from_what_was_inserted(story):
    """The change is of its definition, too. Its keys lie in memory, so that it comes back as a stranger."""
    roost = story.roost
    story.one.unlink()
    events = guest.Events(roost, "a")
    roost.cli("instance", "restart", "a", timeout=300)
    events.wait("key-mismatch")
    assert opened(story, "a") == {str(story.two)}


def test_what_is_gone_is_named(story):
    roost = story.roost
    roost.cli("instance", "stop", "--force", "b")
    done = roost.cli("instance", "start", "b", check=False)
    assert done.returncode != 0 and str(story.one) in done.stderr, done.stderr
