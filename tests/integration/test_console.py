"""Serial consoles: several people at one, slow ones among them, terminals as they were after every end. QEMU is a
program that speaks QMP and has a serial line, whose other end the test holds instead of a guest."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios

import pytest
from harness import roost as harness
from harness.guest import define
from harness.qemu import fake_qemu
from harness.roost import BUILD

WAIT = 20


class Line:
    """The guest's end of its serial line."""

    def __init__(self, listener):
        self.socket = listener.accept()[0]
        self.socket.settimeout(WAIT)
        self.heard = b""

    def say(self, data):
        self.socket.sendall(data)

    def hears(self, data):
        """Until it has come; what came before it is gone."""
        while data not in self.heard:
            more = self.socket.recv(65536)
            assert more, self.heard
            self.heard += more
        before, _, self.heard = self.heard.partition(data)
        return before

    def end(self):
        self.socket.close()


@pytest.fixture
def serial(tmp_path):
    """(roost, the guest's end of web1's line)"""
    qemu = fake_qemu(tmp_path)
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(WAIT)
    listener.bind(f"{qemu}.guest")
    listener.listen()
    with harness.Roost({"launch": {"qemu": qemu, "accelerator": "tcg"}}) as r:
        define(r, {"images": {"k": {"kernel": str(tmp_path / "vmlinuz")}},
                   "instances": {"web1": {"image": "k", "memory": "32M", "disk": 0}, "idle": {"image": "k"},
                                 "far": {"launcher": "external"}}})
        r.cli("instance", "start", "web1")
        line = Line(listener)
        yield r, line
        line.end()
    listener.close()


class Person:
    """`roost console web1` on a terminal of its own."""

    def __init__(self, roost, *args, stdout=None, env=None):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.child = subprocess.Popen(
            [BUILD / "roost", "console", "web1", *args], stdin=self.slave, stdout=stdout or self.slave,
            stderr=self.slave, env={**roost.env, **(env or {})}, start_new_session=True)
        self.seen = b""

    def sees(self, data):
        while data not in self.seen:
            assert select.select([self.master], [], [], WAIT)[0], self.seen
            self.seen += os.read(self.master, 65536)
        before, _, self.seen = self.seen.partition(data)
        return before

    def attached(self):
        self.greeting = self.sees(b"]\r\n")
        return self

    def types(self, data):
        os.write(self.master, data)

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def ended(self, code=0):
        """It has ended so, and left the terminal as it was."""
        assert self.child.wait(WAIT) == code, self.seen
        assert termios.tcgetattr(self.slave) == self.before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def attach(roost, query="", instance="web1", upgrade="roost-console"):
    """Over the API: (socket, head of the answer)."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(WAIT)
    s.connect(str(roost.control))
    s.sendall(f"GET /v1/instances/{instance}/console/attach{query} HTTP/1.1\r\nHost: x\r\n"
              f"Connection: Upgrade\r\n{f'Upgrade: {upgrade}' if upgrade else 'X: y'}\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(1)
    return s, head.decode()


def receive(s, data):
    seen = b""
    while data not in seen:
        more = s.recv(1 << 20)
        assert more, seen[-500:]
        seen += more
    return seen


# --- several people ---

def test_two_watch_and_type(serial):
    roost, guest = serial
    with Person(roost) as ada, Person(roost) as bob:
        ada.attached()
        bob.attached()
        assert b"Ctrl-] leaves" in ada.greeting and ada.raw()
        assert (b"1 more is here" in ada.greeting) != (b"1 more is here" in bob.greeting)
        guest.hears(b"<attached>")
        guest.say(b"login: ")
        ada.sees(b"login: ")
        bob.sees(b"login: ")
        ada.types(b"ro\x03")
        guest.hears(b"ro\x03")  # Ctrl-C is the guest's
        bob.types(b"ot")
        guest.hears(b"ot")
        ada.types(b"last\x1dnot sent")
        ada.ended()
        assert guest.hears(b"last") == b""
        bob.types(b"on\x1d")
        assert guest.hears(b"on") == b""
        bob.ended()
        assert b"lost" not in ada.seen + bob.seen


def test_one_only_watches(serial):
    roost, guest = serial
    with Person(roost, "--watch") as ada, Person(roost) as bob:
        ada.attached()
        bob.attached()
        guest.hears(b"<attached>")
        ada.types(b"rm -rf /\r")
        guest.say(b"# ")
        ada.sees(b"# ")
        ada.types(b"more\r")
        bob.types(b"ls\r")
        assert guest.hears(b"ls\r") == b""
        guest.say(b"bin etc")
        ada.sees(b"bin etc")
        ada.types(b"\x1d")
        ada.ended()


def test_the_line_is_let_go_when_nobody_watches(serial):
    """QEMU's socket is somebody else's again, and the next one attaches anew."""
    roost, guest = serial
    for _ in range(2):
        with Person(roost) as ada:
            ada.attached()
            guest.hears(b"<attached>")
            ada.types(b"\x1d")
            ada.ended()
    with socket.socket(socket.AF_UNIX) as direct:
        direct.connect(roost.json("instance", "show", "web1")["paths"]["console-socket"])
        direct.sendall(b"directly")
        guest.hears(b"directly")


@pytest.mark.parametrize("query", ["", "?watch=true"])
def test_a_slow_one_holds_up_nobody(serial, query):
    roost, guest = serial
    slow, _ = attach(roost, query)
    guest.hears(b"<attached>")
    fast, head = attach(roost)
    assert "roost-others: 1" in head.lower()
    lines = b"".join(b"line %07d\r\n" % i for i in range(300_000))  # 4.2 MB
    parts = [lines[i:i + 42_000] for i in range(0, len(lines), 42_000)]
    for part in [*parts, b"<end>"]:  # as fast as the fast one reads
        guest.say(part)
        assert receive(fast, part[-14:]) == part
    shown = receive(slow, b"has the last ones]\r\n")
    text, missed = re.match(rb"(.*)\r\n\[roost: (\d+) bytes were left out here, .* roost console --log web1 ",
                            shown, re.S).groups()
    assert lines.startswith(text) and len(text) + int(missed) == len(lines) + len(b"<end>")
    guest.say(b"both again")  # it is in time again, and gets all
    assert receive(slow, b"both again") == b"both again"
    assert receive(fast, b"both again") == b"both again"
    slow.close()
    fast.close()


def test_a_guest_that_does_not_read(serial):
    """The key to leave by works, and what it says is seen."""
    roost, guest = serial
    with Person(roost) as ada, Person(roost) as bob:
        ada.attached()
        bob.attached()
        guest.hears(b"<attached>")
        paste = subprocess.Popen([BUILD / "roost", "console", "web1"], env=roost.env, stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL)
        os.set_blocking(paste.stdin.fileno(), False)
        total = 0
        while select.select([], [paste.stdin], [], 1)[1]:  # until every buffer on the way is full
            total += os.write(paste.stdin.fileno(), b"y" * 4096)
        assert total > 65536
        ada.types(b"x" * 1000)
        guest.say(b"I am busy")
        bob.sees(b"I am busy")
        ada.sees(b"I am busy")
        ada.types(b"\x1d")
        ada.ended()
        read = guest.hears(b"x")  # now it does, and nothing was lost of what came through the pipe
        paste.stdin.close()
        while len(read) + len(guest.heard.replace(b"x", b"")) < total:
            guest.heard += guest.socket.recv(65536)
        paste.terminate()
        assert paste.wait(WAIT) == -signal.SIGTERM


def test_no_more_than_sixteen(serial):
    roost, _ = serial
    sockets = [attach(roost) for _ in range(16)]
    assert all(" 101 " in head for _, head in sockets)
    _, head = attach(roost)
    assert " 503 " in head and "Retry-After" in head
    sockets[0][0].close()
    while " 101 " not in (again := attach(roost))[1]:
        again[0].close()
    for s, _ in [*sockets, again]:
        s.close()
    roost.cli("status")


# --- ends ---

@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_ended_by_a_signal(serial, signo):
    roost, guest = serial
    with Person(roost) as ada:
        ada.attached()
        guest.say(b"x" * 100_000)  # in the midst of it
        ada.sees(b"xxx")
        ada.child.send_signal(signo)
        assert ada.child.wait(WAIT) == -signo
        assert termios.tcgetattr(ada.slave) == ada.before


def test_suspended_and_back(serial):
    roost, guest = serial
    with Person(roost) as ada:
        ada.attached()
        ada.child.send_signal(signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(ada.child.pid, os.WUNTRACED)[1])
        assert termios.tcgetattr(ada.slave) == ada.before
        ada.child.send_signal(signal.SIGCONT)
        guest.say(b"still here")
        ada.sees(b"still here")
        assert ada.raw()
        ada.types(b"\x1d")
        ada.ended()


def test_the_guest_ends(serial):
    roost, guest = serial
    with Person(roost) as ada:
        ada.attached()
        guest.hears(b"<attached>")  # a socket that is closed with something unread loses what it sent
        guest.say(b"Kernel panic\r\n")
        guest.end()
        ada.sees(b"Kernel panic")
        ada.ended()


def test_the_terminal_ends(serial):
    """A closed window: SIGHUP comes, or standard input ends."""
    roost, guest = serial
    reader, writer = os.pipe()
    with Person(roost, stdout=writer) as ada:
        ada.attached()
        os.close(writer)
        os.close(reader)
        guest.hears(b"<attached>")
        guest.say(b"to nobody")
        assert ada.child.wait(WAIT) == 1
        assert termios.tcgetattr(ada.slave) == ada.before


@pytest.mark.parametrize("role", ["core", "all"])
def test_roost_restarts(serial, role):
    roost, guest = serial
    with Person(roost) as ada:
        ada.attached()
        guest.hears(b"<attached>")
        roost.kill(role)
        if role == "all":
            roost.start()
        ada.sees(b"[web1: attached again]")
        guest.hears(b"<attached>")
        guest.say(b"so am I")
        ada.sees(b"so am I")
        assert ada.raw()
        ada.types(b"good\x1d")
        guest.hears(b"good")
        ada.ended()


def test_roost_stops_for_good(serial):
    """Who waits for it to come back can leave."""
    roost, _ = serial
    with Person(roost) as ada:
        ada.attached()
        assert roost.stop(keep=True) == 0
        ada.sees(b"trying again")
        ada.types(b"\x1d")
        ada.ended()


# --- the key ---

@pytest.mark.parametrize("said, env, key, shown", [
    (["--escape", "^A"], {}, b"\x01", b"Ctrl-A leaves"), (["-e", "^a"], {}, b"\x01", b"Ctrl-A leaves"),
    ([], {"ROOST_CONSOLE_ESCAPE": "^\\"}, b"\x1c", b"Ctrl-\\ leaves"),
    (["-e", "^]"], {"ROOST_CONSOLE_ESCAPE": "^T"}, b"\x1d", b"Ctrl-] leaves"),
])
def test_another_key(serial, said, env, key, shown):
    roost, guest = serial
    with Person(roost, *said, env=env) as ada:
        ada.attached()
        assert shown in ada.greeting
        other = b"\x14" if key == b"\x1d" else b"\x1d"
        ada.types(other)
        guest.hears(other)
        ada.types(key)
        ada.ended()


def test_no_key(serial):
    roost, guest = serial
    with Person(roost, "-e", "none") as ada:
        ada.attached()
        assert b"nothing but a signal leaves" in ada.greeting
        ada.types(b"\x1d\x03")
        guest.hears(b"\x1d\x03")
        ada.child.terminate()
        ada.ended(-signal.SIGTERM)


@pytest.mark.parametrize("key", ["", "x", "^", "^]]", "^1", "Ctrl-A", "NONE"])
def test_what_is_no_key(serial, key):
    roost, _ = serial
    done = roost.cli("console", "web1", "--escape", key, check=False)
    assert done.returncode == 2 and "--escape: " in done.stderr and "^A to ^Z" in done.stderr
    if key:
        done = roost.cli("console", "web1", check=False, env={"ROOST_CONSOLE_ESCAPE": key})
        assert done.returncode == 2 and "ROOST_CONSOLE_ESCAPE: " in done.stderr


# --- without a terminal ---

def test_without_input(serial):
    """The end of standard input is not the end of the console: `roost console web1 </dev/null >log &`."""
    roost, guest = serial
    child = subprocess.Popen([BUILD / "roost", "console", "web1"], env=roost.env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    guest.hears(b"<attached>")
    for text in (b"first ", b"second "):
        guest.say(text)
        seen = b""
        while text not in seen:
            assert select.select([child.stdout], [], [], WAIT)[0]
            seen += os.read(child.stdout.fileno(), 4096)
    assert child.poll() is None
    guest.end()
    assert child.wait(WAIT) == 0
    child.stdout.close()


def test_through_pipes(serial):
    roost, guest = serial
    (roost.state / "instances" / "web1" / "console.log").write_text("earlier\n")
    child = subprocess.Popen([BUILD / "roost", "console", "web1"], env=roost.env, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(b"root\n\x1d")
    child.stdin.close()
    guest.hears(b"<attached>")
    assert guest.hears(b"root\n\x1d") == b""  # no key leaves there
    guest.say(b"# bye\n")
    guest.end()
    assert child.stdout.read() == b"earlier\n# bye\n"
    assert child.wait(WAIT) == 0
    child.stdout.close()
    child.stderr.close()


# --- where there is no console ---

def test_refusals(serial):
    roost, _ = serial
    for args, code, words in ((["idle"], 4, "idle is defined, there is nothing to attach to"),
                              (["far"], 4, "virsh console"), (["nobody"], 3, "nobody"),
                              (["web1", "--output", "json"], 2, "--log only")):
        done = roost.cli("console", *args, check=False)
        assert done.returncode == code and words in done.stderr, done.stderr
    for query, instance, upgrade, status in (("", "web1", None, 400), ("", "web1", "websocket", 400),
                                             ("?watch=maybe", "web1", "roost-console", 400),
                                             ("", "idle", "roost-console", 409),
                                             ("", "nobody", "roost-console", 404)):
        s, head = attach(roost, query, instance, upgrade)
        assert head.startswith(f"HTTP/1.1 {status} "), head
        s.close()
