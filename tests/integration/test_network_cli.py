"""roost network …, as far as it goes without any privilege: definitions, plans, exports, and plain refusals."""
import os
import re
import shutil

import pytest
import yaml

from harness.netns import Lab
from harness.roost import Roost
from roostd_rig import until

LAB = ["network", "create", "lab", "--kind", "shared", "--cidr", "198.18.5.0/24", "--domain", "lab.internal"]
NOBODY = 65534


class Nobody:
    """An ordinary user, also where the tests are root's."""

    def argv(self, argv):
        if os.geteuid():
            return list(argv)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv]


@pytest.fixture
def plain():
    """A roost that an ordinary user runs."""
    r = Roost(start=False, inside=Nobody())
    if not os.geteuid():
        for path in (r.dir, r.run, r.home, r.conf):
            shutil.chown(path, NOBODY, NOBODY)
    with r:
        r.start()
        yield r


def fails(r, code, *args):
    done = r.cli(*args, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def refused(r, code, says, *args):
    """It says why, on one line, and changes nothing."""
    before = (r.json("network", "list"), r.json("events"))
    done = fails(r, code, *args)
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert re.search(says, done.stderr), done.stderr
    assert (r.json("network", "list"), r.json("events")) == before


def network(r, name="lab"):
    return next((n for n in r.json("network", "list") if n["name"] == name), None)


def fleet_of(definition):
    return {"networks": {"lab": definition}}


# --- create ---

def test_create_is_an_apply_of_one_network(plain):
    assert plain.cli(*LAB).stdout == "network lab is defined\n"
    made = network(plain)
    assert {k: made[k] for k in ("kind", "cidr", "domain", "host-address", "dhcp", "policy", "state", "bridge")} == {
        "kind": "shared", "cidr": "198.18.5.0/24", "domain": "lab.internal", "host-address": "198.18.5.1",
        "dhcp": "198.18.5.10-198.18.5.254", "policy": "token", "state": "down", "bridge": ""}
    again = plain.apply(fleet_of({"kind": "shared", "cidr": "198.18.5.0/24", "domain": "lab.internal"}))
    assert again["changed"] is False


def test_each_option_has_its_word(plain):
    plain.cli(*LAB)
    plain.cli("network", "create", "wide", "--kind", "shared", "--cidr", "198.19.0.0/16", "--dhcp",
              "198.19.1.1-198.19.2.255", "--host-address", "198.19.0.254", "--mtu", "9000", "--policy", "address",
              "--advertise", "http://198.19.0.254:80", "--allow", "lab", "--allow", "user", "--autostart",
              "--nameserver", "192.0.2.1", "--nameserver", "192.0.2.2")
    wide = network(plain, "wide")
    assert wide["dhcp"] == "198.19.1.1-198.19.2.255"
    assert wide["host-address"] == "198.19.0.254" and wide["mtu"] == 9000 and wide["policy"] == "address"
    assert wide["allow"] == ["lab", "user"] and wide["autostart"] is True
    assert wide["nameservers"] == ["192.0.2.1", "192.0.2.2"]
    plain.cli("network", "create", "vlan7", "--kind", "bridged", "--parent", "eth0", "--vlan", "7",
              "--host-address", "198.18.3.10/24", "--gateway", "198.18.3.1", "--dhcp", "no")
    vlan = network(plain, "vlan7")
    assert (vlan["parent"], vlan["vlan"], vlan["host-address"], vlan["gateway"], vlan["dhcp"]) == (
        "eth0", 7, "198.18.3.10/24", "198.18.3.1", False)


def test_create_again(plain):
    plain.cli(*LAB)
    before = plain.json("events")
    assert "nothing changed" in plain.cli(*LAB).stdout
    assert plain.json(*LAB)["plan"][0]["action"] == "unchanged"
    refused(plain, 4, r"network lab is there with another cidr, .*roost apply -f", *LAB[:5], "--cidr", "198.18.6.0/24",
            "--domain", "lab.internal")
    refused(plain, 4, "another kind", *LAB[:3], "--kind", "host-only", *LAB[5:])
    assert plain.json("events") == before


def test_create_keeps_published_ports(plain):
    plain.cli(*LAB)
    plain.cli("network", "forward", "add", "lab", ":8080", "web1:80")
    assert "nothing changed" in plain.cli(*LAB).stdout
    assert network(plain)["forwards"] == ["0.0.0.0:8080 web1:80"]


def test_a_dry_run_defines_nothing(plain):
    assert "--dry-run" in plain.cli(*LAB, "-n").stdout
    assert network(plain) is None
    refused(plain, 2, "--cidr: ", *LAB[:6], "1.2.3", "-n")


@pytest.mark.parametrize("words, code, says", [
    ([], 2, "say which --kind"),
    (["--kind", "natted"], 2, r"network create: --kind: .*host-only"),
    (["--kind", "shared"], 2, "network create: .*cidr"),
    (["--kind", "bridged"], 2, "network create: .*parent"),
    (["--kind", "shared", "--cidr", "198.18.5.7/24"], 2, "--cidr: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--dhcp", "maybe"], 2, "--dhcp: .*FIRST-LAST"),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--dhcp", "198.18.6.10-198.18.6.20"], 2, "--dhcp: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--host-address", "198.18.6.1"], 2, "--host-address: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--nameserver", "192.0.2.1", "--nameserver", "x"], 2,
     "--nameserver: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--domain", "Lab_"], 2, "--domain: |domain"),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--vlan", "7"], 2, "--vlan: .*bridged"),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--mtu", "x"], 2, "--mtu: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--mtu", "70000"], 2, "--mtu: "),
    (["--kind", "bridged", "--parent", "eth0", "--vlan", "4095"], 2, "--vlan: "),
    (["--kind", "bridged", "--parent", "a name that is too long"], 2, "--parent: "),
    (["--kind", "shared", "--cidr", "198.18.5.0/24", "--advertise", "ftp://x"], 2, "--advertise: "),
    (["--kind", "user", "--policy", "address"], 2, "--policy: "),
    (["--kind", "shared", "--cidr", "198.18.9.128/25"], 4, "198.18.9.128/25, which overlaps with .* of network there"),
])
def test_bad_words(plain, words, code, says):
    plain.cli("network", "create", "there", "--kind", "host-only", "--cidr", "198.18.9.0/24")
    refused(plain, code, says, "network", "create", "lab", *words)


def test_a_bad_name(plain):
    refused(plain, 2, "network name", "network", "create", "Lab_1", "--kind", "user")


# --- list, show, plan, export ---

def test_list_and_show(plain):
    plain.cli(*LAB)
    table = [line.split() for line in plain.cli("network", "list").stdout.splitlines()]
    assert table[0] == ["NAME", "KIND", "STATE", "BRIDGE", "CIDR", "DOMAIN", "POLICY", "NOTE"]
    assert table[1] == ["lab", "shared", "down", "198.18.5.0/24", "lab.internal", "token"]
    assert table[2][:3] == ["user", "user", "up"]
    plain.apply({"defaults": {"network": "lab"}, "images": {},
                 "instances": {"web1": {"launcher": "external", "mac": "52:54:00:00:00:01"}}})
    shown = plain.json("network", "show", "lab")
    assert shown["instances"] == 1 and shown["files"] == f"{plain.state}/networks/lab"
    assert shown["reserved"] == len(shown["reservations"])
    text = plain.cli("network", "show", "lab").stdout
    assert re.search(r"^cidr +198\.18\.5\.0/24$", text, re.M) and re.search(r"^instances +1$", text, re.M)
    refused(plain, 3, 'no network "nosuch"; roost network list', "network", "show", "nosuch")


def test_reservations_are_shown(plain):
    plain.cli(*LAB)
    disk = plain.dir / "disk.raw"
    disk.write_bytes(bytes(510) + b"\x55\xaa")
    disk.chmod(0o644)
    plain.apply({"images": {"disk": {"file": str(disk)}},
                 "instances": {"web1": {"network": "lab", "image": "disk", "address": "198.18.5.20"}}})
    shown = plain.json("network", "show", "lab")
    assert [(r["instance"], r["address"]) for r in shown["reservations"]] == [("web1", "198.18.5.20")]
    assert re.search(r"^web1 +198\.18\.5\.20 +([0-9a-f]{2}:){5}", plain.cli("network", "show", "lab").stdout, re.M)


def test_a_plan_changes_nothing(plain):
    plain.cli(*LAB)
    events, links = plain.json("events"), sorted(os.listdir("/sys/class/net"))
    plan = plain.json("network", "plan", "lab")
    assert plan["bridge"] == "rb-lab" and plan["leftover"] == []
    assert [s["done"] for s in plan["steps"]] == [False] * len(plan["steps"])
    assert plan["steps"][0]["do"].startswith("make bridge rb-lab")
    assert plain.json("network", "plan", "lab") == plan
    table = plain.cli("network", "plan", "lab").stdout.splitlines()
    assert table[0].split() == ["STATE", "STEP"] and len(table) == len(plan["steps"]) + 1
    assert (plain.json("events"), sorted(os.listdir("/sys/class/net"))) == (events, links)
    assert not (plain.state / "networks" / "lab" / "dnsmasq.conf").exists()
    assert network(plain)["state"] == "down"


def test_plans_that_cannot_be(plain):
    plain.cli("network", "create", "far", "--kind", "bridged", "--parent", "nosuch0")
    refused(plain, 3, "network far: .*nosuch0", "network", "plan", "far")
    refused(plain, 2, "network user is QEMU's own", "network", "plan", "user")
    refused(plain, 3, "no network", "network", "plan", "nosuch")


FORMATS = ["dnsmasq", "ip", "networkd", "ifcfg", "iptables", "sysctl", "qemu-ifup", "qemu-ifdown"]


@pytest.mark.parametrize("form", FORMATS)
def test_export(plain, form):
    plain.cli(*LAB)
    text = plain.cli("network", "export", "lab", "--format", form).stdout
    assert "rb-lab" in text and text.endswith("\n")
    assert plain.json("network", "export", "lab", "--format", form) == {"text": text}
    assert yaml.safe_load(plain.cli("network", "export", "lab", "--format", form, "-o", "yaml").stdout) == {
        "text": text}
    answer = plain.api("GET", f"/v1/networks/lab/export?format={form}")
    assert answer.text == text and answer.headers["Content-Type"].startswith("text/plain")


def test_export_of_what_is_not(plain):
    plain.cli(*LAB)
    refused(plain, 2, "say which --format: dnsmasq, ip", "network", "export", "lab")
    refused(plain, 2, '"xml" is none of dnsmasq, ip, networkd', "network", "export", "lab", "--format", "xml")
    refused(plain, 3, "no network", "network", "export", "nosuch", "--format", "ip")
    assert plain.api("GET", "/v1/networks/lab/export").status == 400


# --- up and down without the right to ---

def test_up_says_that_it_lacks_the_right(plain):
    plain.cli(*LAB)
    done = fails(plain, 5, "network", "up", "lab")
    assert re.fullmatch(r"roost: network lab: .*CAP_NET_ADMIN.* root .*\n", done.stderr), done.stderr
    assert done.stdout == ""
    lab = network(plain)
    assert lab["state"] == "failed" and lab["bridge"] == "" and "CAP_NET_ADMIN" in lab["note"]
    assert plain.json("network", "plan", "lab")["leftover"] == []
    assert not any(s["done"] for s in plain.json("network", "plan", "lab")["steps"])
    assert plain.cli("network", "down", "lab").stdout == "lab is down\n"
    assert network(plain)["state"] == "down" and network(plain)["note"] == ""
    answer = plain.api("POST", "/v1/networks/lab/up")
    assert answer.status == 403 and answer.json["error"]["kind"] == "denied"


def test_up_of_what_needs_none(plain):
    refused(plain, 2, "network user is QEMU's own", "network", "up", "user")
    refused(plain, 3, "no network", "network", "up", "nosuch")
    refused(plain, 3, "no network", "network", "down", "nosuch")


def test_one_of_several_fails(plain):
    plain.cli(*LAB)
    done = fails(plain, 3, "network", "down", "lab", "nosuch")
    assert done.stdout == "lab is down\n" and 'no network "nosuch"' in done.stderr


# --- remove ---

def test_remove(plain):
    plain.cli(*LAB)
    plain.cli("network", "down", "lab")
    assert plain.cli("network", "remove", "lab").stdout == "lab removed\n"
    assert network(plain) is None
    assert not (plain.state / "networks" / "lab").exists()
    assert [e["detail"] for e in plain.json("events")["events"] if e["kind"] == "removed"] == ["network lab"]
    plain.cli(*LAB)
    plain.stop(keep=True)
    plain.start()
    assert network(plain)["cidr"] == "198.18.5.0/24"
    plain.cli("network", "remove", "lab")
    plain.stop(keep=True)
    plain.start()
    assert network(plain) is None


def test_remove_of_one_in_use(plain):
    plain.cli(*LAB)
    plain.cli("network", "create", "dmz", "--kind", "shared", "--cidr", "198.18.6.0/24", "--allow", "lab")
    plain.apply({"instances": {"web1": {"network": "lab", "launcher": "external"},
                               "web2": {"network": "lab", "launcher": "external"}}})
    refused(plain, 4, "2 instances are on it, such as web1", "network", "remove", "lab")
    plain.cli("instance", "remove", "web1")
    refused(plain, 4, "1 instance is on it, such as web2: move or remove it", "network", "remove", "lab")
    plain.cli("instance", "remove", "web2")
    refused(plain, 4, "network dmz allows it", "network", "remove", "lab")
    plain.cli("network", "remove", "dmz")
    plain.cli("network", "remove", "lab")
    refused(plain, 4, "network user is always there", "network", "remove", "user")
    refused(plain, 3, 'no network "lab"', "network", "remove", "lab")


# --- forwards ---

def test_forwards(plain):
    plain.cli(*LAB)
    assert plain.cli("network", "forward", "list", "lab").stdout == "none\n"
    assert plain.cli("network", "forward", "add", "lab", ":8080", "web1:80").stdout == \
        "lab: tcp 0.0.0.0:8080 -> web1:80; to come with: roost network up lab\n"
    assert plain.cli("network", "forward", "add", "lab", "0.0.0.0:8080", "web1:80").stdout == \
        "lab: tcp 0.0.0.0:8080 -> web1:80 is published already; nothing changed; to come with: roost network up lab\n"
    again = plain.json("network", "forward", "add", "lab", "0.0.0.0:8080", "web1:80")
    assert again.keys() == {"plan", "warnings", "changed"} and again["changed"] is False
    plain.cli("network", "forward", "add", "lab", "192.0.2.1:53", "dns1:53/udp")
    plain.cli("network", "forward", "add", "lab", "192.0.2.1:53", "dns1:5353")
    assert network(plain)["forwards"] == ["0.0.0.0:8080 web1:80", "192.0.2.1:53 dns1:5353",
                                          "192.0.2.1:53 dns1:53/udp"]
    assert plain.json("network", "forward", "list", "lab")[0] == {
        "endpoint": "0.0.0.0:8080", "instance": "web1", "port": 80, "transport": "tcp"}
    table = [line.split() for line in plain.cli("network", "forward", "list", "lab").stdout.splitlines()]
    assert table[0] == ["ENDPOINT", "TRANSPORT", "INSTANCE", "PORT"]
    assert table[3] == ["192.0.2.1:53", "udp", "dns1", "53"]
    plain.cli("network", "forward", "remove", "lab", ":8080")
    refused(plain, 2, r'say which of them: "192.0.2.1:53 dns1:5353" or "192.0.2.1:53 dns1:53/udp"',
            "network", "forward", "remove", "lab", "192.0.2.1:53")
    assert plain.cli("network", "forward", "remove", "lab", "192.0.2.1:53", "dns1:53/udp").stdout == \
        "lab: udp 192.0.2.1:53 -> dns1:53 is published no more\n"
    plain.cli("network", "forward", "remove", "lab", "192.0.2.1:53")
    assert plain.json("network", "forward", "list", "lab") == []


@pytest.mark.parametrize("verb, words, code, says", [
    ("add", ["lab", ":8080", "web2:80"], 4, 'publishes "0.0.0.0:8080 web1:80" there already'),
    ("add", ["lab", "192.0.2.1:8080", "web2:80"], 4, "there already"),
    ("add", ["lab", "nonsense", "web1:80"], 2, '"nonsense"'),
    ("add", ["lab", ":0", "web1:80"], 2, "port 0"),
    ("add", ["lab", "127.0.0.1:80", "web1:80"], 2, "network lab: forwards: .*loopback"),
    ("add", ["lab", ":80", "web1"], 2, "INSTANCE:PORT"),
    ("add", ["lab", ":80", "web1:80/sctp"], 2, "tcp or udp"),
    ("add", ["lab", ":80", "Web_1:80"], 2, "instance name"),
    ("add", ["lab", ":80", "web1:80 web2:80"], 2, ""),
    ("add", ["inner", ":80", "web1:80"], 2, "network inner is host-only, but only shared networks publish"),
    ("add", ["nosuch", ":80", "web1:80"], 3, "no network"),
    ("add", ["lab", ":80"], 2, "too few operands; usage: roost network forward add"),
    ("remove", ["lab", ":81"], 3, 'does not publish "0.0.0.0:81"; see roost network forward list lab'),
    ("remove", ["lab", ":8080", "web2:80"], 3, 'does not publish "0.0.0.0:8080 web2:80"'),
    ("list", ["nosuch"], 3, "no network"),
])
def test_forwards_that_cannot_be(plain, verb, words, code, says):
    plain.cli(*LAB)
    plain.cli("network", "create", "inner", "--kind", "host-only", "--cidr", "198.18.6.0/24")
    plain.cli("network", "forward", "add", "lab", ":8080", "web1:80")
    refused(plain, code, says, "network", "forward", verb, *words)


# --- with the right: on a host that is a namespace ---

@pytest.fixture
def host():
    if not (shutil.which("dnsmasq") and shutil.which("iptables-save")):
        pytest.skip("dnsmasq or iptables is not installed")
    with Lab() as lab:
        ns = lab.namespace("host")
        with Roost({"launch": {"enabled": "no"}}, inside=ns) as r:
            ns.roost = r
            yield ns


def nat(ns):
    return [line for line in ns.run(["iptables-save", "-t", "nat"]).stdout.splitlines() if "DNAT" in line and "to-d" in line]


def test_up_and_what_is_shown_of_it(host):
    r = host.roost
    r.cli(*LAB)
    assert r.cli("network", "up", "lab").stdout == "lab is up\n"
    assert (network(r)["state"], network(r)["bridge"], network(r)["note"]) == ("up", "rb-lab", "")
    events = r.json("events")
    plan = r.json("network", "plan", "lab")
    assert all(s["done"] for s in plan["steps"]) and plan["leftover"] == []
    assert r.cli("network", "export", "lab", "--format", "ip").stdout.count("rb-lab") > 1
    refused(r, 4, "network lab is up.*roost network down lab first", "network", "remove", "lab")
    assert r.json("events") == events and network(r)["state"] == "up"
    assert r.cli("network", "down", "lab").stdout == "lab is down\n"
    plan = r.json("network", "plan", "lab")
    assert not any(s["done"] for s in plan["steps"]) and plan["leftover"] == []
    r.cli("network", "remove", "lab")
    assert not (r.state / "networks" / "lab").exists()


def test_a_look_does_not_disturb(host):
    """A plan of one that is down is no wish, and one that cannot be made takes nothing from one that is up."""
    r = host.roost
    r.cli(*LAB)
    r.cli("network", "plan", "lab")
    r.cli("network", "create", "other", "--kind", "host-only", "--cidr", "198.18.6.0/24")
    r.cli("network", "up", "other")
    host.ip("link add rb-lab type bridge")
    fails(r, 4, "network", "plan", "lab")
    host.ip("link add eth7 type bridge")
    host.ip("addr add 198.18.6.77/24 dev eth7")
    fails(r, 4, "network", "plan", "other")
    # Drift is looked for every 5 s: of what is up, and of nothing else.
    host.ip("link del rb-other")
    until("the loss", lambda: any(e["kind"] == "network-fault" and "network other: somebody took away" in e["detail"]
                                  for e in r.json("events")["events"]), 30)
    assert not any("network lab" in e["detail"] for e in r.json("events")["events"])


def test_what_went_down_is_not_missed(host):
    r = host.roost
    r.cli(*LAB)
    r.cli("network", "create", "other", "--kind", "host-only", "--cidr", "198.18.6.0/24")
    r.cli("network", "up", "lab", "other")
    r.cli("network", "down", "lab")
    host.ip("link del rb-other")  # one look later this is told, and would be of the other
    until("the loss", lambda: any(e["kind"] == "network-fault" for e in r.json("events")["events"]), 30)
    assert not any(e["kind"] == "network-fault" and "network lab" in e["detail"]
                   for e in r.json("events", "--limit", "1000")["events"])
    assert network(r)["state"] == "down"


def test_ports_follow_while_it_is_up(host):
    r = host.roost
    r.cli(*LAB)
    r.cli("network", "up", "lab")
    assert nat(host) == []
    assert r.cli("network", "forward", "add", "lab", ":8080", "web1:80").stdout == "lab: tcp 0.0.0.0:8080 -> web1:80\n"
    r.apply({"instances": {"web1": {"network": "lab", "launcher": "external", "address": "198.18.5.20"}}})
    until("the published port", lambda: [line for line in nat(host) if "198.18.5.20:80" in line and "8080" in line])
    r.cli("network", "forward", "remove", "lab", ":8080")
    until("the port closed", lambda: nat(host) == [])
    until("the end of it", lambda: network(r)["state"] == "up")


# --- the control API ---

def test_methods_and_queries(plain):
    plain.cli(*LAB)
    wrong = plain.api("GET", "/v1/networks/lab/up")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")
    assert plain.api("POST", "/v1/networks/lab/plan").headers["Allow"] == "GET"
    assert plain.api("POST", "/v1/networks/lab").headers["Allow"] == "GET, DELETE"
    assert plain.api("GET", "/v1/networks/lab?x=1").status == 400
    assert plain.api("POST", "/v1/networks/lab/down", {"force": True}).status == 400
    assert plain.api("GET", "/v1/networks/lab/nothing").status == 404
    assert plain.api("DELETE", "/v1/networks/nosuch").status == 404
