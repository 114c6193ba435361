"""What roost renders, in the hands of the real cloud-init (Debian's package): its stages.Init merges
user-data and vendor-data, its cc_phone_home and webhook post, its modules run the vendor script.

Nothing here needs a running roost. Regenerate the goldens with REGEN=1."""
import base64
import email
import gzip
import http.server
import itertools
import json
import logging
import os
import pathlib
import re
import shutil
import subprocess
import textwrap
import threading
import time
import urllib.parse

import pytest

cloudinit = pytest.importorskip("cloudinit")
from cloudinit import helpers, safeyaml, stages, util  # noqa: E402
from cloudinit import log as ci_log  # noqa: E402
from cloudinit import reporting  # noqa: E402
from cloudinit.config import cc_phone_home, cc_scripts_per_boot, cc_scripts_vendor  # noqa: E402
from cloudinit.distros import ug_util  # noqa: E402
from cloudinit.net import network_state  # noqa: E402
from cloudinit.reporting import events  # noqa: E402
from cloudinit.settings import PER_ALWAYS, PER_INSTANCE  # noqa: E402
from cloudinit.sources import DataSourceNoCloud  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
RENDER = ROOT / os.environ.get("BUILD", "build") / "tests/integration/render_seed"
GOLDEN = ROOT / "tests/golden/seeds"
DOCS = ("meta-data", "user-data", "vendor-data", "network-config")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/faN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ ops@lab"
HASH = "$6$abcdefgh$ltjgWl6579lNluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."
THEIRS = "http://192.0.2.1/theirs"

logging.getLogger("cloudinit").setLevel(logging.INFO)
pytestmark = pytest.mark.skipif(not RENDER.exists(), reason=f"{RENDER} is not built")


def render(tmp, user_data=None, identities=True, base="http://10.0.2.2:10200", tries=1000, seal="no",
           gecos="Operators", vendor_data=None):
    """The four documents of one instance, and what userdata_inspect() said."""
    fleet = {
        "networks": {"lab": {"kind": "user", "domain": "lab.internal"}},
        "identities": {"ops": {"public-keys": [KEY], "sudo": True, "gecos": gecos,
                               "groups": ["adm", "video"], "password-hash": HASH}},
        "images": {"x": {"file": "/x.qcow2"}},
        "instances": {"web1": {"network": "lab", "image": "x",
                               "identities": ["ops"] if identities else []}},
    }
    for word, data in (("user-data", user_data), ("vendor-data", vendor_data)):
        if data is not None:
            fleet["instances"]["web1"][word] = {"base64": base64.b64encode(data).decode()}
    out = tmp / "docs"
    out.mkdir(exist_ok=True)
    (tmp / "fleet.yaml").write_text(json.dumps(fleet, ensure_ascii=False))
    facts = subprocess.run([RENDER, tmp / "fleet.yaml", out, base, str(tries), seal], check=True,
                           capture_output=True, text=True).stdout
    return {d: (out / d).read_bytes() for d in DOCS}, json.loads(facts)


def parsed(mode, body):
    r = subprocess.run([RENDER, mode], input=body, capture_output=True, check=True)
    return json.loads(r.stdout)


class Guest:
    """A guest's cloud-init below its own directories."""

    def __init__(self, root, keys, monkeypatch):
        self.root = root
        self.cloud, self.run = root / "var/lib/cloud", root / "run/cloud-init"
        self.ssh, self.marks = root / "etc/ssh", root / "run"
        for d in (self.run, self.ssh):
            d.mkdir(parents=True)
        for key in keys.glob("*.pub"):
            shutil.copy(key, self.ssh)
        cfg = safeyaml.load(pathlib.Path("/etc/cloud/cloud.cfg").read_text())
        cfg["system_info"]["paths"].update(cloud_dir=str(self.cloud), run_dir=str(self.run))
        cfg["datasource_list"] = ["NoCloud"]
        cfg["datasource"] = {"NoCloud": {"fs_label": None}}
        (root / "cloud.cfg").write_text(safeyaml.dumps(cfg))
        # Init reads its instance's configuration through Paths({}): the machine's own directories.
        paths, defaults = helpers.Paths, {"cloud_dir": str(self.cloud), "run_dir": str(self.run)}
        monkeypatch.setattr(helpers, "Paths", lambda cfg, ds=None: paths({**defaults, **cfg}, ds))
        monkeypatch.setattr(stages, "CLOUD_CONFIG", str(root / "cloud.cfg"))
        monkeypatch.setattr(stages, "read_runtime_config", lambda: {})
        monkeypatch.setattr(util, "get_cmdline", lambda: "")
        monkeypatch.setattr(DataSourceNoCloud.dmi, "read_dmi_data", lambda key: None)
        load = util.load_file
        monkeypatch.setattr(cc_phone_home.util, "load_file", lambda name, *a, **k: load(
            str(self.root) + name if str(name).startswith("/etc/ssh/") else name, *a, **k))

    def boot(self, docs):
        """What cloud-init's network stage does with a seed (cmd/main.py, main_init)."""
        seed = self.cloud / "seed/nocloud"
        seed.mkdir(parents=True)
        # The script takes its paths from constants; here they lead below the guest's root.
        moved = docs["vendor-data"]
        for name, path in (("ssh", self.ssh), ("cloud", self.cloud), ("run", self.marks)):
            moved = re.sub(rb"(?m)^%s=/.*$" % name.encode(), f"{name}={path}".encode(), moved)
        for name in ("meta-data", "user-data"):
            (seed / name).write_bytes(docs[name])
        (seed / "vendor-data").write_bytes(moved)
        self.init = stages.Init()
        self.init.initialize()
        self.init.fetch(existing="check")
        self.init.instancify()
        self.init.setup_datasource()
        self.init.update()
        self.init.cloudify().run("consume_data", self.init.consume_data, args=[PER_INSTANCE],
                                 freq=PER_INSTANCE)
        self.init.consume_data(PER_ALWAYS)
        return self

    @property
    def cfg(self):
        return self.init.cfg

    def users(self):
        users, _groups = ug_util.normalize_users_groups(self.cfg, self.init.distro)
        return users

    def phone_home(self):
        """Runs the real module."""
        cc_phone_home.handle("phone-home", self.cfg, self.init.cloudify(), ci_log.getLogger(), [])

    def script(self):
        return self.cloud / "instance/scripts/vendor/roost-home"

    def run_final(self, first=True):
        """The modules of the final stage that run scripts, in cloud.cfg's order."""
        args = (self.cfg, self.init.cloudify(), ci_log.getLogger(), [])
        if first:
            cc_scripts_vendor.handle("scripts-vendor", *args)
        cc_scripts_per_boot.handle("scripts-per-boot", *args)

    def finish(self):
        (self.cloud / "instance/boot-finished").write_text("")


@pytest.fixture(scope="module")
def host_keys(tmp_path_factory):
    where = tmp_path_factory.mktemp("keys")
    for kind in ("rsa", "ecdsa", "ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "root@web1",
                        "-f", where / f"ssh_host_{kind}_key"], check=True)
    return where


@pytest.fixture
def guest(tmp_path, host_keys, monkeypatch):
    (tmp_path / "guest").mkdir()
    return Guest(tmp_path / "guest", host_keys, monkeypatch)


class Server:
    """Takes posts on loopback; `answers` are the statuses of the first ones, then 200."""

    def __init__(self):
        self.posts, self.answers, self.cond = [], [], threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with outer.cond:
                    status = outer.answers.pop(0) if outer.answers else 200
                    outer.posts.append((self.command, self.path, dict(self.headers), body, status))
                    outer.cond.notify_all()
                self.send_response(status)
                if status // 100 == 3:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer

            def log_message(self, *args):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def wait(self, n, limit=30):
        with self.cond:
            assert self.cond.wait_for(lambda: len(self.posts) >= n, limit), self.posts
        return self.posts[:n]


@pytest.fixture
def server():
    s = Server()
    yield s
    s.httpd.shutdown()
    s.httpd.server_close()


# --- the matrix -----------------------------------------------------------------------------------

OPTIONS = {
    "users": {"users": [{"name": "alice", "lock_passwd": True}]},
    "keys": {"ssh_authorized_keys": [KEY]},
    "phone_home": {"phone_home": {"url": THEIRS}},
    "reporting": {"reporting": {"mine": {"type": "log"}}},
    "off": {"vendor_data": {"enabled": False}},
}


def mime(config):
    return textwrap.dedent("""\
        Content-Type: multipart/mixed; boundary="op"
        MIME-Version: 1.0

        --op
        Content-Type: text/cloud-config

        %s
        --op
        Content-Type: text/x-shellscript

        #!/bin/sh
        true
        --op--
        """) % config


def jinja(config):
    return "## template: jinja\n" + config.replace(THEIRS, THEIRS + "{{ '' }}")


# How an operator can say it; None: the form can say nothing of the kind.
FORMS = {
    "none": None,
    "script": b"#!/bin/sh\ntrue\n",
    "no-header": b"just words\n",
    "cloud-config": lambda c: c.encode(),
    "mime": lambda c: mime(c).encode(),
    "gzip": lambda c: gzip.compress(c.encode(), mtime=0),
    "gzip-mime": lambda c: gzip.compress(mime(c).encode(), mtime=0),
    "jinja": lambda c: jinja(c).encode(),
}


def cases():
    for form, make in FORMS.items():
        if not callable(make):
            yield pytest.param(make, (), id=form)
            continue
        for n in range(len(OPTIONS) + 1):
            for some in itertools.combinations(OPTIONS, n):
                tree = {"locale": "C.UTF-8"}
                for o in some:
                    tree.update(OPTIONS[o])
                config = "#cloud-config\n" + safeyaml.dumps(tree)
                yield pytest.param(make(config), some, id="-".join((form,) + some))


def urls_posted(guest, monkeypatch):
    """Where the module and the vendor script would post to."""
    seen = {}
    monkeypatch.setattr(cc_phone_home.url_helper, "read_file_or_url",
                        lambda url, **k: seen.setdefault(url, k["retries"] + 1))
    guest.phone_home()
    if guest.script().exists():
        url = re.search(r"(?m)^url=(\S+)$", guest.script().read_text()).group(1)
        seen.setdefault(url, "script")
    return seen


@pytest.mark.parametrize("user_data, options", cases())
def test_matrix(guest, tmp_path, monkeypatch, user_data, options):
    docs, facts = render(tmp_path, user_data)
    assert docs["user-data"] == (user_data or b"#cloud-config\n{}\n")
    guest.boot(docs)
    users, posts = guest.users(), urls_posted(guest, monkeypatch)
    handlers = guest.cfg.get("reporting", {})
    theirs = {"alice"} if "users" in options else {"debian"}
    homes = {THEIRS} if "phone_home" in options else set()
    if "off" in options:
        assert facts["vendor_off"] or (facts["opaque"] and user_data.startswith(b"## template"))
        assert set(users) == theirs and set(posts) == homes and "roost" not in handlers
        return
    ours = {u for u in posts if u.endswith("/phone-home")}
    assert len(ours) == 1 and set(posts) == homes | ours
    assert posts.get(THEIRS, 10) == 10, "our tries leaked into the operator's phone_home"
    assert set(users) == theirs | {"ops"}
    ops = users["ops"]
    assert ops["ssh_authorized_keys"] == [KEY] and ops["hashed_passwd"] == HASH
    assert ops["lock_passwd"] is False and ops["sudo"] == "ALL=(ALL) NOPASSWD:ALL"
    assert handlers["roost"]["endpoint"].endswith("/report")
    assert set(handlers) == {"roost"} | ({"mine"} if "reporting" in options else set())
    assert guest.cfg.get("ssh_authorized_keys") == ([KEY] if "keys" in options else None)
    assert guest.cfg["manual_cache_clean"] is True
    if options:
        assert guest.cfg["locale"] == "C.UTF-8", "the rest of the operator's document is there"


# --- the operator's own vendor-data ----------------------------------------------------------------

VENDOR_OPTIONS = {
    "users": {"users": ["default", {"name": "bob", "lock_passwd": True}]},
    "phone_home": {"phone_home": {"url": THEIRS, "tries": 3}},
    "reporting": {"reporting": {"theirs": {"type": "log"}}},
    # Would make the users of the list that comes later replace, and each boot fetch again.
    "merging": {"merge_how": "dict(replace)+list()+str()", "merge_type": "dict(replace)+list()+str()",
                "manual_cache_clean": False},
}
VENDOR_BASE = {"runcmd": [["touch", "/vendor"]], "packages": ["nginx"], "locale": "C.UTF-8",
               "write_files": [{"path": "/vendor-file", "content": "ünï\n"}]}


def vendor_cases():
    for form, make in FORMS.items():
        if not callable(make):
            continue
        for n in (0, 1, len(VENDOR_OPTIONS)):
            for some in itertools.combinations(VENDOR_OPTIONS, n):
                tree = dict(VENDOR_BASE)
                for o in some:
                    tree.update(VENDOR_OPTIONS[o])
                config = "#cloud-config\n" + safeyaml.dumps(tree)
                yield pytest.param(make(config), some, id="-".join((form,) + some))


@pytest.mark.parametrize("theirs", [None, b"#cloud-config\nusers: [{name: alice}]\npackages: [git]\n"
                                          b"runcmd: [[touch, /user]]\nlocale: de_DE.UTF-8\n"],
                         ids=["alone", "beside-user-data"])
@pytest.mark.parametrize("vendor_data, options", vendor_cases())
def test_all_of_their_vendor_data_arrives_and_ours_stays(guest, tmp_path, monkeypatch, vendor_data,
                                                         options, theirs):
    docs, facts = render(tmp_path, theirs, vendor_data=vendor_data)
    assert docs["user-data"] == (theirs or b"#cloud-config\n{}\n")
    guest.boot(docs)
    users, posts = guest.users(), urls_posted(guest, monkeypatch)
    # Theirs: lists behind those of user-data, which wins otherwise.
    before = theirs is not None
    assert guest.cfg["packages"] == ["git"] * before + ["nginx"]
    assert guest.cfg["runcmd"] == [["touch", "/user"]] * before + [["touch", "/vendor"]]
    assert [f["content"] for f in guest.cfg["write_files"]] == ["ünï\n"]
    assert guest.cfg["locale"] == ("de_DE.UTF-8" if before else "C.UTF-8")
    # Ours.
    assert set(users) == ({"ops"} | ({"alice"} if before else set())
                          | ({"bob"} if "users" in options else set())
                          | ({"debian"} if "users" in options or not before else set()))
    assert users["ops"]["ssh_authorized_keys"] == [KEY] and users["ops"]["lock_passwd"] is False
    ours = {u for u in posts if u.endswith("/phone-home")}
    assert len(ours) == 1
    assert set(posts) == ours | ({THEIRS} if "phone_home" in options else set())
    assert posts.get(THEIRS, 3) == 3, "our tries leaked into the operator's phone_home"
    assert set(guest.cfg["reporting"]) - {"logging"} == (
        {"roost"} | ({"theirs"} if "reporting" in options else set()))
    assert guest.cfg["manual_cache_clean"] is True
    assert "merge_type" not in guest.cfg and "merge_how" not in guest.cfg


def test_their_scripts_are_run_beside_ours(guest, tmp_path, server):
    """Named as in the document, each with its own bytes."""
    ran = tmp_path / "ran"
    script = f"#!/bin/sh\necho ünï \"$(basename $0)\" >>{ran}\n"
    both = (f"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n--x\n"
            f"Content-Type: text/x-shellscript; charset=utf-8\n"
            f"Content-Disposition: attachment;\n filename=\"10-first\"\n\n{script}\n--x\n"
            f"Content-Type: text/plain\n\n{script}: '\n--==roost==--\n'\n--x--\n")
    docs, _ = render(tmp_path, base=server.url, vendor_data=both.encode())
    guest.boot(docs).finish()
    scripts = guest.script().parent
    assert {p.name for p in scripts.iterdir()} == {"10-first", "part-002", "roost-home"}
    assert "--==roost==--" in (scripts / "part-002").read_text()
    guest.run_final()
    server.wait(1)
    assert ran.read_text().splitlines() == ["ünï 10-first", "ünï part-002"]


def test_a_script_alone_is_their_vendor_data(guest, tmp_path):
    docs, facts = render(tmp_path, vendor_data="#!/bin/sh\r\necho ünï\n".encode())
    guest.boot(docs)
    assert (guest.script().parent / "vendor-data").read_text() == "#!/bin/sh\necho ünï\n"
    assert set(guest.users()) == {"debian", "ops"} and not facts["has_phone_home"]


def test_merge_type_of_a_header_is_carried(guest, tmp_path):
    """`Merge-Type` says how a part joins those before it."""
    parts = "".join(f"--x\nContent-Type: text/cloud-config\nMerge-Type: list(append)+dict(recurse_list)\n\n"
                    f"#cloud-config\npackages: [{p}]\n" for p in ("a", "b"))
    docs, _ = render(tmp_path, vendor_data=(
        f"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n{parts}--x--\n").encode())
    guest.boot(docs)
    assert guest.cfg["packages"] == ["a", "b"] and "ops" in guest.users()


def test_shared_part_is_needed(guest, tmp_path):
    """The control: roost's accounts in the part that replaces would be all there is."""
    docs, _ = render(tmp_path, vendor_data=b"#cloud-config\nusers: [{name: bob}]\n")
    shared, sep, rest = docs["vendor-data"].partition(b'filename="roost-shared.yaml"')
    how = re.search(rb'(?m)^merge_how: (.*)$', docs["vendor-data"].rpartition(b'"roost.yaml"')[2]).group(1)
    docs["vendor-data"] = shared + sep + re.sub(rb'(?m)^merge_how: .*$', b"merge_how: " + how, rest, count=1)
    guest.boot(docs)
    assert set(guest.users()) == {"ops"}


def test_sealed_guests_get_none_of_it(tmp_path):
    theirs = b"#cloud-config\npackages: [git]\n"
    plain, _ = render(tmp_path)
    for seal in ("no", "yes", "all"):
        docs, _ = render(tmp_path, seal=seal, vendor_data=theirs)
        there = base64.b64encode(theirs) in docs["vendor-data"].replace(b"\n", b"")
        assert there is (seal != "all")
        assert (HASH.encode() in docs["vendor-data"]) is (seal == "no")
    assert docs["vendor-data"] == render(tmp_path, seal="all")[0]["vendor-data"]
    assert len(plain["vendor-data"]) > len(docs["vendor-data"])


def test_manual_clean_marker(guest, tmp_path):
    docs, _ = render(tmp_path)
    guest.boot(docs)
    guest.init.setup_datasource()
    guest.init.activate_datasource()
    assert (guest.cloud / "instance/manual-clean").exists()


@pytest.mark.parametrize("lost", ["merge_how", "merge_type"])
def test_both_merge_keys_are_needed(guest, tmp_path, lost):
    """The control of the matrix: with one of the two, our account is gone."""
    docs, _ = render(tmp_path, b"#cloud-config\nusers: [{name: alice}]\n")
    docs["vendor-data"], n = re.subn(rb'(?m)^%s: .*\n' % lost.encode(), b"", docs["vendor-data"])
    assert n == 1
    guest.boot(docs)
    assert set(guest.users()) == {"alice"}


def test_per_boot_part_of_vendor_data_never_runs(guest, tmp_path):
    """Why the script is a plain one that installs itself. When this fails, cloud-init has mended it."""
    docs, _ = render(tmp_path)
    docs["vendor-data"] = docs["vendor-data"].replace(b"text/x-shellscript;",
                                                      b"text/x-shellscript-per-boot;")
    guest.boot(docs)
    assert (guest.cloud / "scripts/vendor/per-boot/roost-home").exists()
    assert not (guest.cloud / "scripts/per-boot/roost-home").exists()
    assert not guest.script().exists()


def test_no_identities_leave_users_alone(guest, tmp_path):
    docs, _ = render(tmp_path, identities=False)
    assert b"users:" not in docs["vendor-data"]
    guest.boot(docs)
    assert set(guest.users()) == {"debian"}


def test_text_beyond_ascii_survives(guest, tmp_path):
    docs, _ = render(tmp_path, gecos="Ünïx 🐓 Ops")
    guest.boot(docs)
    assert guest.users()["ops"]["gecos"] == "Ünïx 🐓 Ops"


def test_seal(tmp_path):
    user_data = b"#cloud-config\npackages: [git]\n"
    for seal, secret, theirs in (("no", True, True), ("yes", False, True), ("all", False, False)):
        docs, _ = render(tmp_path, user_data, seal=seal)
        assert (HASH.encode() in docs["vendor-data"]) is secret
        assert (docs["user-data"] == user_data) is theirs
        # An account of a sealed guest is not locked when cloud-init runs again.
        assert b"lock_passwd: false" in docs["vendor-data"]


# --- the posts ------------------------------------------------------------------------------------

def test_module_and_script_post_the_same(guest, tmp_path, server):
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs)
    guest.phone_home()
    guest.finish()
    guest.run_final()
    (module, script) = server.wait(2)
    assert module[:2] == script[:2] == ("POST", module[1]) and module[1].endswith("/phone-home")
    assert script[2]["Content-Type"] == module[2]["Content-Type"]
    assert script[2]["User-Agent"] == "roost-home"
    fields = urllib.parse.parse_qsl(module[3].decode(), strict_parsing=True)
    assert urllib.parse.parse_qsl(script[3].decode(), strict_parsing=True) == fields
    home = parsed("--home", module[3])
    assert home == parsed("--home", script[3])
    assert (home["instance_id"], home["hostname"], home["fqdn"]) == (
        "iid-web1-1", "web1", "web1.lab.internal")
    for kind in ("rsa", "ecdsa", "ed25519"):
        line = (guest.ssh / f"ssh_host_{kind}_key.pub").read_text()
        assert line.startswith(home["keys"][kind] + " ")


def test_missing_keys_are_not_available(guest, tmp_path, server):
    (guest.ssh / "ssh_host_rsa_key.pub").unlink()
    (guest.ssh / "ssh_host_ecdsa_key.pub").write_text("")
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs).finish()
    guest.run_final()
    body = server.wait(1)[0][3]
    assert dict(urllib.parse.parse_qsl(body.decode()))["pub_key_rsa"] == "N/A"
    assert set(parsed("--home", body)["keys"]) == {"ed25519"}


def wait_until_gone(guest):
    """No process of the script is left: what it will ever post was posted."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(guest.root).encode() in p.read_bytes():
                    break
            except OSError:
                pass
        else:
            return
        time.sleep(0.05)
    raise AssertionError("the script still runs")


def test_once_per_boot_and_again_on_the_next(guest, tmp_path, server):
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs).finish()
    guest.run_final()
    server.wait(1)
    wait_until_gone(guest)
    guest.run_final(first=False)
    wait_until_gone(guest)
    assert len(server.posts) == 1
    installed = guest.cloud / "scripts/per-boot/roost-home"
    assert installed.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in installed.parent.iterdir()] == ["roost-home"]
    shutil.rmtree(guest.marks / "roost-home")  # /run is empty after a reboot
    guest.run_final(first=False)
    server.wait(2)
    wait_until_gone(guest)
    assert len(server.posts) == 2


@pytest.mark.parametrize("tool", ["python3", "curl"])
def test_tries_until_answered(guest, tmp_path, server, monkeypatch, tool):
    """A 503 and a redirect are no answers; neither is followed; the boot does not wait."""
    if tool == "curl":
        tools = tmp_path / "bin"
        tools.mkdir()
        for name in ("sh", "curl", "od", "sed", "tr", "sleep", "mkdir", "cp", "chmod", "mv"):
            (tools / name).symlink_to(shutil.which(name))
        monkeypatch.setenv("PATH", str(tools))
    server.answers = [503, 302]
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs).finish()
    began = time.monotonic()
    guest.run_final()
    assert time.monotonic() - began < 3
    posts = server.wait(3)
    wait_until_gone(guest)
    assert [p[4] for p in posts] == [503, 302, 200] and len(server.posts) == 3
    assert len({p[3] for p in posts}) == 1 and {p[0] for p in posts} == {"POST"}
    assert parsed("--home", posts[2][3])["instance_id"] == "iid-web1-1"


def test_tries_are_bounded(guest, tmp_path, server):
    server.answers = [503] * 10
    docs, _ = render(tmp_path, base=server.url, tries=2)
    guest.boot(docs).finish()
    guest.run_final()
    server.wait(2)
    wait_until_gone(guest)
    assert len(server.posts) == 2


def test_waits_for_the_end_of_cloud_init(guest, tmp_path, server):
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs)
    guest.run_final()
    time.sleep(1)
    assert server.posts == []
    guest.finish()
    server.wait(1)


def test_token_is_in_no_argument_vector(guest, tmp_path, server):
    """Every user of the guest may read argv."""
    server.answers = [503]
    docs, _ = render(tmp_path, base=server.url)
    token = re.search(rb"/web1/([0-9a-f]{32})/", docs["vendor-data"]).group(1)
    guest.boot(docs).finish()
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(p.read_bytes())
                except OSError:
                    pass

    t = threading.Thread(target=watch)
    t.start()
    guest.run_final()
    server.wait(2)
    stop.set()
    t.join()
    assert any(b"urllib.request" in s for s in seen)
    assert not any(token in s for s in seen)


def test_reports_of_the_real_webhook(guest, tmp_path, server):
    docs, _ = render(tmp_path, base=server.url)
    guest.boot(docs)
    reporting.update_configuration({"roost": guest.cfg["reporting"]["roost"]})
    try:
        with events.ReportEventStack("modules-final", "running modules for final",
                                     reporting_enabled=True) as stage:
            with pytest.raises(RuntimeError), events.ReportEventStack(
                    "config-scripts-user", "running scripts-user", parent=stage):
                raise RuntimeError("it broke")
        events.report_event(events.FinishReportingEvent("modules-final", "done"))
        posts = server.wait(5)
    finally:
        reporting.update_configuration({"roost": None})
    assert all(p[1].endswith("/report") for p in posts)
    got = [parsed("--report", p[3]) for p in posts]
    assert [(r["name"], r["finish"], r["result"]) for r in got] == [
        ("modules-final", False, ""),
        ("modules-final/config-scripts-user", False, ""),
        ("modules-final/config-scripts-user", True, "FAIL"),
        ("modules-final", True, got[3]["result"]),
        ("modules-final", True, "SUCCESS"),
    ]
    assert got[4]["is_final"] and got[0]["is_stage"] and not got[1]["is_stage"]


# --- the documents by themselves ------------------------------------------------------------------

def config_part(vendor):
    parts = {p.get_content_type(): p.get_payload(decode=True)
             for p in email.message_from_bytes(vendor).walk()}
    return parts["text/cloud-config"], parts["text/x-shellscript"]


@pytest.mark.parametrize("annotate", [False, True])
def test_schema_accepts_it(tmp_path, annotate):
    docs, _ = render(tmp_path)
    for name, text in (("vendor", config_part(docs["vendor-data"])[0]), ("user", docs["user-data"])):
        (tmp_path / name).write_bytes(text)
        r = subprocess.run(["cloud-init", "schema", "-c", tmp_path / name] +
                           ["--annotate"] * annotate, capture_output=True, text=True)
        assert r.returncode == 0 and "Valid cloud-config" in r.stdout and not r.stderr, r


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_script_is_plain_sh(tmp_path, shell):
    docs, _ = render(tmp_path)
    (tmp_path / "script").write_bytes(config_part(docs["vendor-data"])[1])
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    argv = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}[shell]
    subprocess.run(argv + ["-n", tmp_path / "script"], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-s", "sh", tmp_path / "script"], check=True)


def test_network_config_is_understood(tmp_path):
    docs, _ = render(tmp_path)
    config = safeyaml.load(docs["network-config"].decode())
    state = network_state.parse_net_config_data(config)
    (nic,) = state.iter_interfaces()
    assert [s["type"] for s in nic["subnets"]] == ["dhcp4"]
    assert config["ethernets"]["nic0"]["match"]["macaddress"].startswith("52:54:00:")


@pytest.mark.parametrize("case", sorted(p.name for p in GOLDEN.glob("*")))
def test_golden(tmp_path, case):
    args = (GOLDEN / case / "args").read_text().split()
    r = subprocess.run([RENDER, GOLDEN / case / "fleet.yaml", tmp_path] + args, check=True,
                       capture_output=True, text=True)
    got = {d: (tmp_path / d).read_bytes() for d in DOCS} | {"facts.json": r.stdout.encode()}
    for name, data in got.items():
        file = GOLDEN / case / name
        if os.environ.get("REGEN") == "1":
            file.write_bytes(data)
        assert file.read_bytes() == data, name
    part = config_part(got["vendor-data"])[0]
    (tmp_path / "vendor").write_bytes(part)
    subprocess.run(["cloud-init", "schema", "-c", tmp_path / "vendor"], check=True,
                   capture_output=True)
