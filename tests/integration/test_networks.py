"""Networks of roost's own, on a host that is a namespace: up and down, guests by cable, kills in between."""
import http.client
import re
import shutil
import signal
import socket
import subprocess

import pytest
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until

CONF = {"launch": {"enabled": "no"}, "process": {"restart-first": "1ms", "restart-max": "20ms"}}
SHARED = {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal"}
HOST = "172.16.5.1"

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")


@pytest.fixture
def host():
    """A host (192.0.2.1 on eth0) with the outside world beyond it (192.0.2.2) and rules of somebody else's."""
    with Lab() as lab:
        ns, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(ns, "eth0", outside, "eth0")
        ns.ip("addr add 192.0.2.1/24 dev eth0")
        ns.ip("route add default via 192.0.2.2")
        outside.ip("addr add 192.0.2.2/24 dev eth0")
        ns.run(["iptables", "-P", "FORWARD", "DROP"])
        ns.run(["iptables", "-A", "FORWARD", "-s", "198.51.100.0/24", "-j", "ACCEPT"])
        ns.run(["iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "198.51.100.0/24", "-j", "MASQUERADE"])
        ns.lab, ns.outside = lab, outside
        yield ns


# --- what the host looks like ---

def rules(ns):
    """All of iptables but for counters, which move by themselves."""
    text = ns.run(["iptables-save"]).stdout
    return [re.sub(r"\[\d+:\d+\]", "", line) for line in text.splitlines() if not line.startswith("#")]


def processes(ns):
    pids = subprocess.run(["ip", "netns", "pids", ns.name], text=True, capture_output=True).stdout.split()
    return sorted(open(f"/proc/{p}/comm").read().strip() for p in pids)


def snapshot(ns):
    """What `down` has to leave as it was."""
    links = [{k: l.get(k) for k in ("ifname", "flags", "mtu", "address", "operstate", "master")}
             for l in ns.ip("-j -d link")]
    addresses = sorted((a["ifname"], i["local"], i["prefixlen"]) for a in ns.ip("-j addr")
                       for i in a["addr_info"] if i["family"] == "inet")
    sysctls = ns.run(["sh", "-c", "cd /proc/sys/net/ipv4; grep . ip_forward conf/all/* conf/default/* "
                      "conf/eth0/*"]).stdout
    sockets = sorted(line.split()[4] for line in ns.run("ss -Hlntu").stdout.splitlines())
    return {"links": links, "addresses": addresses, "routes": ns.ip("-j route"), "rules": rules(ns),
            "sysctls": sysctls, "sockets": sockets, "processes": processes(ns)}


def define(r, instances=None, **networks):
    fleet = {"networks": networks or {"lab": SHARED}, "instances": instances or {}}
    answer = r.api("POST", "/v1/apply", {"fleet": fleet})
    assert answer.status == 200, answer.text


def change(r, verb, name="lab", status=200):
    answer = r.api("POST", f"/v1/networks/{name}/{verb}", {})
    assert answer.status == status, answer.text
    return answer


def network(r, name="lab"):
    return next(n for n in r.api("GET", "/v1/networks").json if n["name"] == name)


# --- a machine on a cable ---

class Machine:
    """A namespace whose cable is a port of the network's bridge, with the instance's MAC."""

    def __init__(self, host, r, name, bridge="rb-lab", mac=None, label=None):
        self.host, self.roost, self.name = host, r, name
        self.mac = mac or r.api("GET", f"/v1/instances/{name}").json["mac"]
        self.ns = host.lab.namespace(label or name)
        host.lab.plug(host, bridge, f"port-{label or name}", self.ns, mac=self.mac)
        self.script = r.dir / f"udhcpc-{name}"
        self.script.write_text('#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr flush dev eth0\n'
                               'ip addr add "$ip/$mask" dev eth0\n'
                               '[ -z "$router" ] || ip route replace default via "$router"\n')
        self.script.chmod(0o755)

    def lease(self):
        """The address that it is given."""
        self.ns.run(["busybox", "udhcpc", "-f", "-n", "-q", "-i", "eth0", "-t", "8", "-T", "1",
                     "-s", self.script], timeout=40)
        return self.ns.ip("-j addr show dev eth0")[0]["addr_info"][0]["local"]

    def request(self, method, path, body=None, at=HOST):
        def run():
            c = http.client.HTTPConnection(at, self.roost.seed_port, timeout=10)
            c.request(method, path, body)
            answer = c.getresponse()
            return answer.status, answer.read()
        return self.ns.enter(run)

    def home(self):
        g = Guest(self.roost, self.name)
        status, meta = self.request("GET", g.path("seed", "meta-data"))
        assert status == 200 and g.iid.encode() in meta
        assert self.request("POST", g.path("post", "phone-home"), g.form())[0] == 200

    def resolve(self, name):
        """By a resolver that knows nothing but the network's."""
        return resolve(self.ns, name)


def resolve(ns, name, kind=1):
    """What the network's dnsmasq says in a namespace, of A records (or of PTR, 12); None: there is no such name."""
    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + bytes([0, 0, kind, 0, 1])
            s.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question, (HOST, 53))
            data = s.recv(4096)
        if not data[7]:
            return None
        if kind == 1:
            return socket.inet_ntoa(data[-4:])
        labels, at = [], 12 + len(question) + 12  # behind the name (a pointer), type, class, life and length
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        return ".".join(labels)
    return ns.enter(run)


# --- stories ---

def test_up_and_down_leave_the_host_as_it_was(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        before = snapshot(host)
        change(r, "up")
        assert network(r)["state"] == "up"
        assert host.link("rb-lab")["linkinfo"]["info_kind"] == "bridge"
        assert host.run("cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n"
        assert "dnsmasq" in processes(host)
        up = snapshot(host)
        change(r, "up")  # nothing twice
        assert snapshot(host) == up
        change(r, "down")
        assert network(r)["state"] == "down"
        assert snapshot(host) == before
        change(r, "down")
        assert snapshot(host) == before


def test_two_networks_share_what_both_need(host):
    with Roost(CONF, inside=host) as r:
        define(r, lab=SHARED, other={"kind": "shared", "cidr": "172.16.6.0/24"})
        before = snapshot(host)
        for verb, first, second in (("up", "lab", "other"), ("down", "lab", "other")):
            change(r, verb, first)
            change(r, verb, second)
            if verb == "up":
                one = snapshot(host)
        assert snapshot(host) == before
        change(r, "up", "lab")
        change(r, "up", "other")
        assert sorted(snapshot(host)["rules"]) == sorted(one["rules"])
        change(r, "down", "lab")  # the first one: forwarding stays for the other
        assert host.run("cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n"
        change(r, "down", "other")
        assert snapshot(host) == before


def test_a_guest_by_cable(host):
    """Its lease is its reservation, its name resolves, it finds roost on the bridge, and the world by NAT."""
    with Roost(CONF, inside=host) as r:
        define(r, {n: {"launcher": "external", "network": "lab"} for n in ("web1", "db1")})
        change(r, "up")
        web = Machine(host, r, "web1")
        address = web.lease()
        assert address.startswith("172.16.5.")
        until("the lease on record", lambda: any(
            e["kind"] == "leased" and e["detail"] == address
            for e in r.api("GET", "/v1/events?instance=web1").json["events"]))
        web.home()
        until("its address in the inventory", lambda: address in r.api("GET", "/v1/inventory").text)
        known = r.api("GET", "/v1/known-hosts").text
        assert address in known
        assert web.resolve("web1.lab.internal") == address
        assert web.resolve("nobody.lab.internal") is None
        # The host, and backward.
        assert resolve(host, "web1.lab.internal") == address
        back = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        assert resolve(host, back, 12) == resolve(web.ns, back, 12) == "web1.lab.internal"
        db = Machine(host, r, "db1")
        other = db.lease()
        assert other != address and web.resolve("db1.lab.internal") == other
        web.ns.run(["ping", "-c1", "-W3", other])
        web.ns.run(["ping", "-c1", "-W3", "192.0.2.2"])  # whom no route of its own leads back
        # The host's own services are not the guests', but for these.
        with host.enter(socket.create_server, ("0.0.0.0", 2222)):
            assert db.ns.run(["busybox", "nc", "-w", "3", HOST, "2222"], check=False).returncode != 0


def test_a_bridged_network_tells_guests_the_hosts_own_address(host):
    """No word about addresses in its definition: the host's first one there counts, and follows it."""
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": {"launcher": "external", "network": "lan"}},
               lan={"kind": "bridged", "parent": "eth0", "policy": "tag"})
        change(r, "up", "lan")
        web = Machine(host, r, "web1", "rb-lan")
        web.ns.ip("addr add 192.0.2.77/24 dev eth0")
        for address in ("192.0.2.1", "192.0.2.3"):
            until(f"seeds at {address}", lambda a=address: f"{a}%rb-lan:{r.seed_port}" in host.run("ss -Hlnt").stdout)
            vendor = until("documents that say so", lambda a=address: (
                v := web.request("GET", "/web1/vendor-data", at=a)[1].decode()) and f"http://{a}:" in v and v)
            assert "10.0.2.2" not in vendor
            if address == "192.0.2.1":
                host.ip("addr del 192.0.2.1/24 dev rb-lan")
                host.ip("addr add 192.0.2.3/24 dev rb-lan")
                change(r, "up", "lan")
        change(r, "down", "lan")


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")
def test_a_guest_that_could_not_find_roost_is_not_started(host):
    """The host has no address on that bridge, and nobody said another."""
    host.lab.bridge(host, "br0")
    with Roost({"launch": {"accelerator": "tcg"}}, inside=host) as r:
        disk = r.dir / "disk.raw"
        disk.write_bytes(bytes(510) + b"\x55\xaa")
        r.apply({"networks": {"lan": {"kind": "bridged", "parent": "br0"}}, "images": {"disk": {"file": str(disk)}},
                 "instances": {"web1": {"image": "disk", "network": "lan"}}})
        change(r, "up", "lan")
        refused = r.cli("instance", "start", "web1", check=False)
        assert refused.returncode != 0
        assert re.search(r"network lan: the host has no address there .*host-address.*advertise", refused.stderr)
        r.apply({"networks": {"lan": {"kind": "bridged", "parent": "br0", "advertise": "http://192.0.2.1:10200"}}})
        r.cli("instance", "start", "web1")
        r.cli("instance", "stop", "web1", "--force")
        change(r, "down", "lan")
        r.cli("instance", "remove", "web1")
        r.cli("network", "remove", "lan")


def test_another_guests_seed_is_refused(host):
    """Policy address: a request counts by where it comes from, whatever it claims to be."""
    with Roost(CONF, inside=host) as r:
        define(r, {n: {"launcher": "external", "network": "lab"} for n in ("web1", "db1")},
               lab={**SHARED, "policy": "address"})
        change(r, "up")
        web = Machine(host, r, "web1")
        web.lease()
        status, meta = web.request("GET", "/web1/meta-data")
        assert status == 200 and b"iid-web1-1" in meta
        # The client that does not expand its placeholder is known by its address.
        status, meta = web.request("GET", "/__dmi.chassis-asset-tag__meta-data")
        assert status == 200 and b"iid-web1-1" in meta
        assert web.request("GET", "/db1/meta-data")[0] == 403
        until("the refusal on record", lambda: any(
            e["kind"] == "seed-refused" for e in r.api("GET", "/v1/events?instance=db1").json["events"]))


def test_what_is_taken_away_comes_back(host):
    with Roost(CONF, inside=host) as r:
        define(r)
        change(r, "up")
        up = snapshot(host)
        mac = host.link("rb-lab")["address"]
        host.ip("link del rb-lab")
        until("the bridge again", lambda: any(l["ifname"] == "rb-lab" and l["address"] == mac
                                              for l in host.ip("-j link")), 30)
        until("all as it was", lambda: snapshot(host) == up, 30)
        dnsmasq = int(host.run("pgrep -x dnsmasq", check=False).stdout.split()[0]) if shutil.which("pgrep") else 0
        assert dnsmasq


@pytest.mark.parametrize("victim", ["core", "roostd", "front", "all"])
def test_killed_while_up(host, victim):
    """Guests keep what they had; roost finds it again, and `down` leaves nothing."""
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": {"launcher": "external", "network": "lab"}})
        before = {k: v for k, v in snapshot(host).items() if k not in ("sockets", "processes")}
        change(r, "up")
        web = Machine(host, r, "web1")
        address = web.lease()
        dnsmasq = [p for p in processes(host) if p == "dnsmasq"]
        r.kill(victim)
        web.ns.run(["ping", "-c1", "-W3", HOST])
        if victim in ("roostd", "all"):
            r.process.wait(30)
            r.start()
        until("the network on record again", lambda: network(r)["state"] == "up")
        assert [p for p in processes(host) if p == "dnsmasq"] == dnsmasq
        assert web.lease() == address
        web.home()
        host.ip("link del port-web1")
        change(r, "down")
        after = {k: v for k, v in snapshot(host).items() if k not in ("sockets", "processes")}
        assert after == before
