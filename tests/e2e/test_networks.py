"""Guests on a network of roost's own, on real taps; the host is a namespace, and the world is another one."""
import os
import re
import select
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import guest
import pytest
from harness.netns import Lab, Ping
from harness.roost import Roost

HOST, GATEWAY, OUTSIDE = "192.0.2.1", "172.16.5.1", "192.0.2.2"


class World(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def host():
    guest.need("dnsmasq", "iptables-save")
    with Lab() as lab:
        ns, ns.outside = lab.namespace("host"), lab.namespace("outside")
        ns.lab = lab
        lab.veth(ns, "eth0", ns.outside, "eth0")
        ns.ip(f"addr add {HOST}/24 dev eth0")
        ns.ip(f"route add default via {OUTSIDE}")
        ns.outside.ip(f"addr add {OUTSIDE}/24 dev eth0")
        # The world finds the way to the guests' range, so that only rules can keep it out.
        ns.outside.ip(f"route add 172.16.5.0/24 via {HOST}")
        ns.run(["iptables", "-P", "FORWARD", "DROP"])  # as Docker leaves it
        yield ns


def banner(ns, address, port, timeout=30):
    """What an SSH server there says first; None: nobody answers."""
    def run():
        try:
            with socket.create_connection((address, port), timeout) as s:
                with s.makefile("rb") as lines:
                    return lines.readline(256).decode("latin-1")  # what follows it is binary
        except OSError:
            return None
    return ns.enter(run)


class Capture:
    """Frames that pass a device of a namespace, the host's own among them, while the block runs."""

    def __init__(self, ns, device):
        self.sock = ns.enter(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((device, 0))
        self.frames, self.end = [], os.pipe()

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        while select.select([self.sock, self.end[0]], [], [])[0] == [self.sock]:
            self.frames.append(self.sock.recv(2048))

    def __exit__(self, *_):
        os.write(self.end[1], b"x")
        self.thread.join()
        self.sock.close()
        for fd in self.end:
            os.close(fd)

    def udp(self, source):
        """Source addresses of IPv4 packets from this UDP port."""
        return [socket.inet_ntoa(f[26:30]) for f in self.frames
                if f[12:14] == b"\x08\x00" and f[23] == 17 and f[34:36] == source.to_bytes(2, "big")]


@pytest.fixture
def lan(host, tmp_path):
    """A network of somebody else's at the host's eth1: 10.44.0.1 gives addresses there and writes it down."""
    ns = host.lab.namespace("lan")
    host.lab.veth(host, "eth1", ns, "eth0")
    host.ip("addr add 10.44.0.2/24 dev eth1")
    ns.ip("addr add 10.44.0.1/24 dev eth0")
    ns.log = tmp_path / "foreign-dhcp"
    ns.start(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=",
              "--interface=eth0", "--dhcp-range=10.44.0.100,10.44.0.150,1h", f"--dhcp-leasefile={tmp_path}/leases",
              f"--log-facility={ns.log}"])
    return ns


def test_debian_on_a_shared_and_on_a_foreign_network(host, lan, debian, key):
    """Real cloud-init: on roost's own network home by lease and reservation; on a bridged one, where somebody else
    gives addresses, home with that address, and roost stays silent (also with a DHCP server of its own next door)."""
    fleet = {
        "networks": {"lab": {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal"},
                     "lan": {"kind": "bridged", "parent": "eth1"}},
        "identities": {"ops": {"public-keys": [key.public]}},
        "images": {"debian": guest.image(debian)},
        "defaults": {"image": "debian", "identities": ["ops"], "memory": "512M"},
        "instances": {"own": {"network": "lab"}, "foreign": {"network": "lan"}},
    }
    with Roost(inside=host) as roost:
        roost.apply(fleet)
        roost.cli("network", "up", "lab", "lan")
        with Capture(host, "rb-lan") as capture:
            guest.start(roost, "own", "foreign")
            guest.home(roost, "own", "foreign")
        reserved = roost.json("network", "show", "lab")["reservations"][0]["address"]
        given = re.findall(rf"DHCPACK\(eth0\) (10\.44\.0\.\d+) {guest.row(roost, 'foreign')['mac']}",
                           lan.log.read_text())
        assert given and given[-1].split(".")[3] in map(str, range(100, 151)), lan.log.read_text()
        inventory, known = roost.cli("inventory").stdout, roost.cli("known-hosts").stdout
        for name, address in (("own", reserved), ("foreign", given[-1])):
            assert guest.row(roost, name)["address"] == f"{address}:22"
            assert address in inventory and address in known
            said = guest.ssh(roost, key, name, "hostname; ip -4 -o addr show scope global").stdout
            assert said.split()[0] == name and f" {address}/24 " in said, said
        leases = {(e["instance"], e["detail"]) for e in roost.json("events", "--limit", "1000")["events"]
                  if e["kind"] == "leased"}
        assert leases == {("own", reserved)}
        # The guest's questions reached the host's bridge; no answer came from there.
        assert "0.0.0.0" in capture.udp(68)
        assert not set(capture.udp(67)) - {"10.44.0.1"}
        roost.cli("instance", "stop", "own", "foreign", "--force")
        roost.cli("network", "down", "lab", "lan")
        assert not any(l["ifname"].startswith("r") for l in host.ip("-j link"))
        assert [i["local"] for i in host.ip("-j -4 addr show dev eth1")[0]["addr_info"]] == ["10.44.0.2"]


def test_a_guest_by_hand(host, micro):
    """vm.sh of a guest on a bridge: QEMU makes the tap, by the scripts beside the network's other files."""
    fleet = {
        "networks": {"lab": {"kind": "shared", "cidr": "172.16.5.0/24"}},
        "images": {"micro": guest.image(micro)},
        "instances": {"m": {"image": "micro", "network": "lab", "memory": "96M"}},
    }
    with Roost(inside=host) as roost:
        roost.apply(fleet)
        roost.cli("network", "up", "lab")
        guest.start(roost, "m")
        guest.home(roost, "m")
        address = guest.row(roost, "m")["address"].split(":")[0]
        script = roost.state / "instances/m/vm.sh"
        assert "runs already" in host.run(["sh", script], check=False).stderr
        roost.cli("instance", "stop", "m", "--force")
        mac = host.link("rb-lab")["address"]
        with open(script) as text:
            refused = host.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s"],
                               check=False, stdin=text)
        assert refused.returncode == 5 and "a tap needs root" in refused.stderr
        out = roost.dir / "by-hand"
        with open(out, "wb") as log:
            child = host.start([script], stdin=subprocess.PIPE, stdout=log, stderr=log)

        def said(word):
            return guest.wait_change(roost.dir, lambda: word in out.read_text(errors="replace"), guest.HOME,
                                     lambda: f"{word!r}, but:\n{out.read_text(errors='replace')}")
        said(f"micro: address {address}")
        said("micro: vendor-data, ")  # its seed; with host keys made anew it is not taken for the same one
        tap, = host.ip("-j link show master rb-lab")
        assert tap["ifname"].startswith("rt") and tap["address"].startswith("fe:")
        assert banner(host, address, 22).startswith("SSH-2.0-")
        child.terminate()
        child.wait(30)
        assert host.ip("-j link show master rb-lab") == [] and host.link("rb-lab")["address"] == mac
        roost.cli("network", "down", "lab")


def test_guests_on_a_shared_network(host, micro, key):
    server = host.outside.enter(HTTPServer, (OUTSIDE, 8000), World)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fleet = {
        "networks": {"lab": {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal",
                             "forwards": [":2201 m-1:22"]}},
        "identities": {"root": {"public-keys": [key.public]}},
        "images": {"micro": guest.image(micro, cmdline_add="roost.ask=m-2.lab.internal "
                                                           f"roost.get=http://{OUTSIDE}:8000/")},
        "defaults": {"image": "micro", "network": "lab", "identities": ["root"], "memory": "96M"},
        "instances": {"m": {"count": 2}},
    }
    try:
        with Roost(inside=host) as roost:
            roost.apply(fleet)
            refused = roost.cli("instance", "start", "m-1", check=False)
            assert refused.returncode != 0 and "roost network up lab" in refused.stderr
            roost.cli("network", "up", "lab")
            reserved = {r["instance"]: r["address"]
                        for r in roost.json("network", "show", "lab")["reservations"]}
            mac = host.link("rb-lab")["address"]
            guest.start(roost, "m-1", "m-2")
            guest.home(roost, "m-1", "m-2")

            # The lease is the reservation, and where the guest is found: inventory, known_hosts, ssh.
            inventory, known = roost.cli("inventory").stdout, roost.cli("known-hosts").stdout
            for name, address in reserved.items():
                guest.wait_console(roost, name, rf"micro: address {re.escape(address)}\b")
                assert guest.row(roost, name)["address"] == f"{address}:22"
                assert address in inventory and address in known
                assert guest.ssh(roost, key, name, "hostname").stdout.strip() == name
            leases = [e["detail"] for e in roost.json("events", "--limit", "1000")["events"]
                      if e["kind"] == "leased"]
            assert set(leases) == set(reserved.values())

            # Names, for guests and host; the world, by the host's address; the seed came over the bridge.
            guest.wait_console(roost, "m-1", rf"m-2.lab.internal is {re.escape(reserved['m-2'])}")
            guest.wait_console(roost, "m-1", rf"said hello {re.escape(HOST)}")
            assert f"seed from http://{GATEWAY}:" in guest.console(roost, "m-1")

            # From outside: what is published, nothing else.
            assert banner(host.outside, HOST, 2201).startswith("SSH-2.0-")
            assert banner(host.outside, reserved["m-1"], 22, 2) is None
            assert banner(host, reserved["m-1"], 22).startswith("SSH-2.0-")

            # Taps come and go; the bridge keeps its MAC. One in use cannot go.
            taps = [l["ifname"] for l in host.ip("-j link show master rb-lab")]
            assert len(taps) == 2 and all(t.startswith("rt") for t in taps)
            assert all(host.link(t)["address"].startswith("fe:") for t in taps)
            refused = roost.cli("network", "down", "lab", check=False)
            assert refused.returncode != 0 and "m-" in refused.stderr
            roost.cli("instance", "stop", "m-1", "--force")
            assert host.link("rb-lab")["address"] == mac
            roost.cli("instance", "stop", "m-2", "--force")
            roost.cli("network", "down", "lab")
            assert not any(l["ifname"].startswith("r") for l in host.ip("-j link"))
    finally:
        server.shutdown()
        server.server_close()


def test_guests_keep_their_network_when_roost_is_killed(host, micro):
    """dnsmasq, bridge, taps and rules outlive every process of roost; the next one goes on with them."""
    fleet = {
        "networks": {"lab": {"kind": "shared", "cidr": "172.16.5.0/24"}},
        "images": {"micro": guest.image(micro)},
        "instances": {"m": {"image": "micro", "network": "lab", "memory": "96M"}},
    }
    with Roost(inside=host) as roost:
        roost.apply(fleet)
        roost.cli("network", "up", "lab")
        guest.start(roost, "m")
        guest.home(roost, "m")
        address = guest.row(roost, "m")["address"].split(":")[0]
        pings = Ping(host, address)
        roost.kill("all")
        roost.start()
        assert roost.json("network", "show", "lab")["state"] in ("up", "changing")
        roost.cli("network", "up", "lab", check=False)
        host.run(["ping", "-n", "-c", "8", "-i", "0.2", address])  # so long at least
        lost, sent = pings.end()
        assert sent >= 10 and not lost, f"of {sent} pings {lost} were lost"
        roost.cli("instance", "stop", "m", "--force")
        roost.cli("network", "down", "lab")
