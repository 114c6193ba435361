"""Guests on a network of roost's own, on real taps; the host is a namespace, and the world is another one."""
import re
import socket
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
        assert sent > 5 and not lost, f"of {sent} pings {lost} were lost"
        roost.cli("instance", "stop", "m", "--force")
        roost.cli("network", "down", "lab")
