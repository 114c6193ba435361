"""roost store backup, check, restore: what comes back, what is refused, and the manual as it is written."""
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, fleet
from harness.roost import BUILD, ROOT
from roostd_rig import until

QUIET = {"launch": {"enabled": "no"}}
PAGE = ROOT / "contrib" / "man" / "roost-restore.7"


@pytest.fixture
def home():
    """A roost with three guests of others, two of them home."""
    with harness.Roost(QUIET) as r:
        define(r, fleet(["a", "b", "c"], groups=["all_of_them"]))
        for name in ("a", "b"):
            assert Guest(r, name).get().status == 200
            assert Guest(r, name).home().status == 200
        yield r


def backup(r, name="b.tar"):
    r.cli("store", "backup", name)
    return r.dir / name


def lose(r):
    """The host is gone with all that was on it, but for what lies outside of the state directory."""
    r.stop(keep=True)
    shutil.rmtree(r.state)


def facts(r):
    """What must not be lost: states, identities, keys."""
    keys = ("name", "tag", "state", "uuid", "mac", "instance-id")
    rows = {row["name"]: {k: row.get(k) for k in keys} for row in r.json("instance", "list")}
    return rows, r.cli("known-hosts").stdout, r.json("identity", "list"), r.json("network", "list")


def refused(r, code, *words, args=("store", "restore", "b.tar"), **kw):
    before = {p: p.read_bytes() for p in r.state.rglob("*") if p.is_file() and p.name != "store.db-shm"} \
        if r.state.exists() else None
    done = r.cli(*args, check=False, **kw)
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    after = {p: p.read_bytes() for p in r.state.rglob("*") if p.is_file() and p.name != "store.db-shm"} \
        if r.state.exists() else None
    assert after == before or (before is None and set(map(lambda p: p.name, after)) <= {"lock"})
    return done.stderr


@contextmanager
def frozen(r):
    """It runs, and writes nothing by itself meanwhile."""
    pids = [r.pid(role) for role in ("roostd", "core", "front")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in pids:
            until(f"{pid} is held", lambda p=pid: Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


# --- a backup and what comes back ---

def test_a_backup_brings_all_back(home):
    r = home
    was, port = facts(r), r.seed_port
    key = (r.state / "secret.key").read_bytes()
    account = (r.state / "ansible.key").read_bytes()
    last = r.api("GET", "/v1/events?limit=1&newest=1").json["last"]
    path = backup(r)
    assert path.stat().st_mode & 0o777 == 0o600
    define(r, fleet(["later"]))
    lose(r)
    told = r.json("store", "restore", "b.tar")
    assert told["instances"] == 3 and told["put-aside"] == "" and told["state"] == str(r.state)
    assert (r.state / "secret.key").read_bytes() == key
    assert (r.state / "ansible.key").read_bytes() == account and oct((r.state / "ansible.key").stat().st_mode) == "0o100600"
    assert {oct(p.stat().st_mode & 0o777) for p in r.state.iterdir() if p.is_file() and p.name != "lock"} == {"0o600"}
    r.start()
    assert facts(r) == was and r.seed_port == port
    assert r.json("store", "check")["instances"] == 3
    for doc in DOCS:
        assert Guest(r, "a").get(doc).status == 200, "a guest's old URL holds"
    assert Guest(r, "c").home().status == 200
    rows = r.api("GET", "/v1/events?limit=100&newest=1").json["events"]
    note = [row for row in rows if row["detail"].startswith("restored from a backup")]
    assert len(note) == 1 and note[0]["seq"] >= last + 1000000
    known = r.state / "generated" / "known_hosts"
    until("known_hosts as the store has it", lambda: known.exists() and known.read_text() == r.cli("known-hosts").stdout)
    assert not list(r.state.glob("restore*"))
    r.stop(keep=True)
    r.start()
    assert sum(row["detail"].startswith("restored") for row in
               r.api("GET", "/v1/events?limit=100&newest=1").json["events"]) == 1, "said once"


def test_what_lies_in_a_backup(home):
    path = backup(home)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert names[0] == "MANIFEST" and set(names[1:]) == {"secret.key", "ansible.key", "seed-port", "roost.conf",
                                                                 "store.db"}
        manifest = json.load(tar.extractfile("MANIFEST"))
        (home.dir / "old.conf").write_bytes(tar.extractfile("roost.conf").read())
        (home.dir / "copy.db").write_bytes(tar.extractfile("store.db").read())
        assert all(m.mode == 0o600 for m in tar)
    assert manifest["instances"] == 3 and manifest["state"] == str(home.state)
    db = sqlite3.connect(home.dir / "copy.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete", "one file is all of it"
    assert db.execute("SELECT count(*) FROM guests").fetchone()[0] == 3
    db.close()
    said = subprocess.run([BUILD / "roostd", "-c", home.dir / "old.conf", "--print-config"], text=True,
                          capture_output=True, env=home.env)
    assert said.returncode == 0 and re.search(r"^enabled = no ", said.stdout, re.M), said.stderr
    assert not list(home.state.glob("backup*")), "nothing stays behind"
    assert not [p.name for p in home.dir.iterdir() if p.name.endswith(".tmp")]


def test_acknowledged_during_a_backup_or_not_in_it(home):
    """A phone-home whose 200 came before the backup was asked for is in it, every time."""
    for i in range(8):
        define(home, fleet([f"s{i}"]))
        assert Guest(home, f"s{i}").home().status == 200
        with tarfile.open(backup(home, f"{i}.tar")) as tar:
            (home.dir / "x.db").write_bytes(tar.extractfile("store.db").read())
        db = sqlite3.connect(home.dir / "x.db")
        assert db.execute("SELECT count(*) FROM hostkeys").fetchone()[0] == 3 + i
        db.close()


def test_a_backup_of_an_older_store_is_migrated(home):
    """As a roost of the first schema would have made it."""
    source = (ROOT / "server" / "store_schema.c").read_text()
    first = re.search(r"char schema_1\[\] =\n(.*?);\n\n", source, re.S).group(1)

    def older(tree, members):
        tree["schema"], tree["roost"], tree["instances"] = 1, "0.0.9", 0
        db = sqlite3.connect(home.dir / "o.db")
        db.executescript("".join(re.findall(r'"(.*?)"', first)))
        db.execute(f"PRAGMA application_id = {int.from_bytes(b'roos', 'big')}")
        db.execute("PRAGMA user_version = 1")
        db.commit()
        db.close()
        members["store.db"] = (home.dir / "o.db").read_bytes()
    backup(home)
    forge(home.dir / "b.tar", older)
    lose(home)
    home.cli("store", "restore", "b.tar")
    home.start()
    assert home.json("instance", "list") == [] and (home.state / "store.db.1.bak").exists()
    home.cli("store", "check")
    define(home, fleet(["new"]))
    assert Guest(home, "new").home().status == 200


# --- what is refused ---

def forge(path, change, resum=True):
    """A backup changed by hand; with resum its sums are right again."""
    import hashlib
    with tarfile.open(path) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}
    tree = json.loads(members.pop("MANIFEST"))
    change(tree, members)
    for f in tree["files"] if resum else ():
        if f["name"] in members:
            f["size"], f["sha256"] = len(members[f["name"]]), hashlib.sha256(members[f["name"]]).hexdigest()
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in {"MANIFEST": json.dumps(tree).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_over_a_running_roost(home):
    backup(home)
    was = facts(home)
    with frozen(home):
        said = refused(home, 4, f"a roost runs on {home.state}", f"pid {home.process.pid}", "end it first")
    assert "nothing was changed" in said
    assert facts(home) == was


def test_over_a_store_that_is_there(home):
    backup(home)
    was = facts(home)
    define(home, fleet(["later"]))
    home.stop(keep=True)
    refused(home, 4, "holds a roost's store already", "--replace")
    told = home.json("store", "restore", "--replace", "b.tar")
    aside = home.state / told["put-aside"]
    assert told["put-aside"] == "before-restore-1" and (aside / "secret.key").exists()
    db = sqlite3.connect(aside / "store.db")
    assert db.execute("SELECT count(*) FROM guests").fetchone()[0] == 4, "nothing of it is lost"
    db.close()
    home.start()
    assert facts(home) == was


def test_while_guests_run(home):
    backup(home)
    home.stop(keep=True)
    shutil.rmtree(home.state / "instances", ignore_errors=True)
    box = home.state / "instances" / "web1"
    box.mkdir(parents=True)
    with subprocess.Popen(["flock", box / "instance.lock", "sh", "-c", "echo held; exec cat"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        refused(home, 4, "guest web1", "is running", "roost instance stop web1",
                args=("store", "restore", "--replace", "b.tar"))
        holder.stdin.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_into_a_directory_of_another_user(home):
    backup(home)
    lose(home)
    home.state.mkdir()
    os.chown(home.state, 65534, 65534)
    refused(home, 5, "belongs to uid 65534 (nobody), not to uid 0", "as that user")


@pytest.mark.parametrize("change, code, words", [
    (lambda t, m: t.update(schema=99, roost="9.9"), 4, ("newer roost 9.9", "schema 99", "install that roost")),
    (lambda t, m: t.update(format=2, roost="9.9"), 4, ("roost 9.9", "form (2)", "with that roost")),
    (lambda t, m: t.update(what="a cake"), 2, ("no backup of roost",)),
    (lambda t, m: m.pop("secret.key"), 2, ("secret.key is missing", "damaged")),
    (lambda t, m: (m.pop("secret.key"), t.update(files=[f for f in t["files"] if f["name"] != "secret.key"])), 2,
     ("this backup has no secret.key",)),
    (lambda t, m: m.update(extra=b"x"), 2, ("extra is not what MANIFEST says",)),
    (lambda t, m: t["files"].append({"name": "../etc", "size": 1, "sha256": "0" * 64}), 2, ("no file of a backup",)),
    (lambda t, m: t["files"].append(t["files"][0]), 2, ("there twice",)),
])
def test_of_another_version_or_spoilt(home, change, code, words):
    backup(home)
    forge(home.dir / "b.tar", change)
    lose(home)
    refused(home, code, *words)
    refused(home, code, *words, args=("store", "check", "b.tar"))


def test_damaged_bytes(home):
    path = backup(home)
    good = path.read_bytes()
    lose(home)
    for at in (5, 700, len(good) // 2, len(good) - 2000):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1:])
        refused(home, 2, "b.tar: ")
    for part in (0, 100, 512, 5000, len(good) - 1):
        path.write_bytes(good[:part])
        refused(home, 2, "b.tar: ")
    path.write_bytes(good + b"x")
    refused(home, 2, "something follows its end")
    refused(home, 3, "c.tar", args=("store", "restore", "c.tar"))
    path.write_bytes(good)
    home.cli("store", "restore", "b.tar")
    home.start()
    assert len(home.json("instance", "list")) == 3


def test_an_interrupted_restore(home):
    """Killed after any of its renames: roost does not start on what is there, and the same command
    finishes it."""
    backup(home)
    was = facts(home)
    home.stop(keep=True)
    steps = subprocess.run(["strace", "-f", "-e", "trace=renameat", BUILD / "roost", "--version"],
                           capture_output=True, text=True)
    if steps.returncode != 0:
        pytest.skip("strace cannot trace here")
    for n in range(2, 8):
        args = ["strace", "-o", "/dev/null", "-e", "trace=renameat",
                "-e", f"inject=renameat:signal=KILL:when={n}",
                BUILD / "roost", "store", "restore", "--replace", "b.tar"]
        done = subprocess.run(args, cwd=home.dir, env=home.env, capture_output=True, text=True)
        if done.returncode == 0:
            break
        if n == 2:  # before the one that counts: all is as it was, and what was unpacked goes with the next
            assert not (home.state / "restore.ready").exists() and (home.state / "restore.part").exists()
        else:
            assert (home.state / "restore.ready").exists()
            mark = len(home.log().splitlines())
            home.start(ready=False)
            assert home.process.wait(30) == 4
            home.wait_log("a restore was interrupted; nothing is lost: run roost store restore once more", since=mark)
            home.cli("store", "restore", "b.tar")
        home.start()
        assert facts(home) == was, f"after {n} renames"
        home.stop(keep=True)
    assert n > 4


def test_no_room_for_a_backup(home):
    """The place for the file is full: said so, and nothing half-written stays."""
    done = home.cli("store", "backup", "/dev/full", check=False)
    assert done.returncode == 4 and "no plain file" in done.stderr
    done = home.cli("store", "backup", "no/such/place.tar", check=False)
    assert done.returncode == 3 and "no/such" in done.stderr
    small = home.dir / "small"
    small.mkdir()
    if os.getuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small]).returncode == 0:
        try:
            done = home.cli("store", "backup", "small/b.tar", check=False)
            assert done.returncode == 1 and "No space left" in done.stderr
            assert list(small.iterdir()) == []
        finally:
            subprocess.run(["umount", small], check=True)
    backup(home)


# --- checks ---

def test_check_finds_what_is_wrong(home):
    assert home.json("store", "check")["instances"] == 3
    home.stop(keep=True)
    db = sqlite3.connect(home.state / "store.db")
    db.execute("UPDATE events SET counts = '0:77 ' WHERE seq = (SELECT max(seq) FROM events)")
    db.execute("UPDATE counts SET n = '0:77 '")
    db.commit()
    db.close()
    home.start()
    done = home.cli("store", "check", check=False)
    assert done.returncode == 1 and "the counts of guests by state" in done.stderr


def test_one_at_a_time_and_guests_do_not_wait(home):
    define(home, fleet([f"g{i}" for i in range(2000)]))
    out = [subprocess.Popen([BUILD / "roost", "store", "backup", f"{i}.tar"], cwd=home.dir, env=home.env,
                            stderr=subprocess.PIPE, text=True) for i in range(4)]
    assert Guest(home, "g1").home().status == 200
    ends = [(p.wait(60), p.stderr.read()) for p in out]
    assert any(code == 0 for code, _ in ends)
    for code, said in ends:
        assert code == 0 or (code == 6 and "under way" in said)


# --- the manual ---

def blocks():
    text = PAGE.read_text().replace("\\-", "-")
    return [b.strip().splitlines() for b in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)]


def come_home(r, name):
    guest = Guest(r, name)
    until("a forward to its SSH", lambda: guest.show()["address"])
    assert guest.get().status == 200 and guest.home().status == 200


def test_restoring_a_host_as_the_manual_says(tmp_path):
    """Each line of it is run as it stands, with a systemctl that starts and ends this test's roostd, and with
    this test's directories in place of the system's."""
    nightly, disks, restore, after = blocks()
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}) as r:
        backups = tmp_path / "backups"
        backups.mkdir()

        def run(line):
            line = line.replace("/var/backups", str(backups)).replace("/var/lib/roost", str(r.state))
            if line == "systemctl stop roost":
                return r.stop(keep=True) if r.process.poll() is None else None
            if line == "systemctl start roost":
                return r.start()
            done = subprocess.run(["bash", "-ec", line], cwd=r.dir, capture_output=True, text=True, timeout=120,
                                  env={**r.env, "PATH": f"{BUILD}:{r.env['PATH']}"})
            assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            return done.stdout

        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        r.apply({"images": {"d": {"file": str(r.dir / "d.qcow2")}}, "defaults": {"image": "d", "memory": "128M"},
                 "instances": {"db1": {}, "web1": {}, "ext1": {"launcher": "external"}}})
        r.cli("instance", "start", "db1", "web1")
        come_home(r, "db1")
        come_home(r, "web1")
        assert Guest(r, "ext1").home().status == 200
        for line in disks:
            run(line)
        come_home(r, "db1")
        for line in nightly:
            run(line)
        keys = r.cli("known-hosts").stdout
        r.cli("instance", "stop", "db1", "web1")
        lose(r)

        out = {line: run(line) for line in restore}
        assert "accelerator = tcg" in out["tar -xOf /var/backups/roost.tar roost.conf"]
        listed = dict(line.split()[:2] for line in out["roost instance list"].splitlines()[1:])
        assert listed["ext1"] == "homed" and set(listed) == {"db1", "web1", "ext1"}
        until("the guests that ran are shown as ended", lambda: {row["state"] for row in r.json("instance", "list")
              if row["name"] != "ext1"} <= {"stopped", "failed"})
        for line in after:
            run(line)
        come_home(r, "db1")
        assert not Guest(r, "db1").events("key-mismatch")
        assert Guest(r, "web1").show()["instance-id"] == "iid-web1-2"
        db1 = next(line for line in keys.splitlines() if line.startswith("db1"))
        assert db1.split()[-1] in r.cli("known-hosts").stdout
        r.cli("instance", "stop", "db1")


def test_the_page_is_sound():
    for argv in (["man", "--warnings=w", "-l"], ["groff", "-mandoc", "-Tutf8", "-ww", "-z"]):
        done = subprocess.run([*argv, PAGE], capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFOPT": "-ww", "MANWIDTH": "78"})
        assert done.returncode == 0 and done.stderr == ""
