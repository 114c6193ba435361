"""Restarts under a service manager: listening sockets are kept by it and handed to the next roostd, so that
connections queue; the watchdog hears from the loop. The manager is this test, by sd_notify(3) and
sd_listen_fds(3)."""
import array
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from harness import roost as harness
from harness.guest import Guest, define, fleet, request
from roostd_rig import until


class Manager:
    """Takes notifications, keeps descriptors by name."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said, self.kept, self.news = [], {}, threading.Condition()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            with contextlib.suppress(OSError):
                data, beside, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
                if data == b"END":
                    return
                fds = array.array("i")
                for level, kind, content in beside:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds.frombytes(content)
                with self.news:
                    self.take(dict(x.split("=", 1) for x in data.decode().splitlines()), list(fds))
                    self.news.notify_all()

    def take(self, words, fds):
        self.said.append(words)
        if "FDSTOREREMOVE" in words:
            for fd in self.kept.pop(words["FDNAME"], []):
                os.close(fd)
        elif "FDSTORE" in words:
            self.kept.setdefault(words["FDNAME"], []).extend(fds)

    def wait(self, condition, timeout=20):
        with self.news:
            assert self.news.wait_for(condition, timeout), self.said

    def count(self, word):
        return sum(word in words for words in self.said)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"END", self.path)
        self.thread.join(10)
        self.socket.close()
        for fds in self.kept.values():
            for fd in fds:
                os.close(fd)


@pytest.fixture
def managed():
    """A roost and its manager; start() hands over what is kept."""
    with harness.Roost({"launch": {"enabled": "no"}}, start=False) as r:
        m = Manager(r.run / "n")
        r.env["NOTIFY_SOCKET"] = m.path
        r.manager = m
        try:
            yield r
        finally:
            r.stop(keep=True)
            m.close()


def start(r, **env):
    """As systemd would: descriptors from 3 on, LISTEN_PID the process itself."""
    names, fds = [], []
    for name, kept in r.manager.kept.items():
        names += [name] * len(kept)
        fds += kept
    high = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
    moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
    wrapper = r.dir / "roostd-of-systemd"
    words = "".join(f"export {k}={v}; " for k, v in env.items())
    listen = f"export LISTEN_PID=$$ LISTEN_FDS={len(fds)} LISTEN_FDNAMES={':'.join(names)}; " if fds else ""
    wrapper.write_text(f"#!/bin/bash\n{words}{listen}export WATCHDOG_PID=$$; exec {r.build}/roostd \"$@\" {moves}\n")
    wrapper.chmod(0o755)
    mark = len(r.log().splitlines())
    real = subprocess.Popen
    try:
        subprocess.Popen = lambda argv, **kw: real([wrapper, *argv[1:]], pass_fds=high, close_fds=True, **kw)
        r.start(ready=False)
    finally:
        subprocess.Popen = real
        for fd in high:
            os.close(fd)
    r.wait_log(r"\bready, \d+ guests?\b", since=mark)
    return r


def inode(r, port):
    """Of the socket that listens there."""
    for line in open("/proc/net/tcp"):
        words = line.split()
        if words[1].endswith(f":{port:04X}") and words[3] == "0A":
            return words[9]
    return None


def test_what_it_tells_its_manager(managed):
    r = start(managed)
    r.manager.wait(lambda: r.manager.count("READY") == 1)
    assert set(r.manager.kept) == {"seed", "control"}
    status = next(w for w in r.manager.said if "READY" in w)["STATUS"]
    assert re.match(r"ready, 0 guests", status)
    r.stop(keep=True)
    assert r.manager.count("STOPPING") == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_connections_queue_while_it_restarts(managed, sig):
    r = start(managed)
    define(r, fleet(["a"]))
    before = inode(r, r.seed_port)
    if sig == signal.SIGKILL:
        r.kill()
    else:
        r.stop(keep=True)
    # Nobody is there, but nobody is refused: the answer comes when the next one is there.
    told = {}

    def ask(name, fn):
        told[name] = fn()

    guest = Guest(r, "a")

    def come_home():
        """503 while the new roost-core is not there yet: told at once, and tried again by every client."""
        while (status := guest.home().status) == 503:
            pass
        return status

    threads = [threading.Thread(target=ask, args=("home", come_home)),
               threading.Thread(target=ask, args=("control", lambda: r.api("GET", "/v1/status").status))]
    for t in threads:
        t.start()
    connected = f" 0100007F:{r.seed_port:04X} "
    until("the phone-home waits to be accepted", lambda: any(
        connected in line and line.split()[3] == "01" for line in open("/proc/net/tcp")))
    assert not told
    start(r)
    for t in threads:
        t.join(20)
    assert told == {"home": 200, "control": 200}
    assert inode(r, r.seed_port) == before, "the very same socket"
    assert r.json("instance", "list")[0]["state"] == "homed"
    assert {k: len(v) for k, v in r.manager.kept.items()} == {"seed": 1, "control": 1}, "nothing piles up"


def test_what_no_longer_fits_is_let_go(managed):
    """Another address in the configuration, a name that nobody knows, a control socket that was removed."""
    r = start(managed)
    first = r.seed_port
    r.stop(keep=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        second = free.getsockname()[1]
    r.settings["seed"]["listen"] = f"127.0.0.1:{second}"
    r.write_conf()
    r.control.unlink()
    extra = socket.create_server(("127.0.0.1", 0))
    r.manager.kept["net-gone"] = [os.dup(extra.fileno())]
    start(r)
    assert inode(r, first) is None and inode(r, second)
    assert request(second, "GET", "/a/b/c/d/e/f").status == 404
    assert r.api("GET", "/v1/status").status == 200
    assert {k: len(v) for k, v in r.manager.kept.items()} == {"seed": 1, "control": 1, "net-gone": 1}
    r.manager.wait(lambda: "net-gone" not in r.manager.kept, timeout=45)
    extra.close()


def test_descriptors_meant_for_another_process(managed):
    """LISTEN_PID of somebody else: they are not ours."""
    managed.env.update(LISTEN_PID="1", LISTEN_FDS="2", LISTEN_FDNAMES="seed:control")
    r = start(managed)
    assert request(r.seed_port, "GET", "/a/b/c/d/e/f").status == 404


def test_the_watchdog_hears_from_the_loop(managed):
    r = start(managed, WATCHDOG_USEC=200000)
    r.manager.wait(lambda: r.manager.count("WATCHDOG") >= 4)
    os.kill(r.process.pid, signal.SIGSTOP)  # it hangs: the manager hears nothing
    quiet = r.manager.count("WATCHDOG")
    with r.manager.news:
        assert not r.manager.news.wait_for(lambda: r.manager.count("WATCHDOG") > quiet + 1, timeout=1)
    os.kill(r.process.pid, signal.SIGCONT)
    r.manager.wait(lambda: r.manager.count("WATCHDOG") > quiet + 2)


def test_nobody_hears_without_a_manager():
    with harness.Roost({"launch": {"enabled": "no"}}, env={"WATCHDOG_USEC": "200000"}) as r:
        control = r.control
        assert control.exists()
        r.stop(keep=True)
        assert not control.exists()
