"""roost image … and roost task …: images by file, formats by content, what may be removed, what is refused."""
import hashlib
import json
import os
import re
import signal
import subprocess

import pytest

from harness.roost import Roost
from roostd_rig import until

MIB = 1 << 20


@pytest.fixture
def desk():
    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        yield r


def qemu_img(*args):
    return subprocess.run(["qemu-img", *map(str, args)], check=True, capture_output=True, text=True).stdout


def disk(r, name="disk.img", form="qcow2", size="8M", data=(b"roost" * 102) + b"\x55\xaa" + b"roost" * 900):
    """A disk with something in it, in any of QEMU's formats."""
    raw = r.dir / (name + ".raw")
    raw.write_bytes(data.ljust(MIB, b"\0"))
    os.truncate(raw, {"8M": 8 * MIB}.get(size, MIB))
    path = r.dir / name
    if form == "raw":
        raw.rename(path)
    else:
        qemu_img("convert", "-f", "raw", "-O", form, raw, path)
        raw.unlink()
    return path


def sum_of(path, algorithm="sha256"):
    return f"{algorithm}:" + hashlib.new(algorithm, path.read_bytes()).hexdigest()


def refused(r, code, says, *args):
    before = (r.json("image", "list"), r.json("task", "list"), sorted((r.state / "images").glob("**/*")))
    done = r.cli(*args, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == "" and re.search(says, done.stderr), done.stderr
    assert (r.json("image", "list"), r.json("task", "list"), sorted((r.state / "images").glob("**/*"))) == before
    return done


# --- create ---

@pytest.mark.parametrize("form", ["qcow2", "raw", "vmdk", "vdi", "vhdx", "vpc"])
def test_formats_by_content(desk, form):
    path = disk(desk, "disk.iso", form)
    done = desk.cli("image", "create", "img", "--file", path.name, "--checksum", sum_of(path), "--quiet")
    assert done.stdout == "image img is made\n" and done.stderr == ""
    image = desk.json("image", "show", "img")
    stored = desk.state / "images" / "img" / "disk"
    info = json.loads(qemu_img("info", "--output=json", stored))
    assert image["format"] == info["format"] == ("raw" if form == "raw" else "qcow2")
    assert image["virtual-size"] == info["virtual-size"] >= 8 * MIB
    assert image["sha256"] == sum_of(stored)[7:] and stored.stat().st_mode & 0o777 == 0o444
    assert image["source"] == {"file": str(path), "checksum": sum_of(path)}
    assert [p.name for p in stored.parent.iterdir()] == ["disk"], "the source is not kept"
    raw = desk.dir / "back.raw"
    qemu_img("convert", "-O", "raw", stored, raw)
    assert raw.read_bytes()[:512] == b"roost" * 102 + b"\x55\xaa", "what was in it is in it still"
    assert desk.cli("image", "verify", "img").stdout == "img is what was made\n"


def test_all_words(desk):
    path = disk(desk)
    desk.cli("image", "create", "big", "-f", path, "--arch", "arm64", "--default-user", "me", "--min-cpu", "2",
             "--min-ram", "2G", "--min-disk", "20G", "--checksum", sum_of(path, "sha512"))
    image = desk.json("image", "show", "big")
    assert {k: image[k] for k in ("arch", "firmware", "default-user", "min-cpus", "min-memory", "min-disk")} == {
        "arch": "arm64", "firmware": "uefi", "default-user": "me", "min-cpus": 2, "min-memory": 2 << 30,
        "min-disk": 20 << 30}
    table = desk.cli("image", "show", "big").stdout
    assert "20 GiB" in table and f"from file   {path}" in re.sub(r"from file +", "from file   ", table)
    assert "big" in desk.cli("image", "list").stdout
    task = desk.json("task", "list")[-1]
    assert (task["kind"], task["object"], task["state"], task["what"]) == ("image", "big", "done", str(path))
    assert task["by"].startswith("uid ") and "job" not in task
    assert "done" in desk.cli("task", "list").stdout and str(path) in desk.cli("task", "show", task["id"]).stdout
    assert [e["detail"] for e in desk.json("events")["events"] if e["kind"] == "defined"] == ["image big"]


def test_kernel_alone(desk):
    kernel, initrd = desk.dir / "vmlinuz", desk.dir / "initrd"
    kernel.write_bytes(b"kernel")
    initrd.write_bytes(b"initrd")
    desk.cli("image", "create", "micro", "--kernel", kernel, "--initrd", "initrd", "--cmdline", "quiet panic=1")
    image = desk.json("image", "show", "micro")
    assert image["format"] == "none" and image["cmdline"] == "quiet panic=1" and image["kernel"] and image["initrd"]
    assert (desk.state / "images" / "micro" / "initrd").read_bytes() == b"initrd"
    refused(desk, 2, "no disk whose checksum", "image", "verify", "micro")


def test_no_wait_and_wait(desk):
    path = disk(desk)
    task = desk.json("image", "create", "img", "--file", path, "--no-wait")
    assert task["object"] == "img"
    done = desk.cli("task", "wait", task["id"])
    assert done.stdout == f"task {task['id']} (image img) is done\n"
    assert desk.json("task", "wait", task["id"])["state"] == "done", "also when it is long over"
    assert desk.json("image", "show", "img")["name"] == "img"


def test_a_fleet_file_says_the_same(desk):
    path = disk(desk)
    desk.cli("image", "create", "img", "--file", path)
    assert desk.apply({"images": {"img": {"file": str(path)}}})["changed"] is False


SPY = "qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw spy.img 1M"
OUT = "qemu-img create -q -f qcow2 -o data_file=secret.raw out.img 1M"
FLAT = "qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.img 1M"
OVER = "qemu-img create -q -f vmdk base.img 1M && qemu-img create -q -f vmdk -b base.img -F vmdk over.img"


@pytest.mark.parametrize("make, args, code, says", [
    ("true", ["--file", "none.img"], 3, "none.img"),
    ("true", [], 2, "say where from: --predefined NAME .* --url URL or --file FILE"),
    ("true", ["--file", "disk.img", "--min-ram", "much"], 2, "--min-ram: "),
    ("true", ["--file", "disk.img", "--min-cpu", "x"], 2, "--min-cpu"),
    ("true", ["--file", "disk.img", "--arch", "sparc"], 2, "--arch: .*amd64"),
    ("true", ["--file", "disk.img", "--arch", "arm64", "--firmware", "bios"], 2, "--firmware: .*uefi"),
    ("true", ["--file", "disk.img", "--checksum", "sha256:12"], 2, "--checksum: .*64 hex"),
    ("true", ["--file", "disk.img", "--checksum", "md5:12"], 2, "--checksum: .*sha512"),
    ("true", ["--file", "disk.img", "--initrd", "disk.img"], 2, "--initrd: .*kernel"),
    ("true", ["--file", "."], 2, "no regular file"),
    ("mkfifo fifo", ["--file", "fifo"], 2, "no regular file"),
    (SPY, ["--file", "spy.img"], 2, r"backing file \(/etc/shadow\)"),
    (OUT, ["--file", "out.img"], 2, "data in another file"),
    (FLAT, ["--file", "flat.img"], 2, "VMDK descriptor"),
    (OVER, ["--file", "over.img"], 2, "parent disk"),
    ("echo '<html>' >page.img", ["--file", "page.img"], 2, "it is text"),
    ("gzip -k disk.img", ["--file", "disk.img.gz"], 2, "gunzip"),
    (": >empty.img", ["--file", "empty.img"], 2, "it is empty"),
])
def test_refused_before_anything_begins(desk, make, args, code, says):
    disk(desk)
    subprocess.run(make, shell=True, cwd=desk.dir, check=True)
    desk.cli("image", "create", "there", "--file", "disk.img")
    refused(desk, code, says, "image", "create", "img", *args)


def test_a_name_that_is_taken(desk):
    desk.cli("image", "create", "img", "--file", disk(desk))
    refused(desk, 4, "image img is there already; roost image remove img", "image", "create", "img", "--file", "disk.img")
    refused(desk, 2, "image name", "image", "create", "Img_1", "--file", "disk.img")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_wrong_checksum_leaves_nothing(desk, algorithm):
    path = disk(desk)
    wrong = sum_of(path, algorithm)[:-1] + ("0" if sum_of(path, algorithm)[-1] != "0" else "1")
    done = desk.cli("image", "create", "img", "--file", path, "--checksum", wrong, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert f"checksum is {sum_of(path, algorithm)}, expected {wrong}" in done.stderr
    assert desk.json("image", "list") == [] and list((desk.state / "images").iterdir()) == []
    task = desk.json("task", "list")[-1]
    assert task["state"] == "failed" and task["error"]["kind"] == "invalid" and wrong in task["error"]["message"]
    assert desk.cli("task", "wait", task["id"], check=False).returncode == 2


def test_one_that_qemu_cannot_read(desk):
    path = disk(desk)
    with open(path, "r+b") as f:  # an L1 table beyond all bounds
        f.seek(36)
        f.write(b"\xff\xff\xff\xff")
    done = desk.cli("image", "create", "img", "--file", path, check=False)
    assert done.returncode == 2 and "image img: qemu-img cannot read it" in done.stderr
    assert desk.json("image", "list") == [] and list((desk.state / "images").iterdir()) == []


# --- what may be removed, what changed ---

def test_one_in_use_stays(desk):
    path = disk(desk)
    desk.cli("image", "create", "img", "--file", path)
    desk.cli("image", "create", "spare", "--file", path)
    desk.apply({"instances": {"web": {"image": "img"}, "db": {"image": "img"}}})
    assert desk.json("image", "show", "img")["instances"] == 2
    refused(desk, 4, r"image img is used by 2 instances \(db, …\)", "image", "remove", "img")
    refused(desk, 3, 'no image "none"; roost image list', "image", "remove", "none")
    path.write_bytes(path.read_bytes() + b"\0" * 512)
    done = desk.cli("apply", "-f", desk.fleet({"images": {"img": {"file": str(path)}}}), check=False)
    assert done.returncode == 4 and "instances stand on it" in done.stderr, "nor is it replaced"
    assert desk.cli("image", "remove", "spare").stdout == "spare removed\n"
    assert not (desk.state / "images" / "spare").exists() and (desk.state / "images" / "img" / "disk").exists()
    desk.cli("instance", "remove", "web", "db")
    refused(desk, 4, r"image img is used by 2 instances \(db in the trash, …\)", "image", "remove", "img")
    desk.cli("instance", "trash", "empty", "--all", "--yes")
    desk.cli("image", "remove", "img")
    assert desk.json("image", "list") == [] and list((desk.state / "images").iterdir()) == []


def test_verify_sees_a_change(desk):
    desk.cli("image", "create", "img", "--file", disk(desk))
    stored = desk.state / "images" / "img" / "disk"
    stored.chmod(0o644)
    with open(stored, "r+b") as f:
        f.seek(300000)
        f.write(b"x")
    done = desk.cli("image", "verify", "img", check=False)
    assert done.returncode == 4 and f"image img: {stored} has changed since it was made" in done.stderr
    assert desk.cli("image", "verify", "none", check=False).returncode == 3


def test_gc(desk):
    path = disk(desk)
    for name in ("used", "idle"):
        desk.cli("image", "create", name, "--file", path)
    desk.apply({"instances": {"web": {"image": "used"}}})
    images = desk.state / "images"
    (images / ".half.new").mkdir()
    (images / ".half.new" / "source").write_bytes(b"x")
    (images / "orphan").mkdir()
    would = desk.json("image", "gc", "-n", "--unused")
    assert sorted(would["leftovers"]) == [".half.new", "orphan"] and would["images"] == ["idle"]
    assert (images / "orphan").exists() and len(desk.json("image", "list")) == 2
    assert "idle would be removed; nothing was changed (--dry-run)\n" in desk.cli("image", "gc", "-n", "--unused").stdout
    assert "(left of an image) removed" in desk.cli("image", "gc").stdout
    assert sorted(p.name for p in images.iterdir()) == ["idle", "used"]
    assert desk.cli("image", "gc", "--unused").stdout == "idle removed\n"
    assert [i["name"] for i in desk.json("image", "list")] == ["used"] and not (images / "idle").exists()
    assert desk.cli("image", "gc", "--unused").stdout == "nothing to remove\n"


@pytest.mark.parametrize("words, says", [
    ({"cpus": 1}, "instance web: cpus: 1 is too little for image img, which needs 2"),
    ({"cpus": 2, "memory": "1G"}, r"instance web: memory: 1.0 GiB is too little for image img, which needs 2.0 GiB"),
    ({"cpus": 2, "memory": "2G", "disk": "9G"}, "instance web: disk: 9.0 GiB is too little"),
])
def test_minimums_hold_at_creation(desk, words, says):
    desk.cli("image", "create", "img", "--file", disk(desk), "--min-cpu", "2", "--min-ram", "2G", "--min-disk", "10G")
    enough = {"image": "img", "cpus": 2, "memory": "2G", "disk": "10G"}
    refused(desk, 2, says, "apply", "-f", desk.fleet({"instances": {"web": {**enough, **words}}}))
    assert desk.json("instance", "list") == []
    desk.apply({"instances": {"web": enough}})
    refused(desk, 2, says, "apply", "-f", desk.fleet({"instances": {"web": {**enough, **words}}}))


def test_minimums_of_the_same_file(desk):
    path = desk.fleet({"images": {"img": {"file": str(disk(desk)), "min-memory": "4G"}},
                       "instances": {"web": {"image": "img"}}})
    refused(desk, 2, "memory: 1.0 GiB is too little for image img, which needs 4.0 GiB", "apply", "-f", path)


SMALL = r"instance web: disk: 5.0 MiB is smaller than image img, whose disk has 8.0 MiB: say at least that"


def test_no_disk_is_smaller_than_its_image(desk):
    """Whether the image is there, comes with the same file (its size is in its head), or has to be converted first."""
    small = {"image": "img", "disk": "5M"}
    for form in ("qcow2", "raw", "vmdk"):
        tree = {"images": {"img": {"file": str(disk(desk, f"d.{form}", form))}}, "instances": {"web": small}}
        path = desk.fleet(tree)
        if form != "vmdk":
            refused(desk, 2, SMALL, "apply", "-n", "-f", path)
            refused(desk, 2, SMALL, "apply", "-f", path)
        else:
            done = desk.cli("apply", "-f", path, check=False)
            assert done.returncode == 2 and re.search(SMALL, done.stderr), done.stderr
        assert desk.json("instance", "list") == [] and desk.json("image", "list") == []
    desk.cli("image", "create", "img", "--file", disk(desk))
    refused(desk, 2, SMALL.replace("instance web: ", "--"), "instance", "create", "web", "--image", "img", "--disk", "5M")
    refused(desk, 2, r"8388607 bytes is smaller than .* 8388608 bytes",
            "apply", "-f", desk.fleet({"instances": {"web": {**small, "disk": 8 * MIB - 1}}}))
    desk.cli("instance", "create", "web", "--image", "img", "--disk", "8M")
    desk.cli("instance", "create", "as-large", "--image", "img", "--disk", "0")
    refused(desk, 2, SMALL.replace("instance web: ", "--"), "instance", "modify", "web", "--disk", "5M")


# --- tasks ---

SLOW_IMG = """#!/bin/sh
case " $* " in *" convert "*) echo $$ >"$SLOW_PID"; exec sleep 600 ;; esac
exec qemu-img "$@"
"""


@pytest.fixture
def slow(tmp_path):
    """A roost whose conversions never end by themselves."""
    program, pid = tmp_path / "qemu-img", tmp_path / "pid"
    program.write_text(SLOW_IMG)
    program.chmod(0o755)
    with Roost({"launch": {"accelerator": "tcg", "qemu-img": program}}, env={"SLOW_PID": str(pid)}) as r:
        r.slow_pid = pid
        yield r


def test_cancel(slow):
    path = disk(slow, form="vdi")
    task = slow.json("image", "create", "img", "--file", path, "--no-wait")
    pid = int(until("the conversion runs", lambda: slow.slow_pid.exists() and slow.slow_pid.read_text()))
    refused(slow, 6, "image img is just being made", "image", "create", "img", "--file", path)
    assert slow.json("image", "gc") == {"leftovers": [], "images": []}, "what is being made is no leftover"
    assert slow.cli("task", "cancel", task["id"]).stdout == f"{task['id']} is being cancelled\n"
    done = slow.cli("task", "wait", task["id"], check=False)
    assert done.returncode == 4 and "was cancelled; nothing of it is left" in done.stderr
    assert slow.json("task", "show", task["id"])["state"] == "cancelled"
    assert list((slow.state / "images").iterdir()) == [] and not os.path.exists(f"/proc/{pid}")
    refused(slow, 4, f"task {task['id']} has ended: cancelled", "task", "cancel", task["id"])


def test_the_work_survives_its_client_and_core(slow):
    path = disk(slow, form="vdi")
    client = subprocess.Popen([slow.build / "roost", "image", "create", "img", "--file", path], env=slow.env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    pid = int(until("the conversion runs", lambda: slow.slow_pid.exists() and slow.slow_pid.read_text()))
    client.send_signal(signal.SIGINT)
    said = client.communicate(timeout=30)[1]
    task, = slow.json("task", "list")
    assert client.returncode == -signal.SIGINT
    assert said.endswith(f"task {task['id']} goes on without this command: roost task wait {task['id']}, "
                         f"or roost task cancel {task['id']}\n")
    assert task["state"] == "running"
    slow.kill("core")
    until("core is there again", lambda: slow.cli("task", "list", check=False).returncode == 0)
    os.kill(pid, signal.SIGKILL)
    slow.wait_log(rf"task {task['id']} goes on")
    again = int(until("it converts again", lambda: slow.slow_pid.read_text().strip() not in ("", str(pid))
                      and slow.slow_pid.read_text()))
    os.kill(again, signal.SIGKILL)
    done = slow.cli("task", "wait", task["id"], check=False)
    assert done.returncode == 2 and "cannot convert it from vdi: killed by signal 9" in done.stderr
    assert slow.json("image", "list") == [] and list((slow.state / "images").iterdir()) == []


@pytest.mark.parametrize("args, code, says", [
    (["show", "7"], 3, "no task 7; roost task list"),
    (["wait", "x"], 2, "not the number of a task"),
    (["cancel", "0"], 2, "not the number of a task"),
])
def test_tasks_that_are_not_there(desk, args, code, says):
    (desk.state / "images").mkdir(exist_ok=True)
    refused(desk, code, says, "task", *args)
    assert desk.cli("task", "list").stdout == "none\n"


@pytest.mark.parametrize("method, path, body, status", [
    ("POST", "/v1/images", {"file": "/x"}, 400),
    ("POST", "/v1/images", {"name": "a/../b", "file": "/x"}, 400),
    ("POST", "/v1/images", {"name": "img", "file": "relative"}, 400),
    ("POST", "/v1/images", {"name": "img", "file": "/nowhere/at/all"}, 404),
    ("POST", "/v1/images", {"name": "img", "fiel": "/x"}, 400),
    ("POST", "/v1/image-gc", {"all": True}, 400),
    ("DELETE", "/v1/images/none", None, 404),
    ("POST", "/v1/images/none/verify", None, 404),
    ("GET", "/v1/images/none", None, 404),
    ("GET", "/v1/tasks/1?wait=70000", None, 400),
    ("GET", "/v1/tasks/1", None, 404),
])
def test_the_api_checks_for_itself(desk, method, path, body, status):
    assert desk.api(method, path, body).status == status
    assert desk.json("image", "list") == [] and desk.json("task", "list") == []
