"""cloud-init's own code (Debian's package) against a running roost: it reads every document by the URL
that stands in the SMBIOS serial, and its phone_home brings the guest home. Then what guests of all
kinds do otherwise, well and badly (DESIGN sections 5 and 6)."""
import http.client
import json
import logging
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.parse

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, ed25519, fleet, request
from harness.storm import recorded_keys
from harness.watch import wait_file

cloudinit = pytest.importorskip("cloudinit")
from cloudinit import helpers, safeyaml, stages, url_helper, util  # noqa: E402
from cloudinit import log as ci_log  # noqa: E402
from cloudinit.config import cc_phone_home  # noqa: E402
from cloudinit.sources import DataSourceNoCloud  # noqa: E402

CONF = {"launch": {"enabled": "no"}, "projections": {"coalesce": "1ms"}}
USER_DATA = "#cloud-config\nruncmd: [[touch, /it-ran]]\n"

logging.getLogger("cloudinit").setLevel(logging.INFO)


@pytest.fixture(scope="module")
def server():
    """One roost for all of this file; each test has guests of its own. It tells guests to come to
    127.0.0.1, since no QEMU stands between."""
    r = harness.Roost(CONF, start=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    r.settings["seed"].update(listen=f"127.0.0.1:{port}", advertise=f"http://127.0.0.1:{port}")
    r.write_conf()
    r.start()
    (r.state / "seed-port").write_text(f"{port}\n")  # chosen by the configuration, for the harness
    yield r
    r.stop()


@pytest.fixture
def guest(server, request):
    """A guest named after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")
    define(server, fleet([name], **{"user-data": USER_DATA}))
    return Guest(server, name)


def get(r, target, method="GET", **kw):
    return request(r.seed_port, method, target, **kw)


# --- the real client ---


class Booting:
    """The real stages.Init of a guest whose SMBIOS serial is what roost would write."""

    def __init__(self, root, guest, monkeypatch):
        self.root = root
        ssh = root / "etc/ssh"
        ssh.mkdir(parents=True)
        for kind in ("rsa", "ecdsa", "ed25519"):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{guest.name}",
                            "-f", ssh / f"ssh_host_{kind}_key"], check=True)
        cfg = safeyaml.load(pathlib.Path("/etc/cloud/cloud.cfg").read_text())
        below = {"cloud_dir": str(root / "cloud"), "run_dir": str(root / "run")}
        cfg["system_info"]["paths"].update(below)
        cfg["datasource_list"] = ["NoCloud"]
        cfg["datasource"] = {"NoCloud": {"fs_label": None}}
        (root / "cloud.cfg").write_text(safeyaml.dumps(cfg))
        # Init reads its instance's configuration through Paths({}): the machine's own directories.
        paths = helpers.Paths
        monkeypatch.setattr(helpers, "Paths", lambda cfg, ds=None: paths({**below, **cfg}, ds))
        monkeypatch.setattr(stages, "CLOUD_CONFIG", str(root / "cloud.cfg"))
        monkeypatch.setattr(stages, "read_runtime_config", lambda: {})
        monkeypatch.setattr(util, "get_cmdline", lambda: "")
        dmi = {"system-serial-number": f"ds=nocloud-net;s={guest.seed_url()}"}
        monkeypatch.setattr(DataSourceNoCloud.dmi, "read_dmi_data", dmi.get)
        load = util.load_file
        monkeypatch.setattr(cc_phone_home.util, "load_file", lambda name, *a, **k: load(
            str(root) + name if str(name).startswith("/etc/ssh/") else name, *a, **k))

    def boot(self):
        """What the network stage does (cmd/main.py, main_init)."""
        self.init = stages.Init()
        self.init.initialize()
        self.init.fetch(existing="check")
        self.init.instancify()
        self.init.setup_datasource()
        self.init.update()
        self.init.consume_data()
        return self

    def phone_home(self):
        cc_phone_home.handle("phone-home", self.init.cfg, self.init.cloudify(), ci_log.getLogger(),
                             [])

    def keys(self):
        return {path.read_text().split()[1] for path in (self.root / "etc/ssh").glob("*.pub")}


def test_reads_its_seed_and_comes_home(server, guest, tmp_path, monkeypatch):
    machine = Booting(tmp_path, guest, monkeypatch).boot()
    ds = machine.init.datasource
    assert ds.get_instance_id() == guest.iid
    assert util.decode_binary(ds.get_userdata_raw()) == USER_DATA
    assert machine.init.cfg["runcmd"] == [["touch", "/it-ran"]]
    assert machine.init.cfg["manual_cache_clean"] is True
    assert machine.init.cfg["phone_home"]["url"].startswith(server.seed_url)
    assert guest.show()["phase"] == "seeded"

    machine.phone_home()
    shown = guest.show()
    assert shown["phase"] == "homed" and shown["address"] == "127.0.0.1:22"
    assert {key["line"].split()[1] for key in shown["host-keys"]} == machine.keys()
    wait_file(server.state / "generated/known_hosts",
              lambda data: recorded_keys(data.decode())[guest.name] == machine.keys())
    assert {"defined", "seed-served", "homed"} <= {row["kind"] for row in guest.events()}


def test_read_seeded_and_readurl(guest):
    md, ud, vd = util.read_seeded(guest.seed_url(), timeout=None)
    assert md["instance-id"] == guest.iid and ud.decode() == USER_DATA
    assert vd.startswith(b"Content-Type: multipart/mixed")
    for doc in DOCS:
        assert url_helper.readurl(guest.seed_url() + doc, retries=0).code == 200
    md2, _, _ = util.read_seeded(guest.seed_url() + "%s", timeout=None)
    assert md2 == md


# --- forms of seed requests ---


def forms(g):
    """Everything that clients were seen to make of the seed URL."""
    t, s = g.tag, g.token("seed")
    return [
        f"/{t}/{s}/meta-data", f"//{t}/{s}/meta-data", f"/{t}//{s}//meta-data",
        f"/{t}/{s}meta-data", f"/{t}/{s}/%6deta-data", f"/%{ord(t[0]):02x}{t[1:]}/{s}/meta-data",
        f"/seed?tag={t}&token={s}&f=meta-data", f"/?tag={t}&token={s}&f=meta-data",
        f"/seed?tag={t}&token={s}meta-data", f"/{t}/{s}/meta-data?x=1",
        f"http://other.example/{t}/{s}/meta-data",
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_odd_forms(server, guest, method):
    want = guest.get().body
    for target in forms(guest):
        a = get(server, target, method)
        assert a.status == 200, target
        assert a.body == (want if method == "GET" else b""), target
        assert int(a.headers["Content-Length"]) == len(want), target


def test_placeholder_with_token(tmp_path):
    """22.4.2 does not expand __dmi.chassis-asset-tag__; the token of a guest that runs still tells."""
    disk = tmp_path / "empty.raw"
    disk.write_bytes(bytes(1 << 20))
    with harness.Roost({"launch": {"accelerator": "tcg"}}) as r:
        define(r, {"images": {"empty": {"file": str(disk)}},
                   "instances": {"web1": {"image": "empty", "memory": "32M", "disk": 0}}})
        reply = r.api("POST", "/v1/instances/web1/start")
        assert reply.status == 200, reply.text
        smbios = (r.state / "instances/web1/smbios.bin").read_bytes()
        url = re.search(rb"ds=nocloud-net;s=(http://[!-~]+/)\0", smbios)[1].decode()
        g = Guest(r, "web1")
        path = urllib.parse.urlsplit(url).path
        assert path == g.path("seed", "")
        want = g.get().body
        for target in (path + "meta-data", path.replace("/web1/", "/__dmi.chassis-asset-tag__/")
                       + "meta-data"):
            a = get(r, target)
            assert (a.status, a.body) == (200, want), target
        a = get(r, f"/__dmi.chassis-asset-tag__/{'0' * 32}/meta-data")
        assert a.status in (403, 503)


def test_optional_documents_are_never_404(server):
    """A 404 costs 11 tries of a second each."""
    define(server, fleet(["bare"]))
    bare = Guest(server, "bare")
    assert [bare.get(doc).status for doc in DOCS] == [200] * 4


def test_no_redirects(server, guest):
    """A redirected POST becomes a GET, its data are lost, and the client sees a final 200."""
    tag, post = guest.tag, guest.token("post")
    for target in (f"/{tag}", f"/{tag}/", f"/{tag}/{post}", f"/{tag}/{post}/", "//", "/seed", "/..",
                   f"/{tag}/{post}/phone-home/", f"/{tag}/{post}/../x", "/nothing/here/at/all/x"):
        for method in ("GET", "HEAD", "POST"):
            a = get(server, target, method)
            assert not 300 <= a.status < 400 and "Location" not in a.headers, (method, target)


def test_methods(server, guest):
    assert get(server, guest.path("seed", "meta-data"), "POST", body=b"x=1").status == 405
    assert get(server, guest.path("post", "phone-home")).status == 405
    assert get(server, "/").status == 200


# --- who may ---


def test_wrong_token(server, guest):
    began = time.monotonic()
    for wrong in ("0" * 32, "short", guest.token("post")):
        a = get(server, f"/{guest.tag}/{wrong}/meta-data")
        assert a.status == 403 and "Retry-After" not in a.headers, wrong
    assert get(server, f"/{guest.tag}/meta-data").status == 403
    assert time.monotonic() - began < 2, "a wrong token is refused at once"
    assert get(server, guest.path("seed", "phone-home"), "POST", body=guest.form()).status == 403
    refused = guest.events("seed-refused")
    assert len(refused) == 1, "at most one a minute"
    assert "wrong token" in refused[0]["detail"] and refused[0]["actor"] == "guest 127.0.0.1"
    log = server.log()
    assert guest.token("post") not in log and guest.token("seed") not in log


def test_unknown_tag_is_held(server):
    a = get(server, "/never-heard-of/meta-data", headers={"User-Agent": "Cloud-Init/22.4.2"})
    assert a.status == 503 and int(a.headers["Retry-After"]) == 10
    assert get(server, f"/never-heard-of/{'a' * 32}/phone-home", "POST", body=b"x").status == 503
    row, = [row for row in server.api("GET", "/v1/unknown").json if row["tag"] == "never-heard-of"]
    assert row["peer"] == "127.0.0.1" and row["count"] == 2 and row["advice"]
    assert row["first"] <= row["last"]
    row = next(row for row in server.json("unknown", "list") if row["tag"] == "never-heard-of")
    assert row["asked-for"] == "phone-home"
    assert "never-heard-of" in server.cli("unknown", "list").stdout

    define(server, fleet(["never-heard-of"]))
    assert Guest(server, "never-heard-of").get().status == 200
    assert "never-heard-of" not in [row["tag"] for row in server.api("GET", "/v1/unknown").json]


@pytest.mark.parametrize("tag", ["Default string", "To Be Filled By O.E.M.", "No Asset Tag"])
def test_filler_tags_identify_nobody(server, tag):
    a = get(server, f"/{urllib.parse.quote(tag)}/meta-data")
    assert a.status == 503 and a.headers["Retry-After"]
    assert tag in [row["tag"] for row in server.api("GET", "/v1/unknown").json]


def test_policy_tag(server):
    """Trust the claim, where the operator said so."""
    define(server, {"networks": {"open": {"kind": "user", "policy": "tag"}}, **fleet(
        ["trusted"], network="open")})
    assert get(server, "/trusted/meta-data").status == 200
    assert get(server, "/trustedmeta-data").status == 200
    assert get(server, f"/trusted/{'0' * 32}/meta-data").status == 403, "a wrong token is no absent one"


# --- coming home ---


@pytest.mark.parametrize("last", ["phone-home", "phone-home/"])
def test_both_slash_forms(guest, last):
    assert guest.home(last=last).status == 200
    assert guest.show()["phase"] == "homed"


def test_duplicates_are_one(guest):
    for _ in range(3):
        assert guest.home().status == 200
    assert len(guest.events("homed")) == 1 and not guest.events("homed-again")
    assert len(guest.show()["host-keys"]) == 1


def test_changed_key_is_refused_and_alarmed(server, guest):
    assert guest.home().status == 200
    before = guest.show()["host-keys"]
    for _ in range(2):
        assert guest.home(guest.form(pub_key_ed25519=ed25519("somebody else"))).status == 409
    assert guest.show()["host-keys"] == before
    assert len(guest.events("key-mismatch")) == 1, "at most one a minute"
    assert guest.home().status == 200, "the guest itself is still welcome"
    assert ed25519("somebody else").split()[1] not in server.api("GET", "/v1/known-hosts").text


@pytest.mark.parametrize("iid", ["iid-other-1", "iid-datasource-none"])
def test_other_instance_id_is_refused(guest, iid):
    assert guest.home(guest.form(instance_id=iid)).status == 409
    assert guest.show()["phase"] == "defined" and not guest.show()["host-keys"]
    event, = guest.events("wrong-id")
    assert iid in event["detail"]


def test_rebuild_takes_new_keys(server, guest):
    assert guest.home().status == 200
    reply = server.api("POST", f"/v1/instances/{guest.name}/rebuild")
    assert reply.status == 200, reply.text
    again = Guest(server, guest.name, generation=2)
    shown = again.show()
    assert shown["generation"] == 2 and shown["instance-id"] == again.iid
    assert shown["phase"] == "defined" and again.key != guest.key
    assert guest.home().status == 403 and guest.get().status == 403, "the old URLs are worth nothing"
    assert again.get().status == 200 and again.home().status == 200
    keys = wait_file(server.state / "generated/known_hosts",
                     lambda data: again.key.split()[1].encode() in data)
    assert guest.key.split()[1].encode() not in keys


@pytest.mark.parametrize("change, why", [
    ({"pub_key_ed25519": "ssh-ed25519 AAAA"}, "pub_key_ed25519"),
    ({"pub_key_rsa": ed25519("x")}, "pub_key_rsa"),
    ({"pub_key_ed25519": "N/A"}, "no SSH host key"),
    ({"instance_id": None}, "instance_id"),
    ({"instance_id": "a\nb"}, "instance_id"),
], ids=["short-key", "wrong-type", "no-key", "no-id", "newline"])
def test_broken_forms(guest, change, why):
    assert guest.home(guest.form(**change)).status == 400
    assert guest.show()["phase"] == "defined"
    assert why in guest.events()[-1]["detail"]


def test_hostile_strings_stay_out(server, guest):
    nasty = "x\n*.example ssh-ed25519 {{ 7*7 }}"
    body = guest.form(hostname=nasty, fqdn=nasty,
                      pub_key_ed25519=guest.key.strip() + " {{ lookup('pipe','id') }}\n")
    assert guest.home(body).status == 200
    for route in ("known-hosts", "inventory", "ssh-config"):
        text = server.api("GET", f"/v1/{route}").text
        assert "{{" not in text and "*.example" not in text, route


def test_oversized(server, guest):
    path = guest.path("post", "phone-home")
    assert get(server, path, "POST", body=b"a=" + b"x" * 70000).status == 413
    assert get(server, "/" + "a" * 3000).status == 414
    assert get(server, guest.path("seed", "meta-data"), headers={"X": "y" * 3900}).status == 200


# --- reports ---


def report(name, kind="start", result=None, description="d"):
    event = {"name": name, "description": description, "event_type": kind, "origin": "cloudinit",
             "timestamp": time.time()}
    return json.dumps({**event, "result": result} if result else event).encode()


def test_reports_become_events_and_a_timeline(server, guest):
    """Without a Content-Type header, as cloud-init's webhook sends them."""
    for body in (report("init-network"), report("init-network/config-ssh"),
                 report("init-network/config-ssh", "finish", "SUCCESS"),
                 report("init-network", "finish", "SUCCESS"),
                 report("modules-final/config-runcmd", "finish", "FAIL", "runcmd failed"),
                 report("modules-final", "finish", "WARN")):
        assert guest.report(body).status == 200
    # Reports are answered before they are looked at: the last one's event tells that all were.
    server.wait_log(rf"\[{guest.name}\] finished")
    kinds = [row["kind"] for row in guest.events()]
    assert kinds[-1] == "finished" and "module-failed" in kinds and "stage" in kinds
    assert guest.show()["phase"] == "seeded"
    spans = {span["name"]: span for span in guest.show()["timeline"]}
    assert spans["init-network"]["result"] == "SUCCESS"
    assert spans["init-network"]["start"] <= spans["init-network"]["end"]
    assert spans["modules-final/config-runcmd"]["result"] == "FAIL"
    shown = server.cli("instance", "show", guest.name).stdout
    assert "init-network" in shown and "runcmd" in shown


def test_report_flood_is_capped(server, guest):
    """600 a minute are taken; the rest costs an answer and nothing else."""
    connection = http.client.HTTPConnection("127.0.0.1", server.seed_port, timeout=30)
    for i in range(1500):
        connection.request("POST", guest.path("post", "report"),
                           report(f"modules-final/config-m{i}", "finish", "FAIL"))
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200
    connection.close()
    assert guest.home().status == 200  # behind the reports in the same channel
    events = len(guest.events("module-failed"))
    assert events == 600
    assert len(guest.show()["timeline"]) <= 100


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"name": "x"}', b"\xff" * 100,
                                  b'{"name":"a\\nb","event_type":"start"}'],
                         ids=["empty", "cut", "list", "half", "binary", "newline"])
def test_broken_reports_are_swallowed(guest, body):
    assert guest.report(body).status == 200
    assert guest.home().status == 200
    assert [row["kind"] for row in guest.events()] == ["defined", "homed"] or \
        [row["kind"] for row in guest.events()] == ["defined", "address", "homed"]
