"""Network namespaces that a test makes and removes: hosts, guests and the outside world beside each other.

    with Lab() as lab:                      # skips the test, aloud, where namespaces cannot be made
        host, guest = lab.namespace("host"), lab.namespace("guest")
        lab.veth(host, "port0", guest, "eth0")      # both ends up; mac="52:54:…" is that of the second
        host.ip("addr add 172.16.5.1/24 dev port0")
        daemon = host.start(["dnsmasq", "--keep-in-foreground", …])     # a Popen, ended by the lab
        host.run(["ping", "-c1", "-W2", "172.16.5.2"]).stdout           # fails the test unless it exits with 0
        sock = guest.enter(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)   # a call made inside

Names carry the pid of the test, so that tests run beside each other; what a killed one left is removed by the
next. At the end every process in a namespace is ended by its pid, also one that made itself a daemon.
"""
import ctypes
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import threading
from pathlib import Path

import pytest

PREFIX = "roosttest"  # roosttest-PID-XXXX-LABEL
NAMES = Path("/run/netns")
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ip(*args, check=True, timeout=20):
    return subprocess.run(["ip", *args], check=check, timeout=timeout, text=True, capture_output=True)


def missing():
    """Why there can be no namespaces here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(2)}-probe"
    try:
        made = ip("netns", "add", probe, check=False)
    except FileNotFoundError:
        return "ip(8) is not installed (iproute2)"
    if made.returncode != 0:
        return f"no network namespaces here: {made.stderr.strip()}"
    ip("netns", "del", probe)
    return None


def require():
    reason = missing()
    if reason:
        pytest.skip(reason)


def remove(name):
    """Ends by pid what runs in a namespace, then takes away its name."""
    pids = [int(p) for p in ip("netns", "pids", name, check=False).stdout.split()]
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            # The pid is held now: is it still one of ours?
            if str(pid) in ip("netns", "pids", name, check=False).stdout.split():
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(fd)
    ip("netns", "del", name, check=False)


def sweep():
    """Namespaces of tests that were killed."""
    for path in NAMES.glob(f"{PREFIX}-*"):
        owner = re.match(rf"{PREFIX}-(\d+)-", path.name)
        if owner and not Path("/proc", owner.group(1)).exists():
            remove(path.name)


class Namespace:
    def __init__(self, name):
        self.name = name
        self.children = []
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def argv(self, command):
        """A command line as one inside; its pid is the command's own (ip netns exec does not fork)."""
        command = shlex.split(command) if isinstance(command, str) else [str(c) for c in command]
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, command, check=True, timeout=30, **kw):
        kw = {"text": True, "capture_output": True, **kw}
        done = subprocess.run(self.argv(command), timeout=timeout, **kw)
        assert not check or done.returncode == 0, \
            f"{command!r} in {self.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def start(self, command, **kw):
        child = subprocess.Popen(self.argv(command), **kw)
        self.children.append(child)
        return child

    def ip(self, args):
        """`ip ARGS` inside; what it wrote. "-j …" comes parsed."""
        out = ip("-n", self.name, *shlex.split(args), check=False)
        assert out.returncode == 0, f"ip {args} in {self.name}: {out.stderr}"
        return json.loads(out.stdout or "[]") if args.startswith("-j ") else out.stdout

    def link(self, device):
        """What the kernel says of a device (ip -d -j link)."""
        return self.ip(f"-j -d link show dev {device}")[0]

    def enter(self, call, *args, **kw):
        """A call made inside, by a thread that has entered: sockets made there stay there."""
        result = {}

        def inside():
            fd = os.open(NAMES / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(fd, CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), f"setns {self.name}")
                result["value"] = call(*args, **kw)
            except BaseException as e:  # for the caller's thread
                result["error"] = e
            finally:
                os.close(fd)
        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]

    def end(self, child):
        """Ends one started process and waits for it; returns its exit status."""
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream:
                stream.close()
        if child in self.children:
            self.children.remove(child)
        return child.wait(10)

    def close(self):
        for child in reversed(list(self.children)):
            self.end(child)
        remove(self.name)


class Ping:
    """A ping from a namespace until end(), which tells the numbers of those that stayed without an
    answer, and how many were sent. The one that is under way at the end does not count."""

    def __init__(self, ns, to, interval=0.2, limit=300):
        self.ns = ns
        self.child = ns.start(["ping", "-n", "-i", str(interval), "-w", str(limit), to],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self, least=10):
        """Not before that many have been sent and answered, or the limit has passed."""
        said, answered = [], set()
        for line in self.child.stdout:
            said.append(line)
            answered |= {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", line)}
            if answered and max(answered) >= least:
                break
        self.child.send_signal(signal.SIGINT)
        said = "".join([*said, *self.child.stdout])
        self.ns.end(self.child)
        total = re.search(r"(\d+) packets transmitted", said)
        assert total, said
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", said)}
        return [n for n in range(1, int(total[1])) if n not in answered], int(total[1])


class Lab:
    def __init__(self):
        self.prefix = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(2)}"
        self.namespaces = []

    def __enter__(self):
        require()
        sweep()
        return self

    def __exit__(self, *exc):
        while self.namespaces:
            self.namespaces.pop().close()

    def namespace(self, label):
        ns = Namespace(f"{self.prefix}-{label}")
        self.namespaces.append(ns)
        return ns

    def veth(self, a, device_a, b, device_b, mac=None):
        """A cable: `device_a` in a, `device_b` in b (with `mac`), both up."""
        address = ["address", mac] if mac else []
        ip("link", "add", device_a, "netns", a.name, "type", "veth",
           "peer", "name", device_b, "netns", b.name, *address)
        a.ip(f"link set {device_a} up")
        b.ip(f"link set {device_b} up")

    def bridge(self, ns, device, address=None):
        """A bridge as `network up` makes it: with a MAC of its own."""
        ns.ip(f"link add {device} address 02:00:00:00:00:01 type bridge forward_delay 0")
        if address:
            ns.ip(f"addr add {address} dev {device}")
        ns.ip(f"link set {device} up")

    def plug(self, ns, bridge, port, guest, device="eth0", mac=None):
        """A guest's cable into a bridge of `ns`."""
        self.veth(ns, port, guest, device, mac)
        ns.ip(f"link set {port} master {bridge}")
