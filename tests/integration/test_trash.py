"""The trash: removed instances come back whole, make room for others meanwhile, and go in time."""
import random
import sqlite3
import subprocess
import threading

import pytest
from harness import roost as harness
from harness.guest import Guest
from roostd_rig import until
from test_rename import fleet, known, names, run_once

DAY = 86400000


@pytest.fixture
def host():
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        yield r


def trash(r):
    return [(row["number"], row["name"]) for row in r.json("instance", "trash", "list")]


def disk(r, name):
    return (r.state / "instances" / name / "disk.qcow2").read_bytes()


def edit(r, *statements):
    r.stop(keep=True)
    db = sqlite3.connect(r.state / "store.db")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    r.start()


def test_all_of_it_comes_back(host):
    host.apply({**fleet(host, web={"groups": ["front"], "vars": {"app": "shop"}, "identities": ["ops"]}),
                "identities": {"ops": {"password-hash": "$y$j9T$abcdefgh$" + "a" * 43}}})
    run_once(host, "web")
    before, bytes_, paths = known(host, "web"), disk(host, "web"), sorted((host.state / "instances" / "web").iterdir())
    token = Guest(host, "web").token("seed")
    history = [e["seq"] for e in host.json("events", "web")["events"]]
    assert host.cli("instance", "remove", "web").stdout == "web removed\n"
    assert names(host) == [] and not list((host.state / "instances").iterdir())
    (row,) = host.json("instance", "trash", "list")
    assert (row["number"], row["name"]) == (1, "web") and row["size"] >= len(bytes_) // 2 and "uid" in row["by"]
    listed = host.cli("instance", "trash", "list").stdout.splitlines()
    assert listed[0].split() == ["NUMBER", "NAME", "SIZE", "REMOVED", "UNTIL", "BY"] and "web" in listed[1]
    assert host.json("status")["trash"] == {"instances": 1, "bytes": row["size"], "keep-ms": 7 * DAY}
    assert "1 instance with" in host.cli("status").stdout
    assert {c["name"]: c for c in host.json("check")["checks"]}["trash"]["detail"].startswith("1 removed instance with ")
    assert Guest(host, "web").get().status in (403, 404, 503), "nobody reads its seed"
    host.cli("sync")
    assert "web" not in (host.state / "generated" / "known_hosts").read_text()
    done = host.cli("image", "remove", "d", check=False)
    assert done.returncode == 4 and "web in the trash" in done.stderr, "its disk lies over that image"
    done = host.cli("identity", "remove", "ops", check=False)
    assert done.returncode == 4 and "web in the trash" in done.stderr
    host.kill()
    host.start()
    assert host.cli("instance", "trash", "restore", "web").stdout == "instance web is back\n"
    assert known(host, "web") == before and disk(host, "web") == bytes_ and trash(host) == []
    assert sorted((host.state / "instances" / "web").iterdir()) == paths and not list((host.state / "trash").iterdir())
    shown = host.json("instance", "show", "web")
    assert (shown["state"], shown["note"]) == ("stopped", "restored from the trash")
    after = [e["seq"] for e in host.json("events", "web")["events"]]
    assert set(history) <= set(after) and len(after) == len(history) + 2
    assert Guest(host, "web").token("seed") == token
    host.cli("sync")
    assert "web" in (host.state / "generated" / "known_hosts").read_text()
    host.cli("instance", "start", "web")
    guest = Guest(host, "web")
    assert guest.get().status == 200 and guest.home().status == 200
    assert [e["kind"] for e in host.json("events", "web")["events"]][-1] in ("homed-again", "configured")
    assert not guest.events("key-mismatch")


def test_names_are_free_meanwhile(host):
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    old = disk(host, "web")
    host.cli("instance", "remove", "web")
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    new = disk(host, "web")
    done = host.cli("instance", "trash", "restore", "web", check=False)
    assert done.returncode == 4 and "the name web is taken by instance" in done.stderr
    done = host.cli("instance", "trash", "restore", "web", "--as", "old", check=False)
    assert done.returncode == 4 and "the tag web is taken by instance \"web\"" in done.stderr
    assert trash(host) == [(1, "web")] and disk(host, "web") == new and names(host) == ["web"]
    host.cli("instance", "remove", "web")
    assert trash(host) == [(1, "web"), (2, "web")]
    done = host.cli("instance", "trash", "restore", "web", check=False)
    assert done.returncode == 4 and "2 of them are called web: say the number, one of 1, 2" in done.stderr
    assert host.cli("instance", "trash", "restore", "1", "--as", "old").stdout == "instance old is back\n"
    assert disk(host, "old") == old and host.json("instance", "show", "old")["tag"] == "web"
    host.cli("instance", "start", "old")


def test_one_that_never_ran_and_one_of_others(host):
    host.apply(fleet(host, idle=None, far={"launcher": "external", "serial": "XYZ"}) | {"defaults": {"memory": "64M"}} |
               {"instances": {"idle": {"image": "d"}, "far": {"launcher": "external", "serial": "XYZ"}}})
    specs = {name: known(host, name) for name in ("idle", "far")}
    host.cli("instance", "remove", "idle", "far")
    for name in ("far", "idle"):
        host.cli("instance", "trash", "restore", name)
    assert {name: known(host, name) for name in ("idle", "far")} == specs
    assert host.json("instance", "show", "idle")["state"] == "defined"


def test_bad_input(host):
    host.apply(fleet(host, web=None))
    host.cli("instance", "remove", "web")
    for args, code, says in ((["restore", "none"], 3, "the trash holds no none"), (["restore", "7"], 3, "the trash holds no 7"),
                             (["restore", "web", "--as", "Up"], 2, "instance name"), (["restore"], 2, "too few"),
                             (["empty"], 2, "say which, by number or name, or --all"), (["empty", "web", "--all"], 2, "say which"),
                             (["empty", "none"], 3, "holds no none"), (["empty", "--all"], 5, "say --yes too")):
        done = host.cli("instance", "trash", *args, check=False)
        assert done.returncode == code and says in done.stderr, (args, done.stderr)
        assert trash(host) == [(1, "web")]
    for body in ({"as": 5}, {"to": "x"}, []):
        assert host.api("POST", "/v1/trash/web/restore", body).status == 400
    assert host.api("DELETE", "/v1/instances/web?destroy-disks=maybe").status == 400
    host.cli("image", "list")
    edit(host, "DELETE FROM defs WHERE kind = 2")
    done = host.cli("instance", "trash", "restore", "web", check=False)
    assert done.returncode == 3 and "there is no image \"d\"" in done.stderr and trash(host) == [(1, "web")]


def test_dry_run(host):
    """It is answered as the removal would be, and nothing is changed."""
    host.apply(fleet(host, web=None, idle=None))
    host.cli("instance", "start", "web")
    for args in (["none"], ["none", "--destroy-disks"], ["web"], ["n*"], ["web", "none"], []):
        really, dry = (host.cli("instance", "remove", *args, *more, check=False) for more in ([], ["--dry-run"]))
        assert dry.returncode == really.returncode != 0 and dry.stderr == really.stderr.replace(" removed,", " would be removed; "
            "nothing was changed (--dry-run),").replace(" removed for good,", " would be removed; nothing was changed (--dry-run),")
    assert host.cli("instance", "remove", "-n", "none", check=False).returncode == 3
    assert "running; stop it first" in host.cli("instance", "remove", "-n", "web", check=False).stderr
    says = "would be removed; nothing was changed (--dry-run)"
    assert host.cli("instance", "remove", "-n", "--force", "web", "idle").stdout == f"web {says}\nidle {says}\n"
    assert host.cli("instance", "remove", "-n", "i*").stdout == f"idle {says}\n", "nothing is asked"
    rows = host.json("instance", "remove", "--dry-run", "--destroy-disks", "--all", "--force")
    assert [(r["name"], r["ok"], r["did"]) for r in rows] == [("idle", True, says), ("web", True, says)]
    assert host.api("DELETE", "/v1/instances/none?dry-run=1").status == 404
    assert host.api("DELETE", "/v1/instances/web?dry-run=maybe").status == 400
    assert names(host) == ["idle", "web"] and trash(host) == [] and host.json("instance", "show", "web")["phase"] != "stopped"


def test_for_good(host):
    host.apply(fleet(host, a=None, b=None, c=None))
    for name in "abc":
        run_once(host, name)
    assert host.cli("instance", "remove", "a", "--destroy-disks").stdout == "a removed for good\n"
    assert trash(host) == [] and sorted(p.name for p in (host.state / "instances").iterdir()) == ["b", "c"]
    host.cli("instance", "remove", "b", "c")
    assert sorted(p.name for p in (host.state / "trash").iterdir()) == ["1", "2"]
    assert host.cli("instance", "trash", "empty", "b").stdout == "b is gone\n"
    assert trash(host) == [(2, "c")] and [p.name for p in (host.state / "trash").iterdir()] == ["2"]
    assert host.json("instance", "trash", "empty", "--all", "--yes") == ["2"]
    assert trash(host) == [] and not list((host.state / "trash").iterdir())
    assert host.cli("instance", "trash", "empty", "--all").stdout == ""
    host.cli("image", "remove", "d")


def test_time_and_no_trash_at_all(host):
    host.apply(fleet(host, old=None, young=None))
    run_once(host, "old")
    host.cli("instance", "remove", "old", "young")
    edit(host, f"UPDATE trash SET removed_ms = removed_ms - {8 * DAY} WHERE name = 'old'")
    until("what is too old is forgotten", lambda: trash(host) == [(2, "young")])
    assert not (host.state / "trash" / "1").exists()
    assert [e for e in host.json("events")["events"] if e["detail"] == "old is gone from the trash for good"]
    host.settings["instances"] = {"trash-keep": "0s"}
    host.write_conf()
    host.stop(keep=True)
    host.start()
    until("all of it", lambda: trash(host) == [])
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    host.cli("instance", "remove", "web")
    assert trash(host) == [] and not list((host.state / "instances").iterdir())


def whole(r, marker):
    """Here or there, and its directory with it."""
    there = [p for p in (r.state / "trash").glob("*")]
    here = [p for p in (r.state / "instances").glob("*")]
    if names(r):
        assert not there and [p.name for p in here] == ["web"] and trash(r) == []
    else:
        (row,) = trash(r)
        assert not here and [p.name for p in there] == [str(row[0])]
    assert (here + there)[0].joinpath("disk.qcow2").read_bytes() == marker


def test_kills_in_the_middle(host):
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    marker, rng = disk(host, "web"), random.Random(7)
    for _ in range(12):
        words = ["instance", "remove", "web"] if names(host) else ["instance", "trash", "restore", "web"]
        asked = threading.Thread(target=lambda: host.cli(*words, check=False))
        killer = threading.Timer(rng.uniform(0.002, 0.03), host.kill)
        killer.start()
        asked.start()
        killer.join()
        asked.join()
        host.start()
        whole(host, marker)
