"""Seeds of guests on networks of roost's own: the address in their network-config, and whose machine asks."""
import shutil

import pytest
import yaml
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until
from test_networks import CONF, SHARED, Machine, change, define

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
MAC = "52:54:00:00:00:0"


@pytest.fixture
def host():
    with Lab() as lab:
        ns = lab.namespace("host")
        ns.lab = lab
        yield ns


# --- network-config ---

def config(r, name):
    answer = Guest(r, name).get("network-config")
    assert answer.status == 200
    document = yaml.safe_load(answer.body)
    assert document["version"] == 2
    return document["ethernets"]["nic0"]


def reserved(r, network, name):
    rows = r.api("GET", f"/v1/networks/{network}").json["reservations"]
    return next(row["address"] for row in rows if row["instance"] == name)


def on(network, n, **more):
    return {"launcher": "external", "mac": f"{MAC}{n}", "network": network, **more}


def test_the_address_on_record_is_told():
    """Where nobody answers DHCP a guest is told the address that is reserved for it, asked for or chosen."""
    quiet = {"kind": "host-only", "cidr": "198.18.4.0/24", "dhcp": False, "domain": "quiet.internal"}
    lan = {"kind": "bridged", "parent": "eth9", "host-address": "198.18.6.1/24", "gateway": "198.18.6.254",
           "nameservers": ["198.18.6.53"]}
    with Roost(CONF) as r:
        define(r, {"asks": on("quiet", 1, address="198.18.4.20"), "takes": on("quiet", 2),
                   "lease": on("lab", 3, address="172.16.5.20"), "fixed": on("lan", 4, address="198.18.6.20"),
                   "theirs": on("lan", 5)}, lab=SHARED, quiet=quiet, lan=lan)
        asks, takes = config(r, "asks"), config(r, "takes")
        assert asks["match"] == {"macaddress": f"{MAC}1"} and asks["dhcp4"] is False
        assert asks["addresses"] == ["198.18.4.20/24"] and "routes" not in asks
        assert asks["nameservers"] == {"addresses": ["198.18.4.1"], "search": ["quiet.internal"]}
        chosen = reserved(r, "quiet", "takes")
        assert takes["addresses"] == [f"{chosen}/24"] and takes["dhcp4"] is False and chosen != "198.18.4.20"
        # roost's own DHCP gives it its reservation; a foreign one gives what it likes.
        assert config(r, "lease") == {"match": {"macaddress": f"{MAC}3"}, "dhcp4": True, "dhcp-identifier": "mac"}
        fixed = config(r, "fixed")
        assert fixed["addresses"] == ["198.18.6.20/24"] and fixed["nameservers"] == {"addresses": ["198.18.6.53"]}
        assert fixed["routes"] == [{"to": "0.0.0.0/0", "via": "198.18.6.254"}]
        theirs = config(r, "theirs")
        assert theirs["dhcp4"] is True and "addresses" not in theirs


def test_a_new_address_is_told():
    quiet = {"kind": "host-only", "cidr": "198.18.4.0/24", "dhcp": False}
    with Roost(CONF) as r:
        for address in ("198.18.4.20", "198.18.4.30", None):
            instance = on("quiet", 1, **({"address": address} if address else {}))
            define(r, {"web1": instance}, quiet=quiet)
            want = reserved(r, "quiet", "web1")
            assert want == (address or want)
            assert config(r, "web1")["addresses"] == [f"{want}/24"]


# --- whose machine? ---

def refusals(r, name):
    return [e["detail"] for e in r.api("GET", f"/v1/events?instance={name}").json["events"]
            if e["kind"] in ("seed-refused", "second-claimant")]


def machine(host, r, name, mac, address):
    """A machine on the bridge with this MAC, an address of its own choice, and the instance's secrets."""
    m = Machine.__new__(Machine)
    m.host, m.roost, m.name, m.mac = host, r, name, mac
    m.ns = host.lab.namespace(f"m{mac[-1]}")
    host.lab.plug(host, "rb-lab", f"port-m{mac[-1]}", m.ns, mac=mac)
    m.ns.ip(f"addr add {address}/24 dev eth0")
    return m


@pytest.mark.parametrize("policy", ["token", "address", "tag"])
def test_a_second_mac_is_refused(host, policy):
    """With the instance's token, its address or its tag: what has another MAC is another machine."""
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": on("lab", 1, address="172.16.5.20")}, lab={**SHARED, "policy": policy})
        change(r, "up")
        path = Guest(r, "web1").path("seed", "meta-data") if policy == "token" else "/web1/meta-data"
        other = machine(host, r, "web1", f"{MAC}2", "172.16.5.20" if policy == "address" else "172.16.5.50")
        assert other.request("GET", path)[0] == 403
        until("the refusal on record", lambda: refusals(r, "web1"))
        assert f"a second MAC, {MAC}2, asks as instance web1, which has {MAC}1" in refusals(r, "web1")[0]
        with pytest.raises(AssertionError):
            other.home()
        host.ip("link del port-m2")
        if policy == "address":
            host.run("ip neigh flush dev rb-lab")
        own = machine(host, r, "web1", f"{MAC}1", "172.16.5.20")
        status, meta = own.request("GET", path)
        assert status == 200 and b"iid-web1-1" in meta
        if policy == "token":
            own.home()


def test_a_machine_whose_mac_nobody_told(host):
    """Of somebody else's machine roost may know no MAC: then it cannot be another one."""
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": {"launcher": "external", "network": "lab"}}, lab={**SHARED, "policy": "tag"})
        change(r, "up")
        assert machine(host, r, "web1", f"{MAC}2", "172.16.5.50").request("GET", "/web1/meta-data")[0] == 200
        assert refusals(r, "web1") == []
