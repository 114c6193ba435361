"""The catalogue of predefined images: roost's own, the operator's over it, and the comparison with the world."""
import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading

import pytest
import yaml

from harness.roost import ROOT, Roost

CATALOGUE = ROOT / "contrib" / "catalogue.yaml"
CHECK = ROOT / "contrib" / "check-catalogue.py"
DISK = b"roost" * 102 + b"\x55\xaa" + b"disk" * 1024


class Publisher(http.server.BaseHTTPRequestHandler):
    files = {}

    def log_message(self, *args):
        pass

    def do_GET(self):
        body = self.files.get(self.path[1:])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


@pytest.fixture
def publisher():
    Publisher.files = {"d.img": DISK, "SUMS": f"{hashlib.sha256(DISK).hexdigest()} *d.img\n".encode()}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def desk(tmp_path, publisher):
    source = {"url": f"{publisher}/d.img", "checksum": f"{publisher}/SUMS"}
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({
        "mine-1": {"title": "Mine", "default-user": "me", "firmware": "uefi", "min-memory": "2G", "min-cpus": 2,
                   "amd64": source, "arm64": source},
        "debian-13": {"title": "from our mirror", "amd64": source, "arm64": source},
        "lies-1": {"amd64": {**source, "checksum": "sha256:" + "0" * 64}, "arm64": {**source, "checksum": "sha256:" + "0" * 64}},
    }))
    with Roost({"launch": {"accelerator": "tcg"}, "images": {"catalogue": own}}) as r:
        r.own = own
        yield r


def test_the_file_has_what_is_promised():
    entries = yaml.safe_load(CATALOGUE.read_text())
    families = {"ubuntu": ["18.04", "20.04", "22.04", "24.04", "26.04"], "debian": ["11", "12", "13"], "fedora": None,
                "almalinux": None, "alpine": None, "freebsd": ["14"], "flatcar": None}
    for family, releases in families.items():
        names = [n for n in entries if n.startswith(family + "-")]
        assert names and (releases is None or names == [f"{family}-{x}" for x in releases])
    for name, entry in entries.items():
        assert entry["title"] and entry["default-user"] and entry["firmware"] in ("bios", "uefi")
        for arch in ("amd64", "arm64"):
            for word in ("url", "checksum"):
                assert entry[arch][word].startswith("https://"), (name, arch)
    says = re.search(r"^# LAST COMPARED WITH THE WORLD: (never|\d{4}-\d\d-\d\d)\b", CATALOGUE.read_text(), re.M)
    assert says, "it says when that last passed"


def test_list(desk):
    entries = desk.json("image", "catalogue")
    assert [e["name"] for e in entries] == sorted({*yaml.safe_load(CATALOGUE.read_text()), "mine-1", "lies-1"})
    mine = next(e for e in entries if e["name"] == "mine-1")
    assert mine["title"] == "Mine" and mine["amd64"]["url"].endswith("/d.img")
    table = desk.cli("image", "catalogue").stdout
    assert re.search(r"^debian-13 +from our mirror +amd64, arm64", table, re.M), "one's own entry takes the place"
    assert re.search(r"^ubuntu-24.04 +Ubuntu 24.04 LTS \(noble\) +amd64, arm64 +uefi +ubuntu", table, re.M)


def test_create(desk):
    desk.cli("image", "create", "img", "--predefined", "mine-1", "--quiet")
    image = desk.json("image", "show", "img")
    assert {k: image[k] for k in ("default-user", "firmware", "min-memory", "min-cpus")} == {
        "default-user": "me", "firmware": "uefi", "min-memory": 2 << 30, "min-cpus": 2}
    assert image["sha256"] == hashlib.sha256(DISK).hexdigest() and image["source"]["predefined"] == "mine-1"


def test_what_is_said_beside_it_counts_more(desk):
    desk.cli("image", "create", "img", "-p", "mine-1", "--default-user", "you", "--min-ram", "1G", "--quiet")
    image = desk.json("image", "show", "img")
    assert (image["default-user"], image["min-memory"], image["min-cpus"]) == ("you", 1 << 30, 2)


def test_fleet_file(desk):
    fleet = {"images": {"trixie": {"predefined": "debian-13"}, "mine": {"predefined": "mine-1"}},
             "instances": {"web": {"image": "trixie"}}}
    assert desk.apply(fleet)["changed"]
    assert desk.apply(fleet)["changed"] is False
    text = desk.own.read_text().replace("/d.img", "/d.img?moved").replace("from our mirror", "moved")
    desk.own.write_text(text)
    assert desk.apply(fleet)["changed"] is False, "a predefined one is what it is called"


@pytest.mark.parametrize("args, code, says", [
    (["-p", "debain-13"], 3, 'no predefined image "debain-13": did you mean "debian-13"'),
    (["-p", "windows"], 3, r'no predefined image "windows"; there are almalinux-\d+, '),
    (["-p", "Debian 13"], 2, "--predefined: .*not the name"),
    (["-p", "debian-13", "--file", "/x"], 2, "--predefined and --file: one of them is enough"),
    (["-p", "debian-13", "--arch", "sparc"], 2, "--arch: "),
    (["-p", "lies-1"], 2, "checksum is sha256:.*, expected sha256:0000"),
])
def test_refused(desk, args, code, says):
    done = desk.cli("image", "create", "img", "--quiet", *args, check=False)
    assert done.returncode == code and re.search(says, done.stderr), done.stderr
    assert desk.json("image", "list") == [] and list((desk.state / "images").glob("*")) == []


@pytest.mark.parametrize("text, says", [
    ("- a\n", r"own.yaml:1:1: .*expected a mapping"),
    ("x-1: {title: X}\n", r"own.yaml:1:1: /x-1: has neither amd64: nor arm64:"),
    ("x-1:\n  ammd64: {}\n", r"own.yaml:2:3: /x-1/ammd64: unknown word"),
    ("x-1:\n  amd64: {checksum: x}\n", r"own.yaml:2:3: /x-1/amd64: url: is missing"),
    ("x-1:\n  amd64: {url: 'ftp://h/x'}\n", r"own.yaml:2:\d+: /x-1/amd64/url: .*https://"),
    ("x-1:\n  amd64: {url: 'https://h/x', checksum: 'md5:1'}\n", r"own.yaml:2:\d+: /x-1/amd64/checksum: .*sha512"),
    ("X 1: {}\n", r"own.yaml:1:1: /X 1: a name has a-z"),
    ("x-1: [\n", r"own.yaml:2:1: "),
])
def test_a_mistake_in_ones_own_is_named(desk, text, says):
    desk.own.write_text(text)
    done = desk.cli("image", "catalogue", check=False)
    assert done.returncode == 2 and done.stdout == "" and re.search(r"\[images\] catalogue: .*" + says, done.stderr), \
        done.stderr
    desk.own.unlink()
    done = desk.cli("image", "create", "img", "-p", "debian-13", check=False)
    assert done.returncode == 3 and "own.yaml" in done.stderr


# --- check-catalogue ---

def check(*files):
    return subprocess.run([sys.executable, CHECK, *files], capture_output=True, text=True, timeout=60)


def test_check_says_what_is_there(desk, publisher):
    done = check(desk.own)
    assert done.returncode == 0 and "mine-1 amd64: is there" in done.stdout, done.stdout


@pytest.mark.parametrize("sums, found", [
    ("{256}  d.img\n", True), ("{256} *d.img\n", True), ("{256}  ./d.img\n", True), ("{512}  d.img\n", True),
    ("SHA256 (d.img) = {256}\n", True), ("SHA512 (d.img) = {512}\n", True), ("{256}\n", True),
    ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# d.img: 5 bytes\nSHA256 (d.img) = {256}\n-----BEGIN PGP SIGNATURE-----\n", True),
    ("{256}  other-d.img\n{256}  d.img.asc\n", False), ("MD5 (d.img) = 0123456789abcdef0123456789abcdef\n", False), ("{256}  d-img\n{256}  x\n", False), ("", False),
])
def test_check_and_roost_read_the_same_lists(desk, publisher, sums, found):
    """What it calls listed can be had, and what it misses is refused."""
    of = {"256": hashlib.sha256(DISK).hexdigest(), "512": hashlib.sha512(DISK).hexdigest()}
    Publisher.files["SUMS"] = sums.replace("{256}", of["256"]).replace("{512}", of["512"]).encode()
    done = check(desk.own)
    assert ("mine-1 amd64: is there" in done.stdout, done.returncode) == (found, 0 if found else 1), done.stdout
    assert found or f"mine-1 amd64: is not listed in {publisher}/SUMS" in done.stdout
    assert (desk.cli("image", "create", "img", "-p", "mine-1", "--quiet", check=False).returncode == 0) == found


@pytest.mark.parametrize("change, says", [
    (lambda files: files.pop("d.img"), "d.img: 404"),
    (lambda files: files.pop("SUMS"), "SUMS: 404"),
    (lambda files: files.update(SUMS=b"0" * 64 + b"  other.img\n"), "is not listed in"),
])
def test_check_says_what_is_gone(desk, change, says):
    change(Publisher.files)
    done = check(desk.own)
    assert done.returncode == 1 and says in done.stdout


def test_check_without_a_world(tmp_path):
    """A port that nobody listens on: nothing was compared, and that is no pass."""
    own = tmp_path / "own.yaml"
    own.write_text("x-1: {amd64: {url: 'http://127.0.0.1:9/d.img'}}\n")
    done = check(own)
    assert done.returncode == 77 and "nothing was compared" in done.stdout
