"""Disks of instances: made, grown, kept, volatile, files of somebody's in place, what is refused, reset."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.roost import Roost, UnixConnection
from roostd_rig import until

MIB = 1 << 20


def qemu_img(*args):
    return subprocess.run(["qemu-img", *map(str, args)], check=True, capture_output=True, text=True).stdout


def size_of(path):
    return json.loads(qemu_img("info", "-U", "--output=json", path))["virtual-size"]


@pytest.fixture
def home():
    """One with an image that QEMU's firmware finds nothing bootable on."""
    with Roost({"launch": {"accelerator": "tcg", "stop-limit": "2s"}}) as r:
        qemu_img("create", "-q", "-f", "qcow2", r.dir / "base.qcow2", "2M")
        r.cli("image", "create", "img", "--file", "base.qcow2", "--quiet")
        yield r


def create(r, name, *args):
    return r.cli("instance", "create", name, "--image", "img", "--memory", "64M", "--disk", "0", *args)


def refused(r, code, says, *args):
    before = r.json("instance", "list")
    done = r.cli(*args, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == "" and re.search(says, done.stderr), done.stderr
    after = r.json("instance", "list")
    assert [(i["name"], i["disk"], i["disks"]) for i in after] == [(i["name"], i["disk"], i["disks"]) for i in before]


def directory(r, name):
    return r.state / "instances" / name


def files(r, name):
    return sorted(f.name for f in directory(r, name).iterdir() if f.suffix == ".qcow2")


def holders(path):
    """Processes that have the file open."""
    seen = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if str(path) in fds:
            seen.append(int(pid))
    return seen


def held_by(path):
    """The pid of the QEMU that has the file open, once it has: that it was launched is told before it opened its disks."""
    (pid,) = until(f"a QEMU that has {path} open", lambda: holders(path))
    return pid


# --- roost's own ---

def test_made_grown_and_kept(home):
    create(home, "g", "--add-disk", "3M", "--add-disk", "4M,serial=data,bus=nvme,cache=none")
    shown = home.json("instance", "show", "g")
    assert shown["disks"] == [{"serial": "disk1", "size": 3 * MIB},
                              {"bus": "nvme", "cache": "none", "serial": "data", "size": 4 * MIB}]
    assert re.search(r"disks +disk1 3.0 MiB\n +data 4.0 MiB nvme none\n", home.cli("instance", "show", "g").stdout)
    assert not directory(home, "g").exists()
    # cache=none needs O_DIRECT, which not every file system below /tmp has.
    home.cli("instance", "modify", "g", "--add-disk", "serial=data,cache=writeback")
    home.cli("instance", "start", "g")
    assert files(home, "g") == ["disk-data.qcow2", "disk-disk1.qcow2", "disk.qcow2"]
    pid = held_by(directory(home, "g") / "disk-data.qcow2")
    argv = open(f"/proc/{pid}/cmdline").read().split("\0")
    assert any(a.startswith("nvme,id=disk2,") and a.endswith("serial=data") for a in argv), argv

    # Grown when it is down, the root disk too.
    home.cli("instance", "stop", "--force", "g")
    said = home.cli("instance", "modify", "g", "--add-disk", "serial=data,size=6M", "--disk", "5M").stdout
    assert said == "instance g: disk, disks (needs restart)\n"
    assert size_of(directory(home, "g") / "disk-data.qcow2") == 4 * MIB
    home.cli("instance", "start", "g")
    assert size_of(directory(home, "g") / "disk-data.qcow2") == 6 * MIB
    assert size_of(directory(home, "g") / "disk.qcow2") == 5 * MIB
    refused(home, 4, "disk data has 6.0 MiB already and cannot shrink to 4.0 MiB",
            "instance", "modify", "g", "--add-disk", "serial=data,size=4M")
    assert "needs rebuild" in home.cli("instance", "modify", "g", "--disk", "4M", "--dry-run").stdout

    # Kept over a rebuild and out of the definition; gone with the instance.
    home.cli("instance", "stop", "--force", "g")
    qemu_io(directory(home, "g") / "disk-data.qcow2", "write -P 0x5a 0 64k")
    home.cli("instance", "rebuild", "-y", "g")
    home.cli("instance", "modify", "g", "--remove-disk", "data", "--remove-disk", "disk1")
    home.cli("instance", "start", "g")
    assert files(home, "g") == ["disk-data.qcow2", "disk-disk1.qcow2", "disk.qcow2"]
    assert held_by(directory(home, "g") / "disk.qcow2") and not holders(directory(home, "g") / "disk-data.qcow2")
    home.cli("instance", "stop", "--force", "g")
    home.cli("instance", "modify", "g", "--add-disk", "6M,serial=data")
    qemu_io(directory(home, "g") / "disk-data.qcow2", "read -P 0x5a 0 64k")
    home.cli("instance", "remove", "--force", "-y", "g")


def qemu_io(path, command, form="qcow2"):
    done = subprocess.run(["qemu-io", "-f", form, "-c", command, str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and "failed" not in done.stdout + done.stderr, done.stdout + done.stderr


def test_bad_words_change_nothing(home):
    create(home, "g", "--add-disk", "3M")
    for says, *args in [
            ("--add-disk: .*sata is its successor", "--add-disk", "1M,bus=ide"),
            ("--add-disk: \"tape\" is not virtio", "--add-disk", "1M,bus=tape"),
            ("--add-disk: a word is missing beside a comma", "--add-disk", "1M,"),
            ("--add-disk: unknown word \"seral\", did you mean \"serial\"", "--add-disk", "1M,seral=x"),
            ("--add-disk: size is missing", "--add-disk", "bus=nvme"),
            ("--add-disk: 4.0 KiB is less than 1.0 MiB", "--add-disk", "4K"),
            ("--add-disk: \"a b\" is no serial", "--add-disk", "1M,serial=a b"),
            ("--disk-bus: \"floppy\" is not virtio", "--disk-bus", "floppy"),
            ("--cache: \"fast\" is not writeback", "--cache", "fast"),
            ("--add-disk: .*read-only is for a file", "--add-disk", "1M,read-only")]:
        refused(home, 2, says, "instance", "create", "h", "--image", "img", *args)
        refused(home, 2, says, "instance", "modify", "g", *args)
    refused(home, 2, "two disks have the serial \"x\"", "apply", "-f", home.fleet(
        {"instances": {"h": {"image": "img", "disks": [{"size": "1M", "serial": "x"}, {"size": "1M", "serial": "x"}]}}}))
    refused(home, 3, "no disk of that serial", "instance", "modify", "g", "--remove-disk", "nix")
    refused(home, 2, "at most 16", "instance", "create", "h", "--image", "img", *["--add-disk", "1M"] * 17)


def descriptor(pid, path):
    """What /proc tells of the process's descriptor of that file; others come and go meanwhile."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(link) == str(path):
                return Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
        except FileNotFoundError:
            continue
    raise AssertionError(f"{path} is not open in {pid}")


def test_volatile(home):
    """What QEMU writes goes to a file of its own, which goes with the guest; the disk below is opened for reading."""
    create(home, "g", "--volatile", "--add-disk", "3M,serial=keep", "--add-disk", "3M,serial=gone,volatile")
    home.cli("instance", "start", "g")
    until("QEMU answers", lambda: home.json("instance", "show", "g")["address"])
    assert files(home, "g") == ["disk-gone.qcow2", "disk-keep.qcow2", "disk.qcow2", "volatile-gone.qcow2",
                                "volatile.qcow2"]
    for name, flags in [("disk.qcow2", os.O_RDONLY), ("disk-gone.qcow2", os.O_RDONLY), ("disk-keep.qcow2", os.O_RDWR),
                        ("volatile.qcow2", os.O_RDWR)]:
        pid = held_by(directory(home, "g") / name)
        info = descriptor(pid, directory(home, "g") / name)
        assert int(re.search(r"flags:\s+([0-7]+)", info)[1], 8) & os.O_ACCMODE == flags, (name, info)
    home.cli("instance", "stop", "--force", "g")
    assert files(home, "g") == ["disk-gone.qcow2", "disk-keep.qcow2", "disk.qcow2"]
    home.cli("instance", "modify", "g", "--unset", "volatile")
    home.cli("instance", "start", "g")
    assert "volatile.qcow2" not in files(home, "g")


def test_a_full_disk_leaves_nothing_half_done(home):
    """qemu-img runs out of space in the middle of the second disk: a limit of 50 KiB for files, once asked for."""
    home.stop(keep=True)
    shim = home.dir / "img"
    shim.write_text("#!/bin/sh\ntrap '' XFSZ\n[ ! -e \"${0%/*}/full\" ] || ulimit -f 100\nexec qemu-img \"$@\"\n")
    shim.chmod(0o755)
    home.settings["launch"]["qemu-img"] = shim
    home.write_conf()
    home.start()
    create(home, "g", "--add-disk", "3M,serial=a")
    home.cli("instance", "start", "g")
    home.cli("instance", "stop", "--force", "g")
    home.cli("instance", "modify", "g", "--add-disk", "4M,serial=b")
    (home.dir / "full").touch()
    done = home.cli("instance", "start", "g", check=False)
    assert done.returncode == 1 and re.search(r"instance g: disk-b.qcow2: qemu-img: exit code 1: .*too large", done.stderr), done
    assert [f.name for f in directory(home, "g").iterdir() if "disk" in f.name] and files(home, "g") == ["disk-a.qcow2", "disk.qcow2"]
    assert not list(directory(home, "g").glob("*.new"))
    assert home.json("instance", "show", "g")["state"] == "failed"
    (home.dir / "full").unlink()
    home.cli("instance", "start", "g")
    assert files(home, "g") == ["disk-a.qcow2", "disk-b.qcow2", "disk.qcow2"]


# --- somebody's ---

@pytest.fixture
def vm(home):
    """Files of every kind, beside the state directory."""
    os.truncate(os.open(home.dir / "a.img", os.O_CREAT | os.O_WRONLY), 4 * MIB)
    qemu_img("create", "-q", "-f", "qcow2", home.dir / "q.img", "8M")
    qemu_img("create", "-q", "-f", "qcow2", "-b", home.dir / "a.img", "-F", "raw", home.dir / "hangs.img")
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={home.dir}/data", home.dir / "other.img", "1M")
    qemu_img("create", "-q", "-f", "vmdk", home.dir / "v.img", "1M")
    (home.dir / "text").write_text("no disk")
    (home.dir / "empty").touch()
    os.mkfifo(home.dir / "fifo")
    (home.dir / "link").symlink_to("a.img")
    os.link(home.dir / "a.img", home.dir / "hard")
    return home


def test_files_that_are_no_disks(vm):
    for file, says in [("hangs.img", "hangs on a backing file"), ("other.img", "keeps its data in another file"),
                       ("v.img", "a vmdk file, which is not used in place"), ("text", "it is text"),
                       ("fifo", "neither a regular file nor a block device"), (".", "neither a regular file"),
                       ("empty", "is empty"), ("/dev/null", "neither a regular file nor a block device"),
                       (vm.state / "store.db", "roost's own state directory"),
                       ("a.img,format=qcow2", "no qcow2 file"), ("hangs.img,format=qcow2", "hangs on a backing file")]:
        refused(vm, 2, f"(?s)instance create: --add-disk: .*{says}", "instance", "create", "g", "--image", "img", "--add-disk",
                file if "/" in str(file) else f"./{file}")
    refused(vm, 3, "nothing: No such file", "instance", "create", "g", "--image", "img", "--add-disk", "./nothing")
    refused(vm, 2, "root disk that is a file stands on no image", "instance", "create", "g", "--image", "img",
            "--disk", "./a.img")
    refused(vm, 2, "either size or file", "apply", "-f", vm.fleet(
        {"instances": {"g": {"disk": {"file": str(vm.dir / "a.img"), "size": "1G"}}}}))
    # Said to be raw it is just bytes, whatever they look like.
    create(vm, "g", "--add-disk", "./text,format=raw,read-only")


def test_one_file_has_one_writer(vm):
    create(vm, "g", "--add-disk", "./a.img,serial=x", "--add-disk", "./q.img,read-only,bus=usb")
    clash = "instances (h and g|g and h) have .* as a disk, and not both of them only read it"
    for file in ["./a.img", "./link", "./hard", "./a.img,read-only", "./a.img,volatile", "./q.img"]:
        refused(vm, 4, clash, "instance", "create", "h", "--image", "img", "--add-disk", file)
    refused(vm, 4, clash, "instance", "create", "h", "--disk", "./q.img")
    refused(vm, 4, "instances w-1 and w-2 have", "apply", "-f", vm.fleet(
        {"instances": {"w": {"count": 2, "image": "img", "disks": [
            {"file": str(vm.dir / "text"), "format": "raw"}]}}}))
    refused(vm, 4, "has .*text as a disk twice", "instance", "create", "w", "--image", "img",
            "--add-disk", "./text,format=raw", "--add-disk", "./text,format=raw")
    create(vm, "h", "--add-disk", "./q.img,read-only", "--add-disk", "./q.img,volatile,serial=v")
    vm.cli("instance", "start", "g", "h")

    # Locked as long as QEMU lives, against QEMU's own programs and whoever knows flock, also when roost is away.
    def locked():
        writes = subprocess.run(["qemu-io", "-f", "raw", "-c", "write -P 0 0 512", vm.dir / "a.img"], capture_output=True, text=True)
        return 'Failed to get "write" lock' in writes.stderr + writes.stdout
    # Once it answers it has opened its disks; asking before would take the lock from it.
    until("QEMU answers", lambda: vm.json("instance", "show", "g")["address"])
    assert locked()
    assert subprocess.run(["flock", "-n", vm.dir / "hard", "true"]).returncode == 1
    assert subprocess.run(["flock", "-n", "-s", vm.dir / "q.img", "true"]).returncode == 0
    vm.stop(keep=True)
    assert locked() and subprocess.run(["flock", "-n", vm.dir / "a.img", "true"]).returncode == 1
    vm.start()
    until("adopted", lambda: vm.json("instance", "show", "g")["state"] not in ("defined", "stopped"))
    vm.cli("instance", "stop", "--force", "g", "h")
    assert not locked() and subprocess.run(["flock", "-n", vm.dir / "a.img", "true"]).returncode == 0

    # Free for others once it is off the definition; never deleted.
    vm.cli("instance", "modify", "g", "--remove-disk", "x")
    create(vm, "k", "--add-disk", "./a.img")
    vm.cli("instance", "remove", "-y", "g", "h", "k")
    assert os.path.getsize(vm.dir / "a.img") == 4 * MIB and (vm.dir / "q.img").exists()


def test_another_program_has_it(vm):
    create(vm, "g", "--add-disk", "./a.img")
    with open(vm.dir / "a.img") as f:
        holder = subprocess.Popen(["flock", "-s", str(f.fileno())], pass_fds=[f.fileno()])
        assert holder.wait() == 0
        done = vm.cli("instance", "start", "g", check=False)
        assert done.returncode == 4 and "a.img is in use by another guest or program" in done.stderr, done
    vm.cli("instance", "start", "g")


def test_a_guest_cannot_make_its_raw_disk_another_format(vm):
    """The head of a raw disk is the guest's to write: a qcow2 header there would have QEMU open what it names."""
    create(vm, "g", "--add-disk", "./a.img")
    qemu_img("create", "-q", "-f", "qcow2", vm.dir / "a.img", "4M")
    done = vm.cli("instance", "start", "g", check=False)
    assert done.returncode == 4 and "was raw when it was defined and looks like qcow2 now: say its format" in done.stderr, done
    vm.cli("instance", "modify", "g", "--cpus", "1", "--autostart")
    assert vm.cli("instance", "start", "g", check=False).returncode == 4
    vm.cli("instance", "modify", "g", "--add-disk", "serial=disk1,format=raw")
    vm.cli("instance", "start", "g")


def test_a_file_as_root_disk(vm):
    vm.cli("instance", "create", "g", "--disk", "./q.img", "--disk-bus", "sata", "--volatile", "--memory", "64M")
    spec = vm.json("instance", "show", "g")["spec"]
    assert spec["disk"] == {"bus": "sata", "file": str(vm.dir / "q.img"), "volatile": True} and "image" not in spec
    assert "root-disk" in vm.cli("instance", "show", "g").stdout
    vm.cli("instance", "start", "g")
    assert files(vm, "g") == ["volatile.qcow2"] and size_of(directory(vm, "g") / "volatile.qcow2") == 8 * MIB
    pid = held_by(vm.dir / "q.img")
    argv = open(f"/proc/{pid}/cmdline").read().split("\0")
    assert "ide-hd,bus=ahci0.0,id=disk0,drive=disk-top" in argv and not any("base" in a for a in argv)
    vm.cli("instance", "stop", "--force", "g")
    refused(vm, 4, "its root disk is a file of yours", "instance", "reset", "-y", "g")
    vm.cli("instance", "rebuild", "-y", "g")
    assert (vm.dir / "q.img").exists()
    vm.cli("instance", "modify", "g", "--unset", "volatile", "--disk", "./a.img", "--cache", "unsafe")
    vm.cli("instance", "start", "g")
    assert held_by(vm.dir / "a.img") and not holders(vm.dir / "q.img")


# --- system mode ---

@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_decides_which_files(tmp_path):
    allowed = tmp_path / "vm"
    (allowed / "sub").mkdir(parents=True)
    for d in (tmp_path, *tmp_path.parents[:2]):
        d.chmod(0o755)
    for f in (allowed / "a.img", allowed / "sub/b.img", tmp_path / "c.img"):
        f.write_bytes(bytes(MIB))
    (allowed / "link.img").symlink_to(tmp_path / "c.img")
    (allowed / "out").symlink_to(tmp_path)
    with Roost({"roost": {"mode": "system"}, "network": {"defaults": "no"},
                "launch": {"accelerator": "tcg", "disk-directories": f"/nonexistent:{allowed}/"}}) as r:
        qemu_img("create", "-q", "-f", "qcow2", r.dir / "base.qcow2", "2M")
        r.cli("image", "create", "img", "--file", "base.qcow2", "--quiet")
        out = f"{tmp_path}/c.img is in no directory whose files guests may have as disks: root lists them in roost.conf"
        refused(r, 5, out, "instance", "create", "g", "--image", "img", "--add-disk", tmp_path / "c.img")
        # What a client that resolves nothing could ask.
        for file in (allowed / "link.img", allowed / "out/c.img"):
            tree = {"instances": {"g": {"image": "img", "disks": [str(file)]}}}
            door = UnixConnection(r.json("paths")["control-socket"])
            door.request("POST", "/v1/apply", json.dumps({"fleet": tree}), {"Content-Type": "application/json"})
            answer = door.getresponse()
            text = answer.read().decode()
            assert answer.status >= 400 and "cannot open" in text, text
        r.cli("instance", "create", "g", "--image", "img", "--disk", "0", "--memory", "64M", "--add-disk",
              allowed / "a.img", "--add-disk", f"{allowed}/sub/b.img,volatile")
        r.cli("instance", "start", "g")
        pid = held_by(allowed / "a.img")
        until("QEMU is another user", lambda: os.stat(f"/proc/{pid}").st_uid != 0)
        r.cli("instance", "remove", "--force", "-y", "g")
        assert (allowed / "a.img").exists()


# --- reset ---

def test_reset(home):
    create(home, "g", "--add-disk", "3M,serial=data")
    home.cli("instance", "start", "g")
    root, data = directory(home, "g") / "disk.qcow2", directory(home, "g") / "disk-data.qcow2"
    iid = home.json("instance", "show", "g")["instance-id"]
    pid = held_by(root)
    done = home.cli("instance", "reset", "g*", check=False)
    assert done.returncode != 0 and "root disk" in done.stderr and holders(root) == [pid], done
    home.cli("instance", "stop", "--force", "g")
    for disk in root, data:
        qemu_io(disk, "write -P 0x5a 0 4k", "qcow2")
    home.cli("instance", "start", "g")
    pid = held_by(root)
    assert home.cli("instance", "reset", "-y", "g").stdout == "g reset\n"
    now = home.json("instance", "show", "g")
    assert now["instance-id"] == iid == "iid-g-1" and now["generation"] == 1 and now["host-keys"] == []
    assert held_by(root) != pid, "it ran, so it was launched again"
    events = home.json("events", "g", "--limit", "50")["events"]
    (event,) = [e for e in events if e["kind"] == "reset"]
    assert [e["detail"] for e in events if e["kind"] == "stopping"] == ["at once", "by ACPI"], "data is there to be saved"
    assert event["detail"] == "fresh disk, instance-id iid-g-1 as before"
    home.cli("instance", "stop", "--force", "g")
    qemu_io(root, "read -P 0 0 4k")
    qemu_io(data, "read -P 0x5a 0 4k")
    home.cli("instance", "reset", "-y", "g*")
    assert not root.exists() and data.exists()
    home.cli("instance", "create", "e", "--external")
    refused(home, 4, "reset by whoever launches it", "instance", "reset", "-y", "e")


def test_a_kill_between_reset_and_the_fresh_disk(home):
    """The record says that the disk is spoilt: the next start makes a fresh one, whatever is there."""
    create(home, "g")
    home.cli("instance", "start", "g")
    home.cli("instance", "stop", "--force", "g")
    root = directory(home, "g") / "disk.qcow2"
    qemu_io(root, "write -P 0x5a 0 4k")
    kept = root.read_bytes()
    home.cli("instance", "reset", "-y", "g")
    root.write_bytes(kept)
    home.stop(keep=True)
    home.start()
    home.cli("instance", "start", "g")
    home.cli("instance", "stop", "--force", "g")
    qemu_io(root, "read -P 0 0 4k")
