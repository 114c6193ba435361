"""Commands over many instances: names, patterns, groups, states; what is asked before something is destroyed;
what carries on; lists that are narrowed, sorted and read by other programs."""
import csv
import io
import os
import pty

import pytest
from harness.guest import Guest, define
from harness.playbook import playbook
from harness.roost import Roost

NAMES = ["db1", "web-1", "web-2", "web-10"]


@pytest.fixture
def server():
    with Roost({"launch": {"enabled": "no"}}) as r:
        define(r, {"instances": {
            "db1": {"launcher": "external", "groups": ["db"]},
            **{n: {"launcher": "external", "groups": ["web"]} for n in NAMES[1:]}}})
        assert Guest(r, "web-2").home().status == 200
        yield r


def names(server, *args):
    return server.cli("instance", "list", *args, "-o", "name").stdout.split()


def failed(server, *args, **kw):
    done = server.cli(*args, check=False, **kw)
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_list_is_narrowed_and_sorted(server):
    assert names(server) == ["db1", "web-1", "web-10", "web-2"]
    assert names(server, "web-*") == ["web-1", "web-10", "web-2"]
    assert names(server, "web-[12]", "db1") == ["db1", "web-1", "web-2"]
    assert names(server, "--group", "db") == ["db1"]
    assert names(server, "--state", "homed") == ["web-2"]
    assert names(server, "--sort", "name") == ["db1", "web-1", "web-2", "web-10"]
    assert names(server, "--sort", "-name") == ["web-10", "web-2", "web-1", "db1"]
    assert names(server, "--sort", "state") == ["db1", "web-1", "web-10", "web-2"]
    assert "did you mean homed" in failed(server, "instance", "list", "--state", "home")
    assert "said before the command" in failed(server, "instance", "list", "--state", "/var/lib/roost")
    assert server.cli("--state", server.state, "instance", "list", "-o", "name").stdout.split()[0] == "db1"
    assert "did you mean state" in failed(server, "instance", "list", "--sort", "stat")
    assert "is like nobody*" in failed(server, "instance", "list", "nobody*")


def test_columns_csv_and_names(server):
    lines = server.cli("instance", "list", "--columns", "name,groups,launcher", "db1").stdout.splitlines()
    assert lines[0].split() == ["NAME", "GROUPS", "LAUNCHER"] and lines[1].split() == ["db1", "db", "external"]
    assert "did you mean groups" in failed(server, "instance", "list", "--columns", "name,group")
    rows = list(csv.DictReader(io.StringIO(server.cli("instance", "list", "-o", "csv").stdout)))
    assert [r["name"] for r in rows] == ["db1", "web-1", "web-10", "web-2"]
    assert rows[3]["state"] == "homed" and rows[0]["groups"] == "db" and rows[0]["autostart"] == "false"
    for words in (("network", "list"), ("identity", "list"), ("image", "list"), ("unknown", "list")):
        server.cli(*words, "-o", "csv")
    assert "user" in server.cli("network", "list", "-o", "name").stdout.split()
    assert "table, json, yaml, csv, name" in failed(server, "instance", "list", "-o", "xml")


def test_nothing_is_done_to_nobody(server):
    assert "say which" in failed(server, "instance", "remove")
    assert "not both" in failed(server, "instance", "remove", "--all", "db1")
    assert "is like no-*" in failed(server, "instance", "remove", "no-*", "--yes")
    assert "no instance is selected" in failed(server, "instance", "remove", "--group", "none", "--yes")
    assert "is called db1 and is in" in failed(server, "instance", "remove", "db1", "--group", "web", "--yes")
    assert len(names(server)) == 4


def test_what_was_not_named_wants_a_yes(server):
    said = failed(server, "instance", "remove", "web-*")
    assert "3 instances" in said and "--yes" in said and len(names(server)) == 4
    assert "4 instances" in failed(server, "instance", "remove", "--all")
    server.cli("instance", "remove", "web-*", "--yes")
    assert names(server) == ["db1"]
    server.cli("instance", "remove", "db1")
    assert names(server) == []


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_on_a_terminal_it_asks(server, answer):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(server.build / "roost", ["roost", "instance", "remove", "--group", "web"], server.env)
    said = b""
    try:
        while b"[y/N]" not in said:
            said += os.read(fd, 4096)
        os.write(fd, answer.encode() + b"\n")
        while chunk := os.read(fd, 4096):
            said += chunk
    except OSError:
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    assert b"3 instances: web-1 web-10 web-2" in said
    assert (code == 0) == (answer == "y"), said
    assert len(names(server)) == (1 if answer == "y" else 4)


def test_it_carries_on_over_failures_and_says_how_many(server):
    done = server.cli("instance", "remove", "db1", "nobody", "web-1", check=False)
    assert done.returncode != 0
    assert done.stdout.splitlines() == ["db1 removed", "web-1 removed"]
    assert "2 of 3 removed, 1 failed" in done.stderr and "no instance nobody" in done.stderr
    said = failed(server, "instance", "start", "--all")
    assert "0 of 2 started, 2 failed" in said and said.count("launcher: external") == 2


def test_modify(server):
    assert server.cli("instance", "modify", "db1", "--group", "db", "--group", "sql").stdout == \
        "instance db1: groups (live)\n"
    assert server.json("instance", "show", "db1")["groups"] == ["db", "sql"]
    assert "nothing changed" in server.cli("instance", "modify", "db1", "--group", "sql", "--group", "db").stdout
    script = server.dir / "user-data"
    script.write_text("plain words\n")
    server.cli("instance", "modify", "db1", "--user-data", "user-data", "--domain", "lab.internal")
    assert server.json("instance", "show", "db1")["spec"]["user-data"] == "plain words\n"
    (server.dir / "own.yaml").write_text("#cloud-config\npackages: [git]\n")
    server.cli("instance", "modify", "db1", "--vendor-data", "own.yaml")
    assert server.json("instance", "show", "db1")["spec"]["vendor-data"] == "#cloud-config\npackages: [git]\n"
    assert "no-such.yaml" in failed(server, "instance", "modify", "db1", "--vendor-data", "no-such.yaml")
    server.cli("instance", "modify", "db1", "--unset", "vendor-data")
    assert "vendor-data" not in server.json("instance", "show", "db1")["spec"]
    out = server.cli("instance", "modify", "db1", "--unset", "user-data", "--unset", "domain", "--dry-run").stdout
    assert "domain" in out and "user-data" in out
    assert server.json("instance", "show", "db1")["spec"]["domain"] == "lab.internal"
    server.cli("instance", "modify", "db1", "--unset", "user-data")
    playbook(server, "db.yaml")
    assert server.cli("instance", "modify", "db1", "--var", "app=shop", "--var", "tier:=2", "--playbook", "db.yaml",
                      "--needs", "web", "--needs", "proxy").stdout == \
        "instance db1: needs, playbook, vars (live)\n"
    spec = server.json("instance", "show", "db1")["spec"]
    assert spec["vars"] == {"app": "shop", "tier": 2}
    assert (spec["playbook"], spec["needs"]) == ("db.yaml", ["proxy", "web"])
    server.cli("instance", "modify", "db1", "--var", "version=1.10", "--var", "tier:={\"a\": [null, \"=\"]}", "--needs", "web")
    spec = server.json("instance", "show", "db1")["spec"]
    assert spec["vars"] == {"app": "shop", "tier": {"a": [None, "="]}, "version": "1.10"} and spec["needs"] == ["web"]
    server.cli("instance", "modify", "db1", "--unset", "var", "--var", "url=http://h/?a=b:=c", "--unset", "needs",
               "--unset", "playbook")
    spec = server.json("instance", "show", "db1")["spec"]
    assert spec["vars"] == {"url": "http://h/?a=b:=c"} and "needs" not in spec and "playbook" not in spec
    server.cli("instance", "modify", "db1", "--unset", "var")
    spec = server.json("instance", "show", "db1")["spec"]
    assert "user-data" not in spec and spec["groups"] == ["db", "sql"] and spec["launcher"] == "external"
    for args, words in ((("nobody", "--domain", "x.y"), "no instance nobody"),
                        (("db1", "--memory", "1G"), "--memory: is for guests that roost launches"),
                        (("db1", "--autostart-order", "5"), "--autostart-order: is for guests that roost launches"),
                        (("db1", "--var", "app"), "--var app: expected NAME=VALUE"),
                        (("db1", "--var", "=x"), "--var =x: expected NAME=VALUE"),
                        (("db1", "--var", "a:=b"), "--var a:=b: behind := is no JSON"),
                        (("db1", "--var", "a-b=1"), "a-b"),
                        (("db1", "--playbook", "../x.yaml"), "--playbook: "),
                        (("db1", "--needs", "Web!"), "--needs"),
                        (("db1", "--unset", "playbook"), "it is not set"),
                        (("db1", "--unset", "address"), "it is not set"),
                        (("db1", "--network", "nowhere"), "network nowhere"),
                        (("db1", "--tag", "x"), "unknown option")):
        assert words in failed(server, "instance", "modify", *args), args
