"""roost-front alone: the test is its roostd and its core, over the same channels."""
import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import frames as fr
from roostd_rig import until

BUILD = os.environ.get("BUILD", "build")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FRONT = os.path.join(ROOT, BUILD, "roost-front")
ROOSTD = os.path.join(ROOT, BUILD, "roostd")
TOKEN = "0123456789abcdef0123456789abcdef"
SEED = f"/web1/{TOKEN}"


def defaults():
    """Every option's built-in value, in the table's order, as roostd would send it."""
    text = subprocess.run([ROOSTD, "--print-defaults"], capture_output=True, text=True, check=True)
    section, rows = None, []
    for line in text.stdout.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line.startswith(";"):
            key, value = line[1:].split(" = ", 1) if " = " in line else (line[1:].rstrip(" ="), "")
            rows.append([f"{section}.{key.strip()}", value.strip()])
    return rows


def config_payload(options):
    rows = defaults()
    options = {"roost.mode": "rootless", "roost.state": "/tmp/none", "roost.control": "/tmp/none/c",
               **options}
    for row in rows:
        row[1] = options.pop(row[0], row[1])
    assert not options, f"no such options: {options}"
    return b"".join(fr.string(value) for _, value in rows) + fr.string("/tmp/none") + b"\0"  # no hooks


class Core(threading.Thread):
    """Answers by what `answer` says; a list of everything that came in `seen`."""

    def __init__(self, sock, hello):
        super().__init__(daemon=True)
        self.chan = fr.Channel(sock)
        self.seen = []
        self.silent = False
        self.docs = [b"instance-id: i\n", b"#!/bin/sh\n", b"vendor\n", b""]
        self.home_status = (200, 0)
        self.seed = {"status": 200, "keep_ms": 30000}
        self.news = threading.Condition()
        self.chan.send(fr.HELLO, hello)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                try:
                    message = self.chan.receive(60)
                except TimeoutError:
                    continue
                if message is None:
                    return
                self.take(*message)

    def take(self, kind, ident, payload):
        r = fr.Reader(payload)
        row = {"kind": kind, "id": ident}
        if kind == fr.SEED_GET:
            row.update(fr.caller(r), doc=r.number("B"), head=r.number("B"))
        elif kind in (fr.HOME, fr.REPORT):
            row.update(fr.caller(r), body=r.string())
        elif kind == fr.SERVED:
            row.update(count=[r.number("I") for _ in range(4)])
        elif kind == fr.TALLY:
            row.update({name: r.number("Q") for name in fr.TALLY_ROWS})
        if kind != fr.HELLO:
            assert r.data == b""
        with self.news:
            self.seen.append(row)
            self.news.notify_all()
            if not self.silent:
                self.answer(row)

    def answer(self, row):
        row["answered"] = True
        if row["kind"] == fr.SEED_GET:
            self.chan.send(fr.SEED_REPLY, fr.seed_reply(docs=self.docs, **self.seed), row["id"])
        elif row["kind"] == fr.HOME:
            self.chan.send(fr.HOME_REPLY, fr.status_reply(*self.home_status), row["id"])

    def speak(self):
        """Answers what came while it was silent."""
        with self.news:
            self.silent = False
            for row in self.seen:
                if not row.get("answered"):
                    self.answer(row)

    def of(self, kind):
        with self.news:
            return [row for row in self.seen if row["kind"] == kind]

    def wait(self, kind, n=1, timeout=10):
        with self.news:
            ok = self.news.wait_for(lambda: sum(r["kind"] == kind for r in self.seen) >= n, timeout)
        assert ok, f"core did not get {n} messages {kind}: {self.seen}"
        return self.of(kind)


class Front:
    def __init__(self, tmp_path, core=True, **options):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        ours, theirs = socket.socketpair()
        self.chan = fr.Channel(ours)
        self.log = open(tmp_path / "front.log", "wb+")
        lock = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(theirs.fileno(), True)

        def places():
            a, b = os.dup(theirs.fileno()), os.dup(lock)
            while a in (3, 4) or b in (3, 4):
                a, b = os.dup(a), os.dup(b)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen([FRONT], preexec_fn=places, pass_fds=(3, 4),
                                        stderr=self.log)
        theirs.close()
        os.close(lock)
        kind, _, payload = self.chan.receive()
        assert kind == fr.HELLO
        self.build = fr.Reader(payload).string()
        self.chan.send(fr.HELLO, fr.string(self.build) + fr.string("roostd"))
        self.chan.send(fr.CONFIG, config_payload({k.replace("__", ".").replace("_", "-"): v
                                                  for k, v in options.items()}))
        at = struct.pack("=HB", 0, 4) + socket.inet_aton("127.0.0.1") + struct.pack("=H", self.port)
        self.chan.send(fr.LISTEN, at, fds=[self.listener.fileno()])
        self.core = self.link() if core else None
        if core:  # it says so when it listens and has somebody to ask
            assert self.chan.receive()[0] == fr.READY

    def link(self):
        ours, theirs = socket.socketpair()
        self.chan.send(fr.CORE_LINK, fds=[theirs.fileno()])
        theirs.close()
        core = Core(ours, fr.string(self.build) + fr.string("core"))
        core.wait(fr.HELLO)
        return core

    def settle(self):
        """Returns when front has read all that core sent: an answer comes behind it."""
        assert self.get("/settle/phone-home", "POST").status == 200

    def invalidate(self, tag):
        self.core.chan.send(fr.INVALIDATE, fr.string(tag))
        self.settle()

    def waiting(self):
        """How many requests wait for core, by front's own account."""
        def dumps():
            self.log.flush()
            with open(self.log.name) as f:
                return re.findall(r"(\d+) of them wait for core", f.read())

        before = len(dumps())
        self.process.send_signal(signal.SIGUSR1)
        return int(until("state in the log", lambda: dumps()[before:])[0])

    def gone_quiet(self):
        """Returns when it listens no more: its end has begun."""
        def listens():
            with contextlib.suppress(FileNotFoundError):  # one that was closed meanwhile: look again
                own = f"/proc/{self.process.pid}/fd"
                return any(os.path.samestat(os.stat(f"{own}/{fd}"), os.fstat(self.listener.fileno()))
                           for fd in os.listdir(own))
            return True
        until("the socket closed by front", lambda: not listens())

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def get(self, path, method="GET", headers="", body=b"", sock=None):
        s = sock or self.connect()
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{length}{headers}\r\n".encode() + body)
        reply = Reply(s, method)
        if not sock:
            s.close()
        return reply

    def stop(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.chan.send(fr.QUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.seek(0)
        print(self.log.read().decode())
        self.log.close()
        self.chan.close()
        self.listener.close()


class Reply:
    def __init__(self, sock, method="GET"):
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(1)  # exactly the head: what follows may be another reply
            assert more, f"connection ended within a reply: {data!r}"
            data += more
            if data == b"HTTP/1.1 100 Continue\r\n\r\n":
                data = b""
        head = data.decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {k.lower(): v for k, v in (h.split(": ", 1) for h in head[1:] if h)}
        self.body = b""
        want = int(self.headers.get("content-length", 0)) if method != "HEAD" else 0
        while len(self.body) < want:
            more = sock.recv(want - len(self.body))
            assert more, "connection ended within a body"
            self.body += more


@pytest.fixture
def make(tmp_path):
    made = []

    def front(**options):
        made.append(Front(tmp_path, **options))
        return made[-1]

    yield front
    for f in made:
        f.stop()
    for f in made:
        assert f.process.returncode == 0, "roost-front ended badly"


@pytest.fixture
def front(make):
    return make()


def test_documents(front):
    for i, name in enumerate(["meta-data", "user-data", "vendor-data", "network-config"]):
        reply = front.get(f"{SEED}/{name}", headers="User-Agent: Cloud-Init/22.4.2\r\n")
        assert (reply.status, reply.body) == (200, front.core.docs[i])
        assert reply.headers["content-type"] in ("text/yaml", "text/plain")
    asked = front.core.of(fr.SEED_GET)
    assert len(asked) == 1, "the other three come from front's table"
    assert asked[0]["tag"] == "web1" and asked[0]["token"] == TOKEN and asked[0]["doc"] == 0
    assert asked[0]["agent"] == "Cloud-Init/22.4.2" and asked[0]["ip"] == "127.0.0.1"
    rows = front.core.wait(fr.SERVED)
    assert rows[0]["count"] == [0, 1, 1, 1]


@pytest.mark.parametrize("path, claim, tag, token", [
    (f"//web1//{TOKEN}//meta-data", 1, "web1", True),
    (f"/web1/{TOKEN}meta-data", 1, "web1", True),
    ("/web1meta-data", 1, "web1", False),
    ("/web1/meta-data", 1, "web1", False),
    ("/__dmi.chassis-asset-tag__meta-data", 2, "", False),
    (f"/__dmi.chassis-asset-tag__/{TOKEN}/meta-data", 2, "", True),
    (f"/seed?tag=web1&token={TOKEN}&f=meta-data", 1, "web1", True),
    ("/web%31/meta-data", 1, "web1", False),
    ("/%2577eb1/meta-data", 3, "", False),  # decoded once: "%77eb1" is no tag
])
def test_odd_forms(front, path, claim, tag, token):
    assert front.get(path).status == 200
    asked = front.core.of(fr.SEED_GET)[0]
    assert (asked["claim"], asked["tag"], bool(asked["has_token"])) == (claim, tag, token)


def test_head(front):
    front.core.docs[0] = b"x" * 1234
    reply = front.get(f"{SEED}/meta-data", "HEAD")
    assert reply.status == 200 and reply.headers["content-length"] == "1234" and reply.body == b""
    assert front.core.of(fr.SEED_GET)[0]["head"] == 1
    s = front.connect()
    assert front.get(f"{SEED}/meta-data", "HEAD", sock=s).headers["content-length"] == "1234"
    # Nothing of a body lies in the way of the next reply.
    assert front.get(f"{SEED}/vendor-data", sock=s).body == front.core.docs[2]
    assert front.core.wait(fr.SERVED)[0]["count"] == [0, 0, 1, 0], "a HEAD serves nothing"


def test_keep_alive_and_close(front):
    s = front.connect()
    for _ in range(20):
        assert front.get(f"{SEED}/meta-data", sock=s).status == 200
    reply = front.get(f"{SEED}/meta-data", headers="Connection: close\r\n", sock=s)
    assert reply.status == 200
    assert s.recv(1) == b""


def test_pipelined(front):
    s = front.connect()
    names = ["meta-data", "user-data", "vendor-data", "network-config"] * 2 + ["meta-data"] * 2
    s.sendall(b"".join(f"GET {SEED}/{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in names))
    docs = front.core.docs
    for body in docs * 2 + docs[:1] * 2:
        reply = Reply(s)
        assert (reply.status, reply.body) == (200, body)


def test_one_question_for_many(front):
    front.core.silent = True
    socks = [front.connect() for _ in range(50)]
    for s in socks:
        s.sendall(f"GET {SEED}/user-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    until("all of them wait", lambda: front.waiting() == 50)
    front.core.speak()
    for s in socks:
        reply = Reply(s)
        assert (reply.status, reply.body) == (200, front.core.docs[1])
    assert len(front.core.of(fr.SEED_GET)) == 1
    assert front.core.wait(fr.SERVED)[0]["count"] == [0, 49, 0, 0]


def test_other_callers_ask_for_themselves(front):
    front.get(f"{SEED}/meta-data")
    front.get(f"/web1/{TOKEN[::-1]}/meta-data")
    front.get("/web1/meta-data")
    front.get(f"/web2/{TOKEN}/meta-data")
    assert len(front.core.of(fr.SEED_GET)) == 4


def test_invalidate(front):
    other = f"/web2/{TOKEN}"
    bare = f"/__dmi.chassis-asset-tag__/{TOKEN}"

    def asks():
        for seed in (SEED, other, bare):
            assert front.get(f"{seed}/meta-data").status == 200
        return len(front.core.of(fr.SEED_GET))

    assert asks() == 3
    assert asks() == 3
    front.core.docs[0] = b"new\n"
    front.invalidate("web1")
    assert front.get(f"{SEED}/meta-data").body == b"new\n"
    # The placeholder's tag is not known to front: it goes with any; web2 stays.
    assert asks() == 5
    front.invalidate("")
    assert asks() == 8


def test_not_kept_longer_than_told(front):
    front.core.seed["keep_ms"] = 0
    front.get(f"{SEED}/meta-data")
    front.get(f"{SEED}/meta-data")
    assert len(front.core.of(fr.SEED_GET)) == 2
    front.core.seed["keep_ms"] = 200
    front.get(f"{SEED}/meta-data")
    front.get(f"{SEED}/meta-data")
    assert len(front.core.of(fr.SEED_GET)) == 3

    def asks():
        front.get(f"{SEED}/meta-data")
        return len(front.core.of(fr.SEED_GET))

    assert until("core is asked again", lambda: asks() > 3)


def test_small_table(make):
    front = make(front__cache_size="64K")
    front.core.docs = [b"x" * 6000] * 4
    for i in range(10):
        assert front.get(f"/g{i}/{TOKEN}/meta-data").status == 200
    before = len(front.core.of(fr.SEED_GET))
    assert front.get(f"/g9/{TOKEN}/user-data").body == b"x" * 6000
    assert len(front.core.of(fr.SEED_GET)) == before, "the newest is kept"
    front.get(f"/g0/{TOKEN}/user-data")
    assert len(front.core.of(fr.SEED_GET)) == before + 1, "the oldest had to go"


@pytest.mark.parametrize("seed, status, retry", [
    ({"status": 503, "retry_after": 10}, 503, "10"),
    ({"status": 503, "retry_after": 7}, 503, "7"),
    ({"status": 403}, 403, None),
    ({"status": 500}, 500, None),
])
def test_refusals_of_core(front, seed, status, retry):
    front.core.seed = seed
    s = front.connect()
    for n in (1, 2):
        reply = front.get(f"{SEED}/meta-data", sock=s)
        assert reply.status == status and reply.headers.get("retry-after") == retry
        assert reply.headers["content-type"] == "text/plain" and reply.body.endswith(b"\n")
        assert len(front.core.of(fr.SEED_GET)) == n, "a refusal is not kept"


def test_silent_core(front):
    """Every answer within a second, and the late one is there for whoever comes again."""
    front.core.silent = True
    begin = time.monotonic()
    socks = [front.connect() for _ in range(20)]
    for i, s in enumerate(socks):
        if i % 2:
            s.sendall(f"GET /g{i % 3}/{TOKEN}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        else:
            s.sendall(b"POST /w/phone-home HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b")
    for s in socks:
        reply = Reply(s)
        assert reply.status == 503 and reply.headers["retry-after"] == "2"
    assert 0.6 < time.monotonic() - begin < 1
    asked = front.core.wait(fr.SEED_GET, 3)
    assert len(asked) == 3
    for row in asked:
        front.core.chan.send(fr.SEED_REPLY, fr.seed_reply(docs=front.core.docs), row["id"])
    for row in front.core.of(fr.HOME):
        front.core.chan.send(fr.HOME_REPLY, fr.status_reply(200), row["id"])
    front.core.silent = False
    front.settle()
    assert front.get(f"/g1/{TOKEN}/user-data").body == front.core.docs[1]
    assert len(front.core.of(fr.SEED_GET)) == 3
    tally = front.core.wait(fr.TALLY)
    assert sum(t["deadline"] for t in tally) == 20


def test_core_away_and_back(make):
    front = make(core=False)
    begin = time.monotonic()
    for path, method in ((f"{SEED}/meta-data", "GET"), ("/web1/phone-home", "POST")):
        reply = front.get(path, method)
        assert reply.status == 503 and reply.headers["retry-after"] == "2"
    assert front.get("/web1/report", "POST", body=b"{}").status == 200, "reports are hints"
    assert time.monotonic() - begin < 0.5
    core = front.link()
    assert front.chan.receive()[0] == fr.READY
    assert front.get(f"{SEED}/meta-data").status == 200
    assert core.wait(fr.TALLY)[0]["core-away"] == 2
    assert core.of(fr.TALLY)[0]["report-dropped"] == 1
    # It dies with a request under way: that one is told at once.
    core.silent = True
    s = front.connect()
    s.sendall(f"GET /other/{TOKEN}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    core.wait(fr.SEED_GET, 2)
    begin = time.monotonic()
    core.chan.sock.shutdown(socket.SHUT_RDWR)
    assert Reply(s).status == 503
    assert time.monotonic() - begin < 0.5
    assert front.get(f"{SEED}/user-data").status == 200, "what is in the table is still served"
    again = front.link()
    until("core is asked", lambda: front.get(f"/other/{TOKEN}/meta-data").status == 200)
    assert len(again.of(fr.SEED_GET)) == 1


@pytest.mark.parametrize("status", [200, 400, 403, 409, 413, 429, 500, 503])
def test_phone_home(front, status):
    front.core.home_status = (status, 5 if status == 503 else 0)
    body = b"pub_key_rsa=N%2FA&instance_id=iid-web1-1"
    s = front.connect()
    for slash in ("", "/"):
        reply = front.get(f"{SEED}/phone-home{slash}", "POST", body=body, sock=s)
        assert reply.status == status
    assert reply.headers.get("retry-after") == {503: "5", 429: "60"}.get(status)
    homes = front.core.of(fr.HOME)
    assert [h["body"] for h in homes] == [body, body]
    assert homes[0]["tag"] == "web1" and homes[0]["token"] == TOKEN


def test_report_is_not_waited_for(front):
    front.core.silent = True
    begin = time.monotonic()
    for _ in range(10):
        assert front.get(f"{SEED}/report", "POST", body=b'{"name": "x"}').status == 200
    assert time.monotonic() - begin < 0.5
    assert len(front.core.wait(fr.REPORT, 10)) == 10


@pytest.mark.parametrize("size, status", [(0, 200), (65536, 200), (65537, 413), (900_000, 413)])
def test_body_sizes(front, size, status):
    s = front.connect()
    reply = front.get(f"{SEED}/phone-home", "POST", body=b"x" * size, sock=s)
    assert reply.status == status
    assert len(front.core.of(fr.HOME)) == (1 if status == 200 else 0)
    # It was read to its end, so the connection goes on.
    assert front.get(f"{SEED}/meta-data", sock=s).status == 200


def test_huge_body_is_answered_without_reset(front):
    body = b"x" * (3 << 20)
    s = front.connect()
    s.sendall(b"POST /web1/phone-home HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
    s.sendall(body)
    assert Reply(s).status == 413
    assert s.recv(1) == b""


def test_chunked_body(front):
    s = front.connect()
    head = b"POST /web1/phone-home HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    s.sendall(head + b"3\r\na=b\r\n2\r\n&c\r\n0\r\n\r\n")
    assert Reply(s).status == 200
    assert front.core.of(fr.HOME)[0]["body"] == b"a=b&c"
    s.sendall(head + b"".join(b"%x\r\n" % 4096 + b"x" * 4096 + b"\r\n" for _ in range(17)) + b"0\r\n\r\n")
    assert Reply(s).status == 413
    # Without an end: cut off, others are served.
    s = front.connect()
    with contextlib.suppress(OSError):
        s.sendall(head)
        for _ in range(1000):
            s.sendall(b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n")
        pytest.fail("64 MiB were read")
    assert front.get(f"{SEED}/meta-data").status == 200


@pytest.mark.parametrize("path, method, status, allow", [
    ("/", "GET", 200, None),
    ("/favicon.ico", "GET", 404, None),
    ("/a/b/c/d/meta-data", "GET", 404, None),
    ("/phpmyadmin", "POST", 404, None),
    (f"{SEED}/meta-data", "POST", 405, "GET, HEAD"),
    (f"{SEED}/meta-data", "DELETE", 405, "GET, HEAD"),
    (f"{SEED}/phone-home", "GET", 405, "POST"),
    (f"{SEED}/phone-home", "PUT", 405, "POST"),
    ("/web1/%zz/meta-data", "GET", 400, None),
    ("/web1%00/meta-data", "GET", 400, None),
    ("/" + "x" * 2100 + "/meta-data", "GET", 414, None),
])
def test_not_for_core(front, path, method, status, allow):
    s = front.connect()
    reply = front.get(path, method, sock=s)
    assert reply.status == status and reply.headers.get("allow") == allow
    assert reply.headers["content-type"] == "text/plain"
    assert re.fullmatch(rb"[ -~]+\n", reply.body)
    assert "location" not in reply.headers
    assert not front.core.of(fr.SEED_GET) and not front.core.of(fr.HOME)
    assert front.get(f"{SEED}/meta-data", sock=s).status == 200, "keep-alive lives on"


def test_tally(front):
    front.get("/favicon.ico")
    front.get(f"{SEED}/phone-home", "GET")
    front.get("/%zz")
    tally = front.core.wait(fr.TALLY)[0]
    assert (tally["not-found"], tally["method"], tally["bad-request"]) == (1, 1, 1)


def filler(total, line):
    """Headers of `total` bytes in lines of about `line` bytes."""
    out, i = "", 0
    while total - len(out) > 2 * line:
        out += f"X-{i:04}: ".ljust(line - 2, "v") + "\r\n"
        i += 1
    return out + "X-Last: ".ljust(total - len(out) - 2, "v") + "\r\n"


@pytest.mark.parametrize("line", [40, 80, 500, 4000])
def test_4_kib_of_headers_pass(front, line):
    s = front.connect()
    for _ in range(3):
        request = f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n"
        headers = filler(4096 - len(request) - 2, line)
        assert len(request + headers) + 2 == 4096
        assert front.get(f"{SEED}/meta-data", headers=headers, sock=s).status == 200
    assert front.get(f"{SEED}/phone-home", "POST", headers=filler(3900, line), body=b"x" * 60000,
                     sock=s).status == 200


@pytest.mark.parametrize("size", [16 << 10, 100 << 10, 1 << 20])
@pytest.mark.parametrize("line", [80, 7000])
def test_more_headers_get_431(front, size, line):
    s = front.connect()
    s.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n{filler(size, line)}\r\n".encode())
    assert Reply(s).status == 431
    assert s.recv(1) == b"", "an end, not a reset"
    assert front.get(f"{SEED}/meta-data").status == 200


@pytest.mark.parametrize("junk", [
    b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 200,
    b"GET /" + b"a" * 70000, b"POST /web1/phone-home HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /web1/phone-home HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /web1/phone-home HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /web1/meta-data HTTP/1.1\r\nHost x\r\n: y\r\n\r\n",
    b"GET http://x/web1/meta-data HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n",
])
def test_junk_leaves_others_alone(front, junk):
    s = front.connect()
    with contextlib.suppress(OSError):
        s.sendall(junk)
        s.shutdown(socket.SHUT_WR)
        s.recv(65536)
    assert front.get(f"{SEED}/meta-data").status == 200


def test_slow_clients_do_not_stop_others(make):
    front = make(front__request_timeout="1s")
    slow = [front.connect() for _ in range(300)]
    for i, s in enumerate(slow):
        s.sendall([b"", b"GET /web1/meta-d", b"GET /web1/meta-data HTTP/1.1\r\nHo",
                   b"POST /web1/phone-home HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc"][i % 4])
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        begin = time.monotonic()
        assert front.get(f"{SEED}/meta-data").status == 200
        assert time.monotonic() - begin < 0.3
        # Never silent for a second, and never done either.
        for s in slow[:20]:
            with contextlib.suppress(OSError):
                s.sendall(b"x")
        select.select(slow[:1], [], [], 0.3)
    for s in slow:
        s.settimeout(4)
        with contextlib.suppress(ConnectionError):
            while s.recv(4096):
                pass
    assert front.get(f"{SEED}/meta-data").status == 200


def test_connection_limit_delays_but_serves(make):
    front = make(front__max_connections="16", front__request_timeout="1s")
    held = [front.connect() for _ in range(40)]
    reply = front.get(f"{SEED}/meta-data")
    assert reply.status == 200, "silent ones are closed, then it is its turn"
    for s in held:
        s.close()


def reset(sock):
    """Ends a connection at once; a plain close would leave front to answer it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("end", [socket.socket.close, reset])
@pytest.mark.parametrize("number", [20, 700])
def test_client_that_leaves(make, number, end):
    """While it waits for core, which answers later; those who stay are served."""
    front = make(front__core_deadline="10s", front__max_connections_per_ip="1000")
    front.core.silent = True
    socks = [front.connect() for _ in range(number)]
    for i, s in enumerate(socks):
        if i % 3:
            s.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        else:
            s.sendall(b"POST /w/phone-home HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b")
    until("all of them wait", lambda: front.waiting() == number)
    for s in socks[::2]:
        end(s)
    front.core.speak()
    for s in socks[1::2]:
        assert Reply(s).status == 200
    until("nobody waits", lambda: front.waiting() == 0)
    assert front.get(f"{SEED}/user-data").status == 200


def test_client_that_leaves_is_forgotten(make):
    front = make(front__core_deadline="10s")
    front.core.silent = True
    s = front.connect()
    s.sendall(b"POST /w/phone-home HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b")
    front.core.wait(fr.HOME)
    reset(s)
    until("it is forgotten", lambda: front.waiting() == 0)
    front.core.speak()
    front.settle()


def test_waiting_costs_nothing(make):
    """Requests that core leaves without an answer for long do not keep front busy."""
    front = make(front__core_deadline="10s")
    front.core.silent = True
    socks = [front.connect() for _ in range(20)]
    for s in socks:
        s.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    until("all of them wait", lambda: front.waiting() == 20)

    def wakes():
        with open(f"/proc/{front.process.pid}/status") as f:
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M).group(1))

    before = wakes()
    assert not select.select(socks, [], [], 3)[0], "nobody is answered"
    # Looks at the first, and a tick each second.
    assert wakes() - before < 60
    before = wakes()
    assert not select.select(socks, [], [], 2)[0]
    assert wakes() - before < 10
    front.core.speak()
    for s in socks:
        assert Reply(s).status == 200


def test_others_go_on_while_one_waits(make):
    """Even those whose request comes in many pieces, of which MHD tells nothing."""
    front = make(front__core_deadline="10s")
    front.core.silent = True
    one = front.connect()
    one.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    front.core.wait(fr.SEED_GET)
    other = front.connect()
    begin = time.monotonic()
    for _ in range(5):
        assert front.get("/w/report", "POST", filler(4000, 40), b"x" * 65536, sock=other).status == 200
    assert time.monotonic() - begin < 1
    assert front.waiting() == 1
    front.core.speak()
    assert Reply(one).status == 200


def test_quit_finishes_what_is_under_way(front):
    front.core.silent = True
    s = front.connect()
    s.sendall(b"POST /web1/phone-home HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b")
    front.core.wait(fr.HOME)
    front.chan.send(fr.QUIT)
    late = front.connect()  # queues in the socket, which is the test's
    late.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    front.core.speak()
    assert Reply(s).status == 200
    assert front.process.wait(5) == 0
    late.settimeout(0.2)
    with pytest.raises(socket.timeout):
        late.recv(1)


@pytest.fixture(params=["quit", "killed"])
def end(request):
    """roostd ends, by its own will or not."""
    if request.param == "quit":
        return lambda front: front.chan.send(fr.QUIT)
    return lambda front: front.chan.sock.shutdown(socket.SHUT_RDWR)


def test_the_end_waits_for_who_was_let_in(front, end):
    """A connection without a request is answered too, in pieces even; one that had its answer is not waited for."""
    idle = front.connect()
    idle.sendall(f"GET {SEED}/meta-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert Reply(idle).status == 200
    new, begun = front.connect(), front.connect()
    begun.sendall(f"GET {SEED}/meta-d".encode())
    front.settle()
    end(front)
    front.gone_quiet()
    new.sendall(f"GET {SEED}/user-data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    begun.sendall(b"ata HTTP/1.1\r\nHost: x\r\n\r\n")
    assert Reply(new).status == 200 and Reply(begun).status == 200
    assert front.process.wait(5) == 0


def test_the_end_waits_for_no_silence(front, end):
    silent = front.connect()
    front.settle()
    end(front)
    assert front.process.wait(5) == 0
    assert silent.recv(1) == b""


def test_roostd_gone(front):
    front.chan.sock.shutdown(socket.SHUT_RDWR)
    assert front.process.wait(5) == 0


@pytest.mark.parametrize("kind, payload", [
    (fr.SEED_REPLY, b"\0"), (fr.HOME_REPLY, b""), (99, b""), (fr.SEED_GET, b""),
    (fr.SEED_REPLY, fr.seed_reply(status=302)),
])
def test_broken_core_ends_front(make, kind, payload):
    front = make()
    front.core.chan.send(kind, payload, 1)
    assert front.process.wait(5) == 1
    front.process.returncode = 0


def test_another_build_is_refused(make):
    front = make(core=False)
    ours, theirs = socket.socketpair()
    front.chan.send(fr.CORE_LINK, fds=[theirs.fileno()])
    fr.Channel(ours).send(fr.HELLO, fr.string("0" * 64) + fr.string("core"))
    assert front.process.wait(5) == 1
    front.process.returncode = 0


def test_answers_of_unknown_ids_are_dropped(front):
    front.core.chan.send(fr.SEED_REPLY, fr.seed_reply(), 4711)
    front.core.chan.send(fr.HOME_REPLY, fr.status_reply(200), 4711)
    assert front.get(f"{SEED}/meta-data").status == 200


def test_megabyte_documents(front):
    front.core.docs = [os.urandom(1 << 20) for _ in range(4)]
    for i, name in enumerate(["meta-data", "user-data", "vendor-data", "network-config"]):
        assert front.get(f"{SEED}/{name}").body == front.core.docs[i]


def anonymous_kib(pid):
    """What the process itself wrote: how much of its files is resident depends on who else maps them."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        rows = dict(line.split(":", 1) for line in f.read().splitlines()[1:])
    return int(rows["Anonymous"].split()[0])


def test_little_memory_when_idle(front):
    """What 300 guests took is given back when their documents are over their time."""
    fresh = anonymous_kib(front.process.pid)
    front.core.seed["keep_ms"] = 1500
    for i in range(300):
        front.core.docs = [f"{i:04}".encode() * 1000] * 4  # equal ones would be kept once
        assert front.get(f"/g{i}/{TOKEN}/meta-data").status == 200
    assert anonymous_kib(front.process.pid) > fresh + 2048
    until("most of it given back", lambda: anonymous_kib(front.process.pid) < fresh + 1024)
    assert fresh < 4096


def test_rights(front):
    with open(f"/proc/{front.process.pid}/status") as f:
        assert "NoNewPrivs:\t1" in f.read()
    with pytest.raises(PermissionError) if os.geteuid() else contextlib.nullcontext():
        os.listdir(f"/proc/{front.process.pid}/fd")  # undumpable: root's alone


@pytest.mark.parametrize("argv, code", [(["--version"], 0), ([], 2), (["--odd"], 2)])
def test_by_hand(argv, code):
    run = subprocess.run([FRONT, *argv], capture_output=True, text=True)
    assert run.returncode == code
    assert "roost-front" in run.stdout + run.stderr
