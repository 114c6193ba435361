"""All disks of a guest move with it: those that roost made, files that are used in place, and what becomes of each. QEMU is
real, its guests have nothing to boot."""
import json
import os
import subprocess

import pytest
from harness import roost as harness
from harness.guest import define
from test_bundle import CONF, image, leftovers, moved, qcow2, rewrite
from test_faults import on_a_small_disk

MIB = 1 << 20


def io(path, *commands, fmt="qcow2"):
    """qemu-io on a disk; reads are checked by their pattern."""
    words = [w for c in commands for w in ("-c", c)]
    done = subprocess.run(["qemu-io", "-f", fmt, *words, path], capture_output=True, text=True)
    assert done.returncode == 0 and "verification failed" not in done.stdout, done.stdout + done.stderr


def holds(path, at, pattern, fmt="qcow2"):
    io(path, f"read -P {pattern} {at} 64k", fmt=fmt)


def info(path):
    return json.loads(subprocess.run(["qemu-img", "info", "--output=json", path], check=True, capture_output=True).stdout)


@pytest.fixture
def hosts(tmp_path):
    with harness.Roost(CONF) as here, harness.Roost(CONF) as there:
        yield here, there


def once(here, name):
    here.cli("instance", "start", name)
    here.cli("instance", "stop", name, "--force")


def export(here, name, to, *args):
    here.cli("instance", "export", name, "--bundle", to, *args)
    return to


def manifest(bundle):
    data = bundle.read_bytes()
    return json.loads(data[512:512 + int(data[124:135], 8)])


@pytest.fixture
def full(hosts, tmp_path):
    """web1 here has a disk of each kind; what is on each is its number."""
    here, _ = hosts
    files = {n: tmp_path / n for n in ("raw.img", "own.qcow2", "shared.img", "scratch.img")}
    for n in ("raw.img", "shared.img", "scratch.img"):
        with open(files[n], "wb") as f:
            f.truncate(8 * MIB + (100 if n == "raw.img" else 0))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", files["own.qcow2"], "32M"], check=True)
    define(here, {"images": {"deb": {"file": str(image(tmp_path / "base.qcow2"))}},
                  "instances": {"web1": {"image": "deb", "memory": "64M", "disk": "1G", "disks": [
                      {"serial": "data", "size": "2G", "bus": "scsi"}, {"serial": "late", "size": "1G"},
                      {"serial": "raw", "file": str(files["raw.img"]), "format": "raw"},
                      {"serial": "own", "file": str(files["own.qcow2"]), "cache": "none"},
                      {"serial": "shared", "file": str(files["shared.img"]), "read-only": True, "format": "raw"},
                      {"serial": "scratch", "file": str(files["scratch.img"]), "volatile": True, "format": "raw"},
                      {"serial": "gone", "size": "64M", "volatile": True}]}}})
    once(here, "web1")
    home = here.state / "instances" / "web1"
    (home / "disk-late.qcow2").unlink()  # as one that was added since the last start
    (home / "vars.fd").write_bytes(b"variables" * 100)
    io(home / "disk.qcow2", "write -P 1 40M 64k")
    io(home / "disk-data.qcow2", "write -P 2 1G 64k")
    # What its guest may have made a raw disk begin with does not make it a qcow2 file.
    with open(files["raw.img"], "r+b") as f:
        f.write(qcow2(backing=512, backing_len=11)[:600])
    io(files["raw.img"], "write -P 3 1M 64k", fmt="raw")
    io(files["own.qcow2"], "write -P 4 16M 64k")
    io(files["shared.img"], "write -P 5 2M 64k", fmt="raw")
    io(files["scratch.img"], "write -P 6 4M 64k", fmt="raw")
    return files


def test_all_disks_move(hosts, full, tmp_path):
    here, there = hosts
    bundle = export(here, "web1", tmp_path / "web1.bundle")
    said = manifest(bundle)
    assert said["roost-bundle"] == 2
    assert [f["name"] for f in said["files"]] == ["disk.qcow2", "vars.fd", "image-disk", "drive-1", "drive-3", "drive-4", "drive-5",
                                                  "drive-6", "drive-7"]
    assert str(tmp_path) not in json.dumps(said["instance"]), "the definition names no file of that host"
    for f in full.values():
        f.unlink()  # nothing of it is used there
    said = moved(there, bundle).stderr
    for serial, file in (("raw", "raw.img"), ("own", "own.qcow2"), ("shared", "shared.img"), ("scratch", "scratch.img")):
        assert f"note: its disk {serial}, there {full[file]}, is roost's own here\n" in said
    (task,) = there.json("task", "list")
    assert len(task["notes"]) == 4
    home = there.state / "instances" / "web1"
    assert leftovers(there) == ["images/deb", "instances/web1"]
    assert sorted(p.name for p in home.iterdir()) == sorted(["disk.qcow2", "vars.fd"] + [
        f"disk-{s}.qcow2" for s in ("data", "raw", "own", "shared", "scratch", "gone")])
    assert (home / "vars.fd").read_bytes() == b"variables" * 100
    for name, at, pattern in (("disk", "40M", 1), ("disk-data", "1G", 2), ("disk-raw", "1M", 3), ("disk-own", "16M", 4),
                              ("disk-shared", "2M", 5), ("disk-scratch", "4M", 6)):
        assert info(home / f"{name}.qcow2")["format"] == "qcow2"
        holds(home / f"{name}.qcow2", at, pattern)
    assert (home / "disk-raw.qcow2").stat().st_mode & 0o777 == 0o600
    disks = {d["serial"]: d for d in there.json("instance", "show", "web1")["spec"]["disks"]}
    assert not any("file" in d or "read-only" in d for d in disks.values())
    assert disks["data"] == {"serial": "data", "size": 2 << 30, "bus": "scsi"} and disks["own"]["cache"] == "none"
    assert disks["own"]["size"] == 32 * MIB and disks["raw"]["size"] == 8 * MIB + 512 and disks["scratch"]["volatile"]
    told = there.cli("events", "web1").stdout
    assert f"its disk raw, there {full['raw.img']}, is roost's own here" in told and "its disk data" not in told
    there.cli("instance", "start", "web1")
    assert (home / "disk-late.qcow2").exists() and (home / "volatile-scratch.qcow2").exists()
    there.cli("instance", "stop", "web1", "--force")
    holds(home / "disk-scratch.qcow2", "4M", 6)
    # And on, from there: all are roost's own by now.
    again = export(there, "web1", tmp_path / "again")
    here.cli("instance", "remove", "web1", "--destroy-disks", "--yes")
    moved(here, again)
    holds(here.state / "instances" / "web1" / "disk-raw.qcow2", "1M", 3)
    here.cli("instance", "start", "web1")


def test_a_root_disk_in_place(hosts, tmp_path):
    here, there = hosts
    disk = tmp_path / "grown.img"
    with open(disk, "wb") as f:
        f.truncate(64 * MIB)
    define(here, {"instances": {"old": {"memory": "64M", "disk": {"file": str(disk), "format": "raw", "serial": "root"}}}})
    once(here, "old")
    io(disk, "write -P 9 10M 1M", fmt="raw")
    bundle = export(here, "old", tmp_path / "old.bundle", "--no-image")  # which there is none of
    assert [f["name"] for f in manifest(bundle)["files"]] == ["image-disk"]
    moved(there, bundle)
    now = there.json("instance", "show", "old")
    assert now["image"] == "old-disk" and now["spec"]["disk"] == {"serial": "root", "size": 0}
    assert f"its disk {disk} of there is image old-disk here, with an overlay" in there.cli("events", "old").stdout
    there.cli("image", "verify", "old-disk")
    overlay = there.state / "instances" / "old" / "disk.qcow2"
    assert info(overlay)["backing-filename"] == "../../images/old-disk/disk" and info(overlay)["virtual-size"] == 64 * MIB
    holds(overlay, "10M", 9)
    assert leftovers(there) == ["images/old-disk", "instances/old"]
    again = export(there, "old", tmp_path / "again")  # before its first start there
    there.cli("instance", "start", "old")
    there.cli("instance", "stop", "old", "--force")
    io(overlay, "write -P 8 20M 1M")
    there.cli("instance", "reset", "old", "--yes")  # as it came
    there.cli("instance", "start", "old")
    there.cli("instance", "stop", "old", "--force")
    holds(overlay, "20M", 0)
    holds(overlay, "10M", 9)
    # Home again the image stays what it became.
    here.cli("instance", "remove", "old", "--yes")
    moved(here, again)
    assert here.json("instance", "show", "old")["image"] == "old-disk"
    holds(here.state / "instances" / "old" / "disk.qcow2", "10M", 9)
    holds(disk, "10M", 9, fmt="raw")  # and the file was never touched


def test_a_file_that_somebody_writes_to(hosts, full, tmp_path):
    here, _ = hosts
    other = subprocess.Popen(["qemu-io", "-f", "qcow2", full["own.qcow2"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdin.write(b"write 0 64k\n")
    other.stdin.flush()
    while b"ops" not in other.stdout.readline():
        pass
    done = here.cli("instance", "export", "web1", "--bundle", tmp_path / "x", check=False)
    assert done.returncode == 4 and f"{full['own.qcow2']} is in use" in done.stderr and not (tmp_path / "x").exists()
    other.communicate(b"quit\n")
    full["shared.img"].unlink()
    done = here.cli("instance", "export", "web1", "--bundle", tmp_path / "x", check=False)
    assert done.returncode == 3 and str(full["shared.img"]) in done.stderr and not (tmp_path / "x").exists()
    here.cli("instance", "start", "web1", check=False)  # its lock was let go of
    full["shared.img"].write_bytes(b"\0" * 8 * MIB)
    export(here, "web1", tmp_path / "x")
    once(here, "web1")


CHANGES = {
    "newer": (lambda m: m.update({"roost-bundle": 3}), 4, "made by a newer roost (format 3, this one reads 2)"),
    "older": (lambda m: m.update({"roost-bundle": 1}), 2, "disks"),
    "a file of the host": (lambda m: m["instance"]["spec"]["disks"][2].update(file="/etc/shadow", size=0), 2, "disk"),
    "only a file": (lambda m: (m["instance"]["spec"]["disks"][2].pop("size"),
                               m["instance"]["spec"]["disks"][2].update(file="/etc/shadow")), 2, "disks"),
    "fewer disks": (lambda m: m["instance"]["spec"]["disks"].pop(), 2, "disks"),
    "the same serial": (lambda m: m["instance"]["spec"]["disks"][1].update(serial="data"), 2, "serial"),
    "a smaller one": (lambda m: m["instance"]["spec"]["disks"][0].update(size=MIB), 2, "disk data is larger"),
    "a smaller raw one": (lambda m: m["instance"]["spec"]["disks"][2].update(size=MIB), 2, "disks"),
    "format": (lambda m: m["files"][3].update(format="vmdk"), 2, "format"),
    "no format": (lambda m: m["files"][3].pop("format"), 2, "format"),
    "another format": (lambda m: m["files"][4].update(format="qcow2"), 2, "disk raw"),
    "a format too many": (lambda m: m["files"][0].update(format="qcow2"), 2, "format"),
    "from": (lambda m: m["files"][4].update({"from": "../x"}), 2, "from"),
    "from where": (lambda m: m["files"][0].update({"from": "/x"}), 2, "from"),
    "part": (lambda m: m["files"][3].update(name="drive-17"), 2, "files"),
    "an image that is none": (lambda m: m["files"][2].update({"from": "/x"}), 2, "files"),
}


def test_altered_manifests(hosts, full, tmp_path):
    here, there = hosts
    bundle = export(here, "web1", tmp_path / "b")
    for what, (change, code, words) in CHANGES.items():
        done = there.cli("instance", "import", rewrite(bundle, tmp_path / "x", change), check=False)
        assert done.returncode == code and words in done.stderr, f"{what}: {done.stderr}"
        assert leftovers(there) == [] and there.json("instance", "list") == [], what
    for data, words in ((qcow2(backing=512, backing_len=11), "disk data"), (qcow2(features=4), "disk data"),
                        (b"\0" * 65536, "disk data"), (qcow2(size=1 << 50), "disk data")):
        done = moved(there, rewrite(bundle, tmp_path / "x", parts={"drive-1": data}), code=2)
        assert words in done.stderr and leftovers(there) == [], done.stderr
    moved(there, rewrite(bundle, tmp_path / "x"))  # the means are not to blame


def test_a_cdrom_stays_behind(hosts, tmp_path):
    """A bundle names no file of the host that reads it, of whatever format it is."""
    here, there = hosts
    iso = tmp_path / "secret.iso"
    iso.write_bytes(b"\0" * MIB)
    define(here, {"images": {"deb": {"file": str(image(tmp_path / "base.qcow2"))}},
                  "instances": {"web1": {"image": "deb", "memory": "64M", "cdrom": str(iso)}}})
    once(here, "web1")
    bundle = export(here, "web1", tmp_path / "b")
    assert manifest(bundle)["roost-bundle"] == 1  # an older roost reads what it has room for
    moved(there, bundle)
    assert there.json("instance", "show", "web1")["spec"]["cdrom"] == "empty"
    assert f"its CD-ROM drive, there with {iso}, is empty here" in there.cli("events", "web1").stdout


def test_no_room_for_its_raw_disk(hosts, full, tmp_path):
    """qemu-img that fails in the middle leaves nothing."""
    here, there = hosts
    bundle = export(here, "web1", tmp_path / "b")
    bad = tmp_path / "qemu-img"
    bad.write_text('#!/bin/sh\nfor f; do :; done\ncase "$1" in convert) echo half > "$f"; echo "No space left on device" >&2; '
                   'exit 1;; *) exec qemu-img "$@";; esac\n')
    bad.chmod(0o755)
    there.stop(keep=True)
    there.settings["launch"]["qemu-img"] = str(bad)
    there.write_conf()
    there.start()
    done = there.cli("instance", "import", bundle, check=False)
    assert done.returncode == 1 and "exit code 1: No space left on device\n" in done.stderr, (done.returncode, done.stderr)
    assert leftovers(there) == [] and there.json("instance", "list") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace without root is not tried")
def test_a_disk_that_fills(hosts, full, tmp_path):
    here, _ = hosts
    io(here.state / "instances" / "web1" / "disk-data.qcow2", "write -P 7 0 96M")
    bundle = export(here, "web1", tmp_path / "b")

    def body(mount):
        with harness.Roost(CONF, start=False) as small:
            mount(small.state, "64m")
            small.start()
            done = small.cli("instance", "import", bundle, check=False)
            assert done.returncode == 1 and "No space left on device" in done.stderr, done.stderr
            assert leftovers(small) == [] and small.json("instance", "list") == [] and small.json("image", "list") == []
            assert os.statvfs(small.state).f_bavail * os.statvfs(small.state).f_frsize > 32 * MIB, "all of it is free again"

    on_a_small_disk(body)
