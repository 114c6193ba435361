"""Guests come and go, roost's processes are killed, and nobody else notices: a network's bridge has a MAC of its
own. Beside it, on somebody else's bridge without one, which takes the lowest MAC of its ports and changes address
when that one leaves: a guest that knows the old address sends into nothing until it asks again."""
import concurrent.futures
import itertools
import os
import shutil
import signal
import time

import pytest
from harness.netns import Ping
from harness.roost import Roost
from roostd_rig import until
from test_bridge_mac import TOOL, Links, learnt
from test_networks import CONF, HOST, SHARED, Machine, change, define, host, network  # noqa: F401

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save") and TOOL.exists()),
                                reason=f"dnsmasq, iptables or {TOOL} is not there")
TAPS = 50


def storm(links, bridge, seconds, prefix):
    """Taps with lower and higher MACs come and go, half of them below everything that was there: the last
    thing is the removal of the lowest. Returns the MACs that the bridge had."""
    macs = set()
    end = time.monotonic() + seconds

    def look():
        macs.add(links.ask(f"link {bridge}").split()[0])

    for i in range(TAPS):
        first = "00:00:00:00:01" if i % 2 else "fe:00:00:00:01"
        links.ask(f"tap {prefix}{i:012x} {first}:{i + 1:02x} {bridge}")
        look()
        time.sleep(0.02)
    # From the middle outwards, so that the lowest changes often; the very lowest at the end.
    order = sorted(range(TAPS), key=lambda i: (i == 1, abs(i - TAPS // 2)))
    for i in order[:-1]:
        links.ask(f"close {prefix}{i:012x}")
        look()
        time.sleep(0.02)
    time.sleep(max(0.0, end - time.monotonic()))
    look()
    links.ask(f"close {prefix}{order[-1]:012x}")
    look()
    time.sleep(1)
    look()
    return macs


def dnsmasq(host):  # noqa: F811
    return [int(p) for p in host.run("pgrep -x dnsmasq", check=False).stdout.split()]


def kill_each(host, r):  # noqa: F811
    """dnsmasq, roost-core and roostd one after another, and then all at once."""
    was = dnsmasq(host)
    os.kill(was[0], signal.SIGKILL)
    until("another dnsmasq", lambda: dnsmasq(host) and dnsmasq(host) != was, 60)
    core = r.pid("core")
    r.kill("core")
    until("another core", lambda: pid_of(r, "core") not in (None, core), 60)
    until("up", lambda: standing(r) == "up", 60)
    for victim in ("roostd", "all"):
        r.kill(victim)
        r.process.wait(30)
        r.start()
        until("up", lambda: standing(r) == "up", 60)


def pid_of(r, role):
    try:
        return r.pid(role)
    except (LookupError, OSError):
        return None


def standing(r):
    try:
        return network(r)["state"]
    except OSError:
        return None  # nobody listens yet


def longest(lost):
    """Of runs of numbers one after another."""
    runs = itertools.groupby(enumerate(lost), lambda pair: pair[1] - pair[0])
    return max((len(list(run)) for _, run in runs), default=0)


def test_guests_lose_nothing_when_others_come_and_go(host):  # noqa: F811
    lab = host.lab
    host.ip("link add br-plain type bridge forward_delay 0")
    host.ip("addr add 198.51.100.1/24 dev br-plain")
    host.ip("link set br-plain up")
    with Roost(CONF, inside=host) as r:
        define(r, {n: {"launcher": "external", "network": "lab"} for n in ("web1", "db1")}, lab=SHARED,
               plain={"kind": "bridged", "parent": "br-plain"})
        change(r, "up")
        change(r, "up", "plain")
        assert "has no MAC address of its own" in network(r, "plain")["note"]
        mac = host.link("rb-lab")["address"]
        web, db = Machine(host, r, "web1"), Machine(host, r, "db1")
        web_address, db_address = web.lease(), db.lease()
        guest = lab.namespace("plain-guest")
        lab.plug(host, "br-plain", "port-plain", guest)
        # Above the lower taps' and below the higher ones', as guests' are.
        host.ip("link set port-plain address fe:54:00:00:00:01")
        guest.ip("addr add 198.51.100.11/24 dev eth0")
        # However slow this machine is: no timer of its own makes this guest ask again meanwhile.
        guest.run(["sysctl", "-qw", "net.ipv4.neigh.eth0.base_reachable_time_ms=600000"])
        plain_links, our_links = Links(host), Links(host)
        learnt(web.ns, HOST)
        learnt(db.ns, web_address)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            pings = [Ping(web.ns, HOST, 0.1), Ping(db.ns, web_address, 0.1)]
            # On the plain one the guest learns the address while the lowest tap is there.
            plain_links.ask("tap rtfirst 00:00:00:00:00:99 br-plain")
            learnt(guest, "198.51.100.1")
            plain_ping = Ping(guest, "198.51.100.1", 0.1)
            our_macs = pool.submit(storm, our_links, "rb-lab", 5, "rt")
            killer = pool.submit(kill_each, host, r)
            plain_macs = storm(plain_links, "br-plain", 5, "rp")
            plain_links.ask("close rtfirst")
            plain_macs.add(plain_links.ask("link br-plain").split()[0])
            time.sleep(3)
            our_macs, _ = our_macs.result(), killer.result()
            results, (plain_lost, plain_sent) = [p.end() for p in pings], plain_ping.end()
        print(f"lab: {[(len(lost), sent) for lost, sent in results]} lost, MACs {our_macs}; "
              f"plain: {len(plain_lost)} of {plain_sent} lost, {len(plain_macs)} MACs")
        assert our_macs == {mac} == {host.link("rb-lab")["address"]}
        for lost, sent in results:
            assert sent > 50 and not lost, f"of {sent} pings {lost} were lost"
        # What this protects from: else the test would prove nothing.
        assert len(plain_macs) > 1
        assert longest(plain_lost) >= 20, f"the plain bridge lost too little: {plain_lost} of {plain_sent}"
        assert (web.lease(), db.lease()) == (web_address, db_address)
        for port in ("port-web1", "port-db1"):
            host.ip(f"link del {port}")
        change(r, "down", "plain")
        change(r, "down")
