"""roost away, roost-core stuck, at the worst moment: guests come home by themselves."""
import http.client
import signal
import threading
import time

import pytest

import guest
from harness.roost import Roost

AWAY, STUCK = 120, 60


def fleet(debian):
    return {"images": {"debian": guest.image(debian)},
            "instances": {"web": {"image": "debian", "memory": "512M"}}}


class Probe(threading.Thread):
    """A client that asks one thing after another; each answer with the time that it took."""

    REQUESTS = (("GET", "/nobody/meta-data", None), ("GET", "/web/0123/user-data", None),
                ("POST", "/web/0123/phone-home", b"instance_id=x"), ("HEAD", "/nobody/user-data", None),
                ("POST", "/web/0123/report", b"{}"), ("GET", "/", None))

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.answers, self.enough = port, [], threading.Event()

    def ask(self, method, path, body):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as e:
            status = repr(e)
        finally:
            connection.close()
        return method, path, status, time.monotonic() - began

    def run(self):
        while not self.enough.is_set():
            for request in self.REQUESTS:
                self.answers.append(self.ask(*request))

    def end(self):
        self.enough.set()
        self.join(30)
        return self.answers


def seen(roost, kind):
    return [e for e in roost.json("events", "web", "--limit", "1000")["events"] if e["kind"] == kind]


@pytest.fixture(scope="module")
def two(debian):
    """Two roosts with a guest each, both on their way at the same time."""
    with Roost() as away, Roost() as stuck:
        for roost in (away, stuck):
            roost.apply(fleet(debian))
            guest.start(roost, "web")
        yield away, stuck


def test_roost_away_for_two_minutes_and_core_stuck_for_one(two):
    away, stuck = two
    # Whoever has its seed posts next. The first stays away from before that moment.
    guest.Events(away, "web", after=0).wait("seed-served")
    assert away.stop(keep=True) == 0
    left = time.monotonic()
    pid = away.guests()["web"]

    guest.Events(stuck, "web", after=0).wait("seed-served")
    stuck.kill("core", signal.SIGSTOP)
    probe = Probe(stuck.seed_port)
    probe.start()
    # A guest that loses heart would end or hang; it is watched for as long as nobody answers it.
    assert not guest.wait_end(stuck.guests()["web"], STUCK)
    answers = probe.end()
    stuck.kill("core", signal.SIGCONT)
    assert len(answers) > STUCK / 2
    slow = [a for a in answers if a[3] > 1]
    assert not slow, slow
    assert not [a for a in answers if not isinstance(a[2], int)], answers
    # What only core can know is put off; nothing is acknowledged that nobody has recorded.
    assert {a[2] for a in answers if a[1].endswith(("-data", "phone-home"))} == {503}, answers
    guest.home(stuck, "web")
    assert len(seen(stuck, "homed")) == 1

    # Its POSTs fail the while, every three seconds: cloud-init says so on the console.
    guest.wait_console(away, "web", r"(?i)phone.?home|url_helper|Calling .* failed|attempt", 120)
    assert not guest.wait_end(pid, max(0, left + AWAY - time.monotonic()))
    assert not away.process or away.process.poll() is not None
    away.start()
    guest.home(away, "web")
    homed, adopted = seen(away, "homed"), seen(away, "adopted")
    assert len(homed) == len(adopted) == 1 and homed[0]["seq"] > adopted[0]["seq"]
    assert away.guests() == {"web": pid}
