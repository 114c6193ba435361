"""roost network check: what would keep guests offline, each thing provoked on a host that is a namespace."""
import json
import os
import re
import shutil
import socket

import pytest
import yaml
from harness.netns import Lab
from harness.roost import Roost
from test_network_cli import plain  # noqa: F401
from test_networks import CONF, SHARED, change, define

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
SYSTEM = "/proc/sys/net"


@pytest.fixture
def host():
    """A host with a way out, and nobody else's rules or ports."""
    with Lab() as lab:
        ns, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(ns, "eth0", outside, "eth0")
        ns.ip("addr add 192.0.2.1/24 dev eth0")
        ns.ip("route add default via 192.0.2.2")
        ns.lab = lab
        if os.path.exists(f"{SYSTEM}/bridge"):
            sysctl(ns, "bridge/bridge-nf-call-iptables", 0)
        sysctl(ns, "ipv4/conf/all/rp_filter", 0)
        yield ns


def sysctl(ns, key, value):
    ns.run(["sh", "-c", f"echo {value} >{SYSTEM}/{key}"])


def check(r, *name):
    """{what: check} of a network (or of the host), and the command's exit code."""
    done = r.cli("--output", "json", "network", "check", *name, check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = [c for c in json.loads(done.stdout)["checks"] if c["network"] == (name[0] if name else "")]
    found = {c["name"]: c for c in rows}
    assert len(found) == len(rows) > 0
    for c in found.values():
        assert c["ok"] == (c["level"] == "ok") == (c["mend"] == "") and c["detail"], c
    return found, done.returncode


def fault(r, level, what, cause, mend="", name="lab"):
    """A fault that says so, in every form; nothing else is one of its weight."""
    found, code = check(r, name)
    assert found[what]["level"] == level, found[what]
    assert re.search(cause, found[what]["detail"]), found[what]
    assert re.search(mend, found[what]["mend"]), found[what]
    assert code == (level == "error")
    assert [c["name"] for c in found.values() if c["level"] == "error"] == ([what] if level == "error" else [])
    as_yaml = r.cli("--output", "yaml", "network", "check", name, check=False)
    assert as_yaml.returncode == code
    assert found[what] in yaml.safe_load(as_yaml.stdout)["checks"]
    table = r.cli("network", "check", name, check=False)
    assert table.returncode == code
    assert re.search(rf"^{name} +{what} +{level} ", table.stdout, re.M), table.stdout


def fine(r, what, name="lab"):
    found, code = check(r, name)
    assert found[what]["level"] == "ok" and code == 0, found[what]


# --- with privilege ---

def test_a_host_where_all_is_well(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        for up in (False, True):
            if up:
                change(r, "up")
            found, code = check(r, "lab")
            assert code == 0
            for what in ("privilege", "tun", "dnsmasq", "iptables", "forwarding", "rules", "br-netfilter", "port-53",
                         "port-67", "range"):
                assert found[what]["level"] == "ok", found[what]
            assert ("bridge" in found) == up
            # The host itself can ask for guests' names: said how, until it is told.
            assert "172.16.5.1" in found["names"]["mend"] and "lab.internal" in found["names"]["detail"]
        before, events = host.ip("-j link"), r.json("events")
        check(r)
        assert (host.ip("-j link"), r.json("events")) == (before, events)


def test_without_a_name_all_is_looked_at(host):
    with Roost(CONF, inside=host) as r:
        define(r, lab=SHARED, lan={"kind": "bridged", "parent": "nosuch0"})
        done = r.cli("--output", "json", "network", "check", check=False)
        rows = json.loads(done.stdout)["checks"]
        assert done.returncode == 1 and rows[0]["network"] == ""
        assert {c["network"] for c in rows} == {"", "lab", "lan", "user"}
        assert [(c["network"], c["name"]) for c in rows if c["level"] == "error"] == [("lan", "parent")]
        # What is the same for all of them is said once.
        assert len([c for c in rows if c["name"] == "privilege"]) == 1
        assert r.api("GET", "/v1/check/networks").json == {"checks": rows}
        done = r.cli("network", "check", "nosuch", check=False)
        assert done.returncode == 3 and 'no network "nosuch"' in done.stderr and done.stdout == ""


def test_taken_and_overlapping_ranges(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        fine(r, "range")
        host.ip("link add dummy0 type veth peer name dummy1")
        host.ip("addr add 172.16.5.77/24 dev dummy0")
        fault(r, "error", "range", r"172\.16\.5\.0/24 overlaps with 172\.16\.5\.0/24 on dummy0", r"such as 172\.16\.")
        host.ip("addr flush dev dummy0")
        host.ip("link set dummy0 up")
        host.ip("route add 172.16.0.0/20 dev dummy0")
        fault(r, "error", "range", r"overlaps with 172\.16\.0\.0/20 on dummy0")
        host.ip("link del dummy0")
        fine(r, "range")


@pytest.mark.parametrize("port, kind", [(53, socket.SOCK_DGRAM), (53, socket.SOCK_STREAM), (67, socket.SOCK_DGRAM)])
def test_ports_in_use(host, port, kind):
    def hold():
        s = socket.socket(socket.AF_INET, kind)
        s.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        return s
    with Roost(CONF, inside=host) as r:
        define(r)
        with host.enter(hold):
            fault(r, "error", f"port-{port}", f"holds port {port} on all addresses", "listen on the addresses")
        fine(r, f"port-{port}")
        change(r, "up")  # what holds them now is roost's own
        fine(r, f"port-{port}")


def test_a_forward_policy_of_drop(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        assert "ACCEPT" in check(r, "lab")[0]["rules"]["detail"]
        host.run("iptables -P FORWARD DROP")
        assert "DROP; roost's rules come before it" in check(r, "lab")[0]["rules"]["detail"]
        change(r, "up")
        fine(r, "rules")
        host.run("iptables -D FORWARD -m comment --comment roost -j ROOST-FORWARD")
        fault(r, "error", "rules", "somebody removed roost's rules, and FORWARD's policy is DROP: guests are cut off",
              "roost network up lab")
        change(r, "up")
        fine(r, "rules")
        host.run("iptables -I FORWARD -s 198.51.100.0/24 -j DROP")
        fault(r, "warn", "foreign-rules", "1 rule of others comes before")


@pytest.mark.skipif(not os.path.exists(f"{SYSTEM}/bridge"), reason="br_netfilter is not loaded")
def test_br_netfilter(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        sysctl(host, "bridge/bridge-nf-call-iptables", 1)
        fine(r, "br-netfilter")
        host.run("iptables -P FORWARD DROP")
        fault(r, "warn", "br-netfilter", "guests lose each other", "roost network up")
        change(r, "up")
        fine(r, "br-netfilter")


def test_forwarding_taken_away(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        fine(r, "forwarding")
        change(r, "up")
        fine(r, "forwarding")
        sysctl(host, "ipv4/ip_forward", 0)
        fault(r, "error", "forwarding", "ip_forward is 0", "roost network up lab")
        change(r, "up")
        fine(r, "forwarding")


def test_rp_filter_of_a_bridged_network(host):
    with Roost(CONF, inside=host) as r:
        define(r, lan={"kind": "bridged", "parent": "eth0"})
        fine(r, "rp-filter", "lan")
        sysctl(host, "ipv4/conf/all/rp_filter", 1)
        fault(r, "warn", "rp-filter", "all.rp_filter is 1", "rp_filter=2", name="lan")
        host.ip("link set eth0 down")
        fault(r, "error", "parent", "eth0 is down", "ip link set dev eth0 up", name="lan")


def test_somebody_elses_devices(host):
    with Roost(CONF, inside=host) as r:
        define(r, lab=SHARED, lan={"kind": "bridged", "parent": "br0"})
        host.ip("link add rb-lab type bridge")
        fault(r, "error", "owner", "a device rb-lab that this network did not make", "ip link delete rb-lab")
        host.ip("link del rb-lab")
        fault(r, "error", "parent", "no interface br0", name="lan")
        host.ip("link add br0 type bridge")
        host.ip("link add dummy0 type veth peer name dummy1")
        host.ip("link set dummy0 master br0 up")
        host.ip("link set br0 up")
        found, code = check(r, "lan")
        assert found["mac"]["level"] == "warn" and "follows its ports" in found["mac"]["detail"] and code == 0
        assert "ip link set dev br0 address " in found["mac"]["mend"]
        change(r, "up")
        host.ip("link set rb-lab down")
        fault(r, "error", "bridge", "rb-lab is down, though the network is up")


def test_no_tun(host):
    """A host whose /dev has no net/tun: roostd in a mount namespace with an empty directory over it."""
    class Bare:
        def argv(self, argv):
            words = " ".join(f"'{w}'" for w in argv)
            return host.argv(["unshare", "--mount", "--", "sh", "-c",
                              f"mount -t tmpfs none /dev/net && exec {words}"])
    if not os.path.isdir("/dev/net"):
        pytest.skip("there is no /dev/net here anyway")
    with Roost(CONF, inside=Bare()) as r:
        define(r)
        fault(r, "error", "tun", "/dev/net/tun does not open", "modprobe tun")


def test_missing_programs(host):
    conf = {**CONF, "network": {"dnsmasq": "/nonexistent/dnsmasq", "iptables": "/nonexistent/iptables"}}
    with Roost(conf, inside=host) as r:
        define(r)
        found, code = check(r, "lab")
        assert code == 1
        assert found["dnsmasq"]["level"] == found["iptables"]["level"] == "error"
        assert "[network] dnsmasq" in found["dnsmasq"]["mend"]
        assert found["rules"]["level"] == "warn"  # nobody could look


# --- without ---

def test_an_ordinary_user(plain):  # noqa: F811
    """Says that there is no privilege and what cannot be seen; a user network needs none."""
    found, code = check(plain)
    assert found["privilege"]["level"] == "warn" and "CAP_NET_ADMIN" in found["privilege"]["detail"]
    assert found["rules"]["level"] == "warn" and "not looked at" in found["rules"]["detail"]
    assert code == 0
    assert check(plain, "user") == ({"kind": {
        "network": "user", "name": "kind", "ok": True, "level": "ok", "mend": "",
        "detail": "a user network lives in each guest's QEMU and needs nothing here"}}, 0)
    plain.cli("network", "create", "lab", "--kind", "shared", "--cidr", "198.18.5.0/24")
    found, code = check(plain, "lab")
    assert found["privilege"]["level"] == "error" and "network of kind user" in found["privilege"]["mend"]
    assert found["range"]["level"] == "ok" and code == 1
