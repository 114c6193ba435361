"""roost(1) against a running roost, and, for what only odd moments show, against a server that the test plays."""
import contextlib
import fcntl
import http.server
import json
import os
import pty
import re
import socketserver
import struct
import subprocess
import termios
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml

from harness.roost import BUILD, Roost

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv"
FLEET = {
    "networks": {"lab": {"kind": "user", "policy": "tag"}},
    "identities": {"ops": {"public-keys": [KEY + " op@desk"], "sudo": True}},
    "defaults": {"network": "lab", "identities": ["ops"]},
    "instances": {"old": {"launcher": "external", "groups": ["web"], "vars": {"app": "shop"}}},
}


class Guest:
    """A guest that somebody else launched: it knows the seed port and its tag."""

    def __init__(self, roost, tag):
        self.roost, self.tag = roost, tag

    def get(self, name):
        """As guests do, again after Retry-After: front may be up a moment before core has greeted it."""
        for _ in range(5):
            try:
                with urllib.request.urlopen(f"{self.roost.seed_url}/{self.tag}/{name}", timeout=10) as a:
                    return a.read().decode()
            except urllib.error.HTTPError as e:
                if e.code != 503:
                    raise
                time.sleep(int(e.headers["Retry-After"]))
        raise AssertionError(f"503 for {name} again and again")

    def seed(self):
        self.iid = re.search(r'instance-id: "(.+)"', self.get("meta-data")).group(1)
        self.home = re.search(r'url: "http://[^/]+(/.+/phone-home)"', self.get("vendor-data")).group(1)

    def phone_home(self):
        form = urllib.parse.urlencode({"pub_key_ed25519": HOST_KEY + " root@old\n", "instance_id": self.iid,
                                       "pub_key_rsa": "N/A", "hostname": "old", "fqdn": "old"})
        with urllib.request.urlopen(self.roost.seed_url + self.home, form.encode(), timeout=10) as a:
            assert a.status == 200

    def report(self, body):
        url = self.roost.seed_url + self.home.removesuffix("phone-home") + "report"
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=10) as a:
            assert a.status in (200, 204)


@pytest.fixture
def home(roost):
    """A roost with one guest that is home."""
    roost.apply(FLEET)
    guest = Guest(roost, "old")
    guest.seed()
    guest.phone_home()
    return roost


# --- forms of output ---

VOLATILE = {"for-ms", "note", "counters", "uptime-ms", "made", "available"}
OPERANDS = {"instance show": ["old"], "wait": ["old"], "console": ["--log", "old"],
            "seed url": ["--for", "qemu", "old"], "seed show": ["old"], "seed explain": ["old"], "completion": ["bash"], "identity show": ["ops"],
            "network show": ["wired"], "network plan": ["wired"], "network forward list": ["wired"],
            "network export": ["--format", "ip", "wired"], "network check": ["user"], "store backup": ["b.tar"],
            "run show": ["1"], "image show": ["disk"], "image verify": ["disk"], "task show": ["TASK"],
            "task wait": ["TASK"], "instance export": ["vm"], "vnc": ["seen"]}
WIRED = {"networks": {"wired": {"kind": "shared", "cidr": "198.18.77.0/24", "forwards": [":8080 old:80"]}}}


def steady(tree):
    if isinstance(tree, dict):
        return {k: steady(v) for k, v in tree.items() if k not in VOLATILE}
    if isinstance(tree, str) and tree.startswith("# TYPE "):  # metrics: what they are, not how many
        return re.sub(r" [0-9.e+-]+$", "", tree, flags=re.M)
    if isinstance(tree, str):
        return re.sub(r"[0-9.]+ .iB left", "room left", tree)
    return [steady(v) for v in tree] if isinstance(tree, list) else tree


def on_terminal(home, args, width, **env):
    """What is shown on one of so many columns, without its colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen([BUILD / "roost", *args], env={**home.env, "TERM": "xterm", **env}, stdin=subprocess.DEVNULL,
                               stdout=slave, cwd=home.dir)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: nobody writes any more
        while piece := os.read(master, 65536):
            shown += piece
    os.close(master)
    assert process.wait(60) == 0, args
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def test_each_read_command_in_each_form(home):
    home.apply(WIRED)
    home.api("POST", "/v1/reprobe")  # its verdict is in status and check
    (home.state / "ansible").mkdir(exist_ok=True)
    (home.state / "ansible" / "site.yaml").write_text("- hosts: []\n")
    assert "run 1: " in home.cli("run", "old", "--check", check=False).stdout
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", home.dir / "disk.qcow2", "1M"], check=True)
    home.cli("image", "create", "disk", "--file", home.dir / "disk.qcow2", "--quiet")
    home.apply({"instances": {"vm": {"image": "disk"}}})
    home.cli("instance", "create", "seen", "--image", "disk", "--disk", "1M", "--display", "vnc")
    task = str(home.json("task", "list")[0]["id"])
    home.apply({"instances": {"gone": {"launcher": "external"}}})
    home.cli("instance", "remove", "gone")
    rows = home.json("help")["commands"]
    walked = [r["words"] for r in rows if r["read"] and not r["raw"]]
    assert len(walked) > 15
    for words in walked:
        args = words.split() + [task if w == "TASK" else w for w in OPERANDS.get(words, [])]
        forms = [home.cli(*args, "--output", form).stdout for form in ("json", "yaml")]
        as_json, as_yaml = json.loads(forms[0]), yaml.safe_load(forms[1])
        assert steady(as_json) == steady(as_yaml), words
        assert as_json not in (None, "", [[]]), words
        table = home.cli(*args).stdout
        assert (table or words == "console") and "\x1b" not in table, words
        for shown in (table, *(on_terminal(home, args, width) for width in (40, 100))):
            assert not re.search(r"[ \t]$", shown, re.M), f"{words}: no line ends in blanks"
    home.cli("instance", "remove", "seen", "--yes")


def test_list_and_show(home):
    row = home.cli("instance", "list").stdout.splitlines()[1].split()
    assert row[:2] == ["old", "homed"]
    shown = home.json("instance", "show", "old")
    assert shown["host-keys"][0]["line"] == HOST_KEY
    assert [e["kind"] for e in shown["recent-events"]][-1] in ("homed", "address")
    text = home.cli("instance", "show", "old").stdout
    assert "SHA256:" in text and re.search(r"state +homed", text)


@pytest.mark.parametrize("env, coloured", [
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_on_a_terminal_only(home, env, coloured):
    """NO_COLOR counts "when present and not an empty string" (no-color.org)."""
    env = {"TERM": "xterm", **env}
    master, slave = pty.openpty()
    command = [BUILD / "roost", "instance", "list"]
    subprocess.run(command, env={**home.env, **env}, stdout=slave, check=True)
    shown = os.read(master, 65536).decode()
    os.close(master)
    os.close(slave)
    assert "homed" in shown and ("\x1b[" in shown) == coloured
    assert "\x1b" not in home.cli("instance", "list", env=env).stdout
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()][0].startswith("NAME")


def test_generated_texts(home):
    hosts = home.cli("known-hosts", "old").stdout
    assert HOST_KEY in hosts
    assert home.json("known-hosts", "old") == {"text": hosts}
    inventory = yaml.safe_load(home.cli("inventory").stdout)
    assert "old" in json.dumps(inventory)
    assert "Host old" in home.cli("ssh-config").stdout


# --- apply ---

def test_apply_twice_changes_nothing(roost):
    assert roost.json("apply", "-n", "-f", roost.fleet(FLEET))["changed"] is True
    assert roost.json("instance", "list") == []
    first = roost.apply(FLEET)
    assert {(p["object"], p["name"], p["action"]) for p in first["plan"]} == {
        ("network", "lab", "create"), ("identity", "ops", "create"), ("instance", "old", "create")}
    events = roost.json("events")
    again = roost.apply(FLEET)
    assert again["changed"] is False
    assert {p["action"] for p in again["plan"]} == {"unchanged"}
    assert roost.json("events") == events


def test_apply_reads_files_beside_the_fleet(roost):
    (roost.dir / "fleets").mkdir()
    (roost.dir / "fleets" / "op.pub").write_text(f"{KEY} one\n{HOST_KEY} two\n")
    (roost.dir / "fleets" / "web.yaml").write_text("#cloud-config\npackages: [nginx]\n")
    fleet = {**FLEET, "identities": {"ops": {"public-keys": ["op.pub"]}}}
    fleet["instances"] = {"old": {"launcher": "external", "user-data": "web.yaml"}}
    roost.cli("apply", "-f", roost.fleet(fleet, "fleets/fleet.yaml"))
    assert Guest(roost, "old").get("user-data") == "#cloud-config\npackages: [nginx]\n"
    assert roost.json("identity", "list")[0]["public-keys"] == [KEY + " one", HOST_KEY + " two"]


def test_apply_from_standard_input(roost):
    assert roost.cli("apply", "-f", "-", input=json.dumps(FLEET)).returncode == 0
    bad = roost.cli("apply", "-f", "-", input="instances: [", check=False)
    assert bad.returncode == 2 and "(standard input):2:1: " in bad.stderr


@pytest.mark.parametrize("text, code, place, says", [
    ("instances:\n  web:\n    memroy: 2G\n", 2, "fleet.yaml:3:5: /instances/web/memroy", "memory"),
    ("instances:\n  web: {launcher: external, uuid: 7}\n", 2, "fleet.yaml:2:", "/instances/web/uuid"),
    ("instances:\n  web: {}\n", 2, "fleet.yaml:2:3: /instances/web", "image"),
    ("instances:\n  web: {\n", 2, "fleet.yaml:", ""),
    ("instances:\n  a: {}\n  a: {}\n", 2, "fleet.yaml:3:3", ""),
    ("images:\n  x: {file: gone.qcow2}\ninstances:\n  web: {image: x}\n", 3, "fleet.yaml:2:3: ",
     "gone.qcow2"),
    ("instances:\n  web:\n    image: x\n", 3, "fleet.yaml:2:3: ", "image x"),
    ("identities:\n  ops:\n    public-keys: [~/gone.pub]\n", 3, "fleet.yaml:3:19: ", "gone.pub"),
])
def test_a_bad_fleet_names_its_line_and_changes_nothing(roost, text, code, place, says):
    roost.apply(FLEET)
    before = roost.json("events")
    done = roost.cli("apply", "-f", roost.fleet(text).name, check=False)
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.startswith(f"roost: {place}"), done.stderr
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert roost.json("events") == before


# --- errors ---

def test_nobody_listens(tmp_path):
    done = subprocess.run([BUILD / "roost", "--socket", tmp_path / "none", "status"],
                          capture_output=True, text=True)
    assert done.returncode == 6 and "roost is not running" in done.stderr


def test_exit_codes(roost):
    assert roost.cli("instance", "show", "none", check=False).returncode == 3
    assert roost.cli("instance", "start", "none", check=False).returncode == 3
    assert roost.cli("wait", "none", check=False).returncode == 3
    assert roost.cli("wait", check=False).returncode == 2
    roost.apply(FLEET)
    assert roost.cli("instance", "start", "old", check=False).returncode == 4
    assert roost.cli("ssh", "old", check=False).returncode == 4
    assert roost.cli("console", "old", check=False).returncode == 4
    both = roost.cli("-o", "json", "instance", "stop", "none", "old", check=False)
    assert [r["error"]["kind"] for r in json.loads(both.stdout)] == ["not-found", "conflict"]


def test_the_ways_to_a_socket(roost):
    env = {"ROOST_STATE": "/nowhere"}
    assert roost.cli("version", env=env).stdout.startswith("roost ")
    assert roost.cli("status", env=env, check=False).returncode == 6
    assert roost.cli("status", "--state", roost.state, env=env).returncode == 0
    assert roost.cli("status", "--socket", roost.control, env=env).returncode == 0
    assert roost.cli("status", env={**env, "ROOST_SOCKET": str(roost.control)}).returncode == 0


# --- following ---

def test_events_are_followed(roost):
    with subprocess.Popen([BUILD / "roost", "-o", "json", "events", "--follow"], env=roost.env,
                          stdout=subprocess.PIPE, text=True) as follower:
        try:
            roost.apply(FLEET)
            line = json.loads(follower.stdout.readline())
            assert (line["instance"], line["kind"]) == ("old", "defined")
            guest = Guest(roost, "old")
            guest.seed()
            assert json.loads(follower.stdout.readline())["kind"] == "seed-served"
        finally:
            follower.terminate()


def test_following_outlives_roost(roost):
    """Killed in the middle: what a follower was shown is on record, nothing is lost and nothing told twice."""
    names = [f"g{i}" for i in range(12)]
    roost.apply({**FLEET, "instances": {name: {"launcher": "external"} for name in names}})
    with subprocess.Popen([BUILD / "roost", "-o", "json", "events", "--follow", "--limit", "1"], env=roost.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        try:
            told = [json.loads(follower.stdout.readline())]
            for i, name in enumerate(names):
                Guest(roost, name).seed()
                if i % 4 == 3:  # what is committed lazily may go with it
                    roost.kill("all")
                    roost.start()
            roost.apply({**FLEET, "instances": {"last": {"launcher": "external"}}})
            while told[-1]["instance"] != "last":
                told.append(json.loads(follower.stdout.readline()))
        finally:
            follower.terminate()
        said = follower.stderr.read()
    assert "waiting for it" in said and "it is there again" in said
    record = roost.api("GET", "/v1/events?limit=1000").json["events"]
    assert told == [event for event in record if told[0]["seq"] <= event["seq"] <= told[-1]["seq"]]


def test_instance_called_like_a_group(roost):
    """Ansible would only say "Found both group and host with same name"."""
    text = ("instances:\n"
            "  db: {launcher: external}\n"
            "  web1:\n"
            "    launcher: external\n"
            "    groups: [db]\n")
    file = roost.dir / "fleet.yaml"
    file.write_text(text)
    done = roost.cli("apply", "-f", file)
    assert f"warning: {file}:2:3: instance db: a group has that name too (instance web1 is in it)" in done.stderr
    assert "warning" not in roost.cli("apply", "-f", file).stderr, "it was said when it came about"


def test_instance_called_like_a_group_on_record(roost):
    def warnings(name, *groups):
        tree = {"instances": {name: {"launcher": "external", "groups": list(groups)}}}
        return [w.split(": ", 1)[1] for w in roost.json("apply", "-f", roost.fleet(tree))["warnings"]]

    assert not warnings("cache", "mail")
    (said,) = warnings("mail")
    assert said.startswith("instance mail: a group has that name too (instance cache is in it)")
    assert not warnings("web1"), "it is about others"
    (said,) = warnings("web2", "cache")
    assert said.startswith("instance web2: its group cache is called like an instance")


def test_wait_until_home(roost):
    roost.apply(FLEET)
    guest = Guest(roost, "old")
    with subprocess.Popen([BUILD / "roost", "wait", "old", "--for", "homed", "--timeout", "30s"],
                          env=roost.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as waiter:
        assert waiter.stderr.readline().startswith("old: defined")
        guest.seed()
        assert waiter.stderr.readline().startswith("old: seeded")
        guest.report({"name": "modules-config", "event_type": "finish", "origin": "cloudinit", "timestamp": 1.0,
                      "description": "running modules for config", "result": "SUCCESS"})
        assert waiter.stderr.readline() == "old: cloud-init: modules-config SUCCESS\n"
        guest.phone_home()
        out, err = waiter.communicate(timeout=30)
        assert waiter.returncode == 0 and out.startswith("old is homed")
    assert roost.cli("wait", "old", "--for", "seeded").returncode == 0  # past it


def test_wait_survives_a_restart(roost):
    roost.apply(FLEET)
    guest = Guest(roost, "old")
    with subprocess.Popen([BUILD / "roost", "wait", "old", "--timeout", "60s"], env=roost.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiter:
        assert waiter.stderr.readline().startswith("old: defined")
        roost.kill("all")
        roost.start()
        guest.seed()
        guest.phone_home()
        waiter.communicate(timeout=60)
        assert waiter.returncode == 0


def test_wait_for_those_that_are_selected(roost):
    names = ["web-1", "web-2", "db-1"]
    roost.apply({**FLEET, "instances": {n: {"launcher": "external", "groups": [n[:-2]]} for n in names}})

    def come_home(name):
        guest = Guest(roost, name)
        guest.seed()
        guest.phone_home()
    come_home("web-1")
    done = roost.cli("wait", "web-*", "--timeout", "1s", check=False)
    assert done.returncode == 7 and done.stdout.startswith("web-1 is homed")
    assert done.stderr.splitlines()[-2] == "roost: 1 of 2 homed, 1 not in time"
    assert done.stderr.splitlines()[-1].startswith("roost: web-2 is not homed after 1s: it was never started")
    come_home("web-2")
    for words in (["web-*"], ["--group", "web"], ["web-1", "web-2"], ["--state", "homed"], ["-g", "web", "web-?"]):
        done = roost.cli("wait", *words)
        assert "roost: 2 of 2 homed" in done.stderr.splitlines(), done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["web-1", "web-2"]
    assert {r["name"]: r["reached"] for r in roost.json("wait", "--all", "--timeout", "1s", check=False)} == {
        "db-1": False, "web-1": True, "web-2": True}
    for words, code, said in ((["mail-*"], 3, "no instance is like mail-*"), (["--group", "none"], 3, "no instance is selected"),
                              (["--state", "hoomed"], 2, "did you mean homed"), ([], 2, "--all"),
                              (["web-1", "none"], 3, "no instance none")):
        done = roost.cli("wait", *words, check=False)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_wait_for_many_at_once(roost):
    """More than are looked at one by one: from the list."""
    names = [f"n{i:02}" for i in range(12)]
    roost.apply({**FLEET, "instances": {n: {"launcher": "external"} for n in names}})
    with subprocess.Popen([BUILD / "roost", "wait", "--all", "--timeout", "60s"], env=roost.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiter:
        for name in names:
            assert waiter.stderr.readline().startswith(f"{name}: defined")
        for name in names[1:]:
            guest = Guest(roost, name)
            guest.seed()
            guest.phone_home()
        roost.cli("instance", "remove", names[0], "--yes")
        out, err = waiter.communicate(timeout=60)
    assert waiter.returncode == 3, err
    assert err.splitlines()[-2:] == ["roost: 11 of 12 homed, 1 removed", "roost: n00 was removed meanwhile"], err
    assert len(out.splitlines()) == 11


def test_wait_over_time_says_how_far_it_came(roost):
    roost.apply(FLEET)
    Guest(roost, "old").seed()
    done = roost.cli("wait", "old", "--timeout", "1s", check=False)
    assert done.returncode == 7
    assert "old is not homed after 1s: it came to seeded" in done.stderr
    assert "seed-served" in done.stderr


# --- a server that the test plays ---

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def played(tmp_path):
    """answers: {path: tree}; the newest fits. Returns (run, answers)."""
    answers = {"/v1/events": {"events": [], "last": 1}}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            tree = answers.get(self.path.split("?")[0])
            body = tree.encode() if isinstance(tree, str) else json.dumps(tree).encode()
            self.send_response(200 if tree is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

        def address_string(self):
            return "local"

    path = tmp_path / "s"
    server = Server(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()

    def run(*args, **kw):
        return subprocess.run([BUILD / "roost", "--socket", path, *args], capture_output=True, text=True,
                              timeout=30, **kw)

    run.socket = path
    yield run, answers
    server.shutdown()
    thread.join()
    server.server_close()


def row(phase, **more):
    return {"name": "web1", "phase": phase, "state": phase, "since": "2026-01-01T00:00:00.000Z",
            "note": "", "address": None, "launcher": "roost", "user": "ops", **more}


def test_wait_for_one_that_failed(played):
    run, answers = played
    answers["/v1/instances/web1"] = row("failed", note="kernel panic", **{"last-sign": "init-local"})
    answers["/v1/instances/web1/console"] = {"lines": ["one", "Kernel panic \x1b[2J- not syncing"]}
    done = run("wait", "web1")
    assert done.returncode == 4 and done.stdout == ""
    assert re.search(r"web1 is not homed: it failed \S+ ago: kernel panic; last sign of life: init-local", done.stderr)
    assert "kernel panic" in done.stderr and "init-local" in done.stderr
    assert "    one\n    Kernel panic ?[2J- not syncing\n" in done.stderr
    assert run("wait", "web1", "--for", "stopped").returncode == 4
    done = run("-o", "json", "wait", "web1")
    assert json.loads(done.stdout)[0]["reached"] is False and done.returncode == 4


def test_wait_for_a_configuration_that_will_not_come(played):
    run, answers = played
    for word, said in (("failed", "web1 will not be configured by itself: its configuration failed: run 3: failed at x"),
                       ("nothing", "it has no playbook"), ("manual", "by hand alone"), ("off", "switched off")):
        answers["/v1/instances/web1"] = row("homed", configuration=word, note="run 3: failed at x" if word == "failed" else "")
        done = run("wait", "web1", "--for", "configured")
        assert done.returncode == 4 and said in done.stderr, done.stderr
        assert run("wait", "web1").returncode == 0, "that it is home is another matter"
    for word in ("pending", "running", None):
        answers["/v1/instances/web1"] = row("homed", configuration=word)
        assert run("wait", "web1", "--for", "configured", "--timeout", "1s").returncode == 7
    answers["/v1/instances/web1"] = row("launched", configuration=None)
    answers["/v1/instances/web2"] = {**row("failed", note="panic"), "name": "web2"}
    done = run("wait", "web1", "web2", "--timeout", "1s")
    assert done.returncode == 4, "what is lost counts before what is late"
    assert re.search(r"^roost: web1 is not homed after 1s", done.stderr, re.M)
    assert done.stderr.splitlines()[-1].startswith("roost: web2 is not homed: it failed")
    assert done.stderr.splitlines()[-2] == "roost: 0 of 2 homed, 1 stopped or failed, 1 not in time"


def test_wait_for_one_that_nobody_starts(played):
    run, answers = played
    answers["/v1/instances/web1"] = row("defined", since=None)
    done = run("wait", "web1", "--timeout", "1s")
    assert done.returncode == 7
    assert "web1 is not homed after 1s: it was never started; no sign of life from it" in done.stderr
    answers["/v1/instances/web1"] = row("stopped", note="the guest shut itself down")
    done = run("wait", "web1")
    assert re.search(r"web1 is not homed: it stopped \S+ ago: the guest shut itself down", done.stderr)


def test_a_table_holds_no_terminal_codes(played):
    run, answers = played
    answers["/v1/unknown"] = [{"tag": "a\x1b[31mb\x9b", "peer": "10.0.0.1", "user-agent": "x\ny",
                               "asked-for": "", "first": "", "last": "", "count": 1, "advice": ""}]
    out = run("unknown", "list").stdout
    assert "\x1b" not in out and "\x9b" not in out and len(out.splitlines()) == 2


def test_an_answer_that_is_no_json(played):
    run, answers = played
    answers["/v1/status"] = "<html>"
    done = run("status")
    assert done.returncode == 1 and "no JSON" in done.stderr


# --- ssh ---

@pytest.fixture
def fake_ssh(tmp_path):
    """Prints its arguments, one a line, and exits with 9."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 9\n')
    ssh.chmod(0o755)
    return {"PATH": f"{ssh.parent}:{os.environ['PATH']}"}


def test_ssh_checks_strictly(fake_ssh):
    with Roost({"projections": {"ssh-key": "/keys/fleet"}}) as roost:
        roost.apply(FLEET)
        guest = Guest(roost, "old")
        guest.seed()
        guest.phone_home()
        done = roost.cli("ssh", "old", "uname", "-a", env=fake_ssh, check=False)
        assert done.returncode == 9, done.stderr
        args = done.stdout.splitlines()
        file = roost.state / "generated" / "known_hosts"
        for wanted in ("HostKeyAlias=old", f'UserKnownHostsFile="{file}"', "StrictHostKeyChecking=yes",
                       "CheckHostIP=no", "IdentityFile=/keys/fleet"):
            assert args[args.index(wanted) - 1] == "-o"
        assert "User=ops" in args and args[args.index("-p") + 1] == "22"
        assert args[-4:] == ["--", "127.0.0.1", "uname", "-a"]
        assert HOST_KEY in file.read_text()  # even a moment after the phone-home
        args = roost.cli("ssh", "-i", "mine", "-l", "root", "old", env=fake_ssh,
                         check=False).stdout.splitlines()
        assert args[args.index("-i") + 1] == "mine" and "User=root" in args and "User=ops" not in args
        assert "IdentityFile=/keys/fleet" not in args
