"""What roost takes of a small board: its programs, its files, its memory, and what it writes to an SD card."""
import os
import re
import subprocess
import tempfile
from pathlib import Path

from harness.guest import Guest, define, fleet
from harness.roost import BUILD, ROOT
from peers import memory

PROGRAMS = ("roostd", "roost-core", "roost-front", "roost")
GUESTS, REPORTS = 200, 8_000
KIB, MIB = 2**10, 2**20


def stripped(file, where):
    out = Path(where) / file.name
    subprocess.run(["strip", "-o", out, file], check=True)
    return out.stat().st_size


def programs(table, where):
    table.row("roostd, roost-core, roost-front, roost, stripped",
              sum(stripped(BUILD / name, where) for name in PROGRAMS) / MIB, "MiB")
    tree = Path(where) / "tree"
    subprocess.run(["make", "-s", "install", f"BUILD={BUILD.relative_to(ROOT)}", f"DESTDIR={tree}", "PREFIX=/usr"],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    size = 0
    for file in tree.rglob("*"):
        if file.is_file():
            binary = file.open("rb").read(4) == b"\x7fELF"
            size += stripped(file, where) if binary else file.stat().st_size
    table.row("installed, programs stripped", size / MIB, "MiB")


def written(pid):
    """Bytes that a process had the kernel write, proc(5): storage, not pipes and sockets."""
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M).group(1))


class Flushes:
    """Counts the flushes of a process and its threads."""

    def __init__(self, pid, where):
        self.out = Path(where) / "flushes"
        self.child = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", self.out, "-p", str(pid)],
                                      stderr=subprocess.PIPE)
        status = Path(f"/proc/{pid}/status")
        while "TracerPid:\t0\n" in status.read_text():
            assert self.child.poll() is None, self.child.stderr.read()

    def end(self):
        self.child.terminate()
        self.child.wait(30)
        return len(re.findall(r"(?:fsync|fdatasync)\(", self.out.read_text()))


def homecoming(table, roost, where):
    """Guests that boot one after another: each of their phone-homes has a commit of its own."""
    core = roost.pid("core")
    flushes, before = Flushes(core, where), written(core)
    for n in range(1, GUESTS + 1):
        guest = Guest(roost, f"g-{n}")
        assert guest.get("meta-data").status == 200 and guest.home().status == 200
    roost.cli("sync")
    count = flushes.end()
    table.row("a guest comes home: written", (written(core) - before) / GUESTS / KIB, "KiB")
    table.row("a guest comes home: flushes", count / GUESTS, "")
    table.note(f"{GUESTS} of them one after another, projections and checkpoints included")


def logs(table, roost):
    """One guest that reports without end."""
    guest, sizes = Guest(roost, "g-1"), []
    body = b'{"name": "modules-final/x", "description": "x", "event_type": "start", "origin": "cloudinit", "timestamp": 1}'
    store = roost.state / "store.db"
    for _ in range(2):
        for _ in range(REPORTS // 2):
            guest.report(body)
        roost.cli("sync")
        sizes.append(sum(f.stat().st_size for f in store.parent.glob("store.db*")))
    table.row(f"store after {REPORTS} reports of one guest", sizes[1] / MIB, "MiB", sizes[0] / MIB, "after half of them", 1.1)


def chapter(table, start):
    with tempfile.TemporaryDirectory(prefix="roost-sizes-", dir="/tmp") as where:
        programs(table, where)
        roost = start()
        try:
            pids = [roost.pid(role) for role in ("roostd", "core", "front")]
            table.row("idle, no instance, resident", memory(pids)[1] / MIB, "MiB")
            define(roost, {"instances": {"g": {**fleet(["g"])["instances"]["g"], "count": GUESTS}}})
            homecoming(table, roost, where)
            table.row(f"then, {GUESTS} instances, resident", memory(pids)[1] / MIB, "MiB")
            logs(table, roost)
        finally:
            roost.stop(timeout=120)
