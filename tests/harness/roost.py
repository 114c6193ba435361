"""A roost of its own for a test: state, sockets and processes under /tmp, gone afterwards.

    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        r.cli("apply", "-f", r.fleet({...}))
        assert r.api("GET", "/v1/status").json["instances"] == 1

Nothing sleeps: start() returns when the log says `ready`, wait_log() when a line has come.
"""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
READY = re.compile(r"\bready, \d+ guests?\b")
SANITIZERS = re.compile(r"ERROR: \w+Sanitizer|: runtime error: ")  # SAN=address,undefined
ROLES = {"core": "roost-core", "front": "roost-front"}
LIVE = []  # what conftest.py shows the logs of when a test fails


class Reply:
    """An answer of the control API."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def start_time(pid):
    """Field 22 of /proc/PID/stat, None when the process is gone or dead: pids are used again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Roost:
    """conf: {section: {key: value}} over the defaults below; program: roostd or roost-single;
    inside: a harness.netns Namespace in which it runs."""

    def __init__(self, conf=None, build=BUILD, program="roostd", args=(), env=None, start=True,
                 inside=None):
        self.inside = inside
        self.build, self.program, self.args = Path(build), program, list(args)
        self.dir = Path(tempfile.mkdtemp(prefix="roost-", dir="/tmp"))
        self.run = Path(tempfile.mkdtemp(prefix="rr", dir="/tmp"))  # short: sockets lie below it
        self.state = self.dir / "state"
        self.home = self.dir / "home"
        self.home.mkdir()
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG": "C.UTF-8", "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.run),
            "ROOST_STATE": str(self.state), **(env or {}),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.settings = {"roost": {"mode": "rootless", "state": self.state, "log-level": "debug"},
                         "seed": {"listen": "127.0.0.1:0"}}
        for section, keys in (conf or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.conf = self.dir / "roost.conf"
        self.write_conf()
        self.process = None
        self._log, self._news, self._eof = [], threading.Condition(), True
        LIVE.append(self)
        if start:
            try:
                self.start()
            except BaseException:
                self.stop()
                raise

    # --- life ---

    def write_conf(self):
        text = []
        for section, keys in self.settings.items():
            text.append(f"[{section}]")
            text += [f"{key} = {value}" for key, value in keys.items()]
        self.conf.write_text("\n".join(text) + "\n")

    def start(self, *args, ready=True, timeout=60):
        """Starts roostd; also again after stop(keep=True) or kill()."""
        mark = len(self._log)
        argv = [self.build / self.program, "--config", self.conf, *self.args, *args]
        self.process = subprocess.Popen(
            self.inside.argv(argv) if self.inside else argv, env=self.env,
            cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._eof = False
        reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        reader.start()
        if ready:
            self.wait_log(READY, timeout=timeout, since=mark)
        return self

    def _read(self, pipe):
        for line in iter(pipe.readline, b""):
            with self._news:
                self._log.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            # Children of a killed roostd may hold its pipe while the next one runs already.
            if self.process.stdout is pipe:
                self._eof = True
            self._news.notify_all()
        pipe.close()

    def wait_log(self, pattern, timeout=30, since=0):
        """The match of the first line (from number `since`) that fits; AssertionError with the log."""
        pattern = re.compile(pattern)
        end = time.monotonic() + timeout
        with self._news:
            at = since
            while True:
                for line in self._log[at:]:
                    at += 1
                    if (match := pattern.search(line)):
                        return match
                left = end - time.monotonic()
                if self._eof or left <= 0 or not self._news.wait(left):
                    if at < len(self._log):
                        continue
                    why = "roostd ended" if self._eof else f"{timeout} s passed"
                    raise AssertionError(f"{why} before the log said {pattern.pattern!r}:\n"
                                         + "\n".join(self._log[-60:]))

    def stop(self, keep=False, timeout=30):
        """Ends roostd and, unless keep, the guests and everything on disk. Returns its exit code."""
        code = None
        if self.process and self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout) if self.process else None
        except subprocess.TimeoutExpired:
            self.kill("all")
            raise AssertionError("roostd did not end:\n" + self.log()) from None
        finally:
            if not keep:
                self._remove()
        if SANITIZERS.search(self.log()):
            raise AssertionError("a sanitizer complains:\n" + self.log())
        return code

    def _remove(self):
        for pid in self.guests().values():
            os.kill(pid, signal.SIGKILL)
        for path in (self.dir, self.run, *self.sockets()):
            shutil.rmtree(path, ignore_errors=True)
        if self in LIVE:
            LIVE.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        if kind:  # pytest shows it with the failure
            print(f"log of {self.dir}:\n{self.log()}")
        self.stop()

    def sockets(self):
        """Where its sockets lay: a system service's below /run, in a directory of its state's."""
        named = (re.search(r", control socket (\S+)/control\.sock$", line) for line in self._log)
        return {Path(match[1]) for match in named if match}

    # --- processes ---

    def pid(self, role="roostd"):
        """Of roostd, core or front; LookupError while there is none."""
        if role == "roostd":
            return self.process.pid
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children") \
                .read_text().split():
            try:  # not exe: the roles are not dumpable, so only root may read that
                name = Path(f"/proc/{child}/comm").read_text().rstrip("\n")
            except OSError:
                continue
            if name == ROLES[role] and start_time(child):
                return int(child)
        raise LookupError(f"no {role} process")

    def kill(self, role="all", sig=signal.SIGKILL):
        """One role or all three at once: roostd is stopped first so that it restarts nobody."""
        if role != "all":
            os.kill(self.pid(role), sig)
            return
        os.kill(self.process.pid, signal.SIGSTOP)
        pids = [self.process.pid]
        for child in ROLES:
            try:
                pids.append(self.pid(child))
            except (LookupError, OSError):
                pass
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def guests(self):
        """{instance: pid} of the QEMUs that run out of this state directory."""
        found = {}
        for file in self.state.glob("instances/*/qemu.pid"):
            words = file.read_text().split()
            if len(words) >= 2 and start_time(words[0]) == words[1]:
                found[file.parent.name] = int(words[0])
        return found

    # --- talking to it ---

    def cli(self, *args, check=True, input=None, timeout=120, env=None):
        """Runs build/roost; check: it must exit with 0. Output is text."""
        argv = [self.build / "roost", *map(str, args)]
        done = subprocess.run(self.inside.argv(argv) if self.inside else argv,
                              env={**self.env, **(env or {})},
                              input=input, capture_output=True, text=True, timeout=timeout,
                              cwd=self.dir, stdin=subprocess.DEVNULL if input is None else None)
        if check and done.returncode != 0:
            raise AssertionError(f"roost {' '.join(map(str, args))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def json(self, *args, **kw):
        return json.loads(self.cli("--output", "json", *args, **kw).stdout)

    @property
    def control(self):
        """The control socket, where model/layout.c has it."""
        state = os.path.realpath(self.state).encode()
        return self.run / "roost" / hashlib.sha256(state).hexdigest()[:8] / "control.sock"

    def api(self, method, path, body=None, headers=None, timeout=60):
        """body: bytes, or anything else as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = UnixConnection(self.control, timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    @property
    def seed_port(self):
        return int((self.state / "seed-port").read_text())

    @property
    def seed_url(self):
        return f"http://127.0.0.1:{self.seed_port}"

    def fleet(self, tree, name="fleet.yaml"):
        """Writes a fleet file (a tree, or text) and returns its path."""
        path = self.dir / name
        path.write_text(tree if isinstance(tree, str) else json.dumps(tree, indent=1))
        return path

    def apply(self, tree, **kw):
        return self.json("apply", "-f", self.fleet(tree), **kw)

    def log(self):
        with self._news:
            return "\n".join(self._log)
