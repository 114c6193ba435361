"""The exports of networks (goldens of tests/unit/netcfg/export.c) with those who read them: ip, systemd-networkd
run alone in namespaces, iptables, sysctl, dnsmasq, sh. Debian has nothing that reads ifcfg files: there sh and the
keys of nm-settings-ifcfg-rh(5) stand in."""
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness import netns

GOLDEN = Path(__file__).resolve().parents[1] / "golden/netcfg/export"
OWN = ["shared", "vlan", "moved"]  # with a bridge of roost's
ALL = [*OWN, "foreign"]
NETWORKD = Path("/lib/systemd/systemd-networkd")


@pytest.fixture
def lab():
    with netns.Lab() as lab:
        yield lab


def machine(lab, label="host"):
    """A host with eth0, plugged in and without addresses."""
    host, other = lab.namespace(label), lab.namespace(f"{label}-wire")
    lab.veth(host, "eth0", other, "far")
    return host


def state(host):
    """Links, addresses and routes as far as an export decides them."""
    links, names = {}, {}
    for link in host.ip("-j -d link show"):
        names[link["ifname"]] = link
    for name, link in names.items():
        info = link.get("linkinfo", {})
        if name == "lo":
            continue
        links[name] = {"kind": info.get("info_kind"), "mtu": link["mtu"], "master": link.get("master"),
                       "up": "UP" in link["flags"], "vlan": info.get("info_data", {}).get("id")}
        if name.startswith("rb-"):
            links[name]["mac"] = link["address"]
            links[name]["stp"] = info["info_data"]["stp_state"]
    addresses = sorted((a["ifname"], i["local"], i["prefixlen"], i.get("broadcast")) for a in host.ip("-j -4 addr show")
                       for i in a["addr_info"] if a["ifname"] != "lo")
    routes = sorted((r["dst"], r.get("gateway", ""), r["dev"]) for r in host.ip("-j -4 route show"))
    return {"links": links, "addresses": addresses, "routes": routes}


def by_ip(host, case):
    if case == "vlan" and host.run("ip link add link eth0 name probe type vlan id 9", check=False).returncode != 0:
        pytest.skip("this kernel has no VLANs (8021q)")
    host.run("ip link delete probe", check=False)
    if case == "moved":
        for command in ("addr add 192.0.2.7/24 dev eth0", "addr add 192.0.2.8/24 dev eth0",
                        "route add default via 192.0.2.1", "route add 198.51.100.0/24 via 192.0.2.254"):
            host.ip(command)
    host.run(["ip", "-batch", GOLDEN / case / "ip"])
    return state(host)


EXPECTED = {
    "shared": ("rb-lab", 1400, None, [("rb-lab", "172.16.5.1", 24, "172.16.5.255")]),
    "vlan": ("rb-vlan7", 1500, "rv-vlan7", [("rb-vlan7", "172.16.3.10", 24, "172.16.3.255")]),
    "moved": ("rb-lan", 1500, "eth0", [("rb-lan", "192.0.2.7", 24, "192.0.2.255"),
                                       ("rb-lan", "192.0.2.8", 24, "192.0.2.255")]),
}


@pytest.mark.parametrize("case", OWN)
def test_ip(lab, case):
    got = by_ip(machine(lab), case)
    bridge, mtu, port, addresses = EXPECTED[case]
    link = got["links"][bridge]
    assert (link["kind"], link["mtu"], link["up"], link["stp"]) == ("bridge", mtu, True, 0)
    assert link["mac"].startswith("02:")
    assert got["addresses"] == addresses
    assert [n for n, a in got["links"].items() if a["master"] == bridge] == ([port] if port else [])
    if case == "vlan":
        assert got["links"]["rv-vlan7"]["vlan"] == 7
    if case == "moved":
        assert ("default", "192.0.2.1", "rb-lan") in got["routes"]
        assert ("198.51.100.0/24", "192.0.2.254", "rb-lan") in got["routes"]


def cut(text):
    """The files of an export, by path."""
    files = {}
    for part in text.split("# FILE: ")[1:]:
        path, body = part.split("\n", 1)
        files[path] = body
    return files


def wait_for(what, limit=15):
    end = time.monotonic() + limit
    while not (value := what()):
        if time.monotonic() > end:
            return value
        time.sleep(0.1)
    return value


# Without a writable /sys networkd takes itself for a container's and does not wait for udev.
ALONE = """
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/systemd/network && mount -o remount,bind,ro /sys &&
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /run/systemd/network &&
chown -R systemd-network /run/systemd/netif && cp -r "$1/." /etc/systemd/network/ &&
exec "$2"
"""


@pytest.mark.skipif(not NETWORKD.exists(), reason="systemd-networkd is not installed")
@pytest.mark.parametrize("case", OWN)
def test_networkd(lab, case, tmp_path):
    """networkd makes of its files what ip makes of its own."""
    units = tmp_path / "units"
    for path, body in cut((GOLDEN / case / "networkd").read_text()).items():
        unit = units / Path(path).relative_to("/etc/systemd/network")
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(body)
    if case == "vlan":  # the unit that the drop-in belongs to
        (units / "eth0.network").write_text("[Match]\nName=eth0\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n")
    for path in (tmp_path, units, *units.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    host = machine(lab)
    log = tmp_path / "log"
    with log.open("w") as out:
        daemon = host.start(["unshare", "-m", "env", "SYSTEMD_LOG_TARGET=console", "sh", "-c", ALONE, "sh", units,
                             NETWORKD], stdout=out, stderr=subprocess.STDOUT)
        assert wait_for(lambda: "Enumeration completed" in log.read_text()), log.read_text()
        complaints = [line for line in log.read_text().splitlines() if re.match(r"/etc/systemd/network/\S+:\d+:", line)]
        assert not complaints
        want = by_ip(machine(lab, "ip"), case)
        reached = wait_for(lambda: state(host) == want)
        host.end(daemon)
    assert reached, (state(host), want, log.read_text())


@pytest.mark.parametrize("case", OWN)
def test_ifcfg_says_the_same(lab, case):
    """As the shell reads the files; the network scripts source them."""
    want = by_ip(machine(lab), case)
    bridge = EXPECTED[case][0]
    devices = {}
    files = cut((GOLDEN / case / "ifcfg").read_text())
    for path, body in files.items():
        if "/ifcfg-" in path:
            said = subprocess.run(["env", "-i", "sh", "-eu", "-c", f"{body}\nset"], capture_output=True, text=True,
                                  timeout=10, check=True).stdout
            keys = [line.split("=")[0] for line in body.splitlines() if line and not line.startswith("#")]
            values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
            device = {k: values[k].strip("'") for k in keys}
            assert path == f"/etc/sysconfig/network-scripts/ifcfg-{device['DEVICE']}"
            devices[device["DEVICE"]] = device
    made = {name: a for name, a in want["links"].items() if name != "eth0" or a["master"]}
    assert set(devices) == set(made)
    b = devices[bridge]
    assert (b["TYPE"], b["MACADDR"], int(b["MTU"]), b["STP"]) == \
        ("Bridge", made[bridge]["mac"], made[bridge]["mtu"], "no")
    suffixes = [""] + [str(i) for i in range(1, 5)]
    assert [(bridge, b[f"IPADDR{s}"], int(b[f"PREFIX{s}"])) for s in suffixes if f"IPADDR{s}" in b] == \
        [a[:3] for a in want["addresses"]]
    for name, link in made.items():
        assert devices[name].get("BRIDGE") == link["master"]
        if link["vlan"]:
            assert (devices[name]["VLAN"], devices[name]["VLAN_ID"], devices[name]["PHYSDEV"]) == ("yes", "7", "eth0")
    if case == "moved":
        assert b["GATEWAY"] == "192.0.2.1"
        assert files["/etc/sysconfig/network-scripts/route-rb-lan"].strip() == \
            "198.51.100.0/24 via 192.0.2.254 dev rb-lan"


@pytest.mark.parametrize("case", OWN)
def test_sysctl(lab, case):
    host = machine(lab)
    by_ip(host, case)
    host.run(["sysctl", "-p", GOLDEN / case / "sysctl"])
    lines = [line for line in (GOLDEN / case / "sysctl").read_text().splitlines() if not line.startswith("#")]
    assert (len(lines) > 0) == (case != "moved")
    for line in lines:
        key, value = line.split(" = ")
        assert host.run(["sysctl", "-n", key]).stdout.strip() == value


@pytest.mark.parametrize("kind", ["nft", "legacy"])
@pytest.mark.parametrize("case", ALL)
def test_iptables(lab, case, kind):
    host = lab.namespace("host")
    text = (GOLDEN / case / "iptables").read_text()
    host.run([f"iptables-{kind}-restore"], input=text)
    # -I becomes -A where it belongs; each rule is there, and no other.
    def rules(t):
        return sorted(line.replace("-I ", "-A ").replace(" 1 ", " ", 1) if line.startswith("-I") else line
                      for line in t.splitlines() if line.startswith(("-A", "-I")))
    assert rules(host.run([f"iptables-{kind}-save"]).stdout) == rules(text)


@pytest.mark.skipif(not shutil.which("dnsmasq"), reason="dnsmasq is not installed")
@pytest.mark.parametrize("case", ["shared", "vlan"])
def test_dnsmasq(lab, case, tmp_path):
    """Complete in one file: it starts, and knows the names."""
    host = machine(lab)
    by_ip(host, case)
    conf = GOLDEN / case / "dnsmasq"
    assert "syntax check OK" in host.run(["dnsmasq", "--test", f"--conf-file={conf}"]).stderr
    if case != "shared":
        return
    daemon = host.start(["dnsmasq", "--keep-in-foreground", f"--conf-file={conf}", "--user=root", "--no-resolv",
                         "--pid-file=", f"--dhcp-leasefile={tmp_path / 'leases'}"], stderr=subprocess.PIPE)
    try:
        assert wait_for(lambda: ":53 " in host.run("ss -lun").stdout), "dnsmasq does not listen"
        answer = host.run(["/usr/bin/python3", "-c", LOOKUP])
        assert answer.stdout.strip() == "172.16.5.20"
    finally:
        host.end(daemon)


# RFC 1035: one question, A of web1.lab.internal; the answer's address is its last four bytes.
LOOKUP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(bytes.fromhex("123401000001000000000000") + b"\\x04web1\\x03lab\\x08internal\\x00\\x00\\x01\\x00\\x01", ("172.16.5.1", 53))
print(socket.inet_ntoa(s.recv(512)[-4:]))
"""


@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="no /dev/net/tun here")
@pytest.mark.parametrize("case", OWN)
def test_qemu_scripts(lab, case):
    host = machine(lab)
    by_ip(host, case)
    bridge, mtu = EXPECTED[case][:2]
    host.ip("tuntap add dev tap7 mode tap")
    host.ip("link set tap7 address 02:01:02:03:04:05")
    before = host.link(bridge)["address"]
    host.run(["sh", GOLDEN / case / "qemu-ifup", "tap7"])
    tap = host.link("tap7")
    assert (tap["address"], tap["mtu"], tap["master"], "UP" in tap["flags"]) == \
        ("fe:01:02:03:04:05", mtu, bridge, True)
    assert host.link(bridge)["address"] == before
    host.run(["sh", GOLDEN / case / "qemu-ifdown", "tap7"])
    assert "master" not in host.link("tap7")
    host.run(["sh", GOLDEN / case / "qemu-ifdown", "tap7"])
    assert host.run(["sh", GOLDEN / case / "qemu-ifup"], check=False).returncode != 0


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("case", ALL)
def test_scripts_are_posix(case):
    for name in ("qemu-ifup", "qemu-ifdown"):
        done = subprocess.run(["shellcheck", "-s", "sh", GOLDEN / case / name], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
