"""Real guests for the stories: their images, their fleets, what they say on their consoles.

Nothing sleeps. Waits hang on roost's events (long-poll), on `roost wait`, on inotify of a console
log, or on a pidfd; each has a deadline.
"""
import base64
import ctypes
import fcntl
import hashlib
import os
import re
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness.roost import BUILD, ROOT
from harness.watch import libc

IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100
NEEDED = {"debian": ("mmdebstrap", "mke2fs", "cpio"), "micro": ("dpkg-deb", "depmod", "cpio")}
NEEDED["debian-efi"] = NEEDED["debian"] + ("sfdisk", "mcopy", "mkfs.vfat", "objcopy")
NEEDED["debian-host"] = NEEDED["debian"]
NEEDED["micro-arm64"] = NEEDED["micro"] + ("qemu-system-aarch64",)
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# A deadline for what does not come, not a measure: two emulated guests that share a busy machine with
# others take several times the minute that one of them takes alone.
HOME = 600


def need(*programs):
    """Skips the story, aloud, where a program is missing."""
    for program in programs:
        if not shutil.which(program, path=PATH):
            pytest.skip(f"{program} is missing (make deps)")


def build_image(name):
    """BUILD/guest/NAME by its builder, which does nothing when it is up to date."""
    need("qemu-system-x86_64", "qemu-img", "ssh")
    out = BUILD / "guest" / name
    if not (out / "image.yaml").exists():
        need(*NEEDED[name])
    out.parent.mkdir(parents=True, exist_ok=True)
    script, _, variant = name.partition("-")  # debian-efi is what debian.sh makes with --efi
    with open(out.parent / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # stories of other files want it at the same time
        done = subprocess.run(["sh", ROOT / f"contrib/guest/{script}.sh", out,
                               *([f"--{variant}"] if variant else [])], capture_output=True,
                              text=True, timeout=900)
    assert done.returncode == 0, f"contrib/guest/{script}.sh {out}:\n{done.stdout}{done.stderr}"
    return out


def image(directory, **fields):
    """The image that a builder left in `directory`, as a fleet file has it; `cmdline_add` goes to the
    end of its kernel command line."""
    add = fields.pop("cmdline_add", None)
    tree = {"kernel": str(directory / "vmlinuz"), "initrd": str(directory / "initrd"),
            "cmdline": (directory / "cmdline").read_text().strip() + (f" {add}" if add else "")}
    if (directory / "disk.qcow2").exists():
        tree |= {"file": str(directory / "disk.qcow2"), "default-user": "debian"}
    return tree | fields


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class Key:
    """An SSH key pair of the operator's."""

    def __init__(self, directory):
        self.file = Path(directory) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f",
                        self.file], check=True)
        self.public = self.file.with_suffix(".pub").read_text().strip()


def start(roost, *names):
    roost.cli("instance", "start", *names)


def home(roost, *names, timeout=HOME):
    roost.cli("wait", *names, "--for", "homed", "--timeout", f"{timeout}s", "--quiet",
              timeout=timeout + 30)


def row(roost, name):
    """Its row of `instance list`."""
    return next(r for r in roost.json("instance", "list") if r["name"] == name)


def show(roost, name):
    return roost.json("instance", "show", name)


def ssh(roost, key, name, command, check=True, timeout=90):
    """`roost ssh`, as somebody does at a prompt; no terminal, so that nothing can be asked."""
    return roost.cli("ssh", "-i", key.file, name, command, check=check, timeout=timeout,
                     env={"SSH_ASKPASS_REQUIRE": "never"})


def keys_on_record(roost, name):
    """{type: base64}."""
    return {k["line"].split()[0]: k["line"].split()[1] for k in show(roost, name)["host-keys"]}


class Events:
    """Follows the events of a roost, or of one instance, from now on (or from number `after`)."""

    def __init__(self, roost, name=None, after=None):
        self.roost, self.name, self.seen = roost, name, []
        if after is None:
            after = roost.api("GET", "/v1/events?newest=1&limit=1").json["last"]
        self.last = after

    def wait(self, *kinds, timeout=HOME, name=None, fits=lambda event: True):
        """The first event of these kinds that has not been looked at yet."""
        end = time.monotonic() + timeout
        what = f"/v1/events?limit=1000&instance={self.name}" if self.name else "/v1/events?limit=1000"
        at = 0
        while True:
            for i in range(at, len(self.seen)):
                event = self.seen[i]
                if event["kind"] in kinds and name in (None, event["instance"]) and fits(event):
                    del self.seen[: i + 1]
                    return event
            at = len(self.seen)
            left = int(end - time.monotonic())
            assert left > 0, f"no {' or '.join(kinds)} of {name or self.name} within {timeout} s:\n" \
                + "\n".join(f"{e['time']} {e['instance']} {e['kind']} {e['detail']}" for e in self.seen)
            reply = self.roost.api("GET", f"{what}&after={self.last}&wait={min(left, 30)}").json
            self.seen += reply["events"]
            self.last = reply["last"]


# --- consoles -------------------------------------------------------------------------------------


def console(roost, name):
    path = roost.state / "instances" / name / "console.log"
    return path.read_text(errors="replace") if path.exists() else ""


def wait_change(directory, fits, timeout, what):
    """Until fits() is true; looked at whenever something in the directory is written or renamed."""
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(directory),
                                        IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0:
        raise OSError(ctypes.get_errno(), f"inotify: {directory}")
    end = time.monotonic() + timeout
    try:
        while not (found := fits()):
            left = end - time.monotonic()
            assert left > 0, f"waited {timeout} s for {what() if callable(what) else what}"
            select.select([fd], [], [], left)
            try:
                os.read(fd, 65536)
            except BlockingIOError:
                pass
        return found
    finally:
        os.close(fd)


def wait_console(roost, name, pattern, timeout=HOME):
    """The match of a pattern in the guest's console log, once it is there."""
    return wait_change(roost.state / "instances" / name,
                       lambda: re.search(pattern, console(roost, name)), timeout,
                       lambda: f"{pattern!r} on the console of {name}:\n"
                       + console(roost, name)[-3000:])


# --- processes ------------------------------------------------------------------------------------


def wait_end(pid, timeout):
    """True when the process ends within that time, False when it is there to the end of it."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


def cmdlines():
    """{pid: argument vector} of every process on this machine."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(file.parent.name)] = file.read_bytes().split(b"\0")[:-1]
        except OSError:
            pass
    return found


def holders(path):
    """Processes that have this very file open."""
    want, found = os.stat(path), set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fds = os.listdir(f"/proc/{pid}/fd")
        except OSError:  # it has ended meanwhile
            continue
        for fd in fds:
            try:
                have = os.stat(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if (have.st_dev, have.st_ino) == (want.st_dev, want.st_ino):
                found.add(int(pid))
    return found


def held(path, timeout=20):
    """holders() once there are some: a QEMU is launched before it has opened its disks, and tells nobody when."""
    end = time.monotonic() + timeout
    while not (found := holders(path)):
        assert time.monotonic() < end, f"nobody opened {path} within {timeout} s"
        select.select([], [], [], 0.05)
    return found


def wait_banner(port, timeout):
    """Until somebody speaks SSH behind a forward: QEMU takes the connection in any case, and closes
    it again while nobody in the guest listens."""
    end = time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        assert left > 0, f"nobody spoke SSH behind port {port} within {timeout} s"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=min(left, 5)) as s:
                if s.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        select.select([], [], [], 0.2)  # the host cannot be told when a guest begins to listen


def base64_of(data):
    return {"base64": base64.b64encode(data).decode()}
