"""roost apply --prune: what the file does not have goes, no disk with it, and nothing unasked."""
import os
import pty
import subprocess

import pytest
from harness import roost as harness
from test_rename import names, run_once
from test_trash import disk, trash


@pytest.fixture
def host():
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}) as r:
        for name in ("d", "e"):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / f"{name}.qcow2", "1M"], check=True)
        r.apply(tree(r, web={}, db={}, old={}))
        yield r


def tree(r, images=("d", "e"), identities=("ops", "dev"), networks=("lab", "net2"), **instances):
    return {"images": {i: {"file": str(r.dir / f"{i}.qcow2")} for i in images},
            "identities": {i: {"sudo": True, "password-hash": "$y$j9T$abcdefgh$" + "a" * 43} for i in identities},
            "networks": {n: {"kind": "user"} for n in networks},
            "defaults": {"image": "d", "memory": "64M", "network": "lab", "identities": ["ops"]}, "instances": instances}


def record(r):
    kinds = {k: sorted(row["name"] for row in r.json(k, "list")) for k in ("identity", "image", "network")}
    return kinds | {"instance": names(r), "trash": [n for _, n in trash(r)]}


def removed(plan):
    return {(row["object"], row["name"], row["class"]) for row in plan if row["action"] == "remove"}


def test_what_is_not_in_the_file(host):
    run_once(host, "old")
    before, bytes_ = record(host), disk(host, "old")
    path = host.fleet(tree(host, images=("d",), identities=("ops",), networks=("lab",), web={}, new={}))
    planned = host.json("apply", "-f", path, "--prune", "-n")
    want = {("instance", "db", "into the trash"), ("instance", "old", "into the trash"), ("image", "e", ""),
            ("identity", "dev", ""), ("network", "net2", "")}
    assert removed(planned["plan"]) == want and planned["changed"] is True and record(host) == before
    text = host.cli("apply", "-f", path, "--prune", "--dry-run").stdout
    assert "5 remove" in text and "nothing was changed" in text
    done = host.cli("apply", "-f", path, "--prune", check=False)
    assert done.returncode == 5 and "would remove 5 that the file does not have" in done.stderr and "say --yes too" in done.stderr
    assert record(host) == before, "not even the rest of the file"
    applied = host.json("apply", "-f", path, "--prune", "--yes")
    assert removed(applied["plan"]) == want
    assert record(host) == {"identity": ["ops"], "image": ["d"], "network": sorted(set(before["network"]) - {"net2"}),
                            "instance": ["new", "web"], "trash": ["db", "old"]}
    again = host.json("apply", "-f", path, "--prune")
    assert again["changed"] is False, "nothing to remove, so nothing to ask"
    host.cli("instance", "trash", "restore", "old")
    assert disk(host, "old") == bytes_


def test_without_prune_nothing_goes(host):
    before = record(host)
    host.apply(tree(host, images=("d",), identities=("ops",), networks=("lab",), web={}))
    assert record(host) == before
    done = host.cli("apply", "-f", host.fleet(tree(host)), "--destroy-disks", check=False)
    assert done.returncode == 2 and "--destroy-disks is for --prune" in done.stderr


def test_what_somebody_needs_stays(host):
    """Those in the trash as well; with --destroy-disks nobody needs it."""
    path = host.fleet({"instances": {}})
    done = host.cli("apply", "-f", path, "--prune", "-y")
    kept = [line for line in done.stderr.splitlines() if line.startswith("kept: ")]
    assert any("image d: " in k and "in the trash" in k for k in kept) and any("identity ops: " in k for k in kept), kept
    now = record(host)
    assert now["instance"] == [] and now["image"] == ["d"] and now["identity"] == ["ops"] and len(now["trash"]) == 3
    host.cli("instance", "trash", "empty", "--all", "--yes")
    host.apply(tree(host, web={}))
    run_once(host, "web")
    path = host.fleet({"instances": {}})
    assert removed(host.json("apply", "-f", path, "--prune", "-n", "--destroy-disks")["plan"]) >= {("instance", "web", "for good")}
    host.cli("apply", "-f", path, "--prune", "--destroy-disks", "--yes")
    now = record(host)
    assert (now["instance"], now["image"], now["identity"], now["trash"]) == ([], [], [], [])
    assert not list((host.state / "instances").iterdir()) and "lab" not in now["network"] and "user" in now["network"]


def test_one_that_runs_stops_all_of_it(host):
    host.cli("instance", "start", "db")
    before, path = record(host), host.fleet(tree(host, web={}, new={}))
    assert ("instance", "db", "running") in removed(host.json("apply", "-f", path, "--prune", "-n")["plan"])
    done = host.cli("apply", "-f", path, "--prune", "--yes", check=False)
    assert done.returncode == 4 and "instance db is running and not in the file" in done.stderr
    assert record(host) == before
    host.cli("instance", "stop", "db")
    host.cli("apply", "-f", path, "--prune", "--yes")
    assert names(host) == ["new", "web"]


def test_no_disk_goes_unasked_where_there_is_no_trash(host):
    host.settings["instances"] = {"trash-keep": "0s"}
    host.write_conf()
    host.stop(keep=True)
    host.start()
    run_once(host, "old")
    before, path = record(host), host.fleet(tree(host, web={}))
    done = host.cli("apply", "-f", path, "--prune", "--yes", check=False)
    assert done.returncode == 5 and "would delete the disks of 2 instances for good" in done.stderr
    assert record(host) == before and disk(host, "old")
    host.cli("apply", "-f", path, "--prune", "--yes", "--destroy-disks")
    assert names(host) == ["web"]


@pytest.mark.parametrize("answer, goes", [("n", False), ("y", True)])
def test_it_asks_on_a_terminal(host, answer, goes):
    path = host.fleet(tree(host, web={}, db={}))
    lead, follow = pty.openpty()
    with subprocess.Popen([harness.BUILD / "roost", "apply", "-f", path, "--prune"], env=host.env, stdin=follow,
                          stdout=subprocess.PIPE, stderr=follow) as applying:
        os.close(follow)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(lead, 4096)
        os.write(lead, answer.encode() + b"\n")
        applying.communicate(timeout=60)
    os.close(lead)
    assert b"This is going to remove 1 that the file does not have: instance old" in said
    assert applying.returncode == (0 if goes else 5) and ("old" in names(host)) is not goes
