"""A guest moved from one state directory to another by a bundle: who it is comes with it, and what is wrong with a
bundle is told, with nothing half done. QEMU is real, its guests have nothing to boot; the test answers for them."""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import tarfile

import pytest
from harness import roost as harness
from harness.guest import Guest, define, request

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv op@desk"
CONF = {"launch": {"accelerator": "tcg", "stop-limit": "1s"}, "seed": {"advertise": "http://10.0.2.2:10200"}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def image(path, *args):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *args, path, "64M"], check=True)
    return path


@pytest.fixture
def hosts(tmp_path):
    """(here, there): web1 was home here and is stopped; nothing is there."""
    base = image(tmp_path / "base.qcow2")
    subprocess.run(["qemu-io", "-c", "write -P 7 1M 2M", base], check=True, stdout=subprocess.DEVNULL)
    with harness.Roost(CONF) as here, harness.Roost(CONF) as there:
        define(here, {"images": {"deb": {"file": str(base), "default-user": "debian"}},
                      "identities": {"ops": {"public-keys": [KEY], "sudo": True}},
                      "defaults": {"identities": ["ops"], "image": "deb", "memory": "64M"},
                      "instances": {"web1": {"disk": "1G", "groups": ["web"], "vars": {"app": "shop"}, "tag": "Rack-7",
                                             "user-data": "#cloud-config\n{}\n"},
                                    "fresh": {}, }})
        here.cli("instance", "start", "web1")
        guest = Guest(here, "web1", tag="Rack-7")
        for doc in ("meta-data", "user-data", "vendor-data"):
            assert guest.get(doc).status == 200
        assert guest.home().status == 200
        here.wait_log(r"\[web1\] address: ")
        here.cli("instance", "stop", "web1", "--force")
        disk = here.state / "instances" / "web1" / "disk.qcow2"
        subprocess.run(["qemu-io", "-c", "write -P 66 40M 64k", disk], check=True, stdout=subprocess.DEVNULL)
        yield here, there


def export(here, path, *args):
    said = here.cli("instance", "export", "web1", "--bundle", path, *args).stdout
    assert said.startswith(f"{path}: guest web1, ") and said.endswith("; whoever reads it reads its secrets\n")
    return path


def moved(there, path, *args, code=0):
    done = there.cli("instance", "import", path, *args, check=False)
    assert done.returncode == code, done.stderr
    assert code or " is imported; roost instance list shows it\n" in done.stdout, done.stdout
    return done


def leftovers(there):
    """What lies in the state directory of instances and images."""
    return sorted(str(p.relative_to(there.state)) for d in ("instances", "images") for p in (there.state / d).glob("*"))


SAME = ("name", "tag", "instance-id", "generation", "uuid", "mac", "host-keys", "groups", "identities", "memory", "disk",
        "image", "spec")


def test_it_is_home_elsewhere(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "web1.bundle")
    assert bundle.stat().st_mode & 0o777 == 0o600
    was = here.json("instance", "show", "web1")
    knows = {p: Guest(here, "web1", tag="Rack-7").token(p) for p in ("seed", "post")}
    moved(there, bundle)
    now = there.json("instance", "show", "web1")
    assert {k: now[k] for k in SAME} == {k: was[k] for k in SAME}
    assert now["phase"] == "stopped" and now["host-keys"]
    assert "brought from " in there.cli("events", "web1").stdout
    assert was["host-keys"][0]["line"] in there.cli("known-hosts", "web1").stdout
    assert there.json("identity", "show", "ops")["public-keys"] == [KEY]
    disk = there.state / "instances" / "web1" / "disk.qcow2"
    info = json.loads(subprocess.run(["qemu-img", "info", "--output=json", disk], check=True, capture_output=True).stdout)
    assert info["virtual-size"] == 1 << 30 and info["backing-filename"] == "../../images/deb/disk"
    for at, pattern in (("40M 64k", 66), ("1M 1M", 7)):  # its own, and what it stands on
        read = subprocess.run(["qemu-io", "-r", "-c", f"read -P {pattern} {at}", disk], capture_output=True, text=True)
        assert read.returncode == 0 and "verification failed" not in read.stdout, read.stdout
    there.cli("image", "verify", "deb")
    assert leftovers(there) == ["images/deb", "instances/web1"]
    # It starts there, and what it learnt at its first boot still opens: phone-home, reports, and a seed if it asks.
    there.cli("instance", "start", "web1")
    guest = Guest(there, "web1", tag="Rack-7")
    guest.key = Guest(here, "web1").key
    assert request(there.seed_port, "POST", f"/Rack-7/{knows['post']}/phone-home", guest.form(), FORM).status == 200
    assert there.json("instance", "show", "web1")["phase"] == "homed"
    assert request(there.seed_port, "GET", f"/Rack-7/{knows['seed']}/meta-data").status == 200
    assert request(there.seed_port, "GET", f"/Rack-7/{knows['post']}/meta-data").status == 403
    # Other keys under its instance-id are an alarm, as ever.
    other = guest.form(pub_key_ed25519=Guest(there, "other").key)
    assert request(there.seed_port, "POST", f"/Rack-7/{knows['post']}/phone-home", other, FORM).status == 409
    # A rebuild makes it a guest of this roost alone.
    there.cli("instance", "stop", "web1", "--force")
    there.cli("instance", "rebuild", "web1", "--yes")
    assert request(there.seed_port, "GET", f"/Rack-7/{knows['seed']}/meta-data").status == 403


def test_moved_on(hosts, tmp_path):
    """A second time: what the guest knows is still the first host's."""
    here, there = hosts
    knows = Guest(here, "web1", tag="Rack-7").token("post")
    moved(there, export(here, tmp_path / "1"))
    there.cli("instance", "export", "web1", "--bundle", tmp_path / "2")
    here.cli("instance", "remove", "web1", "--yes")
    moved(here, tmp_path / "2")
    key = here.json("instance", "show", "web1")["host-keys"][0]["line"]
    guest = Guest(here, "web1", tag="Rack-7")
    assert guest.key.startswith(key)
    assert request(here.seed_port, "POST", f"/Rack-7/{knows}/phone-home", guest.form(), FORM).status == 200
    assert here.cli("image", "list", "--output", "name").stdout == "deb\n"  # the one that was there


def test_another_name_network_and_image(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    define(there, {"networks": {"lab": {"kind": "user"}}, "images": {"deb": {"file": str(image(tmp_path / "o", "-o", "compat=0.10"))}},
                   "identities": {"ops": {"public-keys": [KEY]}}})
    moved(there, bundle, "--as", "web9", "--network", "lab")
    now = there.json("instance", "show", "web9")
    assert now["instance-id"] == "iid-web1-1" and now["tag"] == "Rack-7" and now["network"] == "lab"
    sha = json.loads(here.cli("image", "show", "deb", "-o", "json").stdout)["sha256"]
    assert now["image"] == f"deb-{sha[:8]}"
    told = there.cli("events", "web9").stdout
    assert "identity ops is another one here" in told and f"its image is deb-{sha[:8]} here" in told
    there.cli("instance", "start", "web9")


def test_without_its_image(hosts, tmp_path):
    here, there = hosts
    small, large = export(here, tmp_path / "small", "--no-image"), export(here, tmp_path / "large")
    assert small.stat().st_size < large.stat().st_size - (2 << 20)
    done = moved(there, small, code=4)
    assert "is neither here nor in the bundle" in done.stderr and leftovers(there) == []
    shutil.copy(here.state / "images" / "deb" / "disk", tmp_path / "copy")
    define(there, {"images": {"other-name": {"file": str(tmp_path / "copy")}}})
    moved(there, small)
    assert there.json("instance", "show", "web1")["image"] == "other-name"


def test_only_a_stopped_one(hosts, tmp_path):
    here, _ = hosts
    here.cli("instance", "start", "web1")
    for name, code, words in (("web1", 4, "stop it first"), ("fresh", 4, "has no disk yet"), ("nobody", 3, "nobody")):
        done = here.cli("instance", "export", name, "--bundle", tmp_path / "x", check=False)
        assert done.returncode == code and words in done.stderr
    here.cli("instance", "stop", "web1", "--force")
    lock = open(here.state / "instances" / "web1" / "instance.lock")
    holder = subprocess.Popen(["flock", "-n", lock.name, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdin.write(b"x")
    holder.stdin.flush()
    assert holder.stdout.read(1) == b"x"  # it has it, as a vm.sh would
    done = here.cli("instance", "export", "web1", "--bundle", tmp_path / "x", check=False)
    assert done.returncode == 4 and "runs" in done.stderr
    holder.communicate()
    lock.close()
    (tmp_path / "there").write_text("mine")
    done = here.cli("instance", "export", "web1", "--bundle", tmp_path / "there", check=False)
    assert done.returncode == 4 and "--force" in done.stderr and (tmp_path / "there").read_text() == "mine"
    export(here, tmp_path / "there", "--force")
    assert os.listdir(tmp_path).count("there.part") == 0
    for args in (["--bundle", "y", "--for", "mac"], ["--no-image"]):
        assert here.cli("instance", "export", "web1", *args, check=False).returncode == 2


@pytest.mark.parametrize("taken, words", [
    ({"web1": {"launcher": "external", "tag": "x"}}, "an instance web1 is here already; --as"),
    ({"a": {"launcher": "external", "tag": "Rack-7"}}, "the tag Rack-7 is taken by instance a"),
    ({"a": {"launcher": "external", "uuid": "UUID"}}, "is taken by instance a"),
    ({"a": {"launcher": "external", "mac": "MAC"}}, "is taken by instance a"),
])
def test_taken(hosts, tmp_path, taken, words):
    here, there = hosts
    bundle, was = export(here, tmp_path / "b"), here.json("instance", "show", "web1")
    text = json.dumps({"instances": taken}).replace("UUID", was["uuid"]).replace("MAC", was["mac"])
    define(there, json.loads(text))
    done = moved(there, bundle, code=4)
    assert words in done.stderr and leftovers(there) == []


def test_the_same_instance_id(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    define(there, {"instances": {"web1": {"launcher": "external", "tag": "y"}}})
    done = moved(there, bundle, "--as", "web2", code=4)
    assert "the instance-id iid-web1-1 is that of another instance here" in done.stderr


def test_a_network_that_is_not_here(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    with tarfile.open(bundle) as tar:
        assert [m.name for m in tar] == ["roost-bundle.json", "disk.qcow2", "image-disk", "SHA256SUMS"]
    done = moved(there, rewrite(bundle, tmp_path / "n", lambda m: m["instance"]["spec"].update(network="lab")), code=4)
    assert "network lab is not defined here" in done.stderr
    assert moved(there, bundle, "--network", "none", code=3).stderr.count("none")


# --- bundles of others ---

def rewrite(bundle, to, change=lambda m: None, parts=None):
    """Another bundle with right checksums: its manifest changed, members replaced."""
    with tarfile.open(bundle) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}
    manifest = json.loads(members["roost-bundle.json"])
    for name, data in (parts or {}).items():
        members[name] = data
        for f in manifest["files"]:
            if f["name"] == name:
                f.update(size=len(data), extents=[[0, len(data)]])
    change(manifest)
    members["roost-bundle.json"] = json.dumps(manifest).encode()
    del members["SHA256SUMS"]
    members["SHA256SUMS"] = "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in members.items()).encode()
    with open(to, "wb") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.write(info.tobuf(tarfile.USTAR_FORMAT))
            out.write(data + b"\0" * (-len(data) % 512))
        out.write(b"\0" * 1024)
    return to


def qcow2(**fields):
    """A header of version 3, as others could write it."""
    h = {"backing": 0, "backing_len": 0, "bits": 16, "size": 64 << 20, "crypt": 0, "features": 0, **fields}
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, h["backing"], h["backing_len"], h["bits"], h["size"], h["crypt"],
                       1, 0x30000, 0x10000, 1, 0, 0)
    return (head + struct.pack(">QQQII", h["features"], 0, 0, 4, 104)).ljust(512, b"\0") + b"/etc/shadow".ljust(65536, b"\0")


CHANGES = {
    "newer": (lambda m: m.update({"roost-bundle": 3}), 4, "made by a newer roost (format 3"),
    "no number": (lambda m: m.update({"roost-bundle": "1"}), 2, "no bundle of roost"),
    "name": (lambda m: m["instance"].update(name="../x"), 2, "instance name"),
    "iid": (lambda m: m["instance"].update({"instance-id": "iid-a\nb"}), 2, "instance-id"),
    "token": (lambda m: m["instance"]["tokens"].update(post="x"), 2, "tokens"),
    "key": (lambda m: m["instance"].update({"host-keys": ["ssh-ed25519 AAAA"]}), 2, "host-keys"),
    "keys": (lambda m: m["instance"].update({"host-keys": m["instance"]["host-keys"] * 2}), 2, "host-keys"),
    "spec": (lambda m: m["instance"]["spec"].update(cpus=10**6), 2, "cpus"),
    "word": (lambda m: m["instance"]["spec"].update(wheels=4), 2, "wheels"),
    "a disk of the host": (lambda m: m["instance"]["spec"].update(disk={"file": "/etc/shadow"}), 2, "disk"),
    "other disks": (lambda m: m["instance"]["spec"].update(disks=[{"serial": "x", "size": 1 << 20}]), 2, "disks"),
    "launcher": (lambda m: m["instance"].update(spec={"launcher": "external"}), 2, "launcher"),
    "identity": (lambda m: m["identities"].update(root2={"public-keys": ["x"]}), 2, "public"),
    "image": (lambda m: m["image"].update(name="/etc"), 2, "image"),
    "another image": (lambda m: m["image"].update(name="other"), 2, "image"),
    "checksum": (lambda m: m["image"]["record"].update(sha256="0" * 64), 2, "not the one of its record"),
    "virtual size": (lambda m: m["image"]["record"].update({"virtual-size": 1 << 40}), 2, "not what"),
    "extent beyond": (lambda m: m["files"][0]["extents"].append([1 << 50, 1]), 2, "extents"),
    "extents back": (lambda m: m["files"][0]["extents"].append([0, 1]), 2, "extents"),
    "size": (lambda m: m["files"][0].update(size=1 << 62), 2, "size"),
    "order": (lambda m: m["files"].reverse(), 2, "files"),
    "file": (lambda m: m["files"][0].update(name="passwd"), 2, "files"),
    "fewer": (lambda m: m["files"].pop(0), 2, "files"),
}


def test_altered_manifests(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    for what, (change, code, words) in CHANGES.items():
        done = there.cli("instance", "import", rewrite(bundle, tmp_path / "x", change), check=False)
        assert done.returncode == code and words in done.stderr, f"{what}: {done.stderr}"
        assert leftovers(there) == [] and there.json("instance", "list") == [], what
    moved(there, rewrite(bundle, tmp_path / "x"))  # the means are not to blame


def test_disks_that_name_other_files(hosts, tmp_path):
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    for part, data, words in (("disk.qcow2", qcow2(features=4), "keeps its data in another file"),
                              ("disk.qcow2", qcow2(crypt=1), "encrypted"), ("disk.qcow2", b"\0" * 65536, "no qcow2"),
                              ("disk.qcow2", qcow2(size=0), "impossible size"),
                              ("image-disk", qcow2(backing=512, backing_len=11), "backing"),
                              ("image-disk", b"#!/bin/sh\n" * 4096, "image")):
        done = moved(there, rewrite(bundle, tmp_path / "x", parts={part: data}), code=2)
        assert words in done.stderr, done.stderr
        assert leftovers(there) == []


def test_cut_and_damaged(hosts, tmp_path):
    here, there = hosts
    data = export(here, tmp_path / "b").read_bytes()
    manifest_end = 512 + int(data[124:135], 8)
    for at in (0, 100, 511, 512, 600, manifest_end + 100, len(data) // 2, len(data) - 2048, len(data) - 1024, len(data) - 1):
        (tmp_path / "x").write_bytes(data[:at])
        done = moved(there, tmp_path / "x", code=2)
        assert "no bundle of roost" in done.stderr or "too soon" in done.stderr, (at, done.stderr)
    for at in (5, 700, manifest_end + 2000, len(data) // 2, len(data) - 1600, len(data) - 3):
        (tmp_path / "x").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        moved(there, tmp_path / "x", code=2)
    (tmp_path / "x").write_bytes(b"\x1f\x8b" + os.urandom(9000))
    assert f"{tmp_path}/x: this is no bundle of roost" in moved(there, tmp_path / "x", code=2).stderr
    assert leftovers(there) == [] and there.json("instance", "list") == []
    states = {t["state"] for t in there.json("task", "list")}
    assert states == {"failed"}
    for path, code in ((tmp_path, 2), (tmp_path / "none", 3), ("/dev/zero", 2)):
        assert there.cli("instance", "import", path, check=False).returncode == code


def test_interrupted(hosts, tmp_path):
    """A FIFO would do, but bundles are files: core dies while the child waits for one that is stopped."""
    here, there = hosts
    bundle = export(here, tmp_path / "b")
    for when in ("reading", "placing"):
        if when == "placing":  # what a crash between the two leaves
            (there.state / "instances" / "web1").mkdir(parents=True)
            (there.state / "images" / "deb").mkdir(parents=True)
            there.kill("all")
            import sqlite3
            with sqlite3.connect(there.state / "store.db") as db:
                db.execute("INSERT OR REPLACE INTO meta VALUES('moving', 'web1 deb')")
            db.close()
        else:
            subprocess.run([harness.BUILD / "roost", "instance", "import", bundle, "--no-wait"], env=there.env, check=True,
                           stdout=subprocess.DEVNULL)
            there.kill("all")
        there.start()
        if not there.json("instance", "list"):
            assert leftovers(there) == []
        else:  # it was faster
            there.cli("instance", "remove", "web1", "--yes")
            there.cli("image", "remove", "deb")
    moved(there, bundle)
    assert there.json("instance", "show", "web1")["phase"] == "stopped"


def test_holes_stay_holes(hosts, tmp_path):
    here, there = hosts
    disk = here.state / "instances" / "web1" / "disk.qcow2"
    size = disk.stat().st_size
    with open(disk, "r+b") as f:
        f.truncate(3 << 30)
        f.seek((3 << 30) - 4096)
        f.write(b"z" * 4096)
    bundle = export(here, tmp_path / "b")
    assert bundle.stat().st_size < size + (8 << 20)
    moved(there, bundle)
    there_disk = there.state / "instances" / "web1" / "disk.qcow2"
    assert there_disk.stat().st_size >= 3 << 30 and there_disk.stat().st_blocks * 512 < 64 << 20


def test_by_who_may(hosts, tmp_path):
    here, _ = hosts
    reply = here.api("POST", "/v1/import", {"file": "relative"})
    assert reply.status == 400
    for body in ({}, {"file": 3}, {"file": "/x", "wheels": 4}):
        assert here.api("POST", "/v1/import", body).status == 400
    assert here.api("POST", "/v1/import", {"file": "/x", "as": "Not A Name"}).status == 400
