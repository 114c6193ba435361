#!/usr/bin/python3
"""make bench: what roost costs, beside nginx in the same run, as ratios next to DESIGN's budgets.

CPU per request is what is compared (all processes of a server together): throughput is noise on a
shared machine. Nothing here is an assertion; the exit code tells of lost guests only.

    bench.py [quick|normal|full] [CHAPTER ...]      chapters: see CHAPTERS
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote_plus

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from peers import Nginx, bare_flush, commits_per_second, cpu_ns, memory  # noqa: E402
from harness.roost import BUILD, READY, Roost  # noqa: E402
import inventories as inventory_cost  # noqa: E402
import reserve  # noqa: E402
import sizes as small  # noqa: E402

GROUP = 10_000  # instances of one name
ROUNDS = 3  # of phone-homes
SIZES = {
    # boots of a round, rounds, posts of one client, of 64, of 512, guests of a storm, reports, instances
    "quick": dict(boots=2500, rounds=3, posts=300, some=5000, crowd=10_000, storm=5000, reports=10, adds=20,
                  fleet=60_000),
    "normal": dict(boots=5000, rounds=5, posts=1000, some=20_000, crowd=30_000, storm=10_000,
                   reports=100, adds=50, fleet=100_000),
    "full": dict(boots=5000, rounds=7, posts=1000, some=20_000, crowd=30_000, storm=10_000,
                 reports=100, adds=50, fleet=1_000_000),
}
DOCUMENTS = ("network-config", "meta-data", "user-data", "vendor-data")
CONF = {"roost": {"log-level": "info"}, "launch": {"enabled": "no", "accelerator": "tcg"}}


class Table:
    """One line for each thing measured: roost's number, what it is beside, ratio, budget."""

    def __init__(self):
        self.lost = 0
        row = ("", "roost", "beside", "", "ratio", "budget")
        self._print(row)

    @staticmethod
    def _print(cells):
        print("{:<44}{:>12}{:>12}  {:<24}{:>7}  {}".format(*cells), flush=True)

    def row(self, what, value, unit, beside=None, of="", limit=None, at_least=False):
        """beside None: the limit is one of `value` itself."""
        shown = value if beside is None else value / beside if beside else float("inf")
        within = limit is None or (shown >= limit if at_least else shown <= limit)
        budget = "" if limit is None else (
            f"{'>=' if at_least else '<='} {limit:g}{'x' if beside is not None else ' ' + unit}"
            f"  {'ok' if within else 'OVER'}")
        self._print((what, f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}",
                     "" if beside is None else f"{beside:.3g} {unit}" if beside < 1000
                     else f"{beside:.0f} {unit}", of,
                     "" if beside is None else f"{shown:.2f}x", budget))

    def note(self, text):
        print(f"    {text}", flush=True)


class Server:
    """Something that the driver plays guests against, and its processes."""

    def __init__(self, name, port, pids, keys, fixed=None):
        self.name, self.port, self.pids, self.keys, self.fixed = name, port, pids, keys, fixed

    def play(self, mode, **options):
        """The driver's outcome, with us: CPU per request, main threads and others apart."""
        args = [BUILD / "tests/bench/load", "--port", self.port, "--keys", self.keys]
        if self.fixed:
            args += ["--fixed", self.fixed]
        for name, value in options.items():
            args += [f"--{name}", value]
        before = [cpu_ns([p]) for p in self.pids()]
        done = subprocess.run([*map(str, args), mode], stdout=subprocess.PIPE, text=True, check=False)
        after = [cpu_ns([p]) for p in self.pids()]
        if not done.stdout:
            raise SystemExit(f"the load driver failed with {done.returncode}")
        out = json.loads(done.stdout)
        each = max(out["requests"], 1) * 1000
        out["parts_us"] = [(a[0] - b[0]) / each for a, b in zip(after, before)]
        out["others_us"] = sum(a[1] - b[1] for a, b in zip(after, before)) / each
        out["main_us"] = sum(out["parts_us"])
        out["us"] = out["main_us"] + out["others_us"]
        return out


def make_keys(path, sets=16):
    """Host keys as real ones are, in cc_phone_home's form fields; made once."""
    lines = []
    with tempfile.TemporaryDirectory() as where:
        for i in range(sets):
            fields = []
            for kind in ("rsa", "ecdsa", "ed25519"):
                file = Path(where) / f"{kind}{i if kind != 'rsa' else ''}"  # RSA takes a second
                if not file.exists():
                    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", f"root@g{i}", "-t", kind,
                                    "-f", file], check=True)
                public = file.with_suffix(".pub").read_text()
                fields.append(f"pub_key_{kind}={quote_plus(public)}")
            lines.append("&".join(fields))
    path.write_text("\n".join(lines) + "\n")


class Drained(Roost):
    """Whose log is read line by line until it is ready and then thrown away in large pieces: a slow
    reader would hold up roost at a full pipe, and take the CPU that the servers share."""

    def _read(self, pipe):
        for line in iter(pipe.readline, b""):
            with self._news:
                self._log.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
            if READY.search(self._log[-1]):
                break
        while os.read(pipe.fileno(), 1 << 20):
            pass
        with self._news:
            self._eof = True
            self._news.notify_all()
        pipe.close()


class Fleet:
    """A roost with n instances named g0-1 … g0-10000, g1-1 …, which external launchers start."""

    def __init__(self, n, keys, program="roostd"):
        self.n = n
        self.roost = Drained(CONF, program=program)
        for i, first in enumerate(range(0, n, GROUP)):
            answer = self.roost.api("POST", "/v1/apply", {"fleet": {
                "networks": {"bench": {"kind": "user", "policy": "tag"}},
                "instances": {f"g{i}": {"count": min(GROUP, n - first), "launcher": "external",
                                        "network": "bench"}}}}, timeout=600)
            if answer.status != 200:
                raise SystemExit(f"apply: {answer.status} {answer.text[:500]}")
        self.server = Server("roost", self.roost.seed_port, self.pids, keys)
        self.restart()

    def pids(self):
        roles = ("roostd",) if self.roost.program == "roost-single" else ("roostd", "core", "front")
        return [self.roost.pid(role) for role in roles]

    def restart(self):
        """Stops and starts; ms from the start of the program to the first document served."""
        self.roost.stop(keep=True, timeout=120)
        begin = time.perf_counter()
        mark = len(self.roost._log)
        self.roost.start(ready=False)
        url = f"http://127.0.0.1:{self.roost.seed_port}/g0-1/meta-data"
        while True:
            try:
                if b"iid-g0-1-" in urllib.request.urlopen(url, timeout=5).read():
                    break
            except OSError:
                time.sleep(0.001)  # refused, or 503 while core opens its store
        took = (time.perf_counter() - begin) * 1000
        self.roost.wait_log(READY, since=mark)
        return took

    def documents(self):
        return {name: urllib.request.urlopen(f"{self.roost.seed_url}/g0-1/{name}").read()
                for name in DOCUMENTS}

    def homed(self):
        return self.roost.api("GET", "/v1/status").json["by-state"].get("homed", 0)

    def stop(self):
        self.roost.stop(timeout=120)


class Bench:
    def __init__(self, size, where):
        self.size, self.table = SIZES[size], Table()
        self.keys = Path(where) / "keys"
        make_keys(self.keys)
        self.many = Fleet(self.size["fleet"], self.keys)
        self.nginx = Nginx(self.many.documents())
        self.peer = Server("nginx", self.nginx.port, self.nginx.pids, self.keys, "seed")
        self.deep = Nginx(self.many.documents(), backlog=4096)  # as roost's
        self.deep_peer = Server("nginx", self.deep.port, self.deep.pids, self.keys, "seed")
        self.used = {}  # by chapter: its groups, and which of their guests have phoned home already
        self.groups = 0  # that were handed out
        self.asked = 0  # guests that have read their seeds, over all groups

    def stop(self):
        self.nginx.stop()
        self.deep.stop()
        self.many.stop()

    def fresh(self, what, n):
        """The options of n guests that have not phoned home yet, of groups of what's own."""
        group, first, last = self.used.get(what, (0, 1, 0))
        if first + n - 1 > last:
            group, first, last = self.groups, 1, -(-n // GROUP) * GROUP
            self.groups += last // GROUP
            assert self.groups * GROUP <= self.many.n, "all groups are used up"
        self.used[what] = group, first + n, last
        return {"prefix": f"g{group}", "group": GROUP, "first": first, "guests": n}

    def posts(self, fleet, clients, **guests):
        """Durable phone-homes; every one must be on record afterwards."""
        fleet.roost.api("POST", "/v1/sync", timeout=120)  # the files of whoever posted before are not of this one's cost
        before = fleet.homed()
        out = fleet.server.play("home", clients=clients, **guests)
        missing = guests["guests"] - (fleet.homed() - before)
        self.table.lost += max(missing, out["lost"])
        return out

    def booting(self, n):
        """The options of n guests whose seeds front has not in its table: others each time."""
        if self.asked % GROUP + n > GROUP:
            self.asked += GROUP - self.asked % GROUP
        at = self.asked % self.many.n
        self.asked += n
        return {"prefix": f"g{at // GROUP}", "first": at % GROUP + 1, "guests": n}

    def pairs(self, mode, rounds, guests, **options):
        """Medians of (roost, nginx) CPU, each round measuring both."""
        mine, theirs = [], []
        for _ in range(rounds):
            theirs.append(self.peer.play(mode, guests=guests, **options))
            mine.append(self.many.server.play(mode, **self.booting(guests), **options))
        self.table.lost += sum(o["lost"] for o in mine)
        return middle(mine), middle(theirs)

    def parts(self, out):
        core, front = out["parts_us"][1], out["parts_us"][2]
        self.table.note(f"core {core:.1f} us, front {front:.1f} us, others {out['others_us']:.1f} us; "
                        f"driver {out['driver_us']:.1f} us; {out['per_second']:.0f}/s, "
                        f"p50 {out['p50_ms']:.2f} ms, p99 {out['p99_ms']:.2f} ms")


def middle(outs, by="us"):
    return sorted(outs, key=lambda o: o[by])[len(outs) // 2]


# --- chapters --------------------------------------------------------------------------------


def seeds(b):
    """CPU of seed requests."""
    for mode, limit, what, more in (
            ("keep", 0.9, "GET, kept connection, CPU", {}),
            ("files", 1.15, "GET, a connection per file, CPU", {"sources": 64})):
        mine, theirs = b.pairs(mode, b.size["rounds"], guests=b.size["boots"], clients=64, **more)
        b.table.row(what, mine["us"], "us", theirs["us"], "nginx", limit)
        b.parts(mine)
    mine, theirs = b.pairs("keep", 3, guests=500, clients=1)
    b.table.row("GET, one client, CPU", mine["us"], "us", theirs["us"], "nginx")
    single = Fleet(3 * 500, b.keys, program="roost-single")
    one = sorted((single.server.play("keep", clients=1, prefix="g0", first=1 + 500 * i, guests=500)
                  for i in range(3)), key=lambda o: o["us"])[1]
    single.stop()
    b.table.row("GET, one client, CPU", mine["us"], "us", one["us"], "one process of roost", 2)
    b.parts(mine)


def homes(b):
    """Durable phone-homes."""
    state = b.many.roost.state
    gets, flushes, commits = [], [], []
    posts = {"one": [], "some": []}
    for i in range(ROUNDS):  # a noisy machine is as noisy for those beside
        gets.append(b.peer.play("keep", guests=b.size["boots"], clients=64))
        flushes.append(bare_flush(state))
        for what, clients, size in (("one", 1, "posts"), ("some", 64, "some")):
            posts[what].append(b.posts(b.many, clients, **b.fresh(what, b.size[size] // ROUNDS)))
        if i == ROUNDS // 2:  # all of them: in fewer posts it would show that 512 connect first
            crowd = b.posts(b.many, 512, **b.fresh("crowd", b.size["crowd"]))
        commits.append(commits_per_second(state))
    get, flush = middle(gets), statistics.median(flushes)
    one, some = middle(posts["one"], "p50_ms"), middle(posts["some"])
    b.table.row("phone-home, 1 client, p50", one["p50_ms"], "ms", flush, "bare fdatasync", 1.5)
    # The faster the disk, the more of it is the way there and back, which no answer over HTTP is without.
    alone = b.peer.play("keep", guests=500, clients=1)
    b.table.row("phone-home, 1 client, p50", one["p50_ms"], "ms", flush + alone["p50_ms"], "and nginx GET, 1 client")
    b.parts(one)
    b.table.row("phone-home, 64 clients, CPU", some["main_us"], "us", get["us"], "nginx GET, kept")
    b.parts(some)
    b.table.row("phone-home, 512 clients, CPU", crowd["us"], "us", get["us"], "nginx GET, kept", 2)
    b.parts(crowd)
    b.table.row("phone-home, 512 clients, rate", crowd["per_second"], "/s",
                statistics.median(commits), "one commit per post", 10, at_least=True)


def growth(b):
    """The same posts with few and with many instances on record."""
    few = Fleet(3000, b.keys)
    costs = {"few": [], "many": []}
    for i in range(3):
        costs["few"].append(b.posts(few, 64, prefix="g0", first=1 + 1000 * i, guests=1000))
        costs["many"].append(b.posts(b.many, 64, **b.fresh("growth", 1000)))
    few.stop()
    mine, theirs = (statistics.median(o["main_us"] for o in costs[w]) for w in ("many", "few"))
    b.table.row(f"phone-home, {b.many.n} instances, CPU", mine, "us", theirs,
                "with 3,000 instances", 1.2)


def storms(b):
    """Guests that boot all at once."""
    n = b.size["storm"]
    for reports in (0, b.size["reports"]):
        fleet = Fleet(n, b.keys) if reports else b.many
        options = dict(guests=n, reports=reports, sources=256, limit=300)
        theirs = b.peer.play("storm", **options)
        deep = b.deep_peer.play("storm", **options)
        if reports:
            mine = fleet.server.play("storm", prefix="g0", **options)
            home = fleet.homed()
            fleet.stop()
        else:
            before = fleet.homed()
            mine = fleet.server.play("storm", **{**options, **b.fresh("storm", n)})
            home = fleet.homed() - before
        lost = max(n - home, mine["lost"])
        b.table.lost += lost
        what = f"{n} guests at once" + (f", {reports} reports each" if reports else "")
        b.table.row(f"{what}, p99", mine["p99_ms"], "ms", theirs["p99_ms"], "nginx", 0.5)
        b.table.row(f"{what}, p99", mine["p99_ms"], "ms", deep["p99_ms"], "nginx, backlog 4096")
        b.table.row(f"{what}, CPU", mine["us"], "us", theirs["us"], "nginx, not durable")
        b.parts(mine)
        b.table.note(f"{home} of {n} home by the API, {lost} lost; {mine['busy']} times told to come "
                     f"again, {mine['errors']} broken, {mine['wrong']} wrong documents")


def memory_use(b):
    """Idle."""
    fleet = Fleet(10_000, b.keys)
    rss, pss = memory(fleet.pids())
    b.table.row("idle, 10,000 instances, resident", pss / 2**20, "MiB", limit=24)
    b.table.note(f"proportional (pages of libraries divided among their users); "
                 f"summed plainly {rss / 2**20:.1f} MiB")
    fleet.stop()


def starts(b):
    """From the start of roostd to the first document."""
    took = sorted(b.many.restart() for _ in range(3))
    b.table.row(f"start to first answer, {b.many.n} instances", took[1], "ms", limit=100)


def reservations(b):
    """One more guest on a network of roost's own."""
    reserve.chapter(b.table, lambda ns: Drained(CONF, inside=ns), b.size["adds"])


def inventories(b):
    """Both inventories, and Ansible's reading of them."""
    inventory_cost.chapter(b.table)


def sizes(b):
    """What a small board has to give."""
    small.chapter(b.table, lambda: Drained(CONF))


CHAPTERS = {"sizes": sizes, "starts": starts, "memory": memory_use, "seeds": seeds,
            "homes": homes, "growth": growth, "storms": storms, "reservations": reservations, "inventories": inventories}


def main(size="normal", *chapters):
    if size not in SIZES or set(chapters) - set(CHAPTERS):
        raise SystemExit(__doc__)
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs; medians")
    with tempfile.TemporaryDirectory(prefix="roost-bench-", dir="/tmp") as where:
        b = Bench(size, where)
        try:
            for name in chapters or CHAPTERS:
                CHAPTERS[name](b)
        finally:
            b.stop()
    print(f"bare fdatasync and commits: in the state directory's file system; lost: {b.table.lost}")
    return 1 if b.table.lost else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
