"""What goes wrong on a host: one clear message each, an exit code by kind, nothing half-written; and
guests get an answer whatever is broken."""
import concurrent.futures
import ctypes
import hashlib
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, ed25519, fleet, request
from harness.storm import Storm
from harness.watch import wait_file

QUIET = {"launch": {"enabled": "no"}}
CODE = {"io": 1, "invalid": 2, "not-found": 3, "conflict": 4, "denied": 5, "busy": 6}  # base/err.c
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))


def refuses_to_start(r, code, *words):
    """roostd ends by itself with that code, and says each of the words in its errors."""
    mark = len(r.log())
    r.start(ready=False)
    assert r.process.wait(30) == CODE[code]
    r.wait_log(r"ERROR")
    errors = "\n".join(x for x in r.log()[mark:].splitlines() if "ERROR" in x)
    for word in words:
        assert word in errors, errors


def files(r):
    """What lies in the state directory: bytes by name. Left out: the shared-memory index of SQLite,
    which holds locks, and roost's own lock, which holds the pid of whoever came last."""
    return {str(path.relative_to(r.state)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(r.state.rglob("*"))
            if path.is_file() and path.name not in ("store.db-shm", "lock")}


def rows(r):
    db = sqlite3.connect(f"file:{r.state}/store.db?mode=ro", uri=True)
    try:
        tables = [name for name, in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    finally:
        db.close()


def at_rest(r):
    """The probe's verdict is there; every reactor has done its work and its mark is gone: roost writes
    nothing more by itself."""
    r.wait_log(r"accelerator (kvm|tcg): |guests cannot be launched")
    wait_file(r.state / "store.db-wal", lambda _: not rows(r)["dirty"], 30, "no dirty marks")


def processes(r):
    """Those of roost and its guests, by pid and start time."""
    return {(pid, harness.start_time(pid))
            for pid in (r.pid(), r.pid("core"), r.pid("front"), *r.guests().values())}


def everything(r):
    return files(r), rows(r), processes(r)


# --- at the start ---


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        with harness.Roost({"seed": {"listen": at}}, start=False) as r:
            refuses_to_start(r, "busy", at, "another program", "[seed] listen")
            assert not (r.state / "store.db").exists() and not (r.state / "seed-port").exists()


def test_state_directory_of_another_roost(roost):
    define(roost, fleet(["web1"]))
    at_rest(roost)
    before = everything(roost)
    with harness.Roost({"roost": {"state": roost.state}}, start=False) as second:
        second.env["XDG_RUNTIME_DIR"] = str(roost.run)
        refuses_to_start(second, "busy", str(roost.state), f"pid {roost.pid()}")
        second.state = second.dir / "state"  # what it may remove
    assert everything(roost) == before
    assert Guest(roost, "web1").get().status == 200, "the first one is not disturbed"


def kept(names=("web1",)):
    """A roost that has been there and was stopped, and the path of its store."""
    r = harness.Roost(QUIET)
    define(r, fleet(names))
    r.stop(keep=True)
    return r, r.state / "store.db"


def test_newer_store_is_refused_untouched():
    r, store = kept()
    db = sqlite3.connect(store)
    db.execute("PRAGMA user_version=99")
    db.close()
    before = files(r)
    refuses_to_start(r, "conflict", str(store), "newer roost", "99", "nothing was changed")
    assert files(r) == before
    r.stop()


def test_foreign_database_is_refused_untouched():
    with harness.Roost(QUIET, start=False) as r:
        r.state.mkdir(mode=0o700)
        db = sqlite3.connect(r.state / "store.db")
        db.execute("CREATE TABLE theirs(x)")
        db.close()
        before = (r.state / "store.db").read_bytes()
        refuses_to_start(r, "conflict", "another program")
        assert (r.state / "store.db").read_bytes() == before


@pytest.mark.parametrize("low, high", [(0, 100), (100, 4096), (4096, 8192), (8192, None)],
                         ids=["header", "schema", "second-page", "the-rest"])
def test_damaged_store(low, high):
    print(f"SEED={SEED}")
    r = harness.Roost(QUIET)
    define(r, fleet([f"g{i}" for i in range(50)]))
    r.stop(keep=True)
    store = r.state / "store.db"
    data = bytearray(store.read_bytes())
    high = high or len(data)
    data[low:high] = random.Random(SEED).randbytes(high - low)
    store.write_bytes(data)
    refuses_to_start(r, "io", str(store))
    assert store.read_bytes() == bytes(data), "the evidence is kept"
    r.stop()


def test_roostd_killed_a_new_one_starts_at_once(roost):
    define(roost, fleet(["web1"]))
    roost.kill("roostd")
    roost.process.wait(30)
    roost.start()
    with Storm(roost) as storm:  # a guest asks again while front and core still meet
        storm.send([Guest(roost, "web1")])
        storm.wait(10)
        storm.check()


# --- QEMU and images ---


def disk_fleet(path, **instance):
    return {"images": {"base": {"file": str(path)}},
            "instances": {"web1": {"image": "base", "memory": "32M", "disk": 0, **instance}}}


def test_missing_qemu(tmp_path):
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    with harness.Roost({"launch": {"qemu": "/nonexistent"}}) as r:
        r.apply(disk_fleet(tmp_path / "disk"))
        done = r.cli("instance", "start", "web1", check=False)
        assert done.returncode == CODE["not-found"]
        assert "/nonexistent" in done.stderr and "qemu-system-x86" in done.stderr
        assert Guest(r, "web1").show()["phase"] in ("defined", "failed") and not r.guests()
        assert any("/nonexistent" in fault for fault in r.json("status")["faults"])
        assert r.cli("check", check=False).returncode == 1
        assert Guest(r, "web1").get().status == 200, "seeds need no QEMU"


@pytest.mark.parametrize("make, code, word", [
    (lambda path: None, "not-found", "No such file"),
    (lambda path: path.mkdir(), "invalid", "regular file"),
    (lambda path: path.write_bytes(b"QFI\xfb\0\0\0\x03" + b"\xff" * 100), "invalid", "qemu-img"),
], ids=["missing", "directory", "broken-qcow2"])
def test_unreadable_image(roost, tmp_path, make, code, word):
    make(tmp_path / "disk")
    at_rest(roost)
    before = everything(roost)
    done = roost.cli("apply", "-f", roost.fleet(disk_fleet(tmp_path / "disk")), check=False)
    assert done.returncode == CODE[code], done.stderr
    assert "image base" in done.stderr and word in done.stderr
    assert everything(roost) == before
    assert not list((roost.state / "images").iterdir())


def test_image_told_anew_by_a_file_that_is_not_there(roost, tmp_path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    assert roost.cli("apply", "-f", roost.fleet(disk_fleet(disk))).returncode == 0
    other = {"images": {"base": {"kernel": str(tmp_path / "vmlinuz")}}}
    done = roost.cli("apply", "-f", roost.fleet(other), check=False)
    assert done.returncode == 3 and "image base" in done.stderr and "vmlinuz" in done.stderr
    disk.unlink()  # the copy that was made of it is what counts
    done = roost.cli("apply", "-f", roost.fleet(disk_fleet(disk)))
    assert "stays in use" in done.stdout + done.stderr


def test_wrong_checksum(roost, tmp_path):
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    tree = disk_fleet(tmp_path / "disk")
    tree["images"]["base"]["checksum"] = "sha256:" + "0" * 64
    done = roost.cli("apply", "-f", roost.fleet(tree), check=False)
    assert done.returncode == CODE["invalid"] and "checksum" in done.stderr
    assert not list((roost.state / "images").iterdir())


# --- apply ---

BAD_FLEETS = {  # line, what stands at fault, what would be right
    "syntax": ("instances:\n  web1: {launcher: external\n", 3, "", "','"),
    "unknown-word": ("instances:\n  web1:\n    colour: red\n", 3, "/instances/web1/colour", "cpus"),
    "name": ("instances:\n  Web_2: {launcher: external}\n", 2, "/instances/Web_2", "a-z"),
    "size": ("instances:\n  a:\n    launcher: external\n    memory: lots\n", 4,
             "/instances/a/memory", "512M"),
    "twice": ("instances:\n  a: {launcher: external}\n  a: {launcher: external}\n", 3, "\"a\"",
              "duplicate"),
    "key": ("identities:\n  ops:\n    public-keys:\n      - ssh-rsa nonsense\n", 4,
            "/identities/ops/public-keys/0", "key"),
    "no-image": ("instances:\n  fine: {launcher: external}\n  web1: {}\n", 3, "/instances/web1",
                 "image: NAME"),
    "list": ("instances: [web1]\n", 1, "/instances", "mapping"),
    "prefix": ("networks:\n  lab: {kind: shared, cidr: 172.16.5.0/33}\n", 2, "/networks/lab/cidr",
               "0 to 32"),
    "alias": ("instances: &a {}\nnetworks: *a\n", 1, "anchors", "write the value out"),
}


@pytest.mark.parametrize("case", BAD_FLEETS)
def test_malformed_fleet(roost, case):
    text, line, field, right = BAD_FLEETS[case]
    at_rest(roost)
    before = everything(roost)
    done = roost.cli("apply", "-f", roost.fleet(text), check=False)
    assert done.returncode == CODE["invalid"]
    assert f"{roost.dir}/fleet.yaml:{line}:" in done.stderr
    assert field in done.stderr and right in done.stderr, done.stderr
    assert not done.stdout and done.stderr.count("\n") == 1
    assert everything(roost) == before


def test_references_to_nothing(roost):
    """One bad instance: the good ones beside it are not made either."""
    at_rest(roost)
    before = everything(roost)
    tree = fleet(["good"])
    tree["instances"]["bad"] = {"launcher": "external", "network": "nowhere"}
    done = roost.cli("apply", "-f", roost.fleet(tree), check=False)
    assert done.returncode == CODE["not-found"] and "network nowhere" in done.stderr
    assert everything(roost) == before


def test_second_apply_changes_nothing(tmp_path):
    """No byte of any file, no row, no process; with a guest that runs and one that is home."""
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    (tmp_path / "web.yaml").write_text("#cloud-config\nruncmd: [[true]]\n")
    tree = disk_fleet(tmp_path / "disk", identities=["ops"])
    tree["instances"]["ext"] = {"launcher": "external", "count": 3, "groups": ["web"],
                                "user-data": str(tmp_path / "web.yaml"), "vars": {"app": "shop"}}
    tree["identities"] = {"ops": {"public-keys": [ed25519("ops")], "sudo": True}}
    tree["networks"] = {"lab": {"kind": "user", "domain": "lab.internal"}}
    with harness.Roost({"launch": {"accelerator": "tcg"}}) as r:
        assert r.apply(tree)["changed"]
        r.cli("instance", "start", "web1")
        assert Guest(r, "ext-2").home().status == 200
        at_rest(r)
        before = everything(r)
        assert len(before[2]) == 4
        again = r.apply(tree)
        assert not again["changed"] and {row["action"] for row in again["plan"]} == {"unchanged"}
        assert "unchanged" in r.cli("apply", "-f", r.fleet(tree)).stdout
        assert everything(r) == before


# --- while it runs ---


def all_requests(r, guest):
    """Every kind of request; the status and seconds of each."""
    asks = [("GET", guest.path("seed", doc), None) for doc in DOCS]
    asks += [("HEAD", guest.path("seed", "meta-data"), None), ("GET", "/nobody/meta-data", None),
             ("POST", guest.path("post", "phone-home"), guest.form())]

    def ask(one):
        began = time.monotonic()
        return request(r.seed_port, *one), time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))


def test_core_that_does_not_answer():
    """SIGSTOPped: guests are told to come again within a second, and served afterwards."""
    conf = {**QUIET, "front": {"cache-keep": "0ms"}}
    with harness.Roost(conf) as r:
        define(r, fleet(["web1"]))
        guest = Guest(r, "web1")
        assert guest.get().status == 200
        r.kill("core", signal.SIGSTOP)
        for answer, seconds in all_requests(r, guest) + all_requests(r, guest):
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
            assert seconds < 1.5
        assert guest.report(b"{}").status == 200, "reports wait for nobody"
        r.kill("core", signal.SIGCONT)
        assert [a.status for a, _ in all_requests(r, guest)] == [200] * 5 + [503, 200]
        assert guest.show()["phase"] == "homed"
        assert len(guest.events("homed")) == 1, "the posts that nobody waited for are duplicates"


def test_core_away():
    """Killed, and nobody starts it: the same, at once."""
    with harness.Roost(QUIET) as r:
        define(r, fleet(["web1"]))
        guest = Guest(r, "web1")
        os.kill(r.pid(), signal.SIGSTOP)
        r.kill("core")
        for answer, seconds in all_requests(r, guest):
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
            assert seconds < 1.5
        os.kill(r.pid(), signal.SIGCONT)
        r.wait_log("roost-core ended: killed by signal 9")
        assert guest.show()["phase"] == "defined" and guest.home().status == 200


# --- a full disk ---

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def on_a_small_disk(body):
    """Runs body(mount) in a thread with mounts of its own, which end with it."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(rc, what):
        if rc < 0:
            raise OSError(ctypes.get_errno(), what)

    def mount(path, size):
        path.mkdir(mode=0o700)
        check(libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, f"size={size},mode=0700".encode()),
              "mount")

    def run():
        check(libc.unshare(CLONE_NEWNS), "unshare")
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
        body(mount)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(1 << 16))
        except OSError:
            pass
        try:
            while True:
                f.write(b"x")
        except OSError:
            pass


def full_disk(mount):
    with harness.Roost(QUIET, start=False) as r:
        mount(r.state, "96m")
        r.start()
        guests = [Guest(r, f"g{i}") for i in range(400)]
        define(r, fleet(g.name for g in guests))
        at_rest(r)
        fill(r.state / "ballast")
        said = {}
        for g in guests:  # the log has some room left in its file
            said[g.name] = g.home()
            if said[g.name].status != 200:
                break
        last = said[g.name]
        assert last.status == 503 and int(last.headers["Retry-After"]) > 0, "the disk never was full"
        assert guests[-1].home().status == 503
        assert guests[-1].get().status == 200 and guests[0].get("vendor-data").status == 200
        assert any("disk" in f and "full" in f for f in r.api("GET", "/v1/status").json["faults"])
        assert "full" in r.cli("status").stdout
        assert any(e["kind"] == "fault" and "full" in e["detail"] for e in
                   r.api("GET", "/v1/events?newest=true&limit=1000").json["events"])
        fill(r.state / "more")  # what the reserve left
        refusals = (r.cli("instance", "create", f"late{i}", "--external", check=False) for i in range(200))
        refusal = next(done for done in refusals if done.returncode)
        assert refusal.returncode == 1 and refusal.stderr.endswith(": its disk is full, free some space\n"), refusal
        os.unlink(r.state / "more")
        homed = {x["name"] for x in r.api("GET", "/v1/instances").json if x["phase"] == "homed"}
        assert homed == {name for name, answer in said.items() if answer.status == 200}

        os.unlink(r.state / "ballast")
        r.wait_log("there is room again", 30)
        with Storm(r) as storm:
            storm.send(guests)
            storm.wait()
            storm.check()
        assert not r.api("GET", "/v1/status").json["faults"]
        assert (r.state / "reserve").stat().st_size == 16 << 20
        now = r.api("GET", "/v1/known-hosts").body
        wait_file(r.state / "generated/known_hosts", lambda data: data == now)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace without root is not tried")
def test_full_disk():
    on_a_small_disk(full_disk)


# --- memory ---

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite", "--child-silent-after-fork=yes"]


class Checked(harness.Roost):
    """roost-single under valgrind."""

    def start(self, *args, **kw):
        wrapper = self.dir / "under-valgrind"
        words = " ".join(VALGRIND)
        wrapper.write_text(f"#!/bin/sh\nexec {words} {harness.BUILD}/roost-single \"$@\"\n")
        wrapper.chmod(0o755)
        self.program = wrapper
        return super().start(*args, **{"timeout": 120, **kw})


@pytest.mark.slow
@pytest.mark.skipif(subprocess.run(["sh", "-c", "command -v valgrind"], capture_output=True).returncode,
                    reason="valgrind is not installed (apt install valgrind)")
def test_valgrind():
    r = Checked(QUIET)
    define(r, fleet([f"g{i}" for i in range(5)], **{"user-data": "#cloud-config\n{}\n"}))
    for i in range(5):
        g = Guest(r, f"g{i}")
        assert [g.get(doc).status for doc in DOCS] == [200] * 4
        assert g.report(b'{"name":"init-network","event_type":"finish","result":"FAIL"}').status == 200
        assert g.home().status == 200
        assert g.home(g.form(pub_key_ed25519=ed25519("other"))).status == 409
        assert g.home(b"nonsense").status == 400
    assert request(r.seed_port, "GET", "/nobody/meta-data").status == 503
    assert request(r.seed_port, "GET", f"/g1/{'0' * 32}/meta-data").status == 403
    for path in ("status", "instances", "instances/g1", "events", "inventory", "unknown", "check"):
        assert r.api("GET", f"/v1/{path}").status == 200
    wait_file(r.state / "generated/known_hosts", lambda data: b"g4" in data, 60)
    code = r.stop()
    assert code == 0 and not re.search(r"(?m)^==\d+==", r.log()), f"exit {code}\n{r.log()}"
