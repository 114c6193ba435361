"""What the netcfg room renders, in the hands of the real dnsmasq, DHCP clients and resolvers, in namespaces
of the test's own: a host with the bridge, guests on it, an upstream name server beyond."""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from harness.netns import Lab
from harness.roost import BUILD, ROOT

TOOL = BUILD / "tests/tools/netcfg"
LEASE = BUILD / "roost-lease"
GOLDEN = ROOT / "tests/golden/netcfg/dnsmasq"
DOMAIN = "lab.internal"
HOST, UPSTREAM, WORLD = "172.16.5.1", "192.0.2.2", "203.0.113.5"
A, PTR = 1, 12
NOERROR, NXDOMAIN = 0, 3

needs_dnsmasq = pytest.mark.skipif(not shutil.which("dnsmasq"), reason="dnsmasq is not installed")


def mac(n):
    return f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}"


# --- a resolver of its own, so that nothing but the answer counts (RFC 1035) ---

def encode_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p) + b"\0"


def skip_name(data, at):
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += data[at] + 1
    return at + 1


def read_name(data, at):
    parts = []
    while data[at]:
        if data[at] >= 0xC0:
            at = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            continue
        parts.append(data[at + 1:at + 1 + data[at]].decode())
        at += data[at] + 1
    return ".".join(parts)


def reverse(address):
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def ask(sock, name, kind=A, server=HOST, timeout=5):
    """(rcode, answers) of a query."""
    ident = int.from_bytes(os.urandom(2))
    sock.sendto(struct.pack("!6H", ident, 0x100, 1, 0, 0, 0) + encode_name(name) + struct.pack("!2H", kind, 1),
                (server, 53))
    sock.settimeout(timeout)
    data = sock.recv(4096)
    got, flags, _, count = struct.unpack_from("!4H", data)
    assert got == ident
    at, answers = skip_name(data, 12) + 4, []
    for _ in range(count):
        at = skip_name(data, at)
        rtype, _, _, length = struct.unpack_from("!2HIH", data, at)
        at += 10
        if rtype == kind:
            answers.append(socket.inet_ntoa(data[at:at + 4]) if kind == A else read_name(data, at))
        at += length
    return flags & 15, answers


class Upstream(threading.Thread):
    """The world's name server: every name there is WORLD. Remembers what it was asked."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.asked = sock, []

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(4096)
            if not data:
                return
            end = skip_name(data, 12) + 4
            self.asked.append(read_name(data, 12))
            self.sock.sendto(data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + data[12:end] +
                             b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(WORLD), peer)


# --- a network with its dnsmasq ---

class Network:
    """The network lab as roostd would run it: the room's own configuration and files, the real programs."""

    def __init__(self, lab, **words):
        self.lab = lab
        self.dir = Path(tempfile.mkdtemp(prefix="roost-dnsmasq-", dir="/tmp"))
        self.dir.chmod(0o755)  # dnsmasq reads as its own user
        self.host = lab.namespace("host")
        lab.bridge(self.host, "rb-lab", f"{HOST}/24")
        self.guests = {}
        self.case = {"name": "lab", "bridge": "rb-lab", "user": "dnsmasq", "script": str(self.dir / "roost-lease"),
                     "network": {"kind": "shared", "cidr": "172.16.5.0/24", "domain": DOMAIN,
                                 "nameservers": [HOST, UPSTREAM], **words}}
        shutil.copy(LEASE, self.dir / "roost-lease")
        (self.dir / "case.json").write_text(json.dumps(self.case))
        self.tool("conf", self.dir / "case.json", self.dir)
        self.leases = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.leases.bind(str(self.dir / "lease.sock"))
        (self.dir / "lease.sock").chmod(0o666)
        self.leases.settimeout(10)
        self.log_path = self.dir / "log"
        self.process = None
        self.compact({})

    # the room's own code
    def tool(self, *args, ns=None, lines=""):
        argv = [str(a) for a in (TOOL, *args)]
        done = subprocess.run(ns.argv(argv) if ns else argv, input=lines, text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, f"{args}: {done.stderr}"
        return done.stdout

    @staticmethod
    def lines(reservations):
        return "".join(f"{name} {mac_} {address}\n" for name, (mac_, address) in reservations.items())

    def add(self, reservations, *how):
        self.tool("add", self.dir, DOMAIN, *how, lines=self.lines(reservations))

    def compact(self, reservations):
        """True: SIGHUP is due."""
        return self.tool("compact", self.dir, DOMAIN, lines=self.lines(reservations)) == "sighup\n"

    def release(self, mac_, address):
        self.tool("release", "rb-lab", HOST, mac_, address, ns=self.host)

    # dnsmasq
    def start(self):
        argv = self.tool("argv", shutil.which("dnsmasq"), self.dir).split()
        env = {**os.environ, "ROOST_LEASE_SOCKET": str(self.dir / "lease.sock")}
        with open(self.log_path, "ab") as log:
            self.process = self.host.start(argv, stderr=log, stdout=log, env=env)
        self.until(lambda: self.resolves("nobody.lab.internal", timeout=0.1)[0] == NXDOMAIN, "dnsmasq to answer")

    def hup(self):
        done = self.log().count("read ")
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.log().count("cleared cache") and self.log().count("read ") >= done + 2,
                   "dnsmasq to read again")

    def log(self):
        return self.log_path.read_text()

    def until(self, fits, what, timeout=20):
        """Where only a question can tell: what another process has read by now."""
        end = time.monotonic() + timeout
        while True:
            assert self.process.poll() is None, f"dnsmasq ended:\n{self.log()}"
            with contextlib.suppress(TimeoutError, ConnectionError):
                if fits():
                    return
            assert time.monotonic() < end, f"waited {timeout} s for {what}:\n{self.log()[-3000:]}"
            select.select([], [], [], 0.02)

    def resolver(self, ns=None):
        return (ns or self.host).enter(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)

    def resolves(self, name, kind=A, ns=None, timeout=2):
        with self.resolver(ns) as sock:
            return ask(sock, name, kind, timeout=timeout)

    def in_force(self, address):
        """A reservation is: with the last name of a file its addresses are about to be."""
        self.until(lambda: self.resolves(reverse(address), PTR)[1], f"{address} in force")

    def lease(self):
        return self.leases.recv(4096).decode()

    # guests
    def guest(self, n):
        if n not in self.guests:
            self.guests[n] = self.lab.namespace(f"guest{n}")
            self.lab.plug(self.host, "rb-lab", f"rt{n}", self.guests[n], mac=mac(n))
        return self.guests[n]

    def dhcp(self, n, *options):
        """The lease that guest n gets, as its client's script is told; None: none."""
        got = self.dir / f"got{n}"
        got.unlink(missing_ok=True)
        script = self.dir / "udhcpc"
        script.write_text(f'#!/bin/sh\n[ "$1" = bound ] && env >{self.dir}/got${{interface#eth0}}$GUEST\nexit 0\n')
        script.chmod(0o755)
        # Enough tries for a dnsmasq that first pings what it is about to give (3 s).
        self.guest(n).run(["busybox", "udhcpc", "-f", "-n", "-q", "-i", "eth0", "-t", "8", "-T", "1",
                           "-O", "search", "-s", script, *options], check=False, env={**os.environ, "GUEST": str(n)}, timeout=30)
        if not got.exists():
            return None
        return dict(line.split("=", 1) for line in got.read_text().splitlines() if "=" in line)

    def address(self, n, *options):
        lease = self.dhcp(n, *options)
        return lease and lease["ip"]

    def close(self):
        self.leases.close()
        if self.process:
            self.host.end(self.process)
        shutil.rmtree(self.dir)


@pytest.fixture
def lab():
    with Lab() as made:
        yield made


@pytest.fixture
def net(lab):
    """Up, with an upstream; guests are added by the tests."""
    network = Network(lab)
    world = lab.namespace("world")
    lab.veth(network.host, "up0", world, "eth0")
    network.host.ip("addr add 192.0.2.1/24 dev up0")
    world.ip(f"addr add {UPSTREAM}/24 dev eth0")
    sock = world.enter(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((UPSTREAM, 53))
    network.upstream = Upstream(sock)
    network.upstream.start()
    try:
        network.start()
        yield network
    finally:
        network.close()
        with world.enter(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", (UPSTREAM, 53))
        network.upstream.join(5)
        sock.close()


pytestmark = needs_dnsmasq


# --- files ---

@pytest.mark.parametrize("case", sorted(p.name for p in GOLDEN.iterdir()))
def test_goldens_are_accepted(case):
    done = subprocess.run(["dnsmasq", "--test", f"--conf-file={GOLDEN / case / 'dnsmasq.conf'}"], text=True,
                          capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_the_check_has_teeth(tmp_path):
    conf = tmp_path / "dnsmasq.conf"
    conf.write_text((GOLDEN / "shared/dnsmasq.conf").read_text().replace("dhcp-lease-max=254", "dhcp-lease-max=many"))
    assert subprocess.run(["dnsmasq", "--test", f"--conf-file={conf}"], capture_output=True, timeout=20).returncode


# --- leases ---

def test_reserved_address_and_datagram(net):
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    lease = net.dhcp(7, "-x", "hostname:My;own\x1b$(name)")
    assert lease["ip"] == "172.16.5.20"
    assert (lease["router"], lease["dns"], lease["search"], lease["hostname"], lease["lease"], lease["subnet"]) == \
        (HOST, f"{HOST} {UPSTREAM}", DOMAIN, "web1", "3600", "255.255.255.0")
    # What the guest calls itself comes as it must: one printable word.
    assert net.lease() == f"add {mac(7)} 172.16.5.20 rb-lab My;own?$(name)"
    net.release(mac(7), "172.16.5.20")
    assert net.lease() == f"del {mac(7)} 172.16.5.20 rb-lab web1"


def test_lease_program_runs_without_privilege(net):
    (net.dir / "roost-lease").write_text(f"#!/bin/sh\nid -un >{net.dir}/who.$$ && mv {net.dir}/who.$$ {net.dir}/seen\n")
    (net.dir / "seen").touch()
    net.dir.chmod(0o777)
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    assert net.address(7) == "172.16.5.20"
    net.until(lambda: (net.dir / "seen").read_text() == "dnsmasq\n", "the program's user")
    status = Path(f"/proc/{net.process.pid}/status").read_text()
    uid = int(subprocess.run(["id", "-u", "dnsmasq"], text=True, capture_output=True, check=True).stdout)
    assert f"Uid:\t{uid}\t" in status


def test_unreserved_guest_gets_one_of_the_range_and_no_name(net):
    lease = net.dhcp(9, "-x", "hostname:stranger")
    assert 10 <= int(lease["ip"].rsplit(".", 1)[1]) <= 254 and lease["ip"].startswith("172.16.5.")
    assert "hostname" not in lease
    assert net.resolves(f"stranger.{DOMAIN}")[0] == NXDOMAIN
    assert net.resolves(reverse(lease["ip"]), PTR) == (NXDOMAIN, [])


def test_address_goes_to_another_guest(net):
    """The commonest complaint: web1 was removed, web2 shall have its address, and the lease of web1 is in the way."""
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    assert net.address(7) == "172.16.5.20"
    assert net.compact({"web2": (mac(8), "172.16.5.20")})
    net.hup()
    assert net.resolves(f"web2.{DOMAIN}")[1] == ["172.16.5.20"]
    wrong = net.address(8)
    assert wrong != "172.16.5.20", "without the RELEASE nothing changes, or this test shows nothing"
    assert f"not using configured address 172.16.5.20 because it is leased to {mac(7)}" in net.log()
    net.release(mac(7), "172.16.5.20")
    while not net.lease().startswith("del "):
        pass
    net.release(mac(8), wrong)
    assert net.address(8) == "172.16.5.20"


def test_guest_moves_to_another_address(net):
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    assert net.address(7) == "172.16.5.20"
    assert net.compact({"web1": (mac(7), "172.16.5.21")})
    # dhcp-hostsdir never forgets by itself; the guest asks for what it had.
    assert net.address(7, "-r", "172.16.5.20") == "172.16.5.20"
    net.hup()
    assert net.address(7, "-r", "172.16.5.20") == "172.16.5.21"
    assert net.resolves(f"web1.{DOMAIN}") == (NOERROR, ["172.16.5.21"])


# --- many ---

def test_200_additions_and_no_restart(net):
    one = {f"g{i}": (mac(i), f"172.16.5.{i}") for i in range(10, 210)}
    first = dict(list(one.items())[:150])
    pid = net.process.pid
    net.add(first, "each")
    net.add(dict(list(one.items())[150:]))  # many at once: one file
    assert len(list((net.dir / "hosts.d").glob("new-*"))) == len(list((net.dir / "dhcp-hosts.d").glob("new-*"))) == 151
    net.in_force("172.16.5.209")
    with net.resolver(net.guest(10)) as sock:
        net.guest(10).ip("addr add 172.16.5.10/24 dev eth0")
        for name, (_, address) in one.items():
            assert ask(sock, f"{name}.{DOMAIN}") == (NOERROR, [address])
            assert ask(sock, name) == (NOERROR, [address])
            assert ask(sock, reverse(address), PTR) == (NOERROR, [f"{name}.{DOMAIN}"])
    assert net.address(209) == "172.16.5.209" and net.address(10) == "172.16.5.10"
    assert net.process.poll() is None and net.process.pid == pid
    assert "duplicate" not in net.log() and net.log().count("started, version") == 1
    assert net.log().count("dhcp-hosts.d/new-00000150 new or modified") == 1, "read twice"
    assert net.compact(one)
    net.hup()
    assert net.resolves("g10")[1] == ["172.16.5.10"] and net.resolves(f"g209.{DOMAIN}")[1] == ["172.16.5.209"]
    assert not net.compact(one), "nothing has changed since"
    assert "duplicate" not in net.log()


def test_compaction_is_unseen_until_the_signal(net):
    """A name that stays never fails, and one that goes stays until then."""
    reservations = {f"g{i}": (mac(i), f"172.16.5.{i}") for i in range(10, 110)}
    net.add(reservations, "each")
    net.in_force("172.16.5.109")
    misses, asked, stop = [], [0], threading.Event()

    def watch():
        with net.resolver() as sock:
            while not stop.is_set():
                got = ask(sock, f"g50.{DOMAIN}")
                asked[0] += 1
                if got != (NOERROR, ["172.16.5.50"]):
                    misses.append(got)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        del reservations["g99"]
        for i in range(4):
            reservations[f"late{i}"] = (mac(300 + i), f"172.16.5.{200 + i}")
            before = net.log()
            assert net.compact(reservations)
            assert net.resolves(f"g99.{DOMAIN}")[1] == (["172.16.5.99"] if i == 0 else [])
            assert net.resolves(f"late{i}.{DOMAIN}")[0] == NXDOMAIN
            assert net.log() == before, "dnsmasq noticed"
            net.hup()
            assert net.resolves(f"late{i}.{DOMAIN}")[1] == [f"172.16.5.{200 + i}"]
            assert net.resolves(f"g99.{DOMAIN}")[0] == NXDOMAIN
    finally:
        stop.set()
        watcher.join(10)
    assert asked[0] > 20 and not misses


# --- names ---

@pytest.mark.parametrize("claimed", ["db1", f"db1.{DOMAIN}", "localhost", "www.example.com", "wpad"])
def test_a_guest_takes_no_name(net, claimed):
    """Neither another guest's nor one of the world, and no address by a name."""
    net.add({"db1": (mac(6), "172.16.5.19"), "web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    watched = [f"db1.{DOMAIN}", "db1", "localhost", "www.example.com", f"wpad.{DOMAIN}", "wpad", f"localhost.{DOMAIN}",
               f"web1.{DOMAIN}"]
    before = {name: net.resolves(name) for name in watched}
    assert before["db1"] == (NOERROR, ["172.16.5.19"]) and before["www.example.com"] == (NOERROR, [WORLD])
    stranger = net.address(9, "-x", f"hostname:{claimed}")
    assert stranger not in (None, "172.16.5.19", "172.16.5.20")
    assert net.address(7, "-x", f"hostname:{claimed}", "-F", claimed) == "172.16.5.20"
    assert {name: net.resolves(name) for name in watched} == before
    assert net.resolves(reverse("172.16.5.19"), PTR)[1] == [f"db1.{DOMAIN}"]
    assert net.resolves(reverse("172.16.5.20"), PTR)[1] == [f"web1.{DOMAIN}"]
    assert net.resolves(reverse(stranger), PTR) == (NXDOMAIN, [])


def test_without_that_line_it_would(net):
    """What the stories above prove: the same guest takes names as soon as dnsmasq may listen to it."""
    conf = net.dir / "dnsmasq.conf"
    assert "\ndhcp-ignore-names\n" in conf.read_text()
    conf.write_text(conf.read_text().replace("\ndhcp-ignore-names\n", "\n"))
    net.host.end(net.process)
    net.start()
    stranger = net.address(9, "-x", "hostname:wpad")
    assert net.resolves(f"wpad.{DOMAIN}") == (NOERROR, [stranger])


def test_what_goes_up_and_what_does_not(net):
    assert net.resolves("www.example.com") == (NOERROR, [WORLD])
    assert net.resolves(f"nobody.{DOMAIN}") == (NXDOMAIN, [])
    assert net.resolves("nobody")[1] == []
    assert net.resolves(reverse("172.16.5.99"), PTR) == (NXDOMAIN, [])
    assert net.upstream.asked == ["www.example.com"]


# --- one bridge and no other ---

def test_two_networks_on_one_host(net, lab):
    """Each answers on its own bridge alone, also a unicast renewal and with a foreign dnsmasq beside it."""
    lab.bridge(net.host, "rb-other", "172.16.6.1/24")
    other = net.host.start(["dnsmasq", "-k", "--conf-file=/dev/null", "--bind-dynamic", "--interface=rb-other",
                            "--except-interface=lo", "--dhcp-range=172.16.6.10,172.16.6.20,1h", "--pid-file=",
                            "--port=0", "--no-ping", f"--dhcp-leasefile={net.dir}/other", "--log-facility=-"],
                           stderr=subprocess.DEVNULL)
    there = lab.namespace("there")
    lab.plug(net.host, "rb-other", "rtx", there, mac=mac(99))
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    assert net.address(7) == "172.16.5.20"
    there.ip("addr add 172.16.6.2/24 dev eth0")
    with net.resolver(there) as sock, pytest.raises((TimeoutError, ConnectionError)):
        sock.connect(("172.16.6.1", 53))
        sock.send(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + encode_name("web1") + struct.pack("!2H", A, 1))
        sock.settimeout(1)
        sock.recv(512)
    net.release(mac(7), "172.16.5.20")
    assert net.lease().startswith("add ") and net.lease().startswith("del ")
    assert other.poll() is None


def test_bridge_is_made_anew(net, lab):
    """Deleted behind our back: DHCP and DNS go on with the same dnsmasq."""
    net.add({"web1": (mac(7), "172.16.5.20")})
    net.in_force("172.16.5.20")
    assert net.address(7) == "172.16.5.20"
    net.host.ip("link del rb-lab")
    lab.bridge(net.host, "rb-lab", f"{HOST}/24")
    net.host.ip("link set rt7 master rb-lab")
    net.until(lambda: net.resolves(f"web1.{DOMAIN}")[1] == ["172.16.5.20"], "DNS on the new bridge")
    net.until(lambda: net.address(7) == "172.16.5.20", "DHCP on the new bridge", timeout=60)
    assert net.log().count("started, version") == 1


# --- who else answers ---

def probe(net, ns, device, limit_ms):
    began = time.monotonic()
    found = net.tool("probe", device, mac(77), limit_ms, ns=ns).split()
    assert time.monotonic() - began < limit_ms / 1000 + 5
    return found


def test_probe(net, lab):
    net.add({"web1": (mac(7), "172.16.5.20")})
    assert probe(net, net.guest(7), "eth0", 8000) == [HOST]
    # Neither an address of ours nor the host's firewall and rp_filter keep an answer from us.
    net.guest(7).run("sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1")
    net.guest(7).run("iptables -P INPUT DROP")
    net.guest(7).ip("addr flush dev eth0")
    assert probe(net, net.guest(7), "eth0", 8000) == [HOST]
    lab.bridge(net.host, "empty", "172.16.8.1/24")
    alone = lab.namespace("alone")
    lab.plug(net.host, "empty", "rty", alone)
    assert probe(net, net.host, "empty", 1500) == []


# --- the lease program by itself ---

def lease_program(*args, socket_path="/nonexistent", interface="rb-lab", **env):
    env = {"ROOST_LEASE_SOCKET": str(socket_path), "DNSMASQ_INTERFACE": interface, **env}
    return subprocess.run([LEASE, *args], env={k: v for k, v in env.items() if v is not None}, text=True,
                          capture_output=True, timeout=20)


def test_lease_program_says_who_it_is():
    assert lease_program("--version").stdout.startswith("roost-lease ")
    assert "usage: roost-lease add|old|del" in lease_program("--help").stdout
    for args in ([], ["add"], ["del", mac(7)], ["--what"]):
        done = lease_program(*args)
        assert done.returncode == 2 and "usage" in done.stderr


@pytest.mark.parametrize("args, env", [
    (["init"], {}),
    (["tftp", "4711", "172.16.5.20", "/boot"], {}),
    (["arp-add", mac(7), "172.16.5.20"], {}),
    (["add", f"06-{mac(7)}", "172.16.5.20"], {}),
    (["add", "00:01:00:01:2c:a1:52:54:00:00:00:07", "fd00::20"], {"DNSMASQ_IAID": "7"}),
])
def test_lease_program_ignores(tmp_path, args, env):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "s"))
        done = lease_program(*args, socket_path=tmp_path / "s", **env)
        assert (done.returncode, done.stderr) == (0, "")
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)


def test_lease_program_never_fails_dnsmasq(tmp_path):
    """roostd away, stuck, or not named: dnsmasq must not wait for long, nor log a failure."""
    lease = ["add", mac(7), "172.16.5.20", "web1"]
    for why in ({"socket_path": "/nonexistent"}, {"socket_path": "/" + "x" * 200}, {"interface": None}):
        done = lease_program(*lease, **why)
        assert done.returncode == 0 and done.stderr.startswith("roost-lease: ")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        sock.bind(str(tmp_path / "s"))
        filler.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                filler.sendto(b"x", str(tmp_path / "s"))
        began = time.monotonic()
        done = lease_program(*lease, socket_path=tmp_path / "s")
        assert done.returncode == 0 and done.stderr
        assert 1 < time.monotonic() - began < 10
