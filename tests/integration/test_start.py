"""Starts: how much memory guests may have together, what waits and what does not. Machines are real, guests are
not: their disks are empty, and the test comes home for them."""
import json
import subprocess

import pytest
from harness import roost as harness
from harness.guest import Guest
from roostd_rig import until
from test_autostart import boot

MIB = 1 << 20


@pytest.fixture
def host():
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s", "memory-limit": "256M"}}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        yield r


def define(r, **memory):
    r.apply({"images": {"d": {"file": str(r.dir / "d.qcow2")}}, "defaults": {"image": "d"},
             "instances": {name: {"memory": m} for name, m in memory.items()}})


def phases(r):
    return {row["name"]: row["phase"] for row in r.json("instance", "list")}


def come_home(r, name, generation=1):
    guest = Guest(r, name, generation=generation)
    assert guest.get().status == 200 and guest.home().status == 200


# --- memory ---

def test_guests_get_no_more_than_there_is(host):
    define(host, a="128M", b="96M", c="64M")
    host.cli("instance", "start", "a", "b")
    done = host.cli("instance", "start", "c", check=False)
    assert done.returncode == 4 and done.stderr.splitlines() == [
        "roost: instance c: it is to have 64 MiB of memory, 2 guests run already with 224 MiB, and [launch] memory-limit "
        "is 256 MiB: stop others, give it less, or say --force"]
    assert phases(host)["c"] == "defined" and "c" not in host.guests()
    reply = host.api("POST", "/v1/instances/c/start", {})
    assert reply.status == 409 and reply.json["error"]["kind"] == "conflict"
    assert host.json("status")["memory"]["guests"] == 224 * MIB
    assert "guests have 224 MiB of 256 MiB" in host.cli("status").stdout
    host.cli("instance", "start", "c", "--force")
    assert "c" in host.guests()
    rows = {row["name"]: row for row in host.json("check")["checks"]}
    assert rows["memory"]["level"] == "warn" and "288 MiB of 256 MiB" in rows["memory"]["detail"]
    host.cli("instance", "stop", "a", "--force")
    assert {row["name"]: row for row in host.json("check")["checks"]}["memory"]["level"] == "ok"


def test_a_restart_is_refused_while_the_guest_still_runs(host):
    define(host, a="128M", b="96M")
    host.cli("instance", "start", "--all")
    define(host, a="192M", b="96M")
    done = host.cli("instance", "restart", "a", check=False)
    assert done.returncode == 4 and "it is to have 192 MiB of memory, 1 guest runs already with 96 MiB" in done.stderr
    assert set(host.guests()) == {"a", "b"}, "it was not ended for nothing"
    host.cli("instance", "restart", "b", "a", "--force")
    assert set(host.guests()) == {"a", "b"}
    host.cli("instance", "restart", "b")  # what it had it may have again


def test_what_is_known_after_a_restart_of_roost(host):
    define(host, a="128M", b="192M")
    host.cli("instance", "start", "a")
    host.kill()
    host.start()
    until("it is adopted", lambda: host.json("status")["memory"]["guests"] == 128 * MIB)
    assert host.cli("instance", "start", "b", check=False).returncode == 4


def test_autostart_says_so(host):
    tree = {"images": {"d": {"file": str(host.dir / "d.qcow2")}}, "defaults": {"image": "d", "autostart": True},
            "instances": {"a": {"memory": "128M", "autostart-order": 1}, "b": {"memory": "192M", "autostart-order": 2},
                          "c": {"memory": "64M", "autostart-order": 3}}}
    host.apply(tree)
    boot(host)
    until("those that fit run", lambda: set(host.guests()) == {"a", "c"}, 30)
    row = {r["name"]: r for r in host.json("instance", "list")}["b"]
    assert row["state"] == "failed" and "it is to have 192 MiB of memory" in row["note"]
    done = host.cli("wait", "b", check=False)
    assert done.returncode == 4 and "192 MiB" in done.stderr


def test_the_host_itself(host):
    host.stop(keep=True)
    host.settings["launch"].update({"memory-limit": "0", "memory-reserve": "1T"})
    host.write_conf()
    host.start()
    define(host, a="64M")
    done = host.cli("instance", "start", "a", check=False)
    assert done.returncode == 4 and "of which 1.0 TiB are kept for other things" in done.stderr
    host.stop(keep=True)
    host.settings["launch"]["memory-reserve"] = "256M"
    host.write_conf()
    host.start()
    total = host.json("status")["memory"]
    assert total["limit"] == total["total"] - 256 * MIB and total["available"] <= total["total"]
    host.cli("instance", "start", "a")
    define(host, a="64M", big="16T")
    assert "it is to have 16 TiB" in host.cli("instance", "start", "big", check=False).stderr


# --- to wait or not to wait ---

def test_until_they_are_home(host):
    define(host, a="64M", b="64M")
    with subprocess.Popen([harness.BUILD / "roost", "instance", "start", "a", "b", "--wait", "--timeout", "60s"],
                          env=host.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as starter:
        until("they run", lambda: set(host.guests()) == {"a", "b"}, 30)
        come_home(host, "a")
        come_home(host, "b")
        out, err = starter.communicate(timeout=60)
    assert starter.returncode == 0, err
    assert [line.split(" at ")[0] for line in out.splitlines()] == ["a started", "b started", "a is homed", "b is homed"]
    assert "roost: 2 of 2 homed" in err
    done = host.cli("-o", "json", "instance", "restart", "a", "--wait", "--timeout", "1s", check=False)
    assert done.returncode == 7, "it does not come home again"
    assert [(r["name"], r["reached"]) for r in json.loads(done.stdout)] == [("a", False)]
    done = host.cli("instance", "start", "a", "b", "--wait", "--timeout", "5s", check=False)
    assert done.returncode == 4 and "running already" in done.stderr and "2 failed" in done.stderr


def test_one_that_does_not_start_is_not_waited_for(host):
    define(host, a="64M", b="512M")
    with subprocess.Popen([harness.BUILD / "roost", "instance", "start", "a", "b", "-w", "--timeout", "60s"],
                          env=host.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as starter:
        until("it runs", lambda: set(host.guests()) == {"a"}, 30)
        come_home(host, "a")
        out, err = starter.communicate(timeout=60)
    assert starter.returncode == 4 and "a is homed" in out and "it is to have 512 MiB" in err


def test_not_even_until_they_run(host):
    define(host, a="64M")
    assert host.cli("instance", "start", "a", "--no-wait").stdout == "a is being started\n"
    until("it runs", lambda: phases(host)["a"] == "launched")
    assert host.cli("instance", "stop", "a", "--no-wait").stdout == "a is being stopped\n"
    assert phases(host)["a"] in ("stopping", "stopped"), "that is on record by then"
    until("it has ended", lambda: phases(host)["a"] == "stopped")
    done = host.cli("instance", "stop", "a", "--no-wait", check=False)
    assert done.returncode == 4 and "is not running" in done.stderr, "what can be said at once is"
    assert host.cli("instance", "rebuild", "a", "--no-wait").stdout == "a is being rebuilt\n"
    until("it is of the next generation", lambda: host.json("instance", "show", "a")["generation"] == 2)
    assert host.json("instance", "start", "a", "--no-wait") == [
        {"name": "a", "ok": True, "did": "is being started", "result": {"begun": True}}]
    until("it runs", lambda: phases(host)["a"] == "launched")
    assert host.cli("instance", "restart", "a", "--no-wait").stdout == "a is being restarted\n"
    until("it runs again", lambda: host.json("instance", "show", "a")["boots"] == 2)
    done = host.cli("instance", "start", "a", "--wait", "--no-wait", check=False)
    assert done.returncode == 2 and "cannot both be meant" in done.stderr


def test_create_and_start(host):
    define(host, other="64M")
    words = ["--image", "d", "--memory", "64M", "--disk", "0"]
    assert host.cli("instance", "create", "web", *words, "--count", "2", "--start").stdout.splitlines() == [
        "instance web-1 is defined", "instance web-2 is defined", "web-1 started", "web-2 started"]
    with subprocess.Popen([harness.BUILD / "roost", "-o", "json", "instance", "create", "db", *words, "--wait"],
                          env=host.env, stdout=subprocess.PIPE, text=True) as creator:
        until("it runs", lambda: "db" in host.guests(), 30)
        come_home(host, "db")
        out = creator.communicate(timeout=60)[0]
    assert creator.returncode == 0 and json.loads(out)[0]["reached"] is True
    done = host.cli("instance", "create", "big", "--image", "d", "--memory", "1G", "--disk", "0", "--start", check=False)
    assert done.returncode == 4 and "it is to have 1.0 GiB" in done.stderr and phases(host)["big"] == "defined"
    done = host.cli("instance", "create", "ext", "--external", "--start", check=False)
    assert done.returncode == 2 and "ext" not in phases(host)
