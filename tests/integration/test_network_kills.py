"""roost killed at each step of `network up`, on a host where somebody else has rules, tables, a bridge and
settings: `up` again mends it, `down` leaves the host exactly as it was, and what is others' is never touched."""
import difflib
import http.client
import json
import re
import shutil
import sqlite3
import subprocess
import threading

import pytest
from harness.roost import Roost
from roostd_rig import until
from test_networks import CONF, SHARED, change, define, host, network  # noqa: F401

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("dnsmasq", "iptables-save", "nft", "bridge"))),
                                reason="dnsmasq, iptables, nft or bridge is not installed")

FOREIGN_NFT = """
table inet elsewhere {
    counter visits { }
    chain input { type filter hook input priority 5; policy accept;
        ip saddr 192.0.2.2 icmp type echo-request counter name visits
        tcp dport 9999 counter drop
    }
}
"""


@pytest.fixture
def crowded(host):  # noqa: F811
    """With rules of others that have counted something, a table of nft's, a bridge and its port, a setting. As on a
    host with Docker all chains of nat are in use (iptables-nft leaves one that it made itself, empty)."""
    host.run(["iptables", "-A", "INPUT", "-s", "192.0.2.2", "-p", "icmp", "-j", "ACCEPT"])
    for chain in ("PREROUTING", "OUTPUT"):
        host.run(["iptables", "-t", "nat", "-A", chain, "-d", "198.51.100.200", "-j", "DNAT", "--to", "198.51.100.201"])
    host.run(["nft", "-f", "-"], input=FOREIGN_NFT)
    other = host.lab.namespace("other")
    host.lab.bridge(host, "br-other", "198.51.100.1/24")
    host.lab.plug(host, "br-other", "port-other", other)
    host.ip("route add 203.0.113.0/24 via 198.51.100.9")
    host.run(["sysctl", "-qw", "net.ipv4.conf.br-other.rp_filter=2"])
    host.outside.run(["ping", "-n", "-c", "3", "-i", "0.2", "192.0.2.1"])
    checked(host)
    return host


def checked(ns):
    """Addresses of IPv6 are looked at for a second or two before they count."""
    until("addresses of IPv6 to be checked", lambda: not any(
        i.get("tentative") for a in ns.ip("-j addr") for i in a["addr_info"]))


# --- all that `down` has to leave as it was ---

def still(value):
    """Without what moves by itself: timers of bridges."""
    if isinstance(value, dict):
        return {k: still(v) for k, v in value.items() if not k.endswith("_timer")}
    return [still(v) for v in value] if isinstance(value, list) else value


def iptables(ns):
    """With the counters of others' rules; a policy counts whatever passes, and roost's own do (the kernel itself sends
    IGMP from a new bridge)."""
    text = ns.run(["iptables-save", "-c"]).stdout
    return [re.sub(r"^(:.*) \[\d+:\d+\]$|^\[\d+:\d+\] (.*comment \"?roost.*)", r"\1\2", line)
            for line in text.splitlines() if not line.startswith("#")]


def nft(ns):
    """Likewise."""
    lines, ours = [], False
    for line in ns.run(["nft", "list", "ruleset"]).stdout.splitlines():
        if line.startswith("\tchain "):
            ours = line.split()[1].startswith(("ROOST-", "rb-"))
        if ours or "jump ROOST-" in line:
            line = re.sub(r"counter packets \d+ bytes \d+", "counter", line)
        lines.append(line)
    return lines


def sysctls(ns):
    """All of net, but a count and a key that the kernel draws when somebody first listens: no settings."""
    found = ns.run(["sysctl", "-a", "-r", r"^net\."], check=False).stdout.splitlines()
    return [line for line in found if not re.match(r"net\.(netfilter\.nf_conntrack_count|ipv4\.tcp_fastopen_key) ", line)]


def sockets(ns):
    """Listening ones, raw ones and ones that see frames, by kind and place; of Unix ones those with a name."""
    inet = [line.split() for line in ns.run("ss -Hlntuw0").stdout.splitlines()]
    unix = [line.split() for line in ns.run("ss -Hlx").stdout.splitlines()]
    return sorted([f"{w[0]} {w[4]}" for w in inet] + [f"{w[0]} {w[4]}" for w in unix if w[4].startswith(("/", "@"))])


def processes(ns):
    pids = subprocess.run(["ip", "netns", "pids", ns.name], text=True, capture_output=True, check=True).stdout.split()
    names = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/comm") as f:
                names.append(f.read().strip())
        except OSError:
            pass  # it has just ended
    return sorted(names)


def everything(ns):
    out = {f"ip {what}": ns.ip(f"-j -d {what}") for what in ("link", "addr", "route show table all",
                                                              "-6 route show table all", "rule", "-6 rule")}
    out |= {f"bridge {what}": json.loads(ns.run(f"bridge -j {what} show").stdout or "[]")
            for what in ("link", "fdb", "vlan")}
    out["bridge fdb"] = [row for row in out["bridge fdb"] if row["state"] == "permanent"]  # others are learnt
    return still(out) | {"iptables": iptables(ns), "nft": nft(ns), "sysctl": sysctls(ns), "sockets": sockets(ns),
                         "processes": processes(ns)}


def lines(state):
    return [f"{kind}: {json.dumps(row, sort_keys=True)}" for kind, rows in state.items() for row in rows]


def the_same(what, want, look, timeout=30):
    """Soon: links of IPv6 and processes take a moment to be gone. Else what differs, line by line."""
    last = [None]

    def equal():
        last[0] = look()
        return last[0] == want
    try:
        until(what, equal, timeout)
    except AssertionError:
        changes = [line for line in difflib.unified_diff(lines(want), lines(last[0]), "before", "now", n=0, lineterm="")]
        raise AssertionError(f"{what}:\n" + "\n".join(changes)) from None


def others(ns, moved):
    """Of all this, what was there before roost and has to be there throughout; eth0 is lent to a bridged network."""
    state = everything(ns)
    mine = ("rb-", "eth0") if moved else ("rb-",)
    links = [l for l in state["ip link"] if not l["ifname"].startswith(mine)]
    tables = ns.run(["nft", "list", "table", "inet", "elsewhere"]).stdout
    rules = [line for line in state["iptables"] if "198.51.100" in line or "192.0.2.2/" in line]
    settings = [line for line in state["sysctl"] if ".br-other." in line]
    routes = [r for r in state["ip route show table all"] if r.get("dev") == "br-other" or r.get("dev") == "eth0" and not moved]
    return {"links": links, "nft": [tables], "rules": rules, "sysctl": settings, "routes": routes}


# --- stories ---

def steps_of(r, name="lab"):
    with sqlite3.connect(f"file:{r.state / 'store.db'}?mode=ro", uri=True) as store:
        return [row[0] for row in store.execute(
            "SELECT line FROM network_ledger WHERE network = ? ORDER BY number", (name,))]


def ask_up(r):
    """Its answer will not come: who would give it is killed."""
    try:
        r.api("POST", "/v1/networks/lab/up", {})
    except (OSError, http.client.HTTPException):
        pass


@pytest.mark.parametrize("kind, definition", [("shared", SHARED), ("bridged", {"kind": "bridged", "parent": "eth0"})])
def test_killed_at_each_step(crowded, kind, definition):
    """All three are killed as soon as the ledger has its first row, its second … On the bridged one the host's own
    address and routes move over, and back."""
    moved = kind == "bridged"
    with Roost(CONF, inside=crowded) as r:
        define(r, lab=definition)
        before, theirs = everything(crowded), others(crowded, moved)
        assert "visits" in "".join(theirs["nft"]) and any(re.match(r"\[[1-9]", line) for line in theirs["rules"])
        change(r, "up")
        checked(crowded)
        up = without_index(everything(crowded))
        assert up != before and others(crowded, moved) == theirs
        total = len(steps_of(r))
        change(r, "down")
        the_same("down", before, lambda: everything(crowded))
        print(f"{kind}: {total} ledger steps, so as many kill points")
        for n in range(1, total + 1):
            asked = threading.Thread(target=ask_up, args=(r,), daemon=True)
            asked.start()
            until(f"row {n} of the ledger", lambda n=n: len(steps_of(r)) >= n)
            r.kill("all")
            asked.join(30)
            assert others(crowded, moved) == theirs, f"kill point {n}"
            r.start()
            until("up again", lambda: network(r)["state"] == "up", 30)
            the_same(f"up after kill point {n}", up, lambda: without_index(everything(crowded)))
            change(r, "down")
            the_same(f"down after kill point {n}", before, lambda: everything(crowded))
            assert steps_of(r) == []


def without_index(value):
    """A bridge made anew has another number."""
    if isinstance(value, dict):
        return {k: without_index(v) for k, v in value.items() if k not in ("ifindex", "link_index")}
    if isinstance(value, list):
        return [without_index(v) for v in value]
    return re.sub(r"(rb-lab:\d+) \d+", r"\1", value) if isinstance(value, str) else value
