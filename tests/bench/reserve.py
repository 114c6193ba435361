"""What one more reservation costs where many are: roost's share, and beside it that of the network's dnsmasq, which
reads what roost wrote. Both on a host that is a network namespace, so this chapter needs root."""
import os
import shutil
import socket
import statistics
import subprocess
import time

from harness.netns import Lab, missing
from peers import cpu_ns

PRESENT = (10, 1000, 10_000)
HOST = "10.64.0.1"
NETWORK = {"kind": "shared", "cidr": "10.64.0.0/16", "domain": "bench.internal"}


def why_not():
    reason = missing()
    if reason:
        return reason
    needed = [p for p in ("dnsmasq", "iptables-save") if not shutil.which(p)]
    return f"{needed[0]} is not installed" if needed else None


def apply(roost, instances):
    answer = roost.api("POST", "/v1/apply", {"fleet": {"networks": {"bench": NETWORK}, "instances": instances}},
                       timeout=600)
    if answer.status != 200:
        raise SystemExit(f"apply: {answer.status} {answer.text[:500]}")


class Resolver:
    """Asks the network's dnsmasq for A records (RFC 1035), from its host."""

    def __init__(self, ns):
        self.sock = ns.enter(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(1)
        self.sock.connect((HOST, 53))

    def knows(self, name):
        labels = b"".join(bytes([len(p)]) + p.encode() for p in f"{name}.bench.internal".split("."))
        try:
            self.sock.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")
            return self.sock.recv(512)[7] > 0
        except OSError:  # nobody listens yet, or it is busy reading
            return False

    def wait(self, name, limit=120):
        end = time.monotonic() + limit
        while not self.knows(name):
            if time.monotonic() > end:
                raise SystemExit(f"dnsmasq does not know {name} after {limit} s")
            time.sleep(0.002)  # nothing tells when dnsmasq has read a file


def dnsmasq_pid(ns):
    for pid in subprocess.run(["ip", "netns", "pids", ns.name], text=True, capture_output=True,
                              check=True).stdout.split():
        with open(f"/proc/{pid}/comm") as f:
            if f.read().strip() == "dnsmasq":
                return int(pid)
    raise SystemExit("no dnsmasq runs")


def files(roost):
    """Of both directories that dnsmasq reads: which file is which."""
    found = {}
    for directory in ("dhcp-hosts.d", "hosts.d"):
        for entry in os.scandir(roost.state / "networks/bench" / directory):
            stat = entry.stat()
            found[entry.path] = (stat.st_ino, stat.st_mtime_ns)
    return found


def measure(ns, roost, present, times):
    """us of CPU for each of `times` more: roost's main threads, its others, dnsmasq; files that changed, restarts."""
    apply(roost, {"g": {"count": present, "launcher": "external", "network": "bench"}})
    answer = roost.api("POST", "/v1/networks/bench/up", {}, timeout=600)
    if answer.status != 200:
        raise SystemExit(f"up: {answer.status} {answer.text[:500]}")
    resolver = Resolver(ns)
    resolver.wait(f"g-{present}")
    pids = [roost.pid(role) for role in ("roostd", "core", "front")]
    other, before = dnsmasq_pid(ns), files(roost)
    mine, theirs = [], []
    threads = cpu_ns(pids)[1]
    for i in range(times):
        at = cpu_ns(pids)[0], sum(cpu_ns([other]))
        apply(roost, {f"next-{i}": {"launcher": "external", "network": "bench"}})
        resolver.wait(f"next-{i}")
        mine.append((cpu_ns(pids)[0] - at[0]) / 1000)
        theirs.append((sum(cpu_ns([other])) - at[1]) / 1000)
    after = files(roost)
    return {"mine": statistics.median(mine), "theirs": statistics.median(theirs),
            "threads": (cpu_ns(pids)[1] - threads) / 1000 / times,
            "new": len(after.keys() - before.keys()), "changed": sum(after.get(p) != s for p, s in before.items()),
            "restarts": int(dnsmasq_pid(ns) != other)}


def chapter(table, make, times):
    """make(namespace): a roost in it."""
    reason = why_not()
    if reason:
        table.note(f"reservations: left out, {reason}")
        return
    costs = {}
    for present in PRESENT:
        with Lab() as lab:
            ns = lab.namespace("bench")
            roost = make(ns)
            try:
                out = costs[present] = measure(ns, roost, present, times)
                roost.api("POST", "/v1/networks/bench/down", {})
            finally:
                roost.stop(timeout=120)
        table.row(f"next reservation, {present:,} present, CPU", out["mine"], "us", out["theirs"], "dnsmasq's")
        table.note(f"{times} added: {out['new']} files new, {out['changed']} of those before changed, "
                   f"{out['restarts']} restarts; projections {out['threads']:.0f} us each, beside")
    table.row("the same, its growth", costs[PRESENT[-1]]["mine"], "us", costs[PRESENT[0]]["mine"],
              f"{PRESENT[0]} present", 1.5)
