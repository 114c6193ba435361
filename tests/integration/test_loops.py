"""A guest that reboots again and again before it is home: each phase is in time, the way home is not. QEMU
is a program that only speaks QMP; the test says when its guest resets."""
import contextlib
import os
import re
import signal
import time

import pytest
from harness import roost as harness
from harness.guest import Guest, define
from roostd_rig import until

# SIGUSR2: the guest resets. SIGUSR1: it shuts itself down.
QEMU = """#!/usr/bin/python3
import json, re, signal, socket, sys, threading
if "--version" in sys.argv or "-version" in sys.argv:
    print("QEMU emulator version 7.2.0 (test)")
    sys.exit(0)
clients, lock = [], threading.Lock()

def say(client, what):
    try:
        client.sendall(json.dumps(what).encode() + b"\\r\\n")
    except OSError:
        pass

def serve(client):
    say(client, {"QMP": {"version": {}, "capabilities": []}})
    with lock:
        clients.append(client)
    for line in client.makefile():
        request = json.loads(line)
        line = request.get("arguments", {}).get("command-line")
        forward = "Hub -1 (net0):\\r\\n  TCP[HOST_FORWARD]  12    127.0.0.1 34567       10.0.2.15    22     0     0"
        say(client, {"return": {} if line is None else forward if line == "info usernet" else "",
                     "id": request["id"]})

def tell(event, reason):
    with lock:
        for client in clients:
            say(client, {"event": event, "data": {"guest": True, "reason": reason},
                         "timestamp": {"seconds": 0, "microseconds": 0}})

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(re.search(r"path=([^, ]+\\.qmp)", " ".join(sys.argv)).group(1))
listener.listen()

def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
while signal.sigwait([signal.SIGUSR1, signal.SIGUSR2]) == signal.SIGUSR2:
    tell("RESET", "guest-reset")
tell("SHUTDOWN", "guest-shutdown")
"""
LIMITS = {"starting": "2s", "launched": "5s", "seeded": "5s", "tcg_factor": 1, "restarts": 0}  # the way: 12 s


def machine(tmp_path, **limits):
    qemu = tmp_path / "qemu"
    qemu.write_text(QEMU)
    qemu.chmod(0o755)
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    conf = {"launch": {"qemu": qemu, "accelerator": "tcg"},
            "limits": {name.replace("_", "-"): value for name, value in limits.items()}}
    return harness.Roost(conf)


def start(r, tmp_path, **words):
    define(r, {"images": {"k": {"kernel": str(tmp_path / "vmlinuz")}},
               "instances": {"web1": {"image": "k", "memory": "32M", "disk": 0, **words}}})
    r.cli("instance", "start", "web1")
    r.wait_log(r"\[web1\] address: ")  # its QMP is there


@pytest.fixture
def looping(tmp_path):
    with machine(tmp_path, **LIMITS) as r:
        start(r, tmp_path)
        yield r


def state(guest):
    row = guest.show()
    return row["phase"], row["overdue"]


def wait_event(r, guest, kind, after, timeout=20):
    """Over the long poll, so that nothing sleeps."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        reply = r.api("GET", f"/v1/events?instance={guest.name}&after={after}&wait={min(timeout, 5)}").json
        for event in reply["events"]:
            if event["kind"] == kind:
                return event
        after = reply["last"]
    raise AssertionError(f"no {kind} within {timeout} s")


def test_a_loop_becomes_overdue(looping):
    r, guest = looping, Guest(looping, "web1")
    last, restarts, began = 0, 0, time.monotonic()
    while not (seen := state(guest))[1]:
        assert time.monotonic() - began < 60, f"{restarts} restarts, and nobody noticed"
        assert guest.get().status == 200
        assert state(guest)[0] == "seeded"
        if restarts == 2:  # what is on record counts, not what a process remembers
            assert guest.events("seed-served")  # shown, so committed
            r.kill("all")
            r.start()
            r.wait_log(r"\[web1\] adopted")
        began_loop = time.monotonic()
        while True:  # QMP may have to be connected anew
            os.kill(r.guests()["web1"], signal.SIGUSR2)
            try:
                last = wait_event(r, guest, "restarted", last, timeout=1)["seq"]
                break
            except AssertionError:
                assert time.monotonic() - began_loop < 20
        restarts += 1
        time.sleep(2.2)  # resets that follow at once are one (server/core_qmp.c)
    assert restarts >= 4, seen
    assert time.monotonic() - began > 11, "each phase has 5 s, the way 12"
    (overdue,) = guest.events("overdue")
    assert f"restarted {restarts} times on its way home" in overdue["detail"] or \
        f"restarted {restarts - 1} times on its way home" in overdue["detail"]
    assert guest.show()["note"].startswith(f"restarted {restarts} times on its way home, ")
    assert "see: roost console web1" in guest.show()["note"]
    # It stays overdue in its next phase, until it is home.
    assert guest.get().status == 200
    assert state(guest) == ("seeded", True)
    done = r.cli("wait", "web1", "--overdue", check=False)
    assert done.returncode == 7 and f"restarted {restarts} times on its way home" in done.stderr
    assert guest.home().status == 200
    assert state(guest) == ("homed", False)


def reset(r, after=0):
    """The guest resets, and that is on record; its number."""
    os.kill(r.guests()["web1"], signal.SIGUSR2)
    seq = wait_event(r, Guest(r, "web1"), "restarted", after)["seq"]
    time.sleep(2.1)  # resets that follow at once are one (server/core_qmp.c)
    return seq


SAID = r"restarted 3 times within \S+: a loop, which roost has ended; see: roost console web1"


@pytest.mark.parametrize("killed", [False, True])
def test_a_loop_is_ended_and_says_why(tmp_path, killed):
    """What was on record before a roost came counts too."""
    with machine(tmp_path, restarts=3, restarts_within="1m") as r:
        start(r, tmp_path)
        last = reset(r, reset(r))
        if killed:
            r.kill("all")
            r.start()
            r.wait_log(r"\[web1\] adopted")
        end = time.monotonic() + 20
        while "web1" in r.guests():  # QMP may have to be connected anew
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(r.guests()["web1"], signal.SIGUSR2)
            assert time.monotonic() < end
            time.sleep(0.1)
        done = r.cli("wait", "web1", "--timeout", "20s", check=False)
        assert done.returncode == 4 and re.search(SAID, done.stderr), done.stderr
        guest = Guest(r, "web1")
        (failed,) = guest.events("failed")
        assert re.fullmatch(SAID, failed["detail"]) and len(guest.events("restarted")) == 3
        assert guest.events("stopping")[0]["actor"] == "roost"
        row = guest.show()
        assert row["state"] == "failed" and re.fullmatch(SAID, row["note"])
        assert re.search(r"web1 +failed .*a loop, which roost has ended", r.cli("instance", "list").stdout)
        r.cli("instance", "start", "web1")  # it begins at nothing
        until("it hears signals", (r.control.parent / "web1.qmp").exists)
        assert guest.show()["note"].startswith("no seed request"), guest.show()["note"]
        while len(guest.events("restarted")) < 4:  # once its QMP is there
            os.kill(r.guests()["web1"], signal.SIGUSR2)
            assert time.monotonic() < end + 20
            time.sleep(0.1)
        assert guest.show()["phase"] == "launched"


def test_old_restarts_are_forgotten_and_none_is_too_many(tmp_path):
    with machine(tmp_path, restarts=2, restarts_within="2s") as r:
        start(r, tmp_path)
        reset(r, reset(r, reset(r)))
        assert Guest(r, "web1").show()["phase"] == "launched"
    with machine(tmp_path, restarts=0) as r:
        start(r, tmp_path)
        reset(r, reset(r))
        assert Guest(r, "web1").show()["phase"] == "launched"


def ends(r, tmp_path, **words):
    start(r, tmp_path, **words)
    os.kill(r.guests()["web1"], signal.SIGUSR1)
    r.cli("wait", "web1", "--for", "stopped", "--timeout", "20s", check=False)
    return Guest(r, "web1").show()


def test_one_that_ends_at_once(tmp_path):
    with machine(tmp_path, exit="1m") as r:
        row = ends(r, tmp_path)
        assert row["state"] == "failed" and re.fullmatch(
            r"ended \S+ after its launch, unheard: the guest shut itself down; see: roost console web1", row["note"])
        done = r.cli("wait", "web1", check=False)
        assert done.returncode == 4 and "ended " in done.stderr and "unheard" in done.stderr
    with machine(tmp_path, exit="1m") as r:
        row = ends(r, tmp_path, bootstrapper="none")
        assert row["state"] == "stopped" and "unheard: the guest shut itself down" in row["note"]
    with machine(tmp_path, exit="0s") as r:
        row = ends(r, tmp_path)
        assert row["state"] == "stopped" and row["note"] == "the guest shut itself down"
    with machine(tmp_path, exit="1m") as r:
        start(r, tmp_path)
        assert Guest(r, "web1").get().status == 200  # heard
        os.kill(r.guests()["web1"], signal.SIGUSR1)
        r.cli("wait", "web1", "--for", "stopped", "--timeout", "20s")
        assert Guest(r, "web1").show()["note"] == "the guest shut itself down"
        r.cli("instance", "start", "web1")
        r.cli("instance", "stop", "web1", "--force")
        assert "unheard" not in Guest(r, "web1").show()["note"], "somebody asked for it"
