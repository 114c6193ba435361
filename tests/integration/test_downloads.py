"""Downloads of images, from a server that stalls, truncates, redirects and lies."""
import contextlib
import gzip
import hashlib
import http.server
import lzma
import os
import re
import subprocess
import threading

import pytest

from harness.roost import Roost
from roostd_rig import until
from test_faults import on_a_small_disk

SECTOR = b"roost" * 102 + b"\x55\xaa"
# A raw disk with something to transfer: 3 MiB that no packer can make small, then holes.
DISK = SECTOR + b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(98304)) + b"\0" * (5 << 20) + SECTOR


def sum_of(data, algorithm="sha256"):
    return hashlib.new(algorithm, data).hexdigest()


class Site:
    """What is served: files by path, and what goes wrong, by path: a list that is used up by one request each."""

    def __init__(self):
        self.files, self.faults, self.asked, self.etags = {}, {}, [], {}
        self.gate = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                site.asked.append((self.path, dict(self.headers)))
                site.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{path}"

    def asked_for(self, path):
        return [headers for p, headers in self.asked if p == "/" + path]

    def answer(self, r):
        path = r.path[1:]
        faults = self.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        if callable(fault):
            return fault(r)
        if path not in self.files:
            return self.status(r, 404)
        data, etag = self.files[path], self.etags.get(path, '"1"')
        wants = re.fullmatch(r"bytes=(\d+)-", r.headers.get("Range", ""))
        fresh = r.headers.get("If-Range", etag) == etag
        start = int(wants.group(1)) if wants and fresh and fault != "no range" else 0
        body = data[start:]
        r.send_response(206 if start else 200)
        if start:
            says = start + 1 if fault == "wrong range" else start
            r.send_header("Content-Range", f"bytes {says}-{len(data) - 1}/{len(data)}")
        if fault != "no etag" and etag:
            r.send_header("ETag", etag)
        if fault == "no length":
            r.send_header("Connection", "close")
        else:
            r.send_header("Content-Length", str(len(body)))
        r.end_headers()
        with contextlib.suppress(OSError):
            if fault in ("cut", "stall", "gate", "no length cut"):
                r.wfile.write(body[:len(body) // 2])
                r.wfile.flush()
                if fault in ("stall", "gate"):
                    self.gate.wait(60)
                    if fault == "gate":
                        r.wfile.write(body[len(body) // 2:])
                        return None
                r.close_connection = True
            else:
                r.wfile.write(body)
        if fault == "no length":
            r.close_connection = True
        return None

    @staticmethod
    def status(r, code, **headers):
        r.send_response(code)
        for key, value in headers.items():
            r.send_header(key, value)
        r.send_header("Content-Length", "0")
        r.end_headers()


def redirect(to):
    return lambda r: Site.status(r, 302, Location=to)


def status(code):
    return lambda r: Site.status(r, code)


@pytest.fixture
def site():
    s = Site()
    s.files["d.img"] = DISK
    yield s
    s.close()


@pytest.fixture
def desk():
    with Roost({"launch": {"accelerator": "tcg"}, "images": {"stall-limit": "1s"}}) as r:
        yield r


@pytest.fixture
def patient():
    """One that waits for a server that was told to wait."""
    with Roost({"launch": {"accelerator": "tcg"}, "images": {"stall-limit": "5m"}}) as r:
        yield r


def create(r, url, *args, check=True):
    return r.cli("image", "create", "img", "--url", url, "--quiet", *args, check=check)


def whole(r, data=DISK, name="img"):
    """The image is there, and is what was served."""
    path = r.state / "images" / name / "disk"
    assert path.read_bytes() == data and path.stat().st_mode & 0o777 == 0o444
    assert sorted(p.name for p in path.parent.parent.iterdir()) == [name]
    assert r.json("image", "show", name)["sha256"] == sum_of(data)


def nothing(r, done, code, says):
    """A partial or wrong file never becomes an image."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == "" and re.search(says, done.stderr), done.stderr
    assert r.json("image", "list") == [] and list((r.state / "images").glob("*")) == []
    task = r.json("task", "list")[-1]
    assert task["state"] == "failed" and task["error"]["message"] in done.stderr


# --- what goes well ---

@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_as_it_is(desk, site, algorithm):
    create(desk, site.url("d.img"), "--checksum", f"{algorithm}:{sum_of(DISK, algorithm)}")
    whole(desk)
    stored = (desk.state / "images" / "img" / "disk").stat()
    assert stored.st_blocks * 512 < len(DISK) - (3 << 20), "what is empty takes no room"
    assert desk.json("image", "show", "img")["source"]["url"] == site.url("d.img")
    assert len(site.asked) == 1 and site.asked[0][1]["User-Agent"].startswith("roost/")


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name, pack", [("d.img.xz", lzma.compress), ("d.img.gz", gzip.compress), ("d.img.zst", zstd),
                                        ("no-name", lzma.compress)])
def test_unpacked_on_the_way(desk, site, name, pack):
    packed = site.files[name] = pack(DISK)
    create(desk, site.url(name), "--checksum", "sha256:" + sum_of(packed))
    whole(desk)


def test_a_packed_qcow2(desk, site, tmp_path):
    (tmp_path / "raw").write_bytes(DISK)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", tmp_path / "raw", tmp_path / "q"], check=True)
    site.files["q.xz"] = lzma.compress((tmp_path / "q").read_bytes())
    create(desk, site.url("q.xz"))
    assert desk.json("image", "show", "img")["format"] == "qcow2"
    whole(desk, (tmp_path / "q").read_bytes())


@pytest.mark.parametrize("name, text", [
    ("SHA256SUMS", "{other}  other.img\n{sha256} *d.img\n"),
    ("SHA512SUMS", "{sha512}  d.img\n"),
    ("CHECKSUM", "-----BEGIN PGP SIGNED MESSAGE-----\nSHA256 (d.img) = {sha256}\n"),
    ("d.img.sha512", "{sha512}\n"),
])
def test_lists_of_checksums(desk, site, name, text):
    sums = {a: sum_of(DISK, a) for a in ("sha256", "sha512")}
    site.files[name] = text.format(other="0" * 64, **sums).encode()
    create(desk, site.url("d.img"), "--checksum", site.url(name))
    whole(desk)
    assert [p for p, _ in site.asked] == ["/" + name, "/d.img"]


def test_redirects_are_followed(desk, site):
    site.faults["a"] = [redirect("/b")]
    site.faults["b"] = [redirect(site.url("d.img"))]
    create(desk, site.url("a"))
    whole(desk)


# --- what goes wrong, and is mended ---

def test_cut_off_and_resumed(desk, site):
    site.faults["d.img"] = ["cut", "cut", "cut"]
    create(desk, site.url("d.img"), "--checksum", "sha256:" + sum_of(DISK))
    whole(desk)
    ranges = [h.get("Range") for h in site.asked_for("d.img")]
    assert ranges[0] is None and len(ranges) == 4 and all(re.fullmatch(r"bytes=\d+-", x) for x in ranges[1:])
    starts = [int(x[6:-1]) for x in ranges[1:]]
    assert starts == sorted(starts) and starts[0] >= len(DISK) // 2 - (1 << 20)
    assert all(h["If-Range"] == '"1"' for h in site.asked_for("d.img")[1:])


def test_a_packed_one_cut_off_and_resumed(desk, site):
    packed = site.files["d.xz"] = lzma.compress(DISK)
    site.faults["d.xz"] = ["cut", "cut"]
    create(desk, site.url("d.xz"), "--checksum", "sha256:" + sum_of(packed))
    whole(desk)
    assert [h.get("Range") is not None for h in site.asked_for("d.xz")] == [False, True, True]


def test_stalled_and_resumed(desk, site):
    site.faults["d.img"] = ["stall"]
    create(desk, site.url("d.img"))
    whole(desk)
    assert len(site.asked_for("d.img")) == 2


@pytest.mark.parametrize("fault", ["no range", "wrong range"])
def test_a_server_that_cannot_go_on_is_asked_from_the_beginning(desk, site, fault):
    site.faults["d.img"] = ["cut", fault]
    create(desk, site.url("d.img"))
    whole(desk)


def test_another_version_behind_the_same_url(desk, site):
    other = bytes(reversed(DISK[512:-512]))
    other = SECTOR + other + SECTOR

    def change(r):
        site.files["d.img"], site.etags["d.img"] = other, '"2"'
        site.answer(r)
    site.faults["d.img"] = ["cut", change]
    create(desk, site.url("d.img"))
    whole(desk, other)


def test_without_a_validator_nothing_is_glued_together(desk, site):
    site.faults["d.img"] = [lambda r: (site.faults["d.img"].insert(0, "cut"), site.answer(r))]
    site.etags["d.img"] = ""
    create(desk, site.url("d.img"))
    whole(desk)
    assert all("Range" not in h for h in site.asked_for("d.img"))


def test_a_server_that_is_overloaded_for_a_moment(desk, site):
    site.faults["d.img"] = [status(503), status(500)]
    site.files["SUMS"] = f"{sum_of(DISK)}  d.img\n".encode()
    site.faults["SUMS"] = [status(502)]
    create(desk, site.url("d.img"), "--checksum", site.url("SUMS"))
    whole(desk)


# --- what goes wrong, and is told ---

@pytest.mark.parametrize("sums, code, says", [
    ("sha256:" + "0" * 64, 2, f"checksum is sha256:{sum_of(DISK)}, expected sha256:0000"),
    ("sha512:" + "0" * 128, 2, "checksum is sha512:"),
    ("SUMS-lies", 2, f"checksum is sha256:{sum_of(DISK)}, expected sha256:1111"),
    ("SUMS-other", 3, "has no SHA-256 or SHA-512 of d.img"),
    ("SUMS-none", 3, "SUMS-none: the server answers with status 404"),
    ("SUMS-big", 2, "over 1 MiB"),
])
def test_a_server_that_lies(desk, site, sums, code, says):
    site.files["SUMS-lies"] = b"1" * 64 + b"  d.img\n"
    site.files["SUMS-other"] = b"1" * 64 + b"  e.img\n"
    site.files["SUMS-big"] = b"1" * (2 << 20)
    done = create(desk, site.url("d.img"), "--checksum", sums if ":" in sums else site.url(sums), check=False)
    nothing(desk, done, code, says)


def test_a_packed_one_with_a_wrong_checksum(desk, site):
    site.files["d.xz"] = lzma.compress(DISK)
    done = create(desk, site.url("d.xz"), "--checksum", "sha256:" + sum_of(DISK), check=False)
    nothing(desk, done, 2, f"checksum is sha256:{sum_of(site.files['d.xz'])}")


@pytest.mark.parametrize("path, faults, code, says", [
    ("none.img", [], 3, "status 404"),
    ("d.img", [status(403)], 6, "status 403"),
    ("d.img", [status(500)] * 9, 6, "status 500"),
    ("d.img", ["stall0"] * 9, 7, "stalls"),
    ("loop", None, 2, "more than 5 redirects"),
    ("ftp", [redirect("ftp://127.0.0.1/x")], 2, "neither https nor http"),
    ("file", [redirect("file:///etc/passwd")], 2, "neither https nor http"),
    ("page.img", [], 2, "it is text"),
    ("empty.img", [], 2, "it is empty"),
    ("cut.xz", [], 2, "the xz stream is cut off"),
    ("damaged.gz", [], 2, "the gzip stream is damaged"),
    ("d.bz2", [], 2, "bzip2"),
    ("spy.img", [], 2, r"backing file \(/etc/shadow\)"),
])
def test_refused(desk, site, tmp_path, path, faults, code, says):
    site.files["page.img"] = b"<html>\n" * 200
    site.files["empty.img"] = b""
    site.files["cut.xz"] = lzma.compress(DISK)[:-100]
    damaged = bytearray(gzip.compress(DISK))
    damaged[len(damaged) // 2] ^= 0xff
    site.files["damaged.gz"] = bytes(damaged)
    site.files["d.bz2"] = b"BZh91AY&SY" + b"x" * 5000
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", "spy", "1M"],
                   cwd=tmp_path, check=True)
    site.files["spy.img"] = (tmp_path / "spy").read_bytes()
    if faults is None:
        faults = [redirect("/loop")] * 50

    def silent(r):
        site.gate.wait(30)
    site.faults[path] = [silent if f == "stall0" else f for f in faults]
    done = create(desk, site.url(path), check=False)
    site.gate.set()
    nothing(desk, done, code, says)


def test_nobody_there(desk, site):
    url = site.url("d.img")
    site.server.socket.close()
    nothing(desk, create(desk, url, check=False), 6, "127.0.0.1")


# --- progress, several at once, cancel, the end of client and core ---

def test_progress(patient, site):
    site.faults["d.img"] = ["gate"]
    task = patient.json("image", "create", "img", "--url", site.url("d.img"), "--no-wait")
    seen = until("half of it is there", lambda: (t := patient.json("task", "show", task["id"]))["bytes"] > 1 << 20 and t)
    assert (seen["step"], seen["total"], seen["what"]) == ("downloading", len(DISK), site.url("d.img"))
    assert re.search(r"downloading, \d+ %", patient.cli("task", "list").stdout)
    site.gate.set()
    done = patient.cli("task", "wait", task["id"])
    assert re.search(r"^img: (downloading|checking)", done.stderr, re.M) or done.stderr == "", done.stderr
    whole(patient)


def test_several_at_once(patient, site):
    names = [f"i{n}" for n in range(4)]
    tasks = []
    for n, name in enumerate(names):
        site.files[name] = SECTOR + bytes([n]) * 512 + DISK
        site.faults[name] = ["gate"]
        tasks.append(patient.json("image", "create", name, "--url", site.url(name), "--no-wait")["id"])
    until("all have begun", lambda: all(site.asked_for(n) for n in names))
    assert [t["state"] for t in patient.json("task", "list")] == ["running"] * 4
    site.gate.set()
    for task in tasks:
        patient.cli("task", "wait", task)
    for name in names:
        assert (patient.state / "images" / name / "disk").read_bytes() == site.files[name]


def fetchers(r):
    core = r.pid("core")
    with open(f"/proc/{core}/task/{core}/children") as f:
        return [int(p) for p in f.read().split() if "roost-fetch" in open(f"/proc/{p}/comm").read()]


def test_cancel(patient, site):
    site.faults["d.img"] = ["gate"]
    task = patient.json("image", "create", "img", "--url", site.url("d.img"), "--no-wait")["id"]
    until("it downloads", lambda: patient.json("task", "show", task)["bytes"])
    assert len(fetchers(patient)) == 1
    patient.cli("task", "cancel", task)
    done = patient.cli("task", "wait", task, check=False)
    assert done.returncode == 4 and "was cancelled; nothing of it is left" in done.stderr
    assert fetchers(patient) == [] and list((patient.state / "images").iterdir()) == []
    create(patient, site.url("d.img"))
    whole(patient)


def test_the_child_has_no_paths(patient, site):
    """What it can reach is its two descriptors; the state directory is not in its view."""
    site.faults["d.img"] = ["gate"]
    patient.json("image", "create", "img", "--url", site.url("d.img"), "--no-wait")
    pid, = until("it runs", lambda: patient.json("task", "list")[0]["bytes"] and fetchers(patient))
    status_ = open(f"/proc/{pid}/status").read()
    assert re.search(r"^NoNewPrivs:\s+1$", status_, re.M)
    assert re.search(r"^CapEff:\s+0+$", status_, re.M), "not even root's"
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        assert f.read().count(b"\0") == 1, "no word of the job is on the command line"


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_after_a_restart_of_core_it_goes_on(patient, site, end):
    site.faults["d.img"] = ["gate"]
    task = patient.json("image", "create", "img", "--url", site.url("d.img"), "--checksum", "sha256:" + sum_of(DISK),
                     "--no-wait")["id"]
    until("half of it is there", lambda: patient.json("task", "show", task)["bytes"] > 1 << 20)
    if end == "kill":
        patient.kill("core")
        patient.wait_log(rf"task {task} goes on")
    else:
        patient.stop(keep=True)
        patient.start()
    assert patient.cli("task", "wait", task).stdout == f"task {task} (image img) is done\n"
    whole(patient)
    first, second = site.asked_for("d.img")[:2]
    assert "Range" not in first and int(second["Range"][6:-1]) > 1 << 20 and second["If-Range"] == '"1"'


def test_a_packed_one_begins_anew_after_a_restart(patient, site):
    site.files["d.xz"] = lzma.compress(DISK)
    site.faults["d.xz"] = ["gate"]
    task = patient.json("image", "create", "img", "--url", site.url("d.xz"), "--no-wait")["id"]
    until("half of it is there", lambda: patient.json("task", "show", task)["bytes"] > 1 << 20)
    patient.kill("core")
    patient.wait_log(rf"task {task} goes on")
    patient.cli("task", "wait", task)
    whole(patient)
    assert all("Range" not in h for h in site.asked_for("d.xz"))


def test_what_an_earlier_one_left_is_damaged(patient, site):
    site.faults["d.img"] = ["gate"]
    task = patient.json("image", "create", "img", "--url", site.url("d.img"), "--checksum", "sha256:" + sum_of(DISK),
                     "--no-wait")["id"]
    until("half of it is there", lambda: patient.json("task", "show", task)["bytes"] > 1 << 20)
    patient.stop(keep=True)
    with open(patient.state / "images" / ".img.new" / "source", "r+b") as f:
        f.seek(4096)
        f.write(b"not what was there")
    patient.start()
    patient.cli("task", "wait", task)
    whole(patient)


# --- fleet files ---

def test_a_fleet_file_with_a_url(desk, site):
    packed = site.files["d.xz"] = lzma.compress(DISK)
    fleet = {"images": {"img": {"url": site.url("d.xz"), "checksum": "sha256:" + sum_of(packed)}},
             "instances": {"web": {"image": "img"}}}
    assert desk.apply(fleet)["changed"]
    whole(desk)
    assert desk.apply(fleet)["changed"] is False and len(site.asked) == 1
    assert [t["state"] for t in desk.json("task", "list")] == ["done"]
    fleet["images"]["img"]["url"] += "?other"
    done = desk.cli("apply", "-f", desk.fleet(fleet), check=False)
    assert done.returncode == 4 and "instances stand on it" in done.stderr


def test_a_fleet_whose_image_cannot_be_had_changes_nothing(desk, site):
    fleet = {"images": {"img": {"url": site.url("none.img")}}, "identities": {"ops": {"sudo": True}},
             "instances": {"web": {"image": "img"}}}
    done = desk.cli("apply", "-f", desk.fleet(fleet), check=False)
    assert done.returncode == 3 and re.search(r"fleet.yaml:\d+:\d+: image img: .*status 404", done.stderr), done.stderr
    assert desk.json("instance", "list") == [] and desk.json("identity", "list") == []
    assert desk.json("task", "list")[-1]["state"] == "failed"


# --- a full disk ---

def full(mount):
    site = Site()
    try:
        site.files["d.img"] = DISK
        site.files["big.xz"] = lzma.compress(os.urandom(1 << 20) * 80)
        with Roost({"launch": {"accelerator": "tcg"}}, start=False) as r:
            mount(r.state, "64m")
            r.start()
            done = create(r, site.url("big.xz"), check=False)
            nothing(r, done, 1, "image img: the disk is full .*nothing is kept of it")
            create(r, site.url("d.img"))  # there is room again
            whole(r)
    finally:
        site.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace without root is not tried")
def test_a_disk_that_fills_while_it_is_unpacked():
    on_a_small_disk(full)
