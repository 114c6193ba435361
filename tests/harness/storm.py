"""Guests that all phone home at once, and the journal of what roost acknowledged.

A guest asks until it has its 200, as cc_phone_home does (with less patience between two tries). What
stands in the journal was promised: it must be on record afterwards, whatever was killed.
"""
import collections
import http.client
import queue
import threading
import time

from harness.guest import request
from harness.watch import wait_file

PACE = 0.005  # cc_phone_home takes 3 s


class Lost(AssertionError):
    """roost acknowledged what is not on record."""


class Storm:
    def __init__(self, roost, threads=8, patience=30):
        """patience: seconds that a guest waits for an answer; cc_phone_home waits for ever."""
        self.roost, self.patience = roost, patience
        self.journal = {}  # name: (round, public key)
        self.refused = collections.Counter()  # what came instead of a 200
        self._wanted = 0
        self._todo = queue.SimpleQueue()
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._ended.set()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def send(self, guests, round=0):
        """Hands guests to the threads; each is prepared before, so that the storm is a short one."""
        port = self.roost.seed_port
        for g in guests:
            self._wanted += 1
            self._todo.put((g.name, g.key, round, port, g.path("post", "phone-home"), g.form()))

    def _post(self, port, path, body):
        """The status, or the name of the error that a guest would see."""
        try:
            return request(port, "POST", path, body, timeout=self.patience).status
        except (OSError, http.client.HTTPException) as e:
            return type(e).__name__

    def _run(self):
        while (job := self._todo.get()) is not None and not self._ended.is_set():
            name, key, number, port, path, body = job
            said = self._post(port, path, body)
            with self._news:
                if said == 200:
                    self.journal[name] = (number, key)
                else:
                    self.refused[said] += 1
                self._news.notify_all()
            if said != 200:
                self._ended.wait(PACE)
                self._todo.put(job)

    def wait(self, timeout=60, acknowledged=None):
        """Until so many (default: all) have their 200."""
        end = time.monotonic() + timeout
        with self._news:
            want = self._wanted if acknowledged is None else acknowledged
            while len(self.journal) < want:
                left = end - time.monotonic()
                assert left > 0 and self._news.wait(left) or len(self.journal) >= want, (
                    f"{len(self.journal)} of {want} acknowledged after {timeout} s; "
                    f"instead of a 200 came {dict(self.refused)}")

    def check(self):
        """Everything acknowledged is on record: state and host key."""
        with self._news:
            journal = dict(self.journal)
        phases = {row["name"]: row["phase"] for row in self.roost.api("GET", "/v1/instances").json}
        keys = recorded_keys(self.roost.api("GET", "/v1/known-hosts").text)
        missing = [f"{name} (round {number}): {phases.get(name, 'unknown')}, key "
                   f"{'recorded' if key.split()[1] in keys.get(name, ()) else 'missing'}"
                   for name, (number, key) in sorted(journal.items())
                   if phases.get(name) != "homed" or key.split()[1] not in keys.get(name, ())]
        if missing:
            raise Lost(f"{len(missing)} of {len(journal)} acknowledged are not on record: "
                       + "; ".join(missing[:10]))


def recorded_keys(known_hosts):
    """{host: {base64 keys}} of a known_hosts file."""
    found = collections.defaultdict(set)
    for line in known_hosts.splitlines():
        if line and not line.startswith("#"):
            hosts, _type, key = line.split()[:3]
            for host in hosts.split(","):
                found[host].add(key)
    return found


def caught_up(r, timeout):
    """The files say what the store says, long before some later event (each minute old events are
    dropped) would set the reactors going."""
    for file, route in (("known_hosts", "known-hosts"), ("inventory.yaml", "inventory")):
        now = r.api("GET", f"/v1/{route}").body
        wait_file(r.state / "generated" / file, lambda data: data == now, timeout,
                  f"what /v1/{route} says")
