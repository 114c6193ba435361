"""Guests that start with the host: in order, so many at once, once per boot; and all of them stopped at its end.
Machines are real, guests are not: their disks are empty, and the test comes home for them."""
import shutil
import sqlite3
import subprocess

import pytest
from harness import roost as harness
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import BUILD
from roostd_rig import until

LAUNCH = {"accelerator": "tcg", "autostart-at-once": "2", "stop-limit": "1s"}


@pytest.fixture
def host():
    with harness.Roost({"launch": dict(LAUNCH)}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        yield r


def define(r, **orders):
    """None: does not start by itself; else its order."""
    words = {name: {} if order is None else {"autostart": True, "autostart-order": order}
             for name, order in orders.items()}
    r.apply({"images": {"d": {"file": str(r.dir / "d.qcow2")}}, "defaults": {"image": "d", "memory": "64M"},
             "instances": words})


def boot(r, **settings):
    """The host has booted since: all that the last boot left is its name on record."""
    r.stop(keep=True)
    db = sqlite3.connect(r.state / "store.db")
    db.execute("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot-id'")
    db.commit()
    db.close()
    for key, value in settings.items():
        section, name = key.split("__")
        r.settings.setdefault(section, {})[name.replace("_", "-")] = value
    r.write_conf()
    r.start()


def running(r):
    return {row["name"] for row in r.json("instance", "list")
            if row["state"] in ("launched", "seeded", "homed", "overdue")}


def launched(r):
    """Names in the order of their launches."""
    rows = r.api("GET", "/v1/events?limit=1000").json["events"]
    return [row["instance"] for row in rows if row["kind"] == "launching" and row["actor"] == "autostart"]


def come_home(r, name):
    guest = Guest(r, name)
    assert guest.get().status == 200 and guest.home().status == 200


def test_in_order_and_so_many_at_once(host):
    define(host, db=10, cache=20, web=30, app=30, last=9999, never=None)
    boot(host)
    until("the first two run", lambda: running(host) == {"db", "cache"})
    come_home(host, "cache")
    until("the next one, by name among equals", lambda: running(host) == {"db", "cache", "app"})
    order = launched(host)  # of two at once either may have its disk first
    assert set(order[:2]) == {"db", "cache"} and order[2:] == ["app"], "nobody else: db is still on its way"
    come_home(host, "app")
    come_home(host, "db")
    until("all", lambda: running(host) == {"db", "cache", "app", "web", "last"})
    assert set(launched(host)[3:]) == {"web", "last"}
    come_home(host, "web")
    come_home(host, "last")
    host.wait_log("homed")
    assert "never" not in running(host)


def row(r, name):
    return next(row for row in r.json("instance", "list") if row["name"] == name)


def test_who_waits_for_its_turn_is_seen_and_can_be_waited_for(host):
    define(host, db=10, cache=20, web=30, app=40, never=None)
    host.cli("instance", "start", "cache", "web")
    host.cli("instance", "stop", "--force", "cache", "web")
    boot(host, launch__autostart_at_once="1")
    until("the first one runs", lambda: running(host) == {"db"})
    web = row(host, "web")
    assert (web["state"], web["phase"]) == ("queued", "stopped")
    assert web["note"] == "waits for its turn to start, 2 of 3; booting now: db"
    assert web["turn"] == {"place": 2, "of": 3, "behind": ["db"]} == host.json("instance", "show", "web")["turn"]
    assert row(host, "db")["turn"] is None and row(host, "never")["turn"] is None
    assert row(host, "never")["state"] == "defined"
    assert host.cli("instance", "list", "--state", "queued", "--output", "name").stdout.split() == ["app", "cache", "web"]
    assert host.json("status")["autostart"] == {"waiting": 3, "booting": 1}
    assert "3 wait for their turn to start, 1 boots" in host.cli("status").stdout
    assert 'roost_queue_length{queue="autostart"} 3' in host.cli("metrics").stdout

    late = host.cli("wait", "web", "--timeout", "1s", check=False)
    assert late.returncode == 7 and late.stderr.splitlines()[-1] == (
        "roost: web is not homed after 1s: it is not started yet: waits for its turn to start, 2 of 3; "
        "booting now: db"), late.stderr
    with subprocess.Popen([BUILD / "roost", "wait", "cache", "--timeout", "60s"], env=host.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        assert waiting.stderr.readline() == "cache: queued: waits for its turn to start, 1 of 3; booting now: db\n"
        come_home(host, "db")
        until("the next one", lambda: running(host) == {"db", "cache"})
        come_home(host, "cache")
        assert waiting.wait(30) == 0 and waiting.stdout.read().startswith("cache is homed")
    until("and the third", lambda: running(host) == {"db", "cache", "web"})
    assert row(host, "app")["turn"] == {"place": 1, "of": 1, "behind": ["web"]}
    assert row(host, "web")["turn"] is None


def test_who_is_started_or_removed_before_its_turn_waits_no_more(host):
    define(host, a=1, b=2, c=3, d=4)
    boot(host, launch__autostart_at_once="1")
    until("a runs", lambda: running(host) == {"a"})
    host.cli("instance", "start", "c")
    assert row(host, "c")["state"] == "launched" and row(host, "c")["turn"] is None
    assert row(host, "d")["turn"] == {"place": 2, "of": 2, "behind": ["a"]}
    host.cli("instance", "remove", "b", "--yes")
    define(host, a=1, b=2, c=3, d=4)
    assert row(host, "b")["turn"] is None, "another one by the same name"
    assert row(host, "d")["turn"] == {"place": 1, "of": 1, "behind": ["a"]}
    come_home(host, "a")
    until("d", lambda: running(host) == {"a", "c", "d"})
    assert launched(host) == ["a", "d"]


def test_who_is_stopped_before_its_turn_is_not_started(host):
    """Also when the host goes down while it still starts its guests: room that is made so is nobody's."""
    define(host, a=1, b=2, c=3, d=4)
    boot(host, launch__autostart_at_once="1")
    until("a runs", lambda: running(host) == {"a"})
    host.cli("instance", "stop", "b")
    b = row(host, "b")
    assert b["state"] == "defined" and b["note"] == "before its turn to start had come" and b["turn"] is None
    assert row(host, "c")["turn"]["place"] == 1
    host.kill()
    host.start()
    come_home(host, "a")
    until("c, whose turn it is", lambda: running(host) == {"a", "c"}, 30)
    done = host.json("instance", "stop", "--all")
    assert {row["name"] for row in done} == {"a", "c", "d"} and all(row["ok"] for row in done)
    host.stop(keep=True)
    host.start()
    assert host.json("status")["autostart"] == {"waiting": 0, "booting": 0}
    assert host.guests() == {} and launched(host) == ["a", "c"]
    boot(host)
    until("with the next boot it is as before", lambda: running(host) == {"a"})
    assert row(host, "b")["turn"]["place"] == 1
    host.cli("instance", "stop", "--all")


def test_an_overdue_one_makes_room(host):
    define(host, a=1, b=2, c=3)
    boot(host, launch__autostart_at_once="1", limits__launched="1s", limits__tcg_factor="1")
    until("b starts though a never came home", lambda: launched(host)[:2] == ["a", "b"], 30)
    until("and c", lambda: launched(host) == ["a", "b", "c"], 30)
    assert [row["state"] for row in host.json("instance", "list") if row["name"] == "a"] == ["overdue"]


def test_one_that_cannot_start_makes_room(host):
    define(host, a=1, b=2)
    host.stop(keep=True)
    (host.state / "images" / "d" / "disk").unlink()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", host.state / "images" / "d" / "disk", "1M"], check=True)
    host.start()
    (host.state / "instances" / "a").mkdir(parents=True, exist_ok=True)
    (host.state / "instances" / "a" / "disk.qcow2").write_text("no disk")
    boot(host, launch__autostart_at_once="1")
    until("b runs", lambda: "b" in running(host), 30)
    assert Guest(host, "a").events("launch-failed")


def test_a_restart_goes_on_and_starts_nobody_twice(host):
    define(host, a=1, b=2, c=3, d=4)
    boot(host)
    until("two run", lambda: running(host) == {"a", "b"})
    come_home(host, "a")
    until("c", lambda: running(host) == {"a", "b", "c"})
    host.cli("instance", "stop", "a")
    host.kill()
    host.start()
    assert row(host, "d")["turn"] == {"place": 1, "of": 1, "behind": ["b", "c"]}, "two are still on their way"
    come_home(host, "b")
    until("d, whose turn it is", lambda: running(host) == {"b", "c", "d"}, 30)
    come_home(host, "c")
    come_home(host, "d")
    host.stop(keep=True)
    host.start()
    until("they are found", lambda: running(host) == {"b", "c", "d"})
    assert sorted(launched(host)) == ["a", "b", "c", "d"], "a was stopped by somebody and stays so"


def test_all_at_once_and_none_at_all(host):
    define(host, a=1, b=1, c=1)
    boot(host, launch__autostart_at_once="0")
    until("all run", lambda: running(host) == {"a", "b", "c"})
    done = host.json("instance", "stop", "--all")
    assert {row["name"] for row in done} == {"a", "b", "c"} and all(row["ok"] for row in done)
    assert host.guests() == {}
    assert host.json("instance", "stop", "--all") == []
    rows = host.json("instance", "list")
    assert {row["state"] for row in rows} == {"stopped"}
    boot(host)
    until("and again with the next boot", lambda: running(host) == {"a", "b", "c"})
    host.cli("instance", "stop", "--all")


def test_the_order_is_checked(host):
    for value, said in ((-1, "0"), (10000, "9999"), ("first", "number")):
        tree = {"images": {"d": {"file": str(host.dir / "d.qcow2")}},
                "instances": {"a": {"image": "d", "autostart-order": value}}}
        done = host.cli("apply", "-n", "-f", host.fleet(tree), check=False)
        assert done.returncode == 2 and "/instances/a/autostart-order" in done.stderr, done.stderr
        assert said in done.stderr or "integer" in done.stderr
    define(host, a=5)
    assert not host.apply({"instances": {"a": {"image": "d", "memory": "64M", "autostart": True,
                                               "autostart-order": 5}}})["changed"]
    assert host.cli("instance", "modify", "a", "--autostart-order", "7").stdout == \
        "instance a: autostart-order (live)\n"
    assert host.json("instance", "show", "a")["spec"]["autostart-order"] == 7
    done = host.cli("instance", "modify", "a", "--autostart-order", "10000", check=False)
    assert done.returncode == 2 and "--autostart-order: " in done.stderr and "9999" in done.stderr
    host.cli("instance", "modify", "a", "--unset", "autostart-order")
    assert "autostart-order" not in host.json("instance", "show", "a")["spec"]


@pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                    reason="dnsmasq or iptables is not installed")
def test_networks_first_and_guests_wait_for_them():
    """A network that cannot come up is said at the guest that waits for it, which starts when it can."""
    with Lab() as lab:
        namespace, outside = lab.namespace("host"), lab.namespace("outside")
        lab.veth(namespace, "eth0", outside, "eth0")
        with harness.Roost({"launch": dict(LAUNCH)}, inside=namespace) as r:
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
            r.apply({"networks": {"lab": {"kind": "shared", "cidr": "172.16.5.0/24", "autostart": True}},
                     "images": {"d": {"file": str(r.dir / "d.qcow2")}},
                     "defaults": {"image": "d", "memory": "64M", "network": "lab"},
                     "instances": {"web": {"autostart": True}}})
            namespace.ip("addr add 172.16.5.77/24 dev eth0")  # somebody has that range by now
            boot(r)
            until("said", lambda: "waits: network lab: its range" in r.json("instance", "list")[0]["note"])
            row = r.json("instance", "list")[0]
            assert "172.16.5.0/24 is taken" in row["note"] and row["state"] == "failed", row
            namespace.ip("addr del 172.16.5.77/24 dev eth0")
            until("the network is tried again, and the guest starts", lambda: running(r) == {"web"}, 60)
            events = r.api("GET", "/v1/events?limit=1000").json["events"]
            kinds = [e["kind"] for e in events if e["kind"] in ("network-up", "launching")]
            assert kinds == ["network-up", "launching"]
            boot(r)
            until("up, and the guest is there", lambda: running(r) == {"web"}, 60)
            r.cli("instance", "stop", "--force", "web")
            r.cli("network", "down", "lab")
