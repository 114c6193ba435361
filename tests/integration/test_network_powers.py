"""With which rights roost's processes run: of root's only the named ones, of an ordinary user's those that it was
given; and dnsmasq as a user of its own below a state directory of root's."""
import os
import pwd
import re
import shutil
from pathlib import Path

import pytest
from harness.netns import Lab
from harness.roost import Roost
from harness.system import System
from roostd_rig import until
from test_networks import CONF, SHARED, Machine, change, define, network, snapshot

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")
                                     and shutil.which("setpriv")),
                                reason="dnsmasq, iptables or setpriv is not installed")
BITS = {"DAC_READ_SEARCH": 2, "KILL": 5, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12,
        "NET_RAW": 13}  # linux/capability.h
NAMED = set(BITS)
NETWORK = {"NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"}
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def host():
    with Lab() as lab:
        ns, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(ns, "eth0", outside, "eth0")
        ns.ip("addr add 192.0.2.1/24 dev eth0")
        ns.ip("route add default via 192.0.2.2")
        outside.ip("addr add 192.0.2.2/24 dev eth0")
        for table, chain in (("filter", "FORWARD"), ("nat", "POSTROUTING")):
            ns.run(["iptables", "-t", table, "-A", chain, "-s", "198.51.100.0/24", "-j", "ACCEPT"])
        ns.lab, ns.outside = lab, outside
        yield ns


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def powers(pid, which):
    """The names behind a mask of /proc/PID/status; "other" for what has none here."""
    mask = int(status(pid)[which], 16)
    have = {name for name, bit in BITS.items() if mask >> bit & 1}
    return have | ({"other"} if mask & ~sum(1 << bit for bit in BITS.values()) else set())


def dnsmasqs(r):
    """The process that serves, and the helper of its own that calls roost-lease."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{r.state}/networks/lab/dnsmasq.conf".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return sorted(found)


def leased(r, name, address):
    return any(e["kind"] == "leased" and e["detail"] == address
               for e in r.api("GET", f"/v1/events?instance={name}").json["events"])


def a_whole_life(host, r):
    """A network up, a guest with its lease, its name, its way out and its seed; one more guest; down again."""
    define(r, {"web1": {"launcher": "external", "network": "lab"}})
    before = snapshot(host)
    change(r, "up")
    assert network(r)["state"] == "up"
    web = Machine(host, r, "web1")
    address = web.lease()
    reserved = {row["instance"]: row["address"] for row in r.api("GET", "/v1/networks/lab").json["reservations"]}
    assert address == reserved["web1"]
    until("the lease on record", lambda: leased(r, "web1", address))
    assert web.resolve("web1.lab.internal") == address
    web.home()
    web.ns.run(["ping", "-c1", "-W3", "192.0.2.2"])
    define(r, {n: {"launcher": "external", "network": "lab"} for n in ("web1", "db1")})
    until("the name of one that came later", lambda: web.resolve("db1.lab.internal"))
    assert r.api("DELETE", "/v1/instances/db1").status == 200  # SIGHUP to a process of another user's
    until("no name any more", lambda: web.resolve("db1.lab.internal") is None)
    yield web
    host.ip("link del port-web1")
    change(r, "down")
    assert dnsmasqs(r) == []
    assert snapshot(host) == before


# --- root ---

def test_root_keeps_what_is_named(host):
    with Roost(CONF, inside=host) as r:
        for _ in a_whole_life(host, r):
            pid = r.pid()
            for which in ("CapPrm", "CapEff", "CapBnd"):
                assert powers(pid, which) == NAMED, which
            assert powers(pid, "CapInh") == powers(pid, "CapAmb") == set()
            assert status(pid)["NoNewPrivs"] == "1"
            assert powers(r.pid("front"), "CapPrm") == powers(r.pid("front"), "CapEff") == set()
            assert powers(r.pid("core"), "CapPrm") == {"DAC_READ_SEARCH"}
            for pid in dnsmasqs(r):
                assert powers(pid, "CapPrm") <= NETWORK | {"SETUID", "SETGID"}


# --- as a service ---

def test_dnsmasq_is_nobody(host):
    """In system mode it has a user of its own, who passes through root's state directory and reads nothing of it."""
    with System(host, CONF) as r:
        r.start()
        assert {"host-only", "shared", "bridged"} <= {n["name"] for n in r.api("GET", "/v1/networks").json}
        answer = r.api("DELETE", "/v1/networks/shared")  # has lab's range
        assert answer.status == 200, answer.text
        for _ in a_whole_life(host, r):
            serving = [pid for pid in dnsmasqs(r) if status(pid)["Uid"].split()[1] != "0"]
            assert serving and all(status(pid)["Uid"].split() == [str(NOBODY.pw_uid)] * 4 for pid in serving)
            assert all(powers(pid, "CapPrm") <= NETWORK for pid in serving)
            assert os.stat(r.state).st_mode & 0o777 == 0o711
            open_to_others = [p.name for p in r.state.iterdir() if p.lstat().st_mode & 0o077 and p.name != "networks"]
            assert open_to_others == []


@pytest.mark.skipif(not (shutil.which("qemu-system-x86_64") and shutil.which("qemu-img")), reason="QEMU is not installed")
def test_qemu_is_nobody(host):
    """A guest on a tap, its image from a home that is closed to others; it is ended by who is not its user."""
    with System(host, {"launch": {"run-as": "nobody", "accelerator": "tcg"}}) as r:
        r.start()
        assert r.api("DELETE", "/v1/networks/shared").status == 200
        home = r.dir / "somebody"
        home.mkdir()
        (home / "disk.raw").write_bytes(bytes(510) + b"\x55\xaa" + bytes(1 << 20))
        for path in (home / "disk.raw", home):
            path.chmod(0o700)
            os.chown(path, 1000, 1000)
        answer = r.api("POST", "/v1/apply", {"fleet": {
            "networks": {"lab": SHARED}, "images": {"disk": {"file": str(home / "disk.raw")}},
            "instances": {"web1": {"image": "disk", "network": "lab", "memory": "64M"}}}})
        assert answer.status == 200, answer.text
        change(r, "up")
        assert r.api("POST", "/v1/instances/web1/start", {}).status == 200
        until("QEMU", lambda: r.guests())
        (pid,) = r.guests().values()
        until("its user", lambda: status(pid)["Uid"].split() == [str(NOBODY.pw_uid)] * 4)
        for which in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert powers(pid, which) == set(), which
        assert [l["ifname"] for l in host.ip("-j link") if l.get("master") == "rb-lab"]
        # The next roostd finds it, though it may not look at the descriptors of another user's process.
        r.stop(keep=True)
        r.start()
        r.wait_log(rf"web1.* qemu {pid} found running")
        r.stop(keep=True)
        (r.state / "instances" / "web1" / "qemu.pid").unlink()  # killed before it was written
        mark = len(r.log().splitlines())
        r.start()
        r.wait_log(rf"web1.* qemu {pid} found running", since=mark)
        assert r.api("GET", "/v1/instances").json[0]["state"] == "launched" and set(r.guests().values()) == {pid}
        assert r.api("POST", "/v1/instances/web1/stop", {"force": True}).status == 200
        assert r.guests() == {}
        change(r, "down")


def test_the_host_is_told_whom_to_ask_for_names(host, tmp_path):
    """Where systemd-resolved runs, by resolvectl: here one that writes down what it is told, as that would."""
    told, bin = tmp_path / "told", tmp_path / "bin"
    bin.mkdir()
    (bin / "resolvectl").write_text(
        f'#!/bin/sh\necho "$@" >>{told}\nlink=/run/systemd/resolve/netif/$(cat /sys/class/net/$2/ifindex)\n'
        'mkdir -p ${link%/*}\ncase $1 in domain) echo "DOMAINS=$3" >$link;; revert) rm -f $link; esac\n')
    (bin / "resolvectl").chmod(0o755)
    before = "mkdir -p /run/systemd/resolve && touch /run/systemd/resolve/stub-resolv.conf"
    with System(host, CONF, before, {"PATH": f"{bin}:{os.environ['PATH']}"}) as r:
        r.start()
        assert r.api("DELETE", "/v1/networks/shared").status == 200
        define(r)

        def names():
            return next(c for c in r.api("GET", "/v1/networks/lab/check").json["checks"] if c["name"] == "names")
        assert names()["level"] == "warn" and "resolvectl domain rb-lab '~lab.internal'" in names()["mend"]
        steps = [s["do"] for s in r.api("GET", "/v1/networks/lab/plan").json["steps"]]
        assert steps[-1] == "tell systemd-resolved who knows the names on rb-lab"
        change(r, "up")
        assert told.read_text().splitlines() == ["dns rb-lab 172.16.5.1", "domain rb-lab ~lab.internal"]
        assert names()["level"] == "ok", names()
        change(r, "down")
        assert told.read_text().splitlines()[2:] == ["revert rb-lab"]
        (bin / "resolvectl").write_text("#!/bin/sh\necho 'it is busy' >&2\nexit 1\n")
        change(r, "up")  # guests do without
        r.wait_log("names of guests on this host: resolvectl: exit code 1: it is busy")
        assert network(r)["state"] == "up" and names()["level"] == "warn"
        change(r, "down")


# --- an ordinary user ---

class Ambient:
    """What a unit with User= and AmbientCapabilities= gives."""

    def __init__(self, host, caps):
        self.host, self.caps = host, ",".join(f"+{c.lower()}" for c in sorted(caps))

    def argv(self, argv):
        given = [f"--inh-caps={self.caps}", f"--ambient-caps={self.caps}"] if self.caps else []
        return self.host.argv(["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups",
                               *given, "--", *argv])


def ordinary(host, caps):
    r = Roost(CONF, inside=Ambient(host, caps), start=False)
    for path in (r.dir, r.run, r.home, r.conf):
        shutil.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    return r


def test_ambient_capabilities_do_for_an_ordinary_user(host):
    """It needs no root; and only what needs them gets them on."""
    with ordinary(host, NETWORK) as r:
        r.start()
        for _ in a_whole_life(host, r):
            pid = r.pid()
            assert status(pid)["Uid"].split() == [str(NOBODY.pw_uid)] * 4
            for which in ("CapPrm", "CapEff", "CapAmb"):
                assert powers(pid, which) == NETWORK, which
            for role in ("core", "front"):
                for which in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                    assert powers(r.pid(role), which) == set(), (role, which)
            for pid in dnsmasqs(r):
                assert status(pid)["Uid"].split()[0] == str(NOBODY.pw_uid)
                assert powers(pid, "CapPrm") <= NETWORK
            checks = r.api("GET", "/v1/networks/lab/check").json["checks"]
            tun = {"tun"} if os.path.exists("/dev/net/tun") and os.stat("/dev/net/tun").st_mode & 0o006 != 0o006 else set()
            assert {c["name"] for c in checks if c["level"] == "error"} <= tun


def test_more_than_the_named_ones_is_given_up(host):
    with ordinary(host, NETWORK | {"SYS_ADMIN", "SYS_PTRACE"}) as r:
        r.start()
        assert powers(r.pid(), "CapPrm") == powers(r.pid(), "CapAmb") == NETWORK


def test_without_any(host):
    """An ordinary user's roost serves seeds all the same, and says what it cannot do."""
    with ordinary(host, set()) as r:
        r.start()
        assert powers(r.pid(), "CapPrm") == set()
        define(r, {"web1": {"launcher": "external"}})
        answer = change(r, "up", status=403)
        assert re.search("not permitted|right", answer.text, re.I), answer.text
