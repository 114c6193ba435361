"""A real roostd with a state directory of its own."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))


def until(what, condition, timeout=15):
    """The condition's first true value; polls, since what is waited for tells nobody."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def children(pid):
    out = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as f:
            text = f.read()
            if int(text.rsplit(")", 1)[1].split()[1]) == pid and text.rsplit(")", 1)[1].split()[0] != "Z":
                out[text.split("(", 1)[1].rsplit(")", 1)[0]] = int(entry)
    return out


class Roost:
    def __init__(self, tmp_path, env=None, program="roostd", wrapper=(), **options):
        self.tmp = tmp_path
        self.state = tmp_path / "state"
        # Sockets have short names, pytest's directories long ones.
        self.run = tempfile.mkdtemp(prefix="rt-", dir="/tmp")
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.run, "HOME": str(tmp_path), **(env or {})}
        self.env.pop("XDG_CONFIG_HOME", None)
        self.env.pop("NOTIFY_SOCKET", None) if not env or "NOTIFY_SOCKET" not in env else None
        self.program = program
        self.wrapper = list(wrapper)
        self.options = {"roost.mode": "rootless", "roost.state": str(self.state),
                        "seed.listen": "127.0.0.1:0", "launch.accelerator": "tcg", **options}
        self.log_path = tmp_path / "roostd.log"
        self.processes = []

    def argv(self, *more):
        out = [*self.wrapper, os.path.join(BUILD, self.program)]
        for name, value in self.options.items():
            out += ["-o", f"{name}={value}"]
        return out + list(more)

    def start(self, *more, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv(*more), env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.processes.append(self.process)
        if wait:
            self.wait_log(r"ready, ", n=sum(1 for _ in self.processes))
        return self

    def once(self, *more, timeout=30):
        """A run that ends by itself."""
        return subprocess.run(self.argv(*more), env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, pattern, n=1, timeout=30):
        def look():
            assert self.process.poll() is None or len(re.findall(pattern, self.log())) >= n, \
                f"ended with {self.process.returncode}:\n{self.log()}"
            return len(re.findall(pattern, self.log())) >= n
        until(f"{n} times /{pattern}/ in the log\n{self.log()}", look, timeout)

    @property
    def port(self):
        return int((self.state / "seed-port").read_text())

    def child(self, name):
        return until(f"{name} runs", lambda: children(self.process.pid).get(name[:15]))

    def request(self, text=b"GET / HTTP/1.0\r\n\r\n", timeout=10):
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            s.sendall(text)
            out = b""
            while more := s.recv(65536):
                out += more
            return out

    def stop(self, signo=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signo)
        return self.process.wait(20)

    def clean(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        print(self.log())
        shutil.rmtree(self.run, ignore_errors=True)
