"""Guests come and go, and nobody else notices: a bridge as `network up` makes it, with a MAC of its own, beside a
plain one, which takes the lowest MAC of its ports and changes address when that one leaves. A guest that knows
the old address then sends into nothing until it asks again.

Two more promises of the same links are kept here with packets: the host's own life moves to a bridge and back
in the middle of a ping, and a bridge's MAC is put right when somebody changes it."""
import concurrent.futures
import re
import subprocess
import time

import pytest
from harness.netns import Lab
from harness.roost import BUILD

TOOL = BUILD / "tests/tools/link"
MAC = "02:11:22:33:44:55"
TAPS = 50


class Links:
    """tests/tools/link in a namespace, line by line."""
    def __init__(self, ns):
        self.child = ns.start([str(TOOL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline().rstrip("\n")
        assert answer.startswith("ok"), f"{line}: {answer}"
        return answer[3:]


@pytest.fixture
def lab():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    with Lab() as made:
        yield made


def ping(ns, to, seconds):
    """10 times a second; returns (sent, answered, longest gap in seconds)."""
    count = int(seconds * 10)
    out = ns.run(["ping", "-n", "-i", "0.1", "-c", str(count), "-W", "1", to], check=False, timeout=seconds + 20)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", out.stdout)
    assert found, out.stdout + out.stderr
    seen = [int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", out.stdout)]
    gap = max((b - a for a, b in zip([0, *seen], [*seen, count + 1])), default=count) / 10
    return int(found[1]), int(found[2]), gap


def learnt(guest, to):
    """The neighbour entry is there before anything happens, and no timer of its own makes the guest ask again."""
    guest.run(["ping", "-n", "-c", "1", "-W", "2", to])
    assert "lladdr" in guest.ip(f"neigh show {to}")


def storm(links, bridge, seconds):
    """Taps with lower and higher MACs come and go, half of them below everything that was there: the last
    thing is the removal of the lowest. Returns the MACs that the bridge had."""
    macs = set()
    end = time.monotonic() + seconds

    def look():
        macs.add(links.ask(f"link {bridge}").split()[0])

    for i in range(TAPS):
        first = "00:00:00:00:01" if i % 2 else "fe:00:00:00:01"
        links.ask(f"tap rt{i:012x} {first}:{i + 1:02x} {bridge}")
        look()
        time.sleep(0.02)
    # From the middle outwards, so that the lowest changes often; the very lowest at the end.
    order = sorted(range(TAPS), key=lambda i: (i == 1, abs(i - TAPS // 2)))
    for i in order[:-1]:
        links.ask(f"close rt{i:012x}")
        look()
        time.sleep(0.02)
    time.sleep(max(0.0, end - time.monotonic()))
    look()
    links.ask(f"close rt{order[-1]:012x}")
    look()
    time.sleep(1)
    look()
    return macs


def host_with_guests(lab, label, bridge, net, make):
    host = lab.namespace(label)
    links = Links(host)
    make(host, links)
    guests = []
    for i in (1, 2):
        guest = lab.namespace(f"{label}g{i}")
        # The ports' MACs lie above the lower taps' and below the higher ones', as guests' do.
        host.ip(f"link add port{i} address fe:54:00:00:00:0{i} type veth peer name eth0")
        host.ip(f"link set eth0 netns {guest.name}")
        host.ip(f"link set port{i} master {bridge} up")
        guest.ip("link set eth0 up")
        guest.ip(f"addr add {net}.1{i}/24 dev eth0")
        guests.append(guest)
    return host, links, guests


def ours(host, links):
    links.ask(f"do bridge rb-test mac {MAC} mtu 1500")
    links.ask("do address rb-test 172.31.1.1/24")


def plain(host, links):
    host.ip("link add br-plain type bridge forward_delay 0")
    host.ip("addr add 172.31.2.1/24 dev br-plain")
    host.ip("link set br-plain up")


def test_guests_lose_nothing_when_others_come_and_go(lab):
    SECONDS = 22
    _, our_links, (our1, our2) = host_with_guests(lab, "own", "rb-test", "172.31.1", ours)
    _, plain_links, (plain1, _) = host_with_guests(lab, "plain", "br-plain", "172.31.2", plain)
    learnt(our1, "172.31.1.1")
    learnt(our2, "172.31.1.11")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        pings = [pool.submit(ping, our1, "172.31.1.1", SECONDS), pool.submit(ping, our2, "172.31.1.11", SECONDS)]
        our_macs = pool.submit(storm, our_links, "rb-test", 7)
        # On the plain one the guest learns the address while the lowest tap is there.
        plain_links.ask("tap rtfirst 00:00:00:00:00:99 br-plain")
        learnt(plain1, "172.31.2.1")
        plain_ping = pool.submit(ping, plain1, "172.31.2.1", SECONDS)
        time.sleep(2)
        plain_macs = pool.submit(storm, plain_links, "br-plain", 5).result()
        plain_links.ask("close rtfirst")
        plain_macs.add(plain_links.ask("link br-plain").split()[0])
        results = [p.result() for p in pings]
        lost_plain = plain_ping.result()
    print(f"own bridge: {results}, MACs {our_macs.result()}; plain: {lost_plain}, {len(plain_macs)} MACs")
    assert our_macs.result() == {MAC}
    for sent, answered, gap in results:
        assert (sent, answered) == (SECONDS * 10, SECONDS * 10), f"{sent - answered} pings lost, gap of {gap} s"
    # What this protects from: else the test would prove nothing.
    assert len(plain_macs) > 1
    assert lost_plain[0] - lost_plain[1] >= 20 and lost_plain[2] >= 2, f"the plain bridge lost too little: {lost_plain}"


def test_the_hosts_own_life_moves_and_comes_back(lab):
    """The peer at the other end of the host's interface pings it all the while."""
    host, peer = lab.namespace("host"), lab.namespace("peer")
    lab.veth(host, "eth0", peer, "eth0")
    host.ip("addr add 10.9.0.5/24 dev eth0")
    peer.ip("addr add 10.9.0.1/24 dev eth0")
    host.ip("route add default via 10.9.0.1")
    links = Links(host)
    learnt(peer, "10.9.0.5")
    before = host.ip("-4 addr show"), host.ip("route show")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(ping, peer, "10.9.0.5", 4)
        time.sleep(1)
        links.ask(f"do bridge rb-test mac {MAC} mtu 1500")
        steps = ["move rb-test parent eth0", "port rb-test parent eth0"]
        undo = {}
        for step in steps:
            undo[step] = links.ask(f"remember {step}")
            links.ask(f"do {step} | {undo[step]}")
        assert host.ip("-j route show default")[0]["dev"] == "rb-test"
        assert host.link("eth0")["master"] == "rb-test"
        host.run(["ping", "-n", "-c", "1", "-W", "2", "10.9.0.1"])
        time.sleep(1)
        for step in reversed(steps):
            links.ask(f"undo {step} | {undo[step]}")
        links.ask(f"undo bridge rb-test mac {MAC} mtu 1500")
        sent, answered, gap = running.result()
    print(f"{sent - answered} of {sent} pings lost")
    assert sent - answered <= 1, f"{sent - answered} of {sent} lost in a gap of {gap} s"
    assert (host.ip("-4 addr show"), host.ip("route show")) == before


def test_a_changed_mac_is_put_right(lab):
    host = lab.namespace("host")
    links = Links(host)
    ours(host, links)
    host.ip("link set rb-test address 02:00:00:00:00:01")
    links.ask(f"do bridge rb-test mac {MAC} mtu 1500")
    assert host.link("rb-test")["address"] == MAC
    assert host.run(["cat", "/sys/class/net/rb-test/addr_assign_type"]).stdout.strip() == "3"
