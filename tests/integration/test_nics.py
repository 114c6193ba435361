"""Several cards: each on a network of its own, with a MAC and an address that stay, wherever they are told."""
import re
import shutil
import subprocess

import pytest
import yaml
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until
from test_networks import Machine

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save") and shutil.which("qemu-img")),
                                reason="dnsmasq, iptables or qemu-img is not installed")
NETWORKS = {"lab": {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal"},
            "dmz": {"kind": "host-only", "cidr": "172.16.6.0/24", "mtu": 1400}}


@pytest.fixture
def r():
    with Lab() as lab:
        host = lab.namespace("host")
        with Roost({"launch": {"accelerator": "tcg"}}, inside=host) as roost:
            host.lab, roost.host = lab, host
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", roost.dir / "d.qcow2", "1M"], check=True)
            roost.apply({"networks": NETWORKS, "images": {"d": {"file": str(roost.dir / "d.qcow2")}}})
            yield roost


def fleet(nics=({"network": "dmz", "address": "172.16.6.20"}, {"network": "user"}), **words):
    return {"defaults": {"image": "d", "network": "lab", "memory": "64M"}, "instances": {"web1": {"nics": list(nics), **words}}}


def row(r, name="web1"):
    return next(i for i in r.json("instance", "list") if i["name"] == name)


def cards(r, name="web1"):
    return {n["network"]: n for n in row(r, name)["nics"]}


def test_what_is_on_record(r):
    r.apply(fleet())
    first, nics = row(r)["mac"], cards(r)
    assert set(nics) == {"dmz", "user"} and nics["dmz"]["address"] == "172.16.6.20"
    assert len({first, *(n["mac"] for n in nics.values())}) == 3, "each its own"
    assert all(n["mac"].startswith("52:54:00:") for n in nics.values())
    assert row(r)["addresses"] == ["172.16.6.20"]
    shown = r.cli("instance", "show", "web1").stdout
    assert re.search(rf"nics +dmz {nics['dmz']['mac']} 172\.16\.6\.20\n", shown)
    assert r.json("network", "show", "dmz")["reservations"] == [
        {"instance": "web1", "mac": nics["dmz"]["mac"], "address": "172.16.6.20"}]
    # Unchanged by the same file; a card keeps what it has when another one goes.
    assert not r.apply(fleet())["changed"]
    plan = r.apply(fleet(nics=[{"network": "dmz"}]))["plan"]
    assert next(p for p in plan if p["name"] == "web1")["fields"] == ["nics"]
    assert cards(r) == {"dmz": nics["dmz"]}
    r.apply(fleet())
    assert cards(r) == nics, "the same MAC again"


def test_network_config_has_each(r):
    r.apply(fleet())
    doc = yaml.safe_load(r.cli("seed", "show", "web1", "network-config").stdout)
    nics = cards(r)
    assert {n["match"]["macaddress"] for n in doc["ethernets"].values()} == {row(r)["mac"], *(n["mac"] for n in nics.values())}
    assert doc["ethernets"]["nic1"]["mtu"] == 1400
    assert "dhcp4-overrides" not in doc["ethernets"]["nic0"], "the way out is the first card's"
    assert doc["ethernets"]["nic1"]["dhcp4-overrides"]["route-metric"] < doc["ethernets"]["nic2"]["dhcp4-overrides"]["route-metric"]


def test_it_runs_with_all_of_them(r):
    r.apply(fleet())
    refused = r.cli("instance", "start", "web1", check=False)
    assert refused.returncode == 4 and "network lab is not up" in refused.stderr
    r.cli("network", "up", "lab")
    refused = r.cli("instance", "start", "web1", check=False)
    assert refused.returncode == 4 and "network dmz is not up: roost network up dmz" in refused.stderr
    r.cli("network", "up", "dmz")
    r.cli("instance", "start", "web1")
    nics, first = cards(r), row(r)["mac"]
    links = {l["ifname"]: l for l in r.host.ip("-j -d link")}
    taps = {n: links["rt" + mac.replace(":", "")] for n, mac in (("lab", first), ("dmz", nics["dmz"]["mac"]))}
    assert {n: t["master"] for n, t in taps.items()} == {"lab": "rb-lab", "dmz": "rb-dmz"}
    assert taps["dmz"]["mtu"] == 1400 and taps["dmz"]["ifalias"] == "roost dmz web1"
    argv = open(f"/proc/{r.guests()['web1']}/cmdline").read().split("\0")
    devices = [a for a in argv if a.startswith("virtio-net-pci")]
    assert [re.search("mac=([0-9a-f:]+)", d).group(1) for d in devices] == [first, nics["dmz"]["mac"], nics["user"]["mac"]]
    assert "host_mtu=1400" in devices[1]
    # A network that one of its cards is on does not go.
    refused = r.cli("network", "down", "dmz", check=False)
    assert refused.returncode == 4 and "web1" in refused.stderr
    script = (r.state / "instances" / "web1" / "vm.sh").read_text()
    assert "../../networks/lab/qemu-ifup" in script and "../../networks/dmz/qemu-ifup" in script
    assert subprocess.run(["sh", "-n", r.state / "instances" / "web1" / "vm.sh"]).returncode == 0
    r.cli("instance", "stop", "web1", "--force")
    assert not [l for l in r.host.ip("-j link") if l["ifname"].startswith("rt")]
    r.cli("network", "down", "dmz")


def test_its_leases_are_heard(r):
    """A machine with the MAC of its second card asks for an address there: the reserved one, and roost knows."""
    r.apply(fleet())
    r.cli("network", "up", "dmz")
    nic = cards(r)["dmz"]
    guest = Machine(r.host, r, "web1", bridge="rb-dmz", mac=nic["mac"])
    assert guest.lease() == nic["address"] == "172.16.6.20"
    leased = until("roost heard it", lambda: [e for e in Guest(r, "web1").events("leased")])
    assert leased[0]["detail"] == "172.16.6.20 on network dmz"
    assert row(r)["address"] == "172.16.6.20:22", "as long as nothing better is known"
    # Another machine's DHCP on the wrong network is nobody's.
    r.cli("network", "up", "lab")
    stranger = Machine(r.host, r, "web1", bridge="rb-lab", mac=nic["mac"], label="wrong")
    assert stranger.lease().startswith("172.16.5.")
    assert cards(r)["dmz"]["address"] == "172.16.6.20"
    assert len(Guest(r, "web1").events("leased")) == 1


def test_its_second_network_may_read_its_seed_by_address(r):
    r.apply({"networks": {"lab": {**NETWORKS["lab"], "policy": "address"}}})
    r.apply(fleet())
    r.cli("network", "up", "dmz")
    guest = Machine(r.host, r, "web1", bridge="rb-dmz", mac=cards(r)["dmz"]["mac"])
    guest.lease()
    status, meta = guest.request("GET", "/web1/meta-data", at="172.16.6.1")
    assert status == 200 and b"iid-web1-1" in meta
    r.apply({"defaults": {"image": "d"}, "instances": {"other": {"network": "lab"}}})
    assert guest.request("GET", "/other/meta-data", at="172.16.6.1")[0] == 403


def test_without_an_address_one_is_reserved(r):
    r.apply(fleet(nics=[{"network": "dmz"}]))
    address = cards(r)["dmz"]["address"]
    assert address and address.startswith("172.16.6.")

    def hosts():
        """What dnsmasq reads: both of its directories."""
        return "".join(f.read_text() for f in (r.state / "networks" / "dmz").glob("*hosts.d/*"))
    r.cli("network", "up", "dmz")
    until("dnsmasq's file has it", lambda: address in hosts())
    mac = cards(r)["dmz"]["mac"]
    r.cli("instance", "rename", "web1", "web9")
    assert cards(r, "web9")["dmz"] == {"network": "dmz", "mac": mac, "address": address}
    until("its names follow", lambda: "web9" in hosts() and "web1" not in hosts())
    r.cli("instance", "rename", "web9", "web1")
    # Taken is taken, by whichever card.
    r.apply({"defaults": {"image": "d"}, "instances": {"other": {"network": "user"}}})
    refused = r.cli("instance", "modify", "other", "--nic", f"network=dmz,address={address}", check=False)
    assert refused.returncode == 4 and f"address {address} of network dmz is reserved for instance web1" in refused.stderr
    assert cards(r, "other") == {}, "nothing was changed"
    r.cli("instance", "remove", "web1", "--yes")
    until("it is free again", lambda: address not in hosts())


def test_on_the_command_line(r):
    r.cli("instance", "create", "a", "--image", "d", "--network", "lab", "--nic", "network=dmz,address=172.16.6.30",
          "--nic", "network=user,mac=52:54:00:12:34:56")
    nics = cards(r, "a")
    assert nics["dmz"]["address"] == "172.16.6.30" and nics["user"]["mac"] == "52:54:00:12:34:56"
    table = r.cli("instance", "list", "--columns", "name,addresses").stdout
    assert re.search(r"^a +172\.16\.6\.30$", table, re.M)
    for said, message in (("dmz", "--nic dmz: expected network=NAME[,address=ADDRESS][,mac=MAC]"),
                          ("network=dmz,adress=1.2.3.4", "did you mean"),
                          ("network=lab", "its first card is on network lab already"),
                          ("network=dmz,address=172.16.7.1", "172.16.7.1"),
                          ("network=nowhere", "there is no network nowhere"),
                          ("network=dmz,mac=52:54:00:12:34:56", "taken")):
        done = r.cli("instance", "create", "b", "--image", "d", "--network", "lab", "--nic", said, check=False)
        assert done.returncode in (2, 3, 4) and message in done.stderr, (said, done.stderr)
        assert done.stderr.count("\n") == 1
    assert [i["name"] for i in r.json("instance", "list")] == ["a"]
    refused = r.cli("network", "remove", "dmz", check=False)
    assert refused.returncode == 4 and "a" in refused.stderr
    r.cli("instance", "modify", "a", "--unset", "nic")
    assert cards(r, "a") == {}
    r.cli("network", "remove", "dmz")


@pytest.mark.parametrize("name", ["web1", "web7"])
def test_out_of_the_trash_with_the_same_cards(r, name):
    """Under another name too, as long as nobody has them: the guest inside knows its cards by their MACs."""
    r.apply(fleet(nics=[{"network": "dmz"}, {"network": "user"}]))
    first, nics = row(r)["mac"], cards(r)
    assert nics["dmz"]["address"], "one that roost chose"
    r.cli("instance", "remove", "web1")
    r.cli("instance", "trash", "restore", "web1", *(["--as", name] if name != "web1" else []))
    assert (row(r, name)["mac"], cards(r, name)) == (first, nics)
    r.stop(keep=True)
    r.start()
    assert (row(r, name)["mac"], cards(r, name)) == (first, nics)


def test_out_of_the_trash_when_a_card_is_taken(r):
    r.apply(fleet(nics=[{"network": "dmz"}, {"network": "user"}]))
    nics = cards(r)
    r.cli("instance", "remove", "web1")
    r.cli("instance", "create", "thief", "--image", "d", "--network", "user", "--mac", nics["dmz"]["mac"])
    r.cli("instance", "create", "squatter", "--image", "d", "--network", "user",
          "--nic", f"network=dmz,address={nics['dmz']['address']}")
    r.cli("instance", "trash", "restore", "web1", "--as", "web7")
    now = cards(r, "web7")
    assert now["user"] == nics["user"]
    assert now["dmz"]["mac"] != nics["dmz"]["mac"] and now["dmz"]["address"] not in ("", nics["dmz"]["address"])
    r.cli("instance", "remove", "web7")
    r.cli("instance", "remove", "squatter", "thief")
    r.cli("instance", "create", "web1", "--image", "d", "--network", "lab", "--nic", f"network=dmz,mac={now['user']['mac']}")
    r.cli("instance", "remove", "web1")
    r.cli("instance", "create", "other", "--image", "d", "--network", "user", "--mac", now["user"]["mac"])
    done = r.cli("instance", "trash", "restore", "web1", check=False)
    assert done.returncode == 4 and f"{now['user']['mac']} is taken by another instance" in done.stderr, "it was said"
    assert "web1" not in r.cli("instance", "list").stdout and "web1" in r.cli("instance", "trash", "list").stdout
