"""roost instance rename: another name, the same instance, whole also when roost is killed in the middle."""
import random
import sqlite3
import subprocess
import threading

import pytest
from harness import roost as harness
from harness.guest import Guest, request, token
from roostd_rig import until


@pytest.fixture
def host():
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        yield r


def fleet(r, **instances):
    return {"images": {"d": {"file": str(r.dir / "d.qcow2")}}, "defaults": {"image": "d", "memory": "64M"},
            "instances": {name: words or {} for name, words in instances.items()}}


SAME = ("tag", "uuid", "mac", "instance-id", "generation", "boots", "address", "host-keys", "spec")


def known(r, name):
    row = r.json("instance", "show", name)
    return {key: row[key] for key in SAME}


def names(r):
    return [row["name"] for row in r.json("instance", "list")]


def run_once(r, name):
    """It was home, has a disk with something on it, and is stopped."""
    r.cli("instance", "start", name)
    guest = Guest(r, name)
    assert guest.get().status == 200 and guest.home().status == 200
    r.cli("instance", "stop", name)
    (r.state / "instances" / name / "deploy.yaml").write_text("[]\n")


def test_the_name_alone(host):
    host.apply(fleet(host, web={"groups": ["front"]}))
    run_once(host, "web")
    before, disk = known(host, "web"), (host.state / "instances" / "web" / "disk.qcow2").stat().st_ino
    assert host.cli("instance", "rename", "web", "shop").stdout == "web is called shop\n"
    assert known(host, "shop") == before
    assert [row["name"] for row in host.json("instance", "list")] == ["shop"]
    assert host.cli("instance", "show", "web", check=False).returncode == 3
    assert [p.name for p in (host.state / "instances").iterdir()] == ["shop"]
    assert (host.state / "instances" / "shop" / "disk.qcow2").stat().st_ino == disk
    assert (host.state / "instances" / "shop" / "deploy.yaml").exists()
    host.cli("sync")
    generated = host.state / "generated"
    for name in ("known_hosts", "inventory.yaml", "ssh_config"):
        assert "shop" in (generated / name).read_text() and "web" not in (generated / name).read_text(), name
    kinds = [(e["kind"], e["detail"]) for e in host.json("events", "shop")["events"]]
    assert ("changed", "renamed from web") in kinds and kinds[0][0] == "defined", "its history stays"
    shop = Guest(host, "shop", tag="web")
    shop.iid = before["instance-id"]
    host.cli("instance", "start", "shop")
    assert set(host.guests()) == {"shop"}
    assert "local-hostname: \"shop\"" in shop.get().body.decode()
    shop.key = Guest(host, "web").key
    assert shop.home().status == 200
    assert known(host, "shop")["host-keys"] == before["host-keys"]
    assert host.json("instance", "show", "shop")["state"] in ("homed", "configured")
    assert not [e for e in host.json("events", "shop")["events"] if e["kind"] in ("key-mismatch", "wrong-id")]
    assert [p.name for p in host.control.parent.glob("*.qmp")] == ["shop.qmp"]


def test_names_on_a_network(host):
    """Its reservation and what dnsmasq reads of it, and the ports that lead to it."""
    wired = {"kind": "shared", "cidr": "198.18.77.0/24", "domain": "lab", "forwards": [":8080 web:80", ":8081 db:80"]}
    host.apply({"networks": {"wired": wired}, "instances": {
        name: {"launcher": "external", "network": "wired"} for name in ("web", "db")}})

    def reserved():
        return {r["instance"]: r["address"] for r in host.json("network", "show", "wired")["reservations"]}

    def written():
        return "".join(p.read_text() for p in (host.state / "networks" / "wired").rglob("*") if p.is_file())
    before = reserved()
    until("they are written", lambda: "web" in written())
    host.cli("instance", "rename", "web", "shop")
    assert reserved() == {"shop": before["web"], "db": before["db"]}
    until("dnsmasq's files say so", lambda: "shop" in written() and "web" not in written())
    listed = host.cli("network", "forward", "list", "wired").stdout
    assert "shop" in listed and "web" not in listed and "db" in listed


def test_refusals(host):
    host.apply(fleet(host, web=None, db=None))
    host.cli("instance", "start", "web")
    for words, code, says in ((["web", "shop"], 4, "instance web is running, and its QEMU's files and sockets have its name: stop"),
                              (["db", "web"], 4, "there is an instance web already"),
                              (["none", "x"], 3, "no instance none"), (["db", "db"], 2, "is called that already"),
                              (["db", "Up_Case"], 2, "instance name"), (["db"], 2, "too few operands"),
                              (["db", "x" * 64], 2, "instance name")):
        before = (names(host), sorted((host.state / "instances").glob("**")))
        done = host.cli("instance", "rename", *words, check=False)
        assert done.returncode == code and says in done.stderr, done.stderr
        assert (names(host), sorted((host.state / "instances").glob("**"))) == before
    for body in ({}, {"to": 5}, {"to": "x", "force": True}, []):
        assert host.api("POST", "/v1/instances/db/rename", body).status == 400
    (host.state / "instances" / "left").mkdir()
    done = host.cli("instance", "rename", "db", "left", check=False)
    assert done.returncode == 4 and "instances/left is there already" in done.stderr
    assert host.json("instance", "show", "db")["name"] == "db"


def test_one_that_somebody_started_by_hand(host):
    """Its lock is held, though roost knows of no QEMU."""
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    lock = host.state / "instances" / "web" / "instance.lock"
    with subprocess.Popen(["flock", lock, "-c", "echo held; read end"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        done = host.cli("instance", "rename", "web", "shop", check=False)
        assert done.returncode == 4 and "is running" in done.stderr
        holder.communicate("\n")
    host.cli("instance", "rename", "web", "shop")


def test_a_fleet_file_with_the_old_name(host):
    """That is another instance: nothing of the renamed one is its own."""
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    host.cli("instance", "rename", "web", "shop")
    before = known(host, "shop")
    assert host.apply(fleet(host, shop=None))["changed"] is False
    done = host.apply(fleet(host, web=None))
    assert any("an instance that was renamed has the tag web; its own will be web.2" in w for w in done["warnings"])
    web = host.json("instance", "show", "web")
    assert (web["tag"], web["instance-id"], web["generation"]) == ("web.2", "iid-web-2", 2)
    assert web["uuid"] != before["uuid"] and web["mac"] != before["mac"] and known(host, "shop") == before
    host.cli("instance", "start", "web")
    key = (host.state / "secret.key").read_bytes()
    theirs = f"/web.2/{token(key, 'seed', 'iid-web-1')}/meta-data"
    assert request(host.seed_port, "GET", theirs).status == 403, "the renamed one's token opens nothing here"
    ours = f"/web.2/{token(key, 'seed', 'iid-web-2')}/meta-data"
    assert request(host.seed_port, "GET", ours).status == 200
    # A rebuild of the renamed one does not take what the other has, once it is called so again.
    host.cli("instance", "stop", "web", "--force")
    host.cli("instance", "rename", "web", "other")
    host.cli("instance", "rename", "shop", "web")
    host.cli("instance", "rebuild", "web")
    assert host.json("instance", "show", "web")["instance-id"] == "iid-web-3"


def whole(r, marker):
    """One instance, with its disk, under one name."""
    (row,) = r.json("instance", "list")
    (directory,) = (r.state / "instances").iterdir()
    assert directory.name == row["name"] and (directory / "disk.qcow2").read_bytes() == marker
    return row["name"]


def test_kills_in_the_middle(host):
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    marker = (host.state / "instances" / "web" / "disk.qcow2").read_bytes()
    rng, name = random.Random(5), "web"
    for turn in range(12):
        asked = threading.Thread(target=lambda: host.cli("instance", "rename", name, f"n{turn}", check=False))
        killer = threading.Timer(rng.uniform(0.002, 0.03), host.kill)
        killer.start()
        asked.start()
        killer.join()
        asked.join()
        host.start()
        name = whole(host, marker)
        host.cli("instance", "start", name)
        host.cli("instance", "stop", name, "--force")
        marker = (host.state / "instances" / name / "disk.qcow2").read_bytes()


@pytest.mark.parametrize("moved", [False, True])
def test_a_kill_between_record_and_directory(host, moved):
    """As a kill right after the commit leaves it, and right after the move."""
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    marker = (host.state / "instances" / "web" / "disk.qcow2").read_bytes()
    host.stop(keep=True)
    db = sqlite3.connect(host.state / "store.db")
    db.execute("UPDATE guests SET name = 'shop'")
    db.execute("INSERT INTO moves(origin, target) VALUES('instances/web', 'instances/shop')")
    db.commit()
    db.close()
    if moved:
        (host.state / "instances" / "web").rename(host.state / "instances" / "shop")
    host.start()
    assert whole(host, marker) == "shop"
    host.cli("instance", "start", "shop")


def test_what_cannot_be_moved_is_not_started(host):
    """Else it would get a fresh disk."""
    host.apply(fleet(host, web=None))
    run_once(host, "web")
    host.stop(keep=True)
    db = sqlite3.connect(host.state / "store.db")
    db.execute("UPDATE guests SET name = 'shop'")
    db.execute("INSERT INTO moves(origin, target) VALUES('instances/web', 'instances/shop')")
    db.commit()
    db.close()
    (host.state / "instances" / "shop").mkdir()
    host.start()
    done = host.cli("instance", "start", "shop", check=False)
    assert done.returncode == 6 and "is being moved" in done.stderr
    assert [e for e in host.json("events")["events"] if e["kind"] == "fault" and "instances/web" in e["detail"]]
    (host.state / "instances" / "shop").rmdir()
    host.stop(keep=True)
    host.start()
    host.cli("instance", "start", "shop")
