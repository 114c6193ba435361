"""The networks of the first start with privilege: there, not up, and in nobody's way."""
import json
import shutil
import threading

import pytest
from harness.netns import Lab
from harness.system import System
from test_networks import CONF, change, network, snapshot

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")


@pytest.fixture
def service():
    """A roost of the system's, on a host with eth0 (192.0.2.1)."""
    with Lab() as lab:
        host, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(host, "eth0", outside, "eth0")
        host.ip("addr add 192.0.2.1/24 dev eth0")
        host.ip("route add default via 192.0.2.2")
        for table, chain in (("filter", "FORWARD"), ("nat", "POSTROUTING")):  # the tables are there
            host.run(["iptables", "-t", table, "-A", chain, "-s", "203.0.113.0/24", "-j", "ACCEPT"])
        with System(host, CONF) as r:
            r.host = host
            yield r


def networks(r):
    return {n["name"]: n for n in r.api("GET", "/v1/networks").json}


def apply(r, status=200, **definitions):
    answer = r.api("POST", "/v1/apply", {"fleet": {"networks": definitions}})
    assert answer.status == status, answer.text
    return answer.json.get("warnings", []) if status == 200 else answer.text


def test_what_is_there_at_first(service):
    service.start()
    there = networks(service)
    assert {name: n["kind"] for name, n in there.items()} == \
        {"user": "user", "host-only": "host-only", "shared": "shared", "bridged": "bridged"}
    assert {there[n]["state"] for n in ("host-only", "shared", "bridged")} == {"down"}
    assert there["host-only"]["cidr"] == "172.16.4.0/24" and there["shared"]["cidr"] == "172.16.5.0/24"
    assert there["shared"]["dhcp"] == "172.16.5.10-172.16.5.254" and there["bridged"]["parent"] == "eth0"


def test_a_taken_range_moves_on(service):
    service.host.ip("addr add 172.16.5.77/24 dev eth0")
    service.start()
    assert networks(service)["shared"]["cidr"] == "172.16.6.0/24"


def test_they_are_in_nobodys_way(service):
    service.start()
    before = snapshot(service.host)
    lab = {"kind": "shared", "cidr": "172.16.5.0/24", "domain": "lab.internal"}
    warnings = apply(service, lab=lab)
    assert any("lab" in w and "shared" in w and "only one of the two can be up" in w for w in warnings), warnings
    assert apply(service, lab=lab) == [], "said once"
    change(service, "up", "lab")
    refused = service.api("POST", "/v1/networks/shared/up", {})
    assert refused.status == 409 and "172.16.5.0/24 is taken" in refused.text and "rb-lab" in refused.text
    assert network(service, "lab")["state"] == "up"
    change(service, "down", "lab")
    change(service, "up", "shared")
    assert "rb-shared" in service.api("POST", "/v1/networks/lab/up", {}).text
    change(service, "down", "shared")
    assert snapshot(service.host) == before


def test_those_that_a_person_changed_are_as_any(service):
    service.start()
    apply(service, shared={"kind": "shared", "cidr": "172.16.5.0/24", "domain": "office.internal"})
    refused = apply(service, 409, lab={"kind": "shared", "cidr": "172.16.5.128/25"})
    assert "overlaps with 172.16.5.0/24 of network shared" in refused


def test_down_waits_for_what_is_under_way(service):
    """A change of published ports is brought to the host while `down` is asked for already; ups and downs that
    are asked for at once end as the last of them says."""
    service.start()
    before = snapshot(service.host)
    lab = {"kind": "shared", "cidr": "172.16.8.0/24"}
    apply(service, lab=lab)
    change(service, "up", "lab")
    for port in range(4):
        apply(service, lab={**lab, "mtu": 1400 + port})
        change(service, "down", "lab")
        assert network(service, "lab")["state"] == "down" and snapshot(service.host) == before
        change(service, "up", "lab")
    answers = []

    def ask(verb):
        answers.append((verb, service.api("POST", f"/v1/networks/lab/{verb}", {})))

    askers = [threading.Thread(target=ask, args=(verb,)) for verb in ("down", "up", "down", "up", "down")]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert len(answers) == len(askers)
    for verb, answer in answers:
        assert answer.status == 200 or "meanwhile" in json.loads(answer.text)["error"]["message"], (verb, answer.text)
    change(service, "down", "lab")
    assert snapshot(service.host) == before
