"""Who comes onto the record whole, from another host or out of the trash, is refused what somebody there has by now: ports,
files, MAC addresses, addresses. Nothing is changed then."""
import subprocess

import pytest
from harness import roost as harness
from harness.guest import define
from test_bundle import CONF, image, leftovers, moved

LAB = {"lab": {"kind": "shared", "cidr": "172.29.77.0/24"}, "side": {"kind": "user"}}


@pytest.fixture
def hosts(tmp_path):
    with harness.Roost(CONF) as here, harness.Roost(CONF) as there:
        for r in (here, there):
            define(r, {"images": {"deb": {"file": str(image(tmp_path / "base.qcow2"))}}})
        yield here, there


def make(r, networks=None, **instances):
    define(r, {"networks": networks or {}, "defaults": {"image": "deb", "memory": "64M"}, "instances": instances})


def bundle(here, to, name="web"):
    here.cli("instance", "start", name)
    here.cli("instance", "stop", name, "--force")
    here.cli("instance", "export", name, "--bundle", to)
    return to


def there_is(r):
    return leftovers(r), [i["name"] for i in r.json("instance", "list")], r.json("instance", "trash", "list"), r.json("image", "list")


def refused(r, words, *command, code=4):
    before = there_is(r)
    done = r.cli("instance", *command, check=False)
    assert done.returncode == code and words in done.stderr, (done.returncode, done.stderr)
    assert there_is(r) == before


def test_ports_of_a_bundle(hosts, tmp_path):
    here, there = hosts
    make(here, web={"forwards": ["127.0.0.1:20801:80", "127.0.0.1:20802:53/udp"]})
    file = bundle(here, tmp_path / "b")
    make(there, db={"forwards": ["0.0.0.0:20802:5353/udp"]})
    refused(there, "instance db wants 0.0.0.0:20802:5353/udp, and instance web 127.0.0.1:20802:53/udp: one port of the host leads "
            "to one guest", "import", file)
    there.cli("instance", "modify", "db", "--forward", "127.0.0.1:20803:5353/udp")
    moved(there, file)
    assert there.json("instance", "show", "web")["spec"]["forwards"] == here.json("instance", "show", "web")["spec"]["forwards"]


def test_forwards_need_a_user_network(hosts, tmp_path):
    here, there = hosts
    make(here, web={"forwards": ["127.0.0.1:20804:80"]})
    make(there, LAB)
    refused(there, "forwards are for guests on a user network, and lab is none", "import", bundle(here, tmp_path / "b"),
            "--network", "lab", code=2)


def test_ports_out_of_the_trash(hosts):
    here, _ = hosts
    make(here, web={"forwards": ["127.0.0.1:20805:80"]})
    here.cli("instance", "remove", "web")
    make(here, other={"forwards": ["127.0.0.1:20805:8080"]})
    words = "instance other wants 127.0.0.1:20805:8080, and instance web 127.0.0.1:20805:80"
    refused(here, words, "trash", "restore", "web")
    refused(here, "instance again wants 127.0.0.1:20805:80, and instance other", "trash", "restore", "web", "--as", "again")
    here.cli("instance", "remove", "other")
    here.cli("instance", "trash", "restore", "web")
    refused(here, "instance other wants", "trash", "restore", "other")


def test_files_out_of_the_trash(hosts, tmp_path):
    here, _ = hosts
    data = tmp_path / "data.img"
    data.write_bytes(b"\0" * (1 << 20))
    words = {"disks": [{"serial": "data", "file": str(data), "format": "raw"}]}
    make(here, web=words)
    here.cli("instance", "remove", "web")
    make(here, other=words)
    refused(here, f"instances web and other have {data} as a disk", "trash", "restore", "web")
    here.cli("instance", "remove", "other")
    here.cli("instance", "trash", "restore", "web")


def test_cards_and_addresses(hosts, tmp_path):
    """A card's MAC address moves though no definition says it; whoever has it there is named."""
    here, there = hosts
    nics = {"nics": [{"network": "side"}]}
    make(here, LAB, web=nics)
    file = bundle(here, tmp_path / "b")
    (was,) = here.json("instance", "show", "web")["nics"]
    refused(there, "the network side of another card of it is not defined here", "import", file)
    make(there, LAB, far={"network": "lab", "address": "172.29.77.20", "mac": was["mac"]})
    refused(there, f"the MAC address {was['mac']} is taken by instance far", "import", file)
    there.cli("instance", "remove", "far")
    moved(there, file)
    (now,) = there.json("instance", "show", "web")["nics"]
    assert now["mac"] == was["mac"]
    refused(there, f"the MAC address {was['mac']} is taken by instance \"web\"", "trash", "restore", "far")
    there.cli("instance", "remove", "web", "--destroy-disks")
    make(there, LAB, near={"network": "lab", "address": "172.29.77.20"})
    refused(there, "172.29.77.20", "trash", "restore", "far")
    there.cli("instance", "remove", "near", "--destroy-disks")
    there.cli("instance", "trash", "restore", "far")
    assert there.json("instance", "show", "far")["mac"] == was["mac"]


def test_a_machine_that_root_does_not_allow(hosts, tmp_path):
    here, there = hosts
    make(here, web={"qemu-arguments": ["-device", "virtio-balloon-pci"]})
    file = bundle(here, tmp_path / "b")
    there.stop(keep=True)
    there.settings["launch"] = {**there.settings["launch"], "allow-arguments": "-nothing"}
    there.write_conf()
    there.start()
    refused(there, "allow-arguments", "import", file, code=5)
