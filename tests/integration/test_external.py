"""Guests that others launch: defined by one command, led here by what is pasted, known by tag, uuid, serial
or MAC, held while nobody knows them, and adopted."""
import base64
import json
import re
import shlex
import shutil
import subprocess

import pytest
from harness.guest import Guest, define, request
from harness.playbook import playbook
from harness.roost import Roost

UUIDS = [f"4c4c4544-0042-3510-8031-b4c04f4e37{n:02}" for n in range(8)]
NEW, OLD = {"User-Agent": "Cloud-Init/25.1.4"}, {"User-Agent": "Cloud-Init/22.4.2"}


@pytest.fixture(scope="module")
def server():
    with Roost({"launch": {"enabled": "no"}, "projections": {"coalesce": "1ms"}}) as r:
        define(r, {"networks": {"lan": {"kind": "user", "policy": "tag", "advertise": "http://10.0.0.1:10200"}}})
        yield r


def refused(server, *args):
    done = server.cli(*args, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def unknown(server, **fields):
    return [row for row in server.json("unknown", "list")
            if all(row.get(k) == v for k, v in fields.items())]


# --- defining one ---

def test_create_by_options(server):
    out = server.cli("instance", "create", "ext1", "--external", "--uuid", UUIDS[0].upper(), "--serial", "CZC 1",
                     "--mac", "52-54-00-AA-BB-01", "--tag", "RACK-1", "--group", "web", "--group", "lab")
    assert out.stdout == "instance ext1 is defined\n"
    shown = server.json("instance", "show", "ext1")
    assert shown["launcher"] == "external" and shown["state"] == "defined"
    assert (shown["uuid"], shown["mac"], shown["tag"]) == (UUIDS[0], "52:54:00:aa:bb:01", "RACK-1")
    assert shown["spec"]["serial"] == "CZC 1" and shown["groups"] == ["lab", "web"]
    assert not (server.state / "instances" / "ext1" / "disk.qcow2").exists()
    assert "ext1 is there already" in refused(server, "instance", "create", "ext1", "--external")
    for option, value in (("--tag", "RACK-1"), ("--uuid", UUIDS[0]), ("--serial", "CZC 1"),
                          ("--mac", "52:54:00:aa:bb:01")):
        said = refused(server, "instance", "create", "other", "--external", option, value)
        assert "ext1" in said and value in said, said
    assert "other" not in [r["name"] for r in server.json("instance", "list")]


def test_create_several_and_check(server):
    said = server.cli("instance", "create", "many", "--external", "--count", "3", "--dry-run").stdout
    assert said.count("would be defined") == 3 and "many-2" in said
    assert not [r for r in server.json("instance", "list") if r["name"].startswith("many")]
    server.cli("instance", "create", "many", "--external", "--count", "3")
    assert len([r for r in server.json("instance", "list") if r["name"].startswith("many-")]) == 3


def test_create_with_what_configures_it(server):
    (server.dir / "own.yaml").write_text("#cloud-config\npackages: [git]\n")
    playbook(server, "shop.yaml")
    server.cli("instance", "create", "told", "--external", "--count", "2", "--var", "app=shop", "--var", "n:=3",
               "--playbook", "shop.yaml", "--needs", "db", "--vendor-data", str(server.dir / "own.yaml"))
    for name in ("told-1", "told-2"):
        spec = server.json("instance", "show", name)["spec"]
        assert (spec["vars"], spec["playbook"], spec["needs"]) == ({"app": "shop", "n": 3}, "shop.yaml", ["db"])
        assert spec["vendor-data"] == "#cloud-config\npackages: [git]\n"
        vendor = Guest(server, name).get("vendor-data").body.replace(b"\n", b"")
        assert base64.b64encode(spec["vendor-data"].encode()) in vendor


@pytest.mark.parametrize("args, words", [
    (["--vendor-data", "no-such-file"], ["no-such-file"]),
    (["--var", "n:=x"], ["--var", "no JSON"]),
    (["--var", "class=x"], ["--var", "class", "reserved"]),
    (["--needs", "Web!"], ["--needs"]),
    (["--playbook", "../x"], ["--playbook"]),
    (["--autostart-order", "1"], ["--autostart-order", "guests that roost launches"]),
    (["--uuid", "7"], ["--uuid", "36 characters"]),
    (["--mac", "ff:ff:ff:ff:ff:ff"], ["--mac"]),
    (["--tag", "Default string"], ["--tag", "names no machine"]),
    (["--serial", "To Be Filled By O.E.M."], ["--serial", "names no machine"]),
    (["--memory", "2G"], ["--memory", "guests that roost launches"]),
    (["--image", "debian"], ["--image", "guests that roost launches"]),
    (["--group", "Web!"], ["--group"]),
    (["--network", "nowhere"], ["network nowhere"]),
    (["--identity", "nobody"], ["identity nobody"]),
    (["--user-data", "no-such-file"], ["no-such-file"]),
])
def test_create_says_what_is_wrong(server, args, words):
    said = refused(server, "instance", "create", "wrong", "--external", *args)
    assert all(w in said for w in ["instance create", *words]), said
    assert "wrong" not in [r["name"] for r in server.json("instance", "list")]


def test_a_serial_is_for_guests_of_others(server):
    said = refused(server, "instance", "create", "own", "--serial", "CZC 2", "--image", "x")
    assert "--serial" in said and "launcher: external" in said


def test_who_starts_and_stops_it(server):
    server.cli("instance", "create", "theirs", "--external")
    for words, verb in ((("instance", "start"), "virsh start"), (("instance", "stop"), "virsh shutdown"),
                        (("console",), "virsh console"), (("vnc",), "virt-viewer"),
                        (("instance", "eject"), "virsh change-media")):
        said = refused(server, *words, "theirs")
        assert "launcher: external" in said and verb in said, said


def test_what_it_has_none_of_here_is_not_shown(server):
    server.cli("instance", "create", "bare", "--external")
    shown = {line.split()[0] for line in server.cli("instance", "show", "bare").stdout.splitlines() if line.strip()}
    assert {"tag", "uuid", "instance-id", "launcher", "directory"} <= shown
    assert not shown & {"cpus", "memory", "disk", "boot", "autostart", "console-log", "console-socket", "vm-sh"}
    assert Guest(server, "bare").get().status == 200
    usual = server.json("instance", "show", "bare")["usual-ms"]
    assert "roost console" not in server.json("instance", "show", "bare")["note"] and usual > 0
    server.cli("instance", "rebuild", "bare", "--yes")
    assert "needs its new seed URL" in Guest(server, "bare").events("rebuilt")[-1]["detail"]


def test_policy_tag_is_warned_of(server):
    said = server.cli("instance", "create", "claim", "--external", "--network", "lan").stderr
    assert "policy tag" in said and "seed" in said
    with Roost({"launch": {"enabled": "no"}, "seed": {"listen": "0.0.0.0:0"}}) as r:
        warning, = define(r, {"networks": {"lan": {"kind": "user", "policy": "tag"}}})["warnings"]
        assert "every machine that reaches 0.0.0.0:" in warning


# --- what leads it here ---

@pytest.fixture(scope="module")
def web(server):
    server.cli("instance", "create", "web", "--external", "--uuid", UUIDS[1], "--network", "lan")
    return Guest(server, "web")


def url_of(guest):
    return f"http://10.0.0.1:10200{guest.path('seed', '')}"


def test_paste_for_qemu(server, web):
    out = server.cli("seed", "url", "web", "--for", "qemu")
    assert shlex.split(out.stdout) == [
        "-smbios", f"type=1,uuid={UUIDS[1]},serial=ds=nocloud-net;s={url_of(web)}", "-smbios", "type=3,asset=web"]
    assert "note:" in out.stderr


def test_paste_for_libvirt(server, web):
    text = server.cli("seed", "url", "web", "--for", "libvirt").stdout
    assert f"<entry name='asset'>{web.tag}</entry>" in text and f";s={url_of(web)}</entry>" in text
    if not shutil.which("virt-xml-validate"):
        pytest.skip("virt-xml-validate is missing (libvirt-clients)")
    os_part, domain_part = text.split("<!-- into <domain> -->")
    for sysinfo in (domain_part, server.cli("seed", "url", "--for", "libvirt").stdout
                    .split("<!-- into <domain> -->")[1]):
        xml = (f"<domain type='qemu'><name>web</name><memory>65536</memory>{sysinfo}<os><type arch='x86_64' "
               f"machine='pc'>hvm</type>{os_part.split('-->')[1]}</os></domain>")
        path = server.dir / "web.xml"
        path.write_text(xml)
        done = subprocess.run(["virt-xml-validate", path, "domain"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr + xml


def test_paste_for_proxmox_kernel_and_cidata(server, web):
    words = shlex.split(server.cli("seed", "url", "web", "--for", "proxmox").stdout)
    assert words[:4] == ["qm", "set", "VMID", "--smbios1"]
    fields = dict(f.split("=", 1) for f in words[4].split(","))
    assert fields["base64"] == "1" and fields["uuid"] == UUIDS[1]
    assert base64.b64decode(fields["serial"]).decode() == f"ds=nocloud-net;s={url_of(web)}"
    assert server.cli("seed", "url", "web", "--for", "kernel").stdout == f"ds=nocloud-net;s={url_of(web)}\n"
    assert server.cli("seed", "url", "web", "--for", "cidata").stdout == \
        f"instance-id: iid-web-1\nseedfrom: {url_of(web)}\n"
    assert server.json("seed", "url", "web", "--for", "kernel")["notes"]


def test_paste_refusals(server):
    assert "kernel" in refused(server, "seed", "url", "web", "--for", "xen")
    assert "--for" in refused(server, "seed", "url", "web")
    assert "no instance nobody" in refused(server, "seed", "url", "nobody", "--for", "qemu")
    assert "say which" in refused(server, "seed", "url", "--for", "cidata")


def test_cloud_init_reads_what_is_pasted(server):
    """The kernel's word by cloud-init's own parser, and the documents from the URL in it."""
    cloudinit = pytest.importorskip("cloudinit")
    from cloudinit import util
    from cloudinit.sources import DataSourceNoCloud
    assert cloudinit
    server.cli("instance", "create", "parsed", "--external")
    word = server.cli("seed", "url", "parsed", "--for", "kernel").stdout.strip()
    fill = {}
    assert DataSourceNoCloud.parse_cmdline_data("ds=nocloud-net", fill, f"quiet {word} ro")
    url = fill["seedfrom"].replace("http://10.0.2.2:", "http://127.0.0.1:")
    meta, _, vendor = util.read_seeded(url)[:3]
    assert meta["instance-id"] == "iid-parsed-1" and b"phone_home" in vendor
    assert server.json("instance", "show", "parsed")["state"] == "seeded"


# --- who is it? ---

def any_url(server, doc="meta-data", **dmi):
    """The path of the URL for any machine, with what its client puts in the placeholders' place."""
    word = server.cli("seed", "url", "--for", "kernel").stdout.strip()
    url = word.partition(";s=")[2]
    for name in re.findall(r"__dmi\.([a-z-]+)__", url):
        url = url.replace(f"__dmi.{name}__", dmi.get(name.replace("-", "_"), ""))
    return "/" + url.split("/", 3)[3] + doc


def test_filler_tags_are_told_apart_by_uuid(server):
    for n in (2, 3):
        server.cli("instance", "create", f"board{n}", "--external", "--network", "lan", "--uuid", UUIDS[n])
    for n in (2, 3, 2):
        answer = request(server.seed_port, "GET", any_url(
            server, chassis_asset_tag="Default%20string", system_uuid=UUIDS[n].upper(),
            system_serial_number="Default%20string"), headers=NEW)
        assert answer.status == 200 and f"iid-board{n}-1" in answer.body.decode()


def test_by_serial_and_by_mac(server):
    server.cli("instance", "create", "serial1", "--external", "--network", "lan", "--serial", "VMware-42 1a")
    server.cli("instance", "create", "mac1", "--external", "--network", "lan", "--mac", "52:54:00:00:00:77")
    for target, name in (("/seed?tag=None&serial=VMware-42%201a&f=meta-data", "serial1"),
                         ("/VMware-42%201a/meta-data", "serial1"), ("/52:54:00:00:00:77/meta-data", "mac1"),
                         ("/52-54-00-00-00-77/meta-data", "mac1"), (f"/{UUIDS[2]}/meta-data", "board2")):
        answer = request(server.seed_port, "GET", target, headers=NEW)
        assert answer.status == 200 and f"iid-{name}-1" in answer.body.decode(), target



def test_two_claimants_of_one_tag(server):
    server.cli("instance", "create", "twice", "--external", "--network", "lan", "--uuid", UUIDS[4])
    mine = any_url(server, chassis_asset_tag="twice", system_uuid=UUIDS[4])
    other = any_url(server, chassis_asset_tag="twice", system_uuid=UUIDS[5])
    assert request(server.seed_port, "GET", mine).status == 200
    assert request(server.seed_port, "GET", other).status == 403
    event, = Guest(server, "twice").events("second-claimant")
    assert UUIDS[5] in event["detail"]
    assert UUIDS[5] in server.json("instance", "show", "twice")["note"]


def test_a_neighbour_is_refused_under_token(server):
    server.cli("instance", "create", "strict", "--external", "--uuid", UUIDS[6])
    assert request(server.seed_port, "GET", "/strict/meta-data").status == 403
    assert request(server.seed_port, "GET", any_url(server, chassis_asset_tag="None",
                                                    system_uuid=UUIDS[6])).status == 403
    guest = Guest(server, "strict")
    assert len(guest.events("seed-refused")) == 1
    assert guest.get().status == 200


# --- unknown callers ---

def test_held_listed_and_adopted(server):
    """Under policy token too: who says "this one is web1" lets it read web1's seed, until it is home."""
    target = any_url(server, chassis_asset_tag="Default%20string", system_uuid=UUIDS[7])
    held = request(server.seed_port, "GET", target, headers=NEW)
    assert held.status == 503 and int(held.headers["Retry-After"]) > 0
    row, = unknown(server, uuid=UUIDS[7])
    assert row["held"] and row["advice"] == "waits; adopt or define it" and row["tag"] == "Default string"
    assert row["caller"] in server.cli("unknown", "list").stdout
    said = server.cli("unknown", "adopt", row["caller"], "--as", "found").stdout
    assert "found is adopted" in said
    assert not unknown(server, uuid=UUIDS[7])
    answer = request(server.seed_port, "GET", target, headers=NEW)
    assert answer.status == 200 and "iid-found-1" in answer.body.decode()
    vendor = request(server.seed_port, "GET", target.replace("meta-data", "vendor-data"), headers=NEW)
    assert "phone_home" in vendor.body.decode()
    assert server.json("instance", "show", "found")["uuid"] == UUIDS[7]
    guest = Guest(server, "found")
    assert guest.home().status == 200
    assert guest.show()["state"] == "homed"
    defined, = guest.events("defined")
    assert "adopted" in defined["detail"] and "127.0.0.1" in defined["detail"]
    assert request(server.seed_port, "GET", target, headers=NEW).status in (200, 403)
    assert guest.key.split()[1] in server.cli("known-hosts", "found").stdout


def test_who_has_given_up_is_told(server):
    request(server.seed_port, "GET", "/impatient/meta-data", headers=OLD)
    row, = unknown(server, tag="impatient")
    assert "reboot the guest" in row["advice"]


def test_adopting_by_what_names_it(server):
    for tag in ("RACK-8", "RACK-9"):
        request(server.seed_port, "GET", f"/{tag}/meta-data", headers=NEW)
    server.cli("unknown", "adopt", "RACK-8", "--as", "rack8", "--network", "lan")
    shown = server.json("instance", "show", "rack8")
    assert shown["tag"] == "RACK-8" and shown["network"] == "lan"
    assert "say which of" in refused(server, "unknown", "adopt", "127.0.0.1", "--as", "rack9") \
        or len(unknown(server, peer="127.0.0.1")) == 1
    assert "rack8 is there already" in refused(server, "unknown", "adopt", "RACK-9", "--as", "rack8")
    assert "network nowhere" in refused(server, "unknown", "adopt", "RACK-9", "--as", "x", "--network", "nowhere")
    assert "no unknown caller" in refused(server, "unknown", "adopt", "RACK-10", "--as", "rack10")
    assert "--as" in refused(server, "unknown", "adopt", "RACK-9")
    assert server.cli("unknown", "forget", "RACK-9").stdout == "RACK-9 forgotten\n"
    assert not unknown(server, tag="RACK-9")
    assert "no unknown caller" in refused(server, "unknown", "forget", "RACK-9")


def test_what_tells_nothing_of_itself_is_not_adopted_from_the_loopback(server):
    request(server.seed_port, "GET", "/No%20Asset%20Tag/meta-data", headers=NEW)
    assert "seed url" in refused(server, "unknown", "adopt", "No Asset Tag", "--as", "nobody")


def test_the_api_says_what_it_wants(server):
    for body in ({}, {"as": 1}, {"as": "x", "more": 1}):
        assert server.api("POST", "/v1/unknown/12345678/adopt", body).status == 400
    assert server.api("POST", "/v1/unknown/12345678/adopt", {"as": "x"}).status == 404
    assert server.api("GET", "/v1/instances/web/seed-url?for=xen").status == 400
    assert json.loads(server.api("GET", "/v1/seed-url?for=kernel").body)["for"] == "kernel"
