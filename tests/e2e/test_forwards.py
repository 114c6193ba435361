"""What a port of the host leads to, in a guest that runs: its sshd greets, and another port does after a change."""
import socket

import guest
from harness.roost import Roost


def free(kind=socket.SOCK_STREAM):
    for port in range(20500, 32000):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def greeting(port, address="127.0.0.1"):
    with socket.create_connection((address, port), timeout=30) as s:
        s.settimeout(60)
        return s.recv(8)


def test_a_port_of_the_host_leads_into_the_guest(micro):
    with Roost() as roost:
        port = free()
        roost.apply({"images": {"micro": guest.image(micro)},
                     "instances": {"m": {"image": "micro", "memory": "96M", "forwards": [f"{port}:22"]}}})
        seen = guest.Events(roost, "m")
        guest.start(roost, "m")
        guest.home(roost, "m")
        own = int(guest.row(roost, "m")["address"].rsplit(":", 1)[1])
        assert own != port and greeting(port) == greeting(own) == b"SSH-2.0-"
        roost.cli("instance", "modify", "m", "--forward", f"127.0.0.2:{port}:22")
        seen.wait("forwarded", fits=lambda e: e["detail"] == f"127.0.0.1:{port}:22 no more, 127.0.0.2:{port}:22")
        assert greeting(port, "127.0.0.2") == b"SSH-2.0-"
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", port)) != 0
