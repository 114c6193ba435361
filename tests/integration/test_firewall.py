"""The rules of networks, loaded into the real iptables (both kinds) of a host made of namespaces: two shared
networks and a host-only one with guests on them, and an outside. The host has Docker's rules: FORWARD DROP and
chains of its own. What is rendered comes from the unit test's program."""
import contextlib
import errno
import itertools
import json
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import netns

ROOT = Path(__file__).resolve().parents[2]
RENDER = ROOT / os.environ.get("BUILD", "build") / "tests/unit/netcfg/firewall"
CASES = sorted(p.parent for p in (ROOT / "tests/golden/netcfg/firewall").glob("*/case.json"))
SEED = 10200

FOREIGN = """*filter
:INPUT ACCEPT [11:1100]
:FORWARD DROP [12:1200]
:OUTPUT ACCEPT [13:1300]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
[7:700] -A INPUT -p tcp -m tcp --dport 4444 -m comment --comment "somebody's" -j ACCEPT
[21:2100] -A FORWARD -j DOCKER-USER
[5:500] -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[6:600] -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
[4:400] -A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [1:100]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [2:200]
:POSTROUTING ACCEPT [3:300]
:DOCKER - [0:0]
[8:800] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
[9:900] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
"""


class Rules:
    """iptables of one kind in a namespace, and what roost loads there."""

    def __init__(self, ns, kind, tmp):
        self.ns, self.kind, self.tmp = ns, kind, tmp
        self.count = itertools.count()

    def save(self, counters=False):
        return self.ns.run([f"iptables-{self.kind}-save", *(["-c"] if counters else [])]).stdout

    def lines(self, counters=False):
        return [line for line in self.save(counters).splitlines() if not line.startswith("#")]

    def load(self, text, *options):
        return self.ns.run([f"iptables-{self.kind}-restore", *options], input=text)

    def render(self, *args):
        done = subprocess.run([RENDER, *map(str, args)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def saved(self):
        path = self.tmp / f"save{next(self.count)}"
        path.write_text(self.save())
        return path

    def case(self, name, network, **more):
        path = self.tmp / f"{name}.json"
        path.write_text(json.dumps({"name": name, "bridge": f"rb-{name}", "seed-port": SEED, "network": network, **more}))
        return path

    def up(self, case):
        text = self.render("up", case, self.saved())
        self.load(text, "--noflush")
        return text

    def down(self, bridge, last=False):
        text = self.render("down", bridge, "last" if last else "more", self.saved())
        if text:
            self.load(text, "--noflush")
        return text


@contextlib.contextmanager
def serving(ns, port, kind=socket.SOCK_STREAM, address="0.0.0.0"):
    """Answers everybody with the address they are seen with."""
    s = ns.enter(socket.socket, socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.settimeout(0.2)
    if kind == socket.SOCK_STREAM:
        s.listen()
    stop = threading.Event()

    def answer():
        while not stop.is_set():
            try:
                if kind == socket.SOCK_STREAM:
                    c, peer = s.accept()
                    with c:
                        c.sendall(peer[0].encode())
                else:
                    peer = s.recvfrom(100)[1]
                    s.sendto(peer[0].encode(), peer)
            except TimeoutError:
                pass
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        s.close()


def ask(ns, address, port, kind=socket.SOCK_STREAM, source=None, limit=2):
    """As whom the other end saw us; or "refused", "timeout", "unreachable"."""
    with ns.enter(socket.socket, socket.AF_INET, kind) as s:
        s.settimeout(limit)
        if source:
            s.bind((source, 0))
        try:
            s.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                s.send(b"?")
            return s.recv(100).decode()
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "timeout"
        except OSError as e:
            return {errno.ENETUNREACH: "unreachable", errno.EHOSTUNREACH: "unreachable"}.get(e.errno, str(e))


UDP = socket.SOCK_DGRAM

LAB = {"kind": "shared", "cidr": "172.16.5.0/24"}
EDGE = {"kind": "shared", "cidr": "172.16.6.0/24"}
ISLAND = {"kind": "host-only", "cidr": "172.16.4.0/24"}
PUBLISHED = {**LAB, "forwards": ["0.0.0.0:8080 web1:80", "192.0.2.1:5353 web1:53/udp", "0.0.0.0:53 web1:53/udp",
                                 f"0.0.0.0:{SEED} web1:80"]}
TO = {"web1": "172.16.5.20"}


class Site:
    """web1 and web2 on lab, edge1 on edge, isle1 and isle2 on island; outside at 192.0.2.2."""

    def __init__(self, lab, kind, bridged_frames, tmp):
        self.lab = lab
        self.host = lab.namespace("host")
        self.rules = Rules(self.host, kind, tmp)
        self.outside = lab.namespace("outside")
        lab.veth(self.host, "up0", self.outside, "eth0")
        self.host.ip("addr add 192.0.2.1/24 dev up0")
        self.outside.ip("addr add 192.0.2.2/24 dev eth0")
        # A neighbour that knows the guests' networks and tries to come in directly.
        self.outside.ip("route add 172.16.0.0/16 via 192.0.2.1")
        self.host.run("sysctl -qw net.ipv4.ip_forward=1")
        self.host.run(f"sysctl -qw net.bridge.bridge-nf-call-iptables={bridged_frames}")
        self.rules.load(FOREIGN, "-c")
        for name, net in (("lab", 5), ("edge", 6), ("island", 4)):
            lab.bridge(self.host, f"rb-{name}", f"172.16.{net}.1/24")
        self.web1 = self.guest("web1", "rb-lab", "172.16.5.20", "172.16.5.1")
        self.web2 = self.guest("web2", "rb-lab", "172.16.5.21", "172.16.5.1")
        self.edge1 = self.guest("edge1", "rb-edge", "172.16.6.20", "172.16.6.1")
        self.isle1 = self.guest("isle1", "rb-island", "172.16.4.20", "172.16.4.1")
        self.isle2 = self.guest("isle2", "rb-island", "172.16.4.21", "172.16.4.1")

    def guest(self, name, bridge, address, gateway):
        ns = self.lab.namespace(name)
        self.lab.plug(self.host, bridge, f"p-{name}", ns)
        ns.ip(f"addr add {address}/24 dev eth0")
        # Also on the host-only network: a guest that tries.
        ns.ip(f"route add default via {gateway}")
        return ns

    def all_up(self, lab=LAB, edge=EDGE, island=ISLAND, **more):
        self.rules.up(self.rules.case("lab", lab, to=TO))
        self.rules.up(self.rules.case("edge", edge, **more))
        self.rules.up(self.rules.case("island", island))


@pytest.fixture(params=[pytest.param(("nft", 1), id="nft-bridge-nf-call"),
                        pytest.param(("nft", 0), id="nft", marks=pytest.mark.slow),
                        pytest.param(("legacy", 1), id="legacy-bridge-nf-call", marks=pytest.mark.slow)])
def site(request, tmp_path):
    with netns.Lab() as lab:
        yield Site(lab, *request.param, tmp_path)


@pytest.fixture(params=["nft", "legacy"])
def rules(request, tmp_path):
    """A host without links, so that no packet moves a counter."""
    with netns.Lab() as lab:
        r = Rules(lab.namespace("host"), request.param, tmp_path)
        r.load(FOREIGN, "-c")
        yield r


# ---- the rules as text ----

@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_export_is_what_up_makes(rules, case, tmp_path):
    """An administrator's host after iptables-restore has the rules that `network up` makes."""
    rules.up(case / "case.json")
    made = rules.lines()
    rules.down(json.loads((case / "case.json").read_text())["bridge"], last=True)
    rules.load((case / "export.rules").read_text(), "--test", "--noflush")
    rules.load((case / "export.rules").read_text(), "--noflush")
    assert rules.lines() == made
    alone = Rules(rules.ns, rules.kind, tmp_path)
    alone.load((case / "export.rules").read_text())  # without --noflush: and nothing else
    ours = [line for line in made if "roost" in line]
    assert [line for line in alone.lines() if line.startswith("-A")] == ours


def counted(rules):
    """Lines with counters. iptables-legacy sets those of policies back at every change of a table, also one by
    `iptables -I`: there the rules' alone count."""
    return [line if rules.kind == "nft" else re.sub(r"^(:.*) \[.*", r"\1", line)
            for line in rules.lines(counters=True)]


def test_others_rules_and_counters_stay(rules):
    before = counted(rules)
    assert any(line.startswith("[21:2100] ") for line in before)
    for case in CASES:
        rules.up(case / "case.json")
    during = counted(rules)
    assert [line for line in during if "roost" not in line.lower() and ":rb-" not in line] == before
    for i, case in enumerate(CASES):
        rules.down(json.loads((case / "case.json").read_text())["bridge"], last=i == len(CASES) - 1)
    assert counted(rules) == before


def test_up_twice_is_up_once(rules):
    cases = [c / "case.json" for c in CASES]
    for case in cases:
        rules.up(case)
    once = sorted(rules.lines())
    for case in cases + cases:
        rules.up(case)
    assert sorted(rules.lines()) == once
    assert sum("-j ROOST-FORWARD" in line for line in once) == 1


def test_a_half_done_state(rules):
    """iptables-restore commits a table at a time: a kill between leaves one. Also somebody may have flushed a
    built-in chain, or all of them."""
    lab, published = (ROOT / "tests/golden/netcfg/firewall" / c / "case.json" for c in ("shared", "published"))
    before = rules.lines(counters=True)
    rules.up(published)
    other = rules.lines()
    rules.up(lab)
    whole = sorted(rules.lines())
    rules.down("rb-lab")
    assert sorted(rules.lines()) == sorted(other)

    text = rules.render("up", lab, rules.saved())
    tables = [t + "COMMIT\n" for t in text.split("COMMIT\n")[:-1]]
    assert len(tables) == 2
    for done in tables:
        rules.load(done, "--noflush")
        assert sorted(rules.lines()) != whole
        rules.down("rb-lab")
        assert sorted(rules.lines()) == sorted(other)
        rules.load(done, "--noflush")
        rules.up(lab)
        assert sorted(rules.lines()) == whole
        rules.down("rb-lab")

    rules.up(lab)
    for half in rules.render("down", "rb-lab", "more", rules.saved()).split("COMMIT\n")[:-1]:
        rules.load(half + "COMMIT\n", "--noflush")
        rules.up(lab)
        assert sorted(rules.lines()) == whole

    hooked = [line for line in whole if "-A PREROUTING" in line or "-A INPUT" in line]
    for chain in ("filter INPUT", "nat PREROUTING"):
        table, name = chain.split()
        rules.ns.run([f"iptables-{rules.kind}", "-t", table, "-F", name])
    rules.up(lab)
    assert set(whole) - set(rules.lines()) == {line for line in hooked if "roost" not in line}
    for table in ("filter", "nat"):
        rules.ns.run([f"iptables-{rules.kind}", "-t", table, "-F"])
    for bridge, last in (("rb-lab", False), ("rb-edge", True)):
        rules.down(bridge, last)
    left = rules.lines()
    assert not [line for line in left if "ROOST" in line or "rb-" in line], left
    assert [line for line in left if line.startswith("-A")] == []
    assert len([line for line in left if line.startswith(":")]) == \
        len([line for line in before if line.startswith(":")])


def test_a_chain_that_others_use_stays_empty(rules):
    case = ROOT / "tests/golden/netcfg/firewall/shared/case.json"
    rules.up(case)
    rules.ns.run([f"iptables-{rules.kind}", "-A", "DOCKER-USER", "-j", "rb-lab-fwd"])
    rules.down("rb-lab", last=True)
    left = [line for line in rules.lines() if "rb-lab" in line or "ROOST" in line]
    assert left == [":rb-lab-fwd - [0:0]", "-A DOCKER-USER -j rb-lab-fwd"]
    rules.up(case)
    assert "-A rb-lab-fwd -m comment --comment \"roost lab\" -j ACCEPT" in rules.lines()


# ---- packets ----

def test_without_rules_docker_cuts_guests_off(site):
    """So that the next test proves something."""
    with serving(site.outside, 80), serving(site.web2, 80):
        assert ask(site.web1, "192.0.2.2", 80, limit=1) == "timeout"


def test_guests_reach_the_world_and_each_other(site):
    site.all_up()
    with serving(site.outside, 80), serving(site.outside, 53, UDP), serving(site.web2, 80), serving(site.isle2, 80):
        assert ask(site.web1, "192.0.2.2", 80) == "192.0.2.1"
        assert ask(site.web1, "192.0.2.2", 53, UDP) == "192.0.2.1"
        site.web1.run("ping -c1 -W2 192.0.2.2")
        assert ask(site.web1, "172.16.5.21", 80) == "172.16.5.20"
        assert ask(site.isle1, "172.16.4.21", 80) == "172.16.4.20"
    with serving(site.web1, 80), serving(site.web1, 53, UDP):
        assert ask(site.host, "172.16.5.20", 80) == "172.16.5.1"
        # Not published: nobody comes in, and nobody hangs.
        assert ask(site.outside, "172.16.5.20", 80) == "refused"
        assert ask(site.outside, "172.16.5.20", 53, UDP) == "refused"
    with serving(site.isle1, 80):
        assert ask(site.outside, "172.16.4.20", 80) == "refused"


def test_host_only_guests_reach_nobody_beyond(site):
    site.all_up()
    with serving(site.outside, 80), serving(site.outside, 53, UDP), serving(site.web1, 80):
        assert ask(site.isle1, "192.0.2.2", 80) == "refused"
        assert ask(site.isle1, "192.0.2.2", 53, UDP) == "refused"
        assert ask(site.isle1, "172.16.5.20", 80) == "refused"


def test_networks_reach_each_other_only_where_allowed(site):
    site.all_up()
    with serving(site.web1, 80), serving(site.edge1, 80), serving(site.isle1, 80):
        assert ask(site.edge1, "172.16.5.20", 80) == "refused"
        assert ask(site.web1, "172.16.6.20", 80) == "refused"
        assert ask(site.web1, "172.16.4.20", 80) == "refused"
        site.rules.up(site.rules.case("edge", {**EDGE, "allow": ["lab", "island"]}, allow=["rb-lab", "rb-island"]))
        assert ask(site.edge1, "172.16.5.20", 80) == "172.16.5.1"
        assert ask(site.edge1, "172.16.4.20", 80) == "172.16.4.1"
        # One way only.
        assert ask(site.web1, "172.16.6.20", 80) == "refused"
        assert ask(site.isle1, "172.16.6.20", 80) == "refused"
        site.rules.up(site.rules.case("edge", EDGE))
        assert ask(site.edge1, "172.16.5.20", 80) == "refused"


def test_published_ports(site):
    site.all_up(lab=PUBLISHED)
    with serving(site.web1, 80), serving(site.web1, 53, UDP), serving(site.outside, 8080):
        assert ask(site.outside, "192.0.2.1", 8080) == "192.0.2.2"
        assert ask(site.outside, "192.0.2.1", 5353, UDP) == "192.0.2.2"
        assert ask(site.outside, "192.0.2.1", 80) == "refused"
        # From the host itself, at any of its addresses but the loopback's.
        assert ask(site.host, "192.0.2.1", 8080) == "192.0.2.1"
        assert ask(site.host, "172.16.5.1", 8080) == "172.16.5.1"
        assert ask(site.host, "127.0.0.1", 8080) == "refused"
        # Hairpin, from another network, and not from the host-only one.
        assert ask(site.web2, "192.0.2.1", 8080) == "172.16.5.1"
        assert ask(site.web2, "172.16.5.1", 8080) == "172.16.5.1"
        assert ask(site.edge1, "192.0.2.1", 8080) == "172.16.5.1"
        assert ask(site.isle1, "192.0.2.1", 8080) == "refused"
        # What guests and the host ask of that port elsewhere is not for web1.
        assert ask(site.web2, "192.0.2.2", 8080) == "192.0.2.1"
        assert ask(site.host, "192.0.2.2", 8080) == "192.0.2.1"
    with serving(site.host, 8080, address="127.0.0.1"):
        assert ask(site.host, "127.0.0.1", 8080) == "127.0.0.1"


def test_a_guest_reaches_its_own_published_port(site):
    bridged = site.host.run("sysctl -n net.bridge.bridge-nf-call-iptables").stdout.strip()
    site.all_up(lab=PUBLISHED)
    with serving(site.web1, 80):
        # netcfg/firewall.h: with br_netfilter the frame would leave by the port it came from.
        assert ask(site.web1, "192.0.2.1", 8080, limit=1) == ("timeout" if bridged == "1" else "172.16.5.1")


def test_published_ports_do_not_take_the_hosts_own_services(site):
    """0.0.0.0:53 and the seed port are published, and yet guests find dnsmasq and their seeds on the bridge."""
    site.all_up(lab=PUBLISHED)
    with serving(site.web1, 53, UDP), serving(site.web1, 80), \
            serving(site.host, 53, UDP, "172.16.5.1"), serving(site.host, SEED, address="172.16.5.1"), \
            serving(site.host, SEED, address="172.16.4.1"):
        assert ask(site.web2, "172.16.5.1", 53, UDP) == "172.16.5.21"
        assert ask(site.web2, "172.16.5.1", SEED) == "172.16.5.21"
        assert ask(site.isle1, "172.16.4.1", SEED) == "172.16.4.20"
        assert ask(site.host, "172.16.5.1", 53, UDP) == "172.16.5.1"
        assert ask(site.outside, "192.0.2.1", SEED) == "192.0.2.2"  # web1's


def test_the_hosts_services_are_closed_to_guests(site):
    with serving(site.host, 22), serving(site.host, 123, UDP), serving(site.host, SEED), serving(site.host, 53, UDP), \
            serving(site.host, 53), serving(site.host, 4444), serving(site.host, 67, UDP):
        assert ask(site.web1, "172.16.5.1", 22) == "172.16.5.20"  # no rules yet
        site.all_up()
        for guest, own, net in ((site.web1, "172.16.5.20", 5), (site.isle1, "172.16.4.20", 4)):
            gateway = f"172.16.{net}.1"
            assert ask(guest, gateway, SEED) == own
            assert ask(guest, gateway, 53, UDP) == own
            assert ask(guest, gateway, 53) == own
            assert ask(guest, gateway, 67, UDP) == own
            guest.run(f"ping -c1 -W2 {gateway}")
            for address in (gateway, "192.0.2.1", "172.16.6.1"):
                start = time.monotonic()
                assert ask(guest, address, 22) == "refused"
                assert ask(guest, address, 123, UDP) == "refused"
                assert ask(guest, address, 4444) == "refused"  # an ACCEPT of others comes later
                assert time.monotonic() - start < 1.5
            assert ask(guest, "192.0.2.1", SEED) == "refused"
        assert ask(site.outside, "192.0.2.1", 22) == "192.0.2.2"
        assert ask(site.host, "172.16.5.1", 22) == "172.16.5.1"


def counter(site, chain, part):
    for line in site.rules.lines(counters=True):
        if f"-A {chain} " in line and part in line:
            return int(line[1:line.index(":")])
    raise AssertionError(f"no rule in {chain} with {part}")


def test_forged_sources_go_nowhere(site):
    """Also where rp_filter is off."""
    site.all_up()
    site.host.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.rb-lab.rp_filter=0")
    site.web1.ip("addr add 10.99.99.99/32 dev eth0")
    with serving(site.outside, 53, UDP), serving(site.host, SEED, address="172.16.5.1"):
        assert ask(site.web1, "192.0.2.2", 53, UDP, source="10.99.99.99", limit=1) == "timeout"
        assert ask(site.web1, "172.16.5.1", SEED, source="10.99.99.99", limit=1) == "timeout"
    assert counter(site, "rb-lab-fwd", "! -s 172.16.5.0/24") >= 1
    assert counter(site, "rb-lab-in", "! -s 172.16.5.0/24") >= 1


def test_multicast_keeps_its_source(site):
    """With br_netfilter flooded frames pass POSTROUTING: they must not come from the gateway."""
    site.all_up()
    receiver = site.web2.enter(socket.socket, socket.AF_INET, UDP)
    with receiver, site.web1.enter(socket.socket, socket.AF_INET, UDP) as sender:
        receiver.bind(("", 5353))
        receiver.settimeout(3)
        for address in ("224.0.0.251", "255.255.255.255"):
            if address.startswith("224"):
                receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                    socket.inet_aton(address) + socket.inet_aton("172.16.5.21"))
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("172.16.5.20"))
            sender.sendto(address.encode(), (address, 5353))
            assert receiver.recvfrom(100) == (address.encode(), ("172.16.5.20", sender.getsockname()[1]))


def test_down_of_one_leaves_the_others(site):
    site.all_up(lab=PUBLISHED)
    with serving(site.outside, 80), serving(site.web1, 80):
        site.rules.down("rb-edge")
        assert ask(site.web1, "192.0.2.2", 80) == "192.0.2.1"
        assert ask(site.outside, "192.0.2.1", 8080) == "192.0.2.2"
        site.rules.down("rb-lab")
        site.rules.down("rb-island", last=True)
        assert ask(site.outside, "192.0.2.1", 8080) == "refused"
        assert not [line for line in site.rules.lines() if "ROOST" in line or "rb-" in line]
