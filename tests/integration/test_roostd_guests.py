"""roostd's verbs: the test is its core, QEMU a program that only holds what it was given."""
import os
import platform
import re
import signal
import socket
import struct
import time

import pytest

import frames as fr
from roostd_rig import BUILD, Roost, until

ACCEL, LAUNCH, KILL, ADOPT, VMSH, REPROBE = 9 + 1, 32, 33, 34, 35, 36
PING, PONG = 12, 13
MEDIUM_GET, MEDIUM = 45, 61
NO_NICS = b"\0"
NO_FORWARDS = b"\0"
LAUNCHED, LAUNCH_FAILED, DONE, EXITED, ADOPTED, NOT_RUNNING = range(48, 54)
TOKEN = "00112233445566778899aabbccddeeff"

# Hands its channel to the test and stays until that has gone.
CORE = """#!/usr/bin/python3
import array, os, socket, sys
if len(sys.argv) > 1:
    sys.exit(0)
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["TEST_CORE"])
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3]))])
os.close(3)
s.recv(1)
"""

QEMU = """#!/usr/bin/python3
import os, signal, sys, time
if "--version" in sys.argv or "-version" in sys.argv:
    print("QEMU emulator version 7.2.0 (test)")
    sys.exit(0)
with open(os.environ.get("TMPDIR", "/tmp") + "/%s", "w") as f:
    f.write("\\n".join(sys.argv) + "\\n")
    f.write("\\n".join(fd + " " + os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")
                      if os.path.exists("/proc/self/fd/" + fd)))
signal.signal(signal.SIGUSR2, lambda *a: sys.exit(3))
print("a line on standard output", flush=True)
print("qemu: the reason of its end", file=sys.stderr, flush=True)
while True:
    time.sleep(1000)
"""


def disk(serial="", size=0, file="", form=0, bus=0, cache=0, **flags):
    s = fr.string
    return (s(serial) + struct.pack("=Q", size) + s(file) + struct.pack("=BBB", form, bus, cache)
            + bytes(bool(flags.get(f)) for f in ("device", "no_discard", "volatile", "read_only")))


def launch(name="web1", launch_id=7, kernel=True, volume=False, iso="", arch=0, uefi=False, **wishes):
    s = fr.string
    return (s(name) + struct.pack("=Q", launch_id) + s(name) + s("12345678-1234-4234-8234-123456789abc")
            + s("52:54:00:12:34:56") + b"\1" + s("http://10.0.2.2:10200") + s(TOKEN) + bytes([volume])
            + struct.pack("=IQBB", 1, 128 << 20, arch, uefi or "code" in wishes) + s("img") + struct.pack("=B", 0) + disk()
            + struct.pack("=IBB", 0, kernel, 0) + s("console=ttyS0") + bytes([bool(iso)]) + s(iso) + b"\0"
            + struct.pack("=B", 0) + s("") + s("user") + struct.pack("=BH", 0, 0) + NO_NICS + NO_FORWARDS + machine(**wishes))


def machine(cpu="", kind="", display=0, keymap="", code="", variables="", arguments=(), devices=()):
    s = fr.string
    return (s(cpu) + s(kind) + struct.pack("=B", display) + s(keymap) + s(code) + s(variables)
            + struct.pack("=I", len(arguments)) + b"".join(map(s, arguments))
            + struct.pack("=I", len(devices)) + b"".join(map(s, devices)))


def ref(name="web1", launch_id=0):
    return fr.string(name) + struct.pack("=Q", launch_id)


def launched(payload):
    r = fr.Reader(payload)
    out = (r.string().decode(), r.number("Q"), r.number("I"), r.number("B"))
    assert r.data == b""
    return out


def error(payload):
    r = fr.Reader(payload)
    return r.string().decode(), r.number("Q"), r.number("B"), r.string().decode()


def exited(payload):
    r = fr.Reader(payload)
    return r.string().decode(), r.number("Q"), r.number("B"), r.number("i"), r.string().decode()


class Rig(Roost):
    def __init__(self, tmp_path, **options):
        self.door = socket.socket(socket.AF_UNIX)
        super().__init__(tmp_path, **options)
        self.door.bind(self.run + "/core")
        self.door.listen()
        self.env["TEST_CORE"] = self.run + "/core"
        libexec = tmp_path / "libexec"
        libexec.mkdir()
        os.symlink(os.path.join(BUILD, "roost-front"), libexec / "roost-front")
        self.script(libexec / "roost-core", CORE)
        self.notes = "roost-qemu-" + os.path.basename(self.run)
        self.script(tmp_path / "qemu", QEMU % self.notes)
        self.options.setdefault("launch.qemu", str(tmp_path / "qemu"))
        self.more = ["--libexec", str(libexec)]
        self.serial = 0
        self.qemus = set()
        for name in ("web1", "web2"):
            (self.state / "instances" / name).mkdir(parents=True, mode=0o700)
        (self.state / "images" / "img").mkdir(parents=True)
        (self.state / "images" / "img" / "kernel").write_text("kernel")
        self.state.chmod(0o700)

    @staticmethod
    def script(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def begin(self):
        self.start(*self.more, wait=False)
        self.core()
        return self

    def core(self):
        """The channel of the core that roostd has just started."""
        self.door.settimeout(20)
        held, _ = self.door.accept()
        _, fds, _, _ = socket.recv_fds(held, 1, 1)
        self.held = held
        self.chan = fr.Channel(socket.socket(fileno=fds[0]))
        kind, _, payload = self.chan.receive()
        assert kind == fr.HELLO
        build = fr.Reader(payload).string()
        self.chan.send(fr.HELLO, fr.string(build) + fr.string("core"))
        self.chan.send(fr.READY, fr.string("by the test"))

    def leave(self):
        """Core ends; it holds the state directory's lock too."""
        self.chan.close()
        self.held.close()

    def expect(self, *kinds, ident=None, timeout=10):
        """The next message of these kinds; others that may come at any time are passed over."""
        while True:
            message = self.chan.receive(timeout)
            assert message, "roostd closed the channel"
            kind, got, payload = message
            if kind == PING:
                self.chan.send(PONG, b"")
                continue
            passing = kind in (fr.CONFIG, 8, 9, fr.FRONT_LINK, ACCEL)
            if passing and (kind not in kinds or ident not in (None, got)):
                continue
            assert kind in kinds and (ident is None or got == ident), (kind, got, payload)
            return payload

    def ask(self, kind, payload, *answers):
        self.serial += 1
        self.chan.send(kind, payload, self.serial)
        return self.expect(*answers, ident=self.serial)

    def launch(self, name="web1", launch_id=7):
        got = launched(self.ask(LAUNCH, launch(name, launch_id), LAUNCHED))
        assert got[:2] == (name, launch_id)
        self.qemus.add(got[2])
        # Its notes are written when it runs.
        until("QEMU runs", lambda: "reason" in self.file(name, "qemu.log"))
        return got[2]

    def file(self, name, what):
        path = self.state / "instances" / name / what
        return path.read_text(errors="replace") if path.exists() else ""

    def clean(self):
        super().clean()
        for pid in self.qemus:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.door.close()
        if os.path.exists("/tmp/" + self.notes):
            os.unlink("/tmp/" + self.notes)


@pytest.fixture
def make(tmp_path):
    made = []

    def rig(**options):
        made.append(Rig(tmp_path, **{k.replace("__", ".").replace("_", "-"): v
                                     for k, v in options.items()}))
        return made[-1].begin()

    yield rig
    for r in made:
        r.clean()


@pytest.fixture
def rig(make):
    return make()


def test_launch_and_exit(rig):
    pid = rig.launch()
    pid_file = rig.file("web1", "qemu.pid").split()
    with open(f"/proc/{pid}/stat") as f:
        start = f.read().rsplit(")", 1)[1].split()[19]
    assert pid_file == [str(pid), start, "7"]
    # roostd is not its session's leader: a ^C at roostd's terminal is none of its business.
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGUSR2)
    name, launch_id, known, status, tail = exited(rig.expect(EXITED))
    assert (name, launch_id, known, os.waitstatus_to_exitcode(status)) == ("web1", 7, 1, 3)
    assert "the reason of its end" in tail


def sockets(rig, name="web1"):
    """Where QEMU was told to make them."""
    with open("/tmp/" + rig.notes) as f:
        paths = re.findall(r"path=([^,\s]+/%s\.(?:qmp|con))\b" % name, f.read())
    assert len(paths) == 2
    return paths


def test_sockets_go_with_qemu(rig):
    """A QEMU that is killed, or that fails when it has made them already, leaves them behind."""
    pid = rig.launch()
    for path in sockets(rig):
        open(path, "w").close()
    os.kill(pid, signal.SIGKILL)
    rig.expect(EXITED)
    assert not [path for path in sockets(rig) if os.path.exists(path)]
    for path in sockets(rig):  # it ended while no roostd looked
        open(path, "w").close()
    assert rig.ask(ADOPT, ref(), NOT_RUNNING)
    assert not [path for path in sockets(rig) if os.path.exists(path)]


def test_what_qemu_gets(rig):
    rig.launch()
    argv, links = [], {}
    with open("/tmp/" + rig.notes) as f:
        for line in f.read().splitlines():
            fd, _, target = line.partition(" ")
            if fd.isdigit() and target:
                links[int(fd)] = target
            else:
                argv.append(line)
    text = "\n".join(argv)
    assert TOKEN not in text and "asset=web1" in text, "the tag is open, the token is not"
    names = {os.path.basename(t) for fd, t in links.items() if fd >= 10}
    assert {"kernel", "smbios.bin", "instance.lock", "console.log"} <= names
    assert not {"lock", "store.db"} & names, "nothing of roost's own"
    assert not [t for fd, t in links.items() if fd > 3 and t.startswith("socket:")]
    blob = (rig.state / "instances/web1/smbios.bin").read_bytes()
    assert f"s=http://10.0.2.2:10200/web1/{TOKEN}/".encode() in blob
    assert oct((rig.state / "instances/web1/smbios.bin").stat().st_mode & 0o777) == "0o600"
    assert os.access(rig.state / "instances/web1/vm.sh", os.X_OK)


def test_volume_and_image_are_handed_over_as_descriptors(rig, tmp_path):
    iso = tmp_path / "a.iso"
    iso.write_bytes(b"image")
    volume = rig.state / "instances/web1/seed.iso"
    volume.write_bytes(b"secret")
    volume.chmod(0o600)
    rig.qemus.add(launched(rig.ask(LAUNCH, launch(volume=True, iso=str(iso)), LAUNCHED))[2])
    until("QEMU runs", lambda: "reason" in rig.file("web1", "qemu.log"))
    with open("/tmp/" + rig.notes) as f:
        notes = f.read()
    assert str(volume) + "\n" in notes + "\n" and str(iso) + "\n" in notes + "\n"
    assert "virtio-blk-pci,id=seed0" in notes and "ide-cd,bus=ide.0,id=cdrom0,drive=cdrom" in notes


def medium(rig, path):
    """(kind of error, words, what the descriptor gives)."""
    rig.serial += 1
    rig.chan.send(MEDIUM_GET, fr.string("web1") + fr.string(str(path)), rig.serial)
    payload = rig.expect(MEDIUM, ident=rig.serial)
    _, _, kind, words = error(payload)
    return kind, words


def test_media_of_a_user(rig, tmp_path):
    iso = tmp_path / "a.iso"
    iso.write_bytes(b"image")
    assert medium(rig, iso) == (0, "")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    for path, words in ((tmp_path / "no.iso", "No such file"), (tmp_path, "no plain file"),
                        (tmp_path / "fifo", "no plain file"), (tmp_path / "empty", "is empty")):
        kind, said = medium(rig, path)
        assert kind != 0 and words in said, said


def test_media_of_root_lie_where_root_says(make, tmp_path):
    allowed, other = tmp_path / "isos", tmp_path / "isos-other"
    for directory in (allowed, other):
        directory.mkdir()
        (directory / "a.iso").write_bytes(b"image")
    (allowed / "out.iso").symlink_to(other / "a.iso")
    rig = make(roost__mode="system", launch__media_directory=str(allowed), launch__run_as="")
    assert medium(rig, allowed / "a.iso") == (0, "")
    for path in (other / "a.iso", "/etc/shadow", allowed / "out.iso"):
        kind, said = medium(rig, path)
        assert kind != 0 and ("media-directory" in said or "below" in said), said


def test_media_of_root_by_default_nowhere(make, tmp_path):
    (tmp_path / "a.iso").write_bytes(b"image")
    kind, said = medium(make(roost__mode="system", launch__run_as=""), tmp_path / "a.iso")
    assert kind != 0 and "[launch] media-directory" in said


def test_no_second_qemu(rig):
    rig.launch()
    assert error(rig.ask(LAUNCH, launch("web1", 8), LAUNCH_FAILED))[2:] == (3, "already running")
    rig.launch("web2", 9)


def test_kill(rig):
    pid = rig.launch()
    rig.chan.send(KILL, ref("web1", 99), 70)
    rig.expect(NOT_RUNNING, ident=70)
    assert os.path.exists(f"/proc/{pid}"), "another launch was meant"
    rig.chan.send(KILL, ref("web1", 7), 71)
    name, _, known, status, _ = exited(rig.expect(EXITED))
    assert (name, known, os.waitstatus_to_exitcode(status)) == ("web1", 1, -9)
    rig.chan.send(KILL, ref("web1", 7), 72)
    rig.expect(NOT_RUNNING, ident=72)


@pytest.mark.parametrize("pid_file", ["right", "missing", "wrong", "torn"])
def test_adopted_after_a_kill_of_everything(rig, pid_file):
    pid = rig.launch()
    path = rig.state / "instances/web1/qemu.pid"
    text = path.read_text()
    rig.process.kill()
    rig.process.wait()
    rig.leave()
    assert os.path.exists(f"/proc/{pid}")
    if pid_file == "missing":
        path.unlink()
    elif pid_file == "wrong":
        path.write_text(f"{os.getpid()} 4711 7\n")
    elif pid_file == "torn":
        path.write_text(text[:3])
    rig.begin()
    got = launched(rig.ask(ADOPT, ref(), ADOPTED))
    assert got[0] == "web1" and got[2] == pid
    assert got[1] == (7 if pid_file == "right" else 0), "a launch that nobody knows has no number"
    assert error(rig.ask(LAUNCH, launch("web1", 8), LAUNCH_FAILED))[3] == "already running"
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    name, _, known, _, tail = exited(rig.expect(EXITED))
    assert time.monotonic() - begin < 1
    assert (name, known) == ("web1", 0) and "the reason of its end" in tail
    rig.ask(ADOPT, ref(), NOT_RUNNING)


def test_adopt_when_nothing_runs(rig):
    rig.ask(ADOPT, ref(), NOT_RUNNING)
    rig.ask(ADOPT, ref("nobody"), NOT_RUNNING)
    # A pid file of a process that lives, and no lock: it is another's.
    (rig.state / "instances/web1/qemu.pid").write_text(f"{os.getpid()} 1 7\n")
    rig.ask(ADOPT, ref(), NOT_RUNNING)


def test_core_restarts_and_asks_again(rig):
    pid = rig.launch()
    rig.leave()
    rig.core()
    assert launched(rig.ask(ADOPT, ref(), ADOPTED))[1:3] == (7, pid)


@pytest.mark.parametrize("what", ["instance", "image", "kernel", "link", "qemu"])
def test_what_is_missing_is_named(make, what, tmp_path):
    rig = make(**({"launch__qemu": "/none/qemu"} if what == "qemu" else {}))
    kernel = rig.state / "images/img/kernel"
    if what == "instance":
        (rig.state / "instances/web1").rmdir()
    elif what in ("kernel", "image", "link"):
        kernel.unlink()
    if what == "image":
        kernel.parent.rmdir()
    if what == "link":  # out of the state directory
        (tmp_path / "secret").write_text("x")
        kernel.symlink_to(tmp_path / "secret")
    name, launch_id, kind, text = error(rig.ask(LAUNCH, launch(), LAUNCH_FAILED))
    assert (name, launch_id) == ("web1", 7) and kind != 0
    assert {"instance": "web1", "image": "img", "kernel": "kernel", "link": "kernel",
            "qemu": "/none/qemu"}[what] in text
    if what != "instance":
        rig.ask(ADOPT, ref(), NOT_RUNNING)


def test_limit_of_guests(make):
    rig = make(launch__max_guests="1")
    rig.launch()
    assert "max-guests" in error(rig.ask(LAUNCH, launch("web2", 8), LAUNCH_FAILED))[3]


def test_launching_switched_off(make):
    rig = make(launch__enabled="no")
    assert "enabled = no" in error(rig.ask(LAUNCH, launch(), LAUNCH_FAILED))[3]


def test_vmsh_alone(rig):
    assert error(rig.ask(VMSH, launch(), DONE))[2] == 0
    assert "#!/bin/sh" in rig.file("web1", "vm.sh")
    assert error(rig.ask(VMSH, launch("nobody"), DONE))[2] == 1


def test_reprobe(rig):
    r = fr.Reader(rig.ask(REPROBE, b"", ACCEL))
    assert r.number("B") == 0 and b"configuration" in r.string() and b"7.2.0" in r.string()


def test_kvm_runs_guests_of_its_own_architecture_alone(make, tmp_path):
    """Whatever the probe or the configuration say of it."""
    code, variables = tmp_path / "code.fd", tmp_path / "vars.fd"
    code.write_bytes(bytes(4096))
    variables.write_bytes(bytes(4096))
    rig = make(launch__accelerator="kvm", launch__qemu=tmp_path / "qemu", launch__qemu_arm64=tmp_path / "qemu",
               launch__firmware_code=code, launch__firmware_vars=variables,
               launch__firmware_code_arm64=code, launch__firmware_vars_arm64=variables)
    for arch, machine_of, name in (0, "x86_64", "web1"), (1, "aarch64", "web2"):
        _, _, pid, accel = launched(rig.ask(LAUNCH, launch(name, 7, arch=arch, uefi=True), LAUNCHED))
        rig.qemus.add(pid)
        assert accel == (machine_of == platform.machine())
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            given = f.read().split("\0")
        assert given[given.index("-accel") + 1].split(",")[0] == ("kvm" if accel else "tcg")
        assert (given[given.index("-cpu") + 1] == "host") == accel


@pytest.mark.parametrize("kind, payload", [
    (LAUNCH, launch("../web1")), (LAUNCH, launch() + b"x"), (KILL, ref("a/b")), (ADOPT, b""),
    (EXITED, b""), (99, b""), (REPROBE, b"x"),
])
def test_broken_core_is_ended(rig, kind, payload):
    rig.chan.send(kind, payload, 1)
    rig.core()
    rig.ask(ADOPT, ref(), NOT_RUNNING)
    assert "started again" in rig.log()


def test_what_root_does_not_allow_is_refused_whatever_core_says(tmp_path):
    """Core has asked already; a core that was taken over would not."""
    firmware = tmp_path / "firmware"
    firmware.mkdir()
    (firmware / "code.fd").symlink_to("/etc/passwd")
    (firmware / "vars.fd").write_bytes(bytes(4096))
    rig = Rig(tmp_path, **{"launch.allow-arguments": "-device=virtio-balloon*", "launch.allow-devices": "usb:046d:*",
                           "launch.allow-firmware": str(firmware)})
    try:
        rig.begin()
        for wishes, key in (
                ({"arguments": ("-device", "ide-hd,drive=x")}, "allow-arguments"),
                ({"arguments": ("-s",)}, "allow-arguments"),
                ({"devices": ("pci:0000:00:00.0",)}, "allow-devices"),
                ({"code": str(firmware / "code.fd"), "variables": str(firmware / "vars.fd")}, "allow-firmware"),
                ({"code": "/etc/passwd", "variables": str(firmware / "vars.fd")}, "allow-firmware"),
                ({"code": f"{firmware}/../../x", "variables": str(firmware / "vars.fd")}, "allow-firmware")):
            what = error(rig.ask(LAUNCH, launch(**wishes), LAUNCH_FAILED))
            assert key in what[3], (wishes, what)
        assert not rig.file("web1", "qemu.log")
    finally:
        rig.clean()

