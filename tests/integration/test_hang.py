"""A child of roostd that hangs: noticed, named, ended, started anew; guests are answered meanwhile."""
import os
import signal
import time

import pytest
from harness import roost as harness
from harness.guest import Guest, define, fleet
from roostd_rig import until


@pytest.fixture
def roost():
    with harness.Roost({"launch": {"enabled": "no"}, "process": {"hang-limit": "3s"}}) as r:
        define(r, fleet(["a"]))
        yield r


def faults(r):
    rows = r.api("GET", "/v1/events?limit=1000").json["events"]
    return [row["detail"] for row in rows if row["kind"] == "fault"]


def test_a_hung_core_is_ended_and_guests_are_answered_meanwhile(roost):
    old, front, asked = roost.pid("core"), roost.pid("front"), 0
    os.kill(old, signal.SIGSTOP)
    end = time.monotonic() + 60
    while harness.start_time(old):
        began = time.monotonic()
        reply = Guest(roost, "a").get()
        asked += 1
        assert time.monotonic() - began < 3 and time.monotonic() < end
        assert reply.status == 503 and reply.headers["Retry-After"] or reply.status == 200
    assert asked > 1
    roost.wait_log(r"roost-core is back")
    assert roost.pid("core") != old and roost.pid("front") == front
    said = "roost-core did not answer for 3 s (it is stopped by a signal) and was ended, see [process] hang-limit"
    roost.wait_log(r"ERROR.* roost-core did not answer")
    until("the fault is on record", lambda: said in faults(roost))
    assert said in roost.json("status")["faults"]
    assert Guest(roost, "a").get().status == 200 and Guest(roost, "a").home().status == 200


def test_a_hung_front_is_ended_and_connections_wait_for_the_next(roost):
    old, core = roost.pid("front"), roost.pid("core")
    os.kill(old, signal.SIGSTOP)
    assert Guest(roost, "a").home(timeout=60).status == 200, "it waits in the queue of the socket"
    assert roost.pid("front") != old and roost.pid("core") == core
    until("the fault is on record", lambda: any(x.startswith("roost-front did not answer") for x in faults(roost)))


def test_who_answers_within_the_limit_stays(roost):
    """Stopped for less than the limit, again and again, for longer than the limit in all."""
    old, began = roost.pid("core"), time.monotonic()
    while time.monotonic() < began + 5:
        os.kill(old, signal.SIGSTOP)
        assert Guest(roost, "a").get("vendor-data").status in (200, 503)  # after core-deadline
        os.kill(old, signal.SIGCONT)
        roost.api("GET", "/v1/status")
    assert roost.pid("core") == old and not faults(roost)


def test_a_roostd_that_was_stopped_itself_ends_nobody(roost):
    """As after a host's sleep: time has passed, but nobody was asked meanwhile."""
    pids, guest = (roost.pid("core"), roost.pid("front")), Guest(roost, "a")
    os.kill(roost.pid(), signal.SIGSTOP)
    began = time.monotonic()
    while time.monotonic() < began + 5:
        assert guest.get().status == 200
    os.kill(roost.pid(), signal.SIGCONT)
    os.kill(roost.pid(), signal.SIGUSR1)  # answered by its loop: all that was due before is done
    roost.wait_log("roost-front: alive")
    assert (roost.pid("core"), roost.pid("front")) == pids and not faults(roost)
