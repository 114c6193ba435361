"""Each export, done by its own program on a host without roost, gives what `network up` gave on one with it: links,
addresses, routes, rules, settings. (Debian has nothing that reads ifcfg files; the parser of
test_network_export.py stands in, on the real roost's text here.)"""
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.netns import Lab
from harness.roost import Roost
from test_network_export import ALONE, NETWORKD, cut, wait_for
from test_networks import CONF, change, define

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
KINDS = {
    "shared": {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal", "mtu": 1400,
               "forwards": [":8080 web1:80"]},
    "host-only": {"kind": "host-only", "cidr": "172.16.4.0/24"},
    "vlan": {"kind": "bridged", "parent": "eth0", "vlan": 7, "host-address": "172.16.3.10/24"},
    "moved": {"kind": "bridged", "parent": "eth0"},
}
FORMATS = ("ip", "sysctl", "iptables", "networkd", "ifcfg", "qemu-ifup", "dnsmasq")


def machine(lab, label):
    """A host with a way out and one route beside it; all that are made so are alike."""
    ns, outside = lab.namespace(label), lab.namespace(f"{label}-out")
    lab.veth(outside, "eth0", ns, "eth0", mac="52:54:00:aa:00:01")
    ns.ip("addr add 192.0.2.1/24 dev eth0")
    ns.ip("route add default via 192.0.2.2")
    ns.ip("route add 198.51.100.0/24 via 192.0.2.254")
    return ns


@pytest.fixture
def lab():
    with Lab() as made:
        yield made


@pytest.fixture(params=KINDS)
def real(request, lab):
    """A network of that kind, up, with what its roost exports."""
    ns = machine(lab, "real")
    if request.param == "vlan" and ns.run("ip link add link eth0 name probe type vlan id 9", check=False).returncode:
        pytest.skip("this kernel has no VLANs (8021q)")
    ns.run("ip link delete probe", check=False)
    with Roost(CONF, inside=ns) as r:
        instance = {"launcher": "external", "network": "lab"}
        if request.param == "shared":
            instance["address"] = "172.16.5.20"
        define(r, {"web1": instance}, lab=KINDS[request.param])
        before = {f: export(r, f) for f in FORMATS}
        ns.ip("addr flush dev lo")  # a namespace's lo has no address that counts
        change(r, "up")
        # Up or down, an export says the same.
        assert {f: export(r, f) for f in FORMATS} == before
        ns.kind, ns.exports, ns.dir = request.param, before, r.dir
        yield ns
        change(r, "down")


def export(r, form):
    answer = r.api("GET", f"/v1/networks/lab/export?format={form}")
    return answer.text if answer.status == 200 else None


# --- what two hosts have in common ---

def links(ns, but=()):
    """Everything that the kernel says of links but for numbers, timers, names of namespaces; no alias: that would say
    that roost made them."""
    drop = {"ifindex", "link_index", "ifalias", "link_netnsid", "bridge_id", "root_id", "designated_root", "stats",
            "stats64", "gc_timer", "hello_timer", "tcn_timer", "topology_change_timer", "operstate", "flags",
            "message_age_timer", "forward_delay_timer", "hold_timer", "promiscuity", "allmulti", "inet6_addr_gen_mode",
            "designated_bridge", *but}

    def plain(value):
        return {k: plain(v) for k, v in value.items() if k not in drop} if isinstance(value, dict) else value
    return {l["ifname"]: plain(l) | {"up": "UP" in l["flags"]} for l in ns.ip("-j -d link")
            if l["ifname"].startswith(("rb-", "rv-", "eth0"))}


def addresses(ns):
    return sorted((a["ifname"], i["local"], i["prefixlen"]) for a in ns.ip("-j -4 addr") for i in a["addr_info"]
                  if a["ifname"] != "lo")


def routes(ns):
    return sorted((r["dst"], r.get("gateway", ""), r["dev"], r.get("prefsrc", ""), r.get("metric", 0))
                  for r in ns.ip("-j -4 route show"))


def rules(ns):
    return [re.sub(r"\[\d+:\d+\]", "", line) for line in ns.run(["iptables-save"]).stdout.splitlines()
            if not line.startswith("#")]


def settings(ns):
    """Of the bridge, and forwarding."""
    found = ns.run(["sysctl", "-a", "-r", r"^net\.ipv[46]\.(ip_forward|conf\.rb-lab\.)"], check=False).stdout
    random = (".stable_secret", ".base_reachable")  # and router advertisements' times
    return [line for line in found.splitlines() if not any(w in line for w in random)]


def test_links_addresses_routes_settings_and_rules(lab, real):
    made = machine(lab, "made")
    made.ip("addr flush dev lo")
    made.run(["ip", "-batch", "-"], input=real.exports["ip"])
    assert (links(made), addresses(made), routes(made)) == (links(real), addresses(real), routes(real))
    made.run(["sysctl", "-q", "-p", "-"], input=real.exports["sysctl"])
    assert settings(made) == settings(real)
    # With what a host has of its own, and where nothing else is.
    made.run(["iptables-restore", "--noflush"], input=real.exports["iptables"])
    assert rules(made) == rules(real)
    # A guest's tap: as roost's own are.
    if Path("/dev/net/tun").exists():
        script = real.dir / "qemu-ifup"
        script.write_text(real.exports["qemu-ifup"])
        made.ip("tuntap add dev rt1 mode tap")
        made.ip("link set rt1 address 02:01:02:03:04:05")
        made.run(["sh", script, "rt1"])
        tap, bridge = made.link("rt1"), links(made)["rb-lab"]
        assert (tap["address"], tap["master"], tap["mtu"]) == ("fe:01:02:03:04:05", "rb-lab", bridge["mtu"])
        assert bridge["address"] == links(real)["rb-lab"]["address"]


@pytest.mark.skipif(not NETWORKD.exists(), reason="systemd-networkd is not installed")
def test_networkd(lab, real):
    units = real.dir / "units"
    units.mkdir()
    for path, body in cut(real.exports["networkd"]).items():
        unit = units / Path(path).relative_to("/etc/systemd/network")
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(body)
    if real.kind != "moved":  # the host's own unit, which a VLAN's drop-in belongs to
        (units / "eth0.network").write_text(
            "[Match]\nName=eth0\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nAddress=192.0.2.1/24\n"
            "Gateway=192.0.2.2\n[Route]\nDestination=198.51.100.0/24\nGateway=192.0.2.254\n")
    for path in (real.dir, units, *units.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    made = lab.namespace("made")
    lab.veth(lab.namespace("made-out"), "eth0", made, "eth0", mac="52:54:00:aa:00:01")
    made.ip("addr flush dev lo")
    log = real.dir / "networkd.log"
    # A bridge without STP forwards at once, whatever its delay is.
    differ = ("forward_delay", "addrgenmode")
    want = links(real, differ), addresses(real), routes(real)
    have = lambda: (links(made, differ), addresses(made), routes(made))  # noqa: E731
    with log.open("w") as out:
        daemon = made.start(["unshare", "-m", "env", "SYSTEMD_LOG_TARGET=console", "sh", "-c", ALONE, "sh", units,
                             NETWORKD], stdout=out, stderr=subprocess.STDOUT)
        reached = wait_for(lambda: have() == want, 30)
        made.end(daemon)
    assert reached or have() == want, log.read_text()
    forward = made.run(["sysctl", "-n", "net.ipv4.ip_forward"]).stdout
    assert forward == real.run(["sysctl", "-n", "net.ipv4.ip_forward"]).stdout


def test_ifcfg(real):
    """As the shell reads them, which is what the network scripts did."""
    devices = {}
    for path, body in cut(real.exports["ifcfg"]).items():
        if "/ifcfg-" in path:
            keys = [line.split("=")[0] for line in body.splitlines() if "=" in line and not line.startswith("#")]
            said = subprocess.run(["env", "-i", "sh", "-eu", "-c", f"{body}\nset"], capture_output=True, text=True,
                                  timeout=10, check=True).stdout
            values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
            devices[path.rsplit("ifcfg-", 1)[1]] = {k: values[k].strip("'") for k in keys}
    bridge, have = devices["rb-lab"], links(real)
    assert (bridge["MACADDR"], int(bridge["MTU"]), bridge["TYPE"]) == (
        have["rb-lab"]["address"], have["rb-lab"]["mtu"], "Bridge")
    given = [("rb-lab", bridge["IPADDR"], int(bridge["PREFIX"]))] if "IPADDR" in bridge else []
    assert given == [a for a in addresses(real) if a[0] == "rb-lab"]
    for device, link in have.items():
        if device in devices:
            assert devices[device].get("BRIDGE") == link.get("master")
        else:
            assert device == "eth0" and "master" not in link
    if real.kind == "moved":
        assert bridge["GATEWAY"] == "192.0.2.2"


def test_dnsmasq(lab, real):
    """Complete in one file: the same addresses and names are served on the same bridge."""
    if real.exports["dnsmasq"] is None:
        assert real.kind in ("moved", "vlan")
        return
    made = machine(lab, "made")
    made.ip("addr flush dev lo")
    made.run(["ip", "-batch", "-"], input=real.exports["ip"])
    conf = real.dir / "dnsmasq.conf"
    conf.write_text(real.exports["dnsmasq"])
    listening = lambda ns: sorted(l.split()[4] for l in ns.run("ss -Hlun").stdout.splitlines())  # noqa: E731
    daemon = made.start(["dnsmasq", "--keep-in-foreground", f"--conf-file={conf}", "--user=root", "--pid-file=",
                         f"--dhcp-leasefile={real.dir}/leases"], stderr=subprocess.DEVNULL)
    assert wait_for(lambda: listening(made) == listening(real)), (listening(made), listening(real))
    made.end(daemon)
