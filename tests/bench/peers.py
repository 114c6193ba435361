"""What roost is measured beside: nginx with the same bytes, a bare flush, one commit per row; and the
CPU of processes, exact to the nanosecond where the kernel tells."""
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
CONF = """
worker_processes 1;
daemon off;
pid {dir}/pid;
error_log {dir}/error.log;
worker_rlimit_nofile 20000;
{user}
events {{ worker_connections 19000; }}
http {{
    access_log off;
    sendfile off;
    default_type text/plain;
    keepalive_requests 1000000000;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog={backlog};
        root {dir}/www;
        location = /seed/phone-home {{ return 200 "welcome home\\n"; }}
        location = /seed/report {{ return 200 "noted\\n"; }}
    }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """One worker without sendfile (its best here), the documents as files below /seed/. backlog: 511 is
    its own choice."""

    def __init__(self, documents, backlog=511):
        self.dir = Path(tempfile.mkdtemp(prefix="roost-nginx-", dir="/tmp"))
        seed = self.dir / "www" / "seed"
        seed.mkdir(parents=True)
        for name, body in documents.items():
            (seed / name).write_bytes(body)
        self.port = free_port()
        conf = self.dir / "nginx.conf"
        user = "user root root;" if os.geteuid() == 0 else ""
        conf.write_text(CONF.format(dir=self.dir, port=self.port, user=user, backlog=backlog))
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", conf])
        self._wait()

    def _wait(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)  # nothing tells when nginx listens
        raise SystemExit(f"nginx does not start; see {self.dir}/error.log")

    def pids(self):
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        subprocess.run(["rm", "-rf", self.dir], check=True)


def _thread_ns(task):
    run = int((task / "schedstat").read_text().split()[0])
    if run:
        return run
    fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // TICK


def cpu_ns(pids):
    """(main threads, other threads) of these processes, user and system."""
    main = others = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            if int(task.name) == pid:
                main += _thread_ns(task)
            else:
                others += _thread_ns(task)
    return main, others


def memory(pids):
    """(resident, proportional) bytes: shared pages count for each, or divided."""
    rss = pss = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1)) * 1024
        pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) * 1024
    return rss, pss


def bare_flush(directory, times=400):
    """The median of fdatasync after an append of a page, ms: what durability costs at least."""
    path = Path(directory) / "flush.bench"
    took = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            os.write(fd, b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(fd)
            took.append(time.perf_counter() - start)
    finally:
        os.close(fd)
        path.unlink()
    return sorted(took)[times // 2] * 1000


def commits_per_second(directory, times=2000):
    """SQLite as roost has it (WAL, FULL), a state change, keys and an event in each commit."""
    path = Path(directory) / "commits.bench"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE g(id INTEGER PRIMARY KEY, phase INTEGER, sign TEXT) STRICT;"
                     "CREATE INDEX by_phase ON g(phase);"
                     "CREATE TABLE k(id INTEGER PRIMARY KEY, ed25519 BLOB, rsa BLOB) STRICT;"
                     "CREATE TABLE e(seq INTEGER PRIMARY KEY, id INTEGER, text TEXT) STRICT;"
                     "CREATE INDEX by_id ON e(id);")
    db.execute("BEGIN")
    db.executemany("INSERT INTO g VALUES(?, 0, '')", ((i,) for i in range(times)))
    db.execute("COMMIT")
    start = time.perf_counter()
    for i in range(times):
        db.execute("BEGIN")
        db.execute("UPDATE g SET phase = 5, sign = 'homed' WHERE id = ?", (i,))
        db.execute("INSERT INTO k VALUES(?, ?, ?)", (i, b"k" * 51, b"k" * 407))
        db.execute("INSERT INTO e VALUES(NULL, ?, 'host keys rsa, ecdsa, ed25519')", (i,))
        db.execute("COMMIT")
    rate = times / (time.perf_counter() - start)
    db.close()
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    return rate
