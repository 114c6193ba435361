"""Guests that a bare `qemu` command starts, never touched by roost, on a LAN with a DHCP server of its own. The
host is a namespace."""
import re
import shlex
import time

import guest
from harness.roost import Roost
from lan import HOST, PORT, URL, bare

UUIDS = [f"4c4c4544-0042-3510-8031-b4c04f4e38{n:02}" for n in range(4)]


def status_of(ns, url):
    """curl(1) is not everywhere."""
    def get():
        import http.client
        connection = http.client.HTTPConnection(HOST, PORT, timeout=10)
        connection.request("GET", url)
        return connection.getresponse().status
    return ns.enter(get)


def wait_unknown(roost, **fields):
    end = time.monotonic() + guest.HOME
    while True:
        rows = [r for r in roost.json("unknown", "list") if all(r.get(k) == v for k, v in fields.items())]
        if rows:
            return rows[0]
        left = end - time.monotonic()
        assert left > 0, f"nobody like {fields} has asked"
        roost.wait_log(r"unknown caller", timeout=left)


def test_guests_of_a_bare_qemu_come_home(lan, micro, key, tmp_path):
    conf = {"seed": {"listen": f"{HOST}:{PORT}", "advertise": URL}, "launch": {"enabled": "no"}}
    with Roost(conf, inside=lan) as roost:
        warnings = roost.apply({
            "networks": {"lan": {"kind": "user", "policy": "tag"}},
            "identities": {"root": {"public-keys": [key.public]}},
            "defaults": {"identities": ["root"], "launcher": "external"},
            "instances": {"a": {"network": "lan", "uuid": UUIDS[0]}, "b": {"network": "lan", "uuid": UUIDS[1]}},
        })["warnings"]
        assert any(f"every machine that reaches {HOST}:{PORT}" in w for w in warnings), warnings
        roost.cli("instance", "create", "pasted", "--external", "--identity", "root", "--group", "web")

        pasted = shlex.split(roost.cli("seed", "url", "pasted", "--for", "qemu").stdout)
        generic = shlex.split(roost.cli("seed", "url", "--for", "qemu").stdout)
        filler = ["-smbios", "type=3,asset=Default string"]

        # Nobody knows the first one: held, listed, adopted while it still asks, under policy token.
        bare(lan, guest.image(micro), tmp_path, 3, *generic, "-smbios", "type=3,asset=RACK-7", "-uuid", UUIDS[2])
        caller = wait_unknown(roost, tag="RACK-7")
        assert caller["uuid"] == UUIDS[2] and caller["peer"].startswith("192.0.2.1")
        roost.cli("unknown", "adopt", caller["caller"], "--as", "adopted")

        # One after the other: a micro guest gives up after some seconds, and an emulated one is slow.
        guest.home(roost, "adopted")
        for number, (name, args) in enumerate((("pasted", pasted), ("a", [*generic, *filler, "-uuid", UUIDS[0]]),
                                               ("b", [*generic, *filler, "-uuid", UUIDS[1]]))):
            bare(lan, guest.image(micro), tmp_path, number, *args)
            guest.home(roost, name)
        names = ["pasted", "a", "b", "adopted"]
        addresses, keys = {}, set()
        inventory, known = roost.cli("inventory").stdout, roost.cli("known-hosts").stdout
        for name in names:
            shown = guest.show(roost, name)
            addresses[name] = shown["address"].removesuffix(":22")
            assert re.fullmatch(r"192\.0\.2\.1\d\d", addresses[name]), shown
            assert shown["launcher"] == "external" and shown["state"] == "homed"
            assert addresses[name] in inventory and addresses[name] in known
            keys.add(tuple(guest.keys_on_record(roost, name).items()))
        assert len(keys) == len(set(addresses.values())) == len(names)
        assert not roost.guests(), "roost has started nothing"

        # With their keys checked, and each is who it is said to be.
        for name in ("pasted", "a", "b"):
            assert guest.ssh(roost, key, name, "hostname").stdout.strip() == name
            uuid = guest.ssh(roost, key, name, "cat /sys/class/dmi/id/product_uuid").stdout.strip()
            assert uuid == guest.show(roost, name)["uuid"]

        # A neighbour who only names a tag reads nothing under `token`; its permission ended with its coming home.
        assert status_of(lan, "/pasted/meta-data") == 403
        assert status_of(lan, f"/seed?tag=RACK-7&uuid={UUIDS[2]}&f=user-data") == 403
        assert [e["kind"] for e in roost.json("events", "pasted")["events"]].count("seed-refused") == 1
        refused = roost.cli("instance", "stop", "pasted", check=False)
        assert refused.returncode != 0 and "launcher: external" in refused.stderr
