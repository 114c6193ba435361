"""Promises of links that are kept with packets: the host's own life moves to a bridge and back in the middle of a
ping, and a bridge's MAC is put right when somebody changes it. (Guests that come and go: test_network_storm.py.)"""
import concurrent.futures
import re
import subprocess
import time

import pytest
from harness.netns import Lab
from harness.roost import BUILD

TOOL = BUILD / "tests/tools/link"
MAC = "02:11:22:33:44:55"


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


def ours(host, links):
    links.ask(f"do bridge rb-test mac {MAC} mtu 1500")
    links.ask("do address rb-test 172.31.1.1/24")


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
