"""What happens to a network that is up: somebody changes its bridge, guests come, go and move."""
import re
import shutil
import socket

import pytest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until
from test_networks import CONF, SHARED, Machine, change, define, network, snapshot

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
FORWARD = {**SHARED, "forwards": ["0.0.0.0:8080 web1:80"]}


@pytest.fixture
def host():
    with Lab() as lab:
        ns, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(ns, "eth0", outside, "eth0")
        ns.ip("addr add 192.0.2.1/24 dev eth0")
        ns.ip("route add default via 192.0.2.2")
        outside.ip("addr add 192.0.2.2/24 dev eth0")
        ns.run(["iptables", "-A", "FORWARD", "-s", "198.51.100.0/24", "-j", "ACCEPT"])
        ns.run(["iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "198.51.100.0/24", "-j", "MASQUERADE"])
        ns.lab, ns.outside = lab, outside
        yield ns


def web(**more):
    return {"web1": {"launcher": "external", "network": "lab", "mac": "52:54:00:00:00:01", **more}}


def published(host):
    """Where port 8080 of the host leads."""
    return set(re.findall(r"--dport 8080 .*--to-destination (\S+)", host.run("iptables-save -t nat").stdout))


def test_a_bridge_whose_mac_was_changed(host):
    """By somebody else's hand: put back by itself, and by `up`; not refused as another's."""
    with Roost(CONF, inside=host) as r:
        define(r)
        change(r, "up")
        up, mac = snapshot(host), host.link("rb-lab")["address"]
        host.ip("link set rb-lab address 02:00:00:00:00:99")
        until("the MAC again", lambda: host.link("rb-lab")["address"] == mac, 30)
        until("on record", lambda: network(r)["state"] == "up" and network(r)["note"] == "", 30)
        assert snapshot(host) == up
        assert any("somebody took away: make bridge rb-lab" in e["detail"]
                   for e in r.api("GET", "/v1/events").json["events"])
        host.ip("link set rb-lab address 02:00:00:00:00:99")
        change(r, "up")
        assert host.link("rb-lab")["address"] == mac and snapshot(host) == up
        change(r, "down")
        assert "rb-lab" not in [l["ifname"] for l in host.ip("-j link")]


def test_a_bridge_of_another_roost_is_left_alone(host):
    """It has our name and our mark, and another MAC: the ledger says that we did not make it."""
    with Roost(CONF, inside=host) as r:
        define(r)
        host.ip("link add rb-lab address 02:00:00:00:00:99 type bridge")
        host.ip('link set rb-lab alias "roost lab"')
        answer = change(r, "up", status=409)
        assert "a device rb-lab already that this network did not make" in answer.text
        assert host.link("rb-lab")["address"] == "02:00:00:00:00:99"
        change(r, "down")
        assert host.link("rb-lab")["address"] == "02:00:00:00:00:99"


def test_a_published_port_follows_its_instance(host):
    with Roost(CONF, inside=host) as r:
        define(r, lab=FORWARD)
        change(r, "up")
        assert published(host) == set()  # nobody is there yet
        define(r, web(address="172.16.5.20"), lab=FORWARD)
        until("published", lambda: published(host) == {"172.16.5.20:80"})
        define(r, web(address="172.16.5.30"), lab=FORWARD)
        until("moved", lambda: published(host) == {"172.16.5.30:80"})
        machine = Machine(host, r, "web1")
        assert machine.lease() == "172.16.5.30"

        def serve():
            s = socket.create_server(("172.16.5.30", 80))
            s.settimeout(20)
            return s
        with machine.ns.enter(serve) as listening:
            asked = host.outside.enter(socket.create_connection, ("192.0.2.1", 8080), 10)
            with asked, listening.accept()[0] as accepted:
                accepted.sendall(b"it is me")
                assert asked.recv(100) == b"it is me"
        assert r.api("DELETE", "/v1/instances/web1").status == 200
        until("published no longer", lambda: published(host) == set())


def test_what_is_removed_is_forgotten(host):
    """Its lease and its name go with an instance: the next one of that MAC gets its own reservation."""
    with Roost(CONF, inside=host) as r:
        define(r, web(address="172.16.5.20"))
        change(r, "up")
        machine = Machine(host, r, "web1")
        assert machine.lease() == "172.16.5.20" and machine.resolve("web1.lab.internal") == "172.16.5.20"
        leases = r.state / "networks/lab/leases"
        assert machine.mac in leases.read_text()
        assert r.api("DELETE", "/v1/instances/web1").status == 200
        until("no lease", lambda: machine.mac not in leases.read_text(), 20)
        until("no name", lambda: machine.resolve("web1.lab.internal") is None, 20)
        assert r.api("GET", "/v1/networks/lab").json["reserved"] == 0
        other = {"web2": {**web(address="172.16.5.40")["web1"]}}
        define(r, other)
        until("its address", lambda: machine.lease() == "172.16.5.40", 30)
        assert machine.resolve("web2.lab.internal") == "172.16.5.40"


def test_a_host_without_ipv6(host):
    """ipv6.disable=1: there is no key to set, and none to take back."""
    class Without:
        def argv(self, argv):
            words = " ".join(f"'{w}'" for w in argv)
            return host.argv(["unshare", "--mount", "--", "sh", "-c",
                              f"mount -t tmpfs none /proc/sys/net/ipv6 && exec {words}"])
    with Roost(CONF, inside=Without()) as r:
        define(r, web(address="172.16.5.20"))
        before = snapshot(host)
        change(r, "up")
        machine = Machine(host, r, "web1")
        assert machine.lease() == "172.16.5.20"
        host.ip("link del port-web1")
        change(r, "down")
        assert snapshot(host) == before
