"""A guest that reboots again and again before it is home: each phase is in time, the way home is not. QEMU
is a program that only speaks QMP; the test says when its guest resets."""
import os
import signal
import time

import pytest
from harness import roost as harness
from harness.guest import Guest, define

# SIGUSR2: the guest resets.
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
        forward = "TCP[HOST_FORWARD]  12    127.0.0.1 34567       10.0.2.15    22     0     0"
        say(client, {"return": {} if line is None else forward if line == "info usernet" else "",
                     "id": request["id"]})

def reset(*_):
    with lock:
        for client in clients:
            say(client, {"event": "RESET", "data": {"guest": True, "reason": "guest-reset"},
                         "timestamp": {"seconds": 0, "microseconds": 0}})

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(re.search(r"path=([^, ]+\\.qmp)", " ".join(sys.argv)).group(1))
listener.listen()

def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
while signal.sigwait([signal.SIGUSR2]):
    reset()
"""
LIMITS = {"starting": "2s", "launched": "5s", "seeded": "5s", "tcg-factor": 1}  # the way: 12 s


@pytest.fixture
def looping(tmp_path):
    qemu = tmp_path / "qemu"
    qemu.write_text(QEMU)
    qemu.chmod(0o755)
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    conf = {"launch": {"qemu": qemu, "accelerator": "tcg"}, "limits": LIMITS}
    with harness.Roost(conf) as r:
        define(r, {"images": {"k": {"kernel": str(tmp_path / "vmlinuz")}},
                   "instances": {"web1": {"image": "k", "memory": "32M", "disk": 0}}})
        r.cli("instance", "start", "web1")
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
    r.wait_log(r"\[web1\] address: ")  # its QMP is there
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
