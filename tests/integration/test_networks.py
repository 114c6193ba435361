"""Networks of roost's own, on a host that is a namespace: up, guests by cable, down, kills in between."""
import http.client
import json
import re
import signal

import pytest
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until

CONF = {"launch": {"enabled": "no"}}
LAB = {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal"}


@pytest.fixture
def host():
    """A host with an outside world: eth0 is 192.0.2.1, outside it 192.0.2.2 listens."""
    with Lab() as lab:
        ns = lab.namespace("host")
        ns.lab, ns.outside = lab, lab.namespace("outside")
        lab.veth(ns, "eth0", ns.outside, "eth0")
        ns.ip("addr add 192.0.2.1/24 dev eth0")
        ns.outside.ip("addr add 192.0.2.2/24 dev eth0")
        ns.ip("route add default via 192.0.2.2")
        yield ns


def external(name, network="lab", **more):
    return {name: {"network": network, **more}}


def define(r, network=LAB, instances=None):
    fleet = {"networks": {"lab": network}, "images": {}, "instances": instances or {}}
    answer = r.api("POST", "/v1/apply", {"fleet": fleet})
    assert answer.status == 200, answer.text
    return answer.json


def change(r, verb, name="lab"):
    answer = r.api("POST", f"/v1/networks/{name}/{verb}", {})
    assert answer.status == 200, answer.text


def rules(ns):
    """iptables-save without what moves by itself."""
    text = ns.run(["iptables-save"]).stdout
    return [re.sub(r"\[\d+:\d+\]", "", line) for line in text.splitlines() if not line.startswith("#")]


def snapshot(ns):
    """What `down` has to leave as it was."""
    links = [{k: l[k] for k in ("ifname", "flags", "mtu", "address", "operstate") if k in l}
             for l in ns.ip("-j -d link")]
    addresses = [(a["ifname"], i["local"], i["prefixlen"]) for a in ns.ip("-j addr")
                 for i in a["addr_info"] if i["family"] == "inet"]
    sysctls = ns.run("sysctl -a --pattern ^net.ipv4.(ip_forward|conf.all)").stdout
    sockets = sorted(line.split()[4] for line in ns.run("ss -Hlntu").stdout.splitlines())
    return {"links": links, "addresses": addresses, "routes": ns.ip("-j route"),
            "rules": rules(ns), "sysctls": sysctls, "sockets": sockets}


def state(r, name="lab"):
    return next(n for n in r.api("GET", "/v1/networks").json if n["name"] == name)["state"]


def test_up_and_down_leave_the_host_as_it_was(host):
    host.run(["iptables", "-A", "FORWARD", "-s", "198.51.100.0/24", "-j", "DROP"])
    host.run(["iptables", "-P", "FORWARD", "DROP"])
    with Roost(CONF, inside=host) as r:
        define(r)
        before = snapshot(host)
        change(r, "up")
        assert state(r) == "up"
        bridge = host.link("rb-lab")
        assert bridge["linkinfo"]["info_kind"] == "bridge"
        assert host.run("cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n"
        assert any("MASQUERADE" in line for line in rules(host))
        change(r, "up")  # once more: nothing twice
        assert sum("MASQUERADE" in line for line in rules(host)) == 1
        change(r, "down")
        assert snapshot(host) == before
        assert state(r) == "down"
