"""A bridged network on which roost is to answer DHCP: not where somebody else does."""
import shutil
import subprocess
import threading

import pytest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until
from test_network_kills import steps_of
from test_networks import CONF, Machine, change, define, network, processes, snapshot

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
LAN = {"kind": "bridged", "parent": "eth0", "host-address": "198.51.100.1/24",
       "dhcp": "198.51.100.10-198.51.100.20"}


@pytest.fixture
def host():
    """A host, and a LAN on its eth0 with another machine (198.51.100.254)."""
    with Lab() as lab:
        ns, other = lab.namespace("host"), lab.namespace("other")
        lab.veth(ns, "eth0", other, "eth0")
        other.ip("addr add 198.51.100.254/24 dev eth0")
        for table, chain in (("filter", "FORWARD"), ("nat", "POSTROUTING")):  # somebody else's, and the tables with them
            ns.run(["iptables", "-t", table, "-A", chain, "-s", "203.0.113.0/24", "-j", "ACCEPT"])
        ns.lab, ns.other = lab, other
        yield ns


def serve(other):
    """DHCP as any router has it; it pings an address before it offers it."""
    server = other.start(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=",
                          "--log-facility=-", "--log-dhcp", "--bind-interfaces", "--interface=eth0", "--user=root",
                          "--leasefile-ro", "--dhcp-range=198.51.100.100,198.51.100.120,1h"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    server.log = []
    for line in server.stderr:
        server.log.append(line)
        if "DHCP, sockets bound" in line:
            return server
    raise AssertionError("".join(server.log))


def test_another_server_answers(host):
    """`up` is refused with its address and leaves nothing; when it has gone, roost answers."""
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": {"launcher": "external", "network": "lan"}}, lan=LAN)
        before = snapshot(host)
        server = serve(host.other)
        done = r.cli("network", "up", "lan", check=False)
        assert done.returncode == 4, (done.stdout, done.stderr)
        assert "network lan: 198.51.100.254 answers DHCP on rb-lan already" in done.stderr, done.stderr
        assert "leave dhcp out" in done.stderr
        assert network(r, "lan")["state"] == "failed"
        assert snapshot(host) == before
        faults = [e["detail"] for e in r.json("events")["events"] if e["kind"] == "network-fault"]
        assert any("198.51.100.254" in f for f in faults)
        host.other.end(server)
        change(r, "up", "lan")
        assert "dnsmasq" in processes(host) and network(r, "lan")["state"] == "up"
        # One that runs is not looked for again: no wait, and its own answer is no reason to stop.
        change(r, "up", "lan")
        web = Machine(host, r, "web1", bridge="rb-lan")
        assert web.lease().startswith("198.51.100.1")
        change(r, "down", "lan")
        host.ip("link del port-web1")
        assert snapshot(host) == before


def test_without_dhcp_nobody_is_asked(host):
    """What roost does not answer it does not look for: the other server's guests are its own matter."""
    with Roost(CONF, inside=host) as r:
        define(r, lan={k: v for k, v in LAN.items() if k != "dhcp"})
        server = serve(host.other)
        change(r, "up", "lan")
        assert "dnsmasq" not in processes(host)
        host.other.end(server)
        server.log += server.stderr.readlines() if not server.stderr.closed else []
        assert "DHCPDISCOVER" not in "".join(server.log)


def test_killed_while_it_looks(host):
    """roostd is killed before the answer: the next one looks again."""
    with Roost(CONF, inside=host) as r:
        define(r, lan=LAN)
        asked = threading.Thread(target=lambda: r.cli("network", "up", "lan", check=False), daemon=True)
        asked.start()
        until("its turn", lambda: "dnsmasq rb-lan" in steps_of(r, "lan"))
        assert "dnsmasq" not in processes(host)
        r.kill("all")
        asked.join(30)
        r.start()
        until("up", lambda: network(r, "lan")["state"] == "up", 30)
        assert "dnsmasq" in processes(host)
        change(r, "down", "lan")
        assert "dnsmasq" not in processes(host) and steps_of(r, "lan") == []
