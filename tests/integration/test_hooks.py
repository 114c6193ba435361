"""Hooks: programs of roost.conf that are told of events. At least once, in order, whatever becomes of roost;
one that fails or hangs delays nobody but itself."""
import json
import os
import pwd
import re
import shutil
import signal
import socketserver
import subprocess
import threading

import pytest
from harness import netns
from harness import roost as harness
from harness.guest import Guest, define, fleet
from harness.roost import BUILD, ROOT, start_time
from harness.system import System
from roostd_rig import until

QUIET = {"launch": {"enabled": "no"}}
# Keeps what it was told, one line an attempt; $1: where, the rest: what it is to do.
RECORD = """#!/bin/sh
to=$1
shift
tr -d '\\n' >"$to.$$"
echo >>"$to.$$"
cat "$to.$$" >>"$to"
rm "$to.$$"
"""


class Hooked(harness.Roost):
    """hooks: {NAME: {keys}}; command {"do": shell lines} becomes a recorder of what it is told that does so."""

    def __init__(self, hooks, conf=None, start=True):
        super().__init__({**QUIET, **(conf or {})}, start=False)
        for name, keys in hooks.items():
            program = self.dir / f"hook-{name}"
            program.write_text(RECORD + keys.pop("do", "exit 0") + "\n")
            program.chmod(0o755)
            self.settings[f"hook {name}"] = {"command": f"{program} {self.dir}/told-{name}", **keys}
        self.write_conf()
        if start:
            self.start()

    def told(self, name):
        file = self.dir / f"told-{name}"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_told(self, name, n):
        until(f"{n} calls of {name}", lambda: len(self.told(name)) >= n, timeout=30)
        return self.told(name)

    def status_of(self, name):
        return next(h for h in self.api("GET", "/v1/status").json["hooks"] if h["name"] == name)


def about(told):
    return [(t["event"]["kind"], t["instance"] and t["instance"]["name"]) for t in told]


def test_what_it_is_told():
    with Hooked({"rec": {"events": "homed, removed"}}) as r:
        define(r, {"instances": {"web1": {"launcher": "external", "groups": ["web"], "vars": {"app": "shop"}}}})
        assert Guest(r, "web1").home().status == 200
        told = r.wait_told("rec", 1)[0]
        assert (told["schema"], told["hook"], told["attempt"]) == (1, "rec", 1)
        homed = Guest(r, "web1").events("homed")[0]
        assert told["event"] == {k: homed[k] for k in ("seq", "kind", "time", "detail", "actor")}
        row = r.json("instance", "list")[0]
        told_row = told["instance"]
        assert told_row["vars"] == {"app": "shop"} and told_row["groups"] == ["web"]
        assert {k: told_row[k] for k in ("name", "tag", "state", "address", "uuid", "mac", "instance-id")} == {
            k: row[k] for k in ("name", "tag", "state", "address", "uuid", "mac", "instance-id")}
        assert told_row["removed"] is False
        r.cli("instance", "remove", "web1", "--yes")
        gone = r.wait_told("rec", 2)[1]
        assert gone["event"]["kind"] == "removed" and gone["instance"] == {"name": "web1", "removed": True}


def test_who_hears_what():
    hooks = {"names": {"events": "homed", "instances": "web-*, db1"},
             "groups": {"events": "homed, defined", "groups": "front"},
             "all": {"events": "all"}}
    with Hooked(hooks) as r:
        define(r, {"instances": {"web-1": {"launcher": "external", "groups": ["front"]},
                                 "db1": {"launcher": "external"}, "other": {"launcher": "external"}}})
        for name in ("other", "web-1", "db1"):
            assert Guest(r, name).home().status == 200
        assert about(r.wait_told("names", 2)) == [("homed", "web-1"), ("homed", "db1")]
        assert about(r.wait_told("groups", 2)) == [("defined", "web-1"), ("homed", "web-1")]
        events = r.api("GET", "/v1/events?limit=1000").json["events"]
        until("all is told", lambda: len(r.told("all")) == len(events))
        assert [t["event"]["seq"] for t in r.told("all")] == [e["seq"] for e in events], "each one, in order"
        until("nobody is behind", lambda: all(h["behind"] == 0 for h in r.api("GET", "/v1/status").json["hooks"]))


def test_how_it_runs():
    with Hooked({"env": {"events": "homed", "do": 'env | sort; echo "args: $*"; pwd; cat /proc/self/status >&2'}},
                start=False) as r:
        r.settings["hook env"]["command"] += "  a*  $HOME  "
        r.write_conf()
        r.env["SECRET"] = "not for hooks"
        r.start()
        define(r, fleet(["a"]))
        Guest(r, "a").home()
        log = r.state / "hooks" / "env.log"
        until("its log", lambda: log.exists() and "exit code 0" in log.read_text())
        text = log.read_text()
        assert re.search(r"^20\S+Z event \d+ homed of a, attempt 1: exit code 0$", text, re.M)
        names = set(re.findall(r"^    ([A-Z_]+)=", text, re.M))
        assert names == {"HOME", "LANG", "PATH", "PWD", "ROOST_CONTROL", "ROOST_HOOK"}, names
        assert "    args: a* $HOME\n" in text, "no shell reads its arguments"
        assert re.search(r"CapEff:\s+0+\n", text) and re.search(r"NoNewPrivs:\s+1\n", text)
        assert (log.stat().st_mode & 0o777) == 0o600


def test_one_that_fails_is_tried_again_then_given_up():
    flaky = 'case $(wc -l <"$to") in 1|2) echo "line one"; echo "no route" >&2; exit 3;; esac'
    with Hooked({"flaky": {"events": "homed", "retries": 5, "retry-first": "10ms", "do": flaky},
                 "never": {"events": "homed", "retries": 2, "retry-first": "10ms", "do": "echo cannot >&2; exit 9"}}) as r:
        define(r, fleet(["a", "b"]))
        Guest(r, "a").home()
        told = r.wait_told("flaky", 3)
        assert [t["attempt"] for t in told] == [1, 2, 3] and len({t["event"]["seq"] for t in told}) == 1
        until("it went well", lambda: r.status_of("flaky")["delivered"] == 1)
        assert r.status_of("flaky")["fault"] == ""
        until("it was given up", lambda: r.status_of("never")["given-up"] == 1)
        seq = told[0]["event"]["seq"]
        fault = f"gave up on event {seq} (homed of a) after 3 attempts: exit code 9: cannot"
        assert r.status_of("never")["fault"] == fault
        assert fault in r.cli("status").stdout
        check = r.cli("check", check=False)
        assert check.returncode == 1 and re.search(r"hook never\s+error\s+gave up on event", check.stdout)
        assert re.search(r"hook flaky\s+ok", check.stdout)
        # A restart forgets no fault, and the next event is told all the same.
        assert r.stop(keep=True) == 0
        r.start()
        assert r.status_of("never")["fault"] == fault and r.status_of("never")["given-up"] == 1
        Guest(r, "b").home()
        assert about(r.wait_told("never", 4))[3] == ("homed", "b")


def test_faults_of_hooks_are_not_told_to_hooks():
    with Hooked({"f": {"events": "fault, homed", "retries": 0, "do": "exit 1"}}) as r:
        define(r, fleet(["a", "b"]))
        Guest(r, "a").home()
        until("given up", lambda: r.status_of("f")["given-up"] == 1)
        Guest(r, "b").home()
        until("given up again", lambda: r.status_of("f")["given-up"] == 2)
        until("it is not behind", lambda: r.status_of("f")["behind"] == 0)
        assert about(r.told("f")) == [("homed", "a"), ("homed", "b")]


def test_one_that_hangs_delays_nobody():
    with Hooked({"hung": {"events": "homed", "time-limit": "2s", "retries": 0,
                          "do": 'sleep 1000 & echo $! >>"$to.pids"; echo $$ >>"$to.pids"; wait'},
                 "quick": {"events": "homed"}}) as r:
        define(r, fleet([f"g{i}" for i in range(20)]))
        for i in range(20):
            assert Guest(r, f"g{i}").home().status == 200
        assert len(r.wait_told("quick", 20)) == 20
        assert r.status_of("hung")["delivered"] == 0 and len(r.told("hung")) <= 20
        until("its limit", lambda: r.status_of("hung")["given-up"] >= 1)
        assert "timed out" in r.status_of("hung")["fault"]
        pids = (r.dir / "told-hung.pids").read_text().split()[:2]
        until("all of its processes are gone", lambda: not any(start_time(p) for p in pids))


@pytest.mark.parametrize("role", ["core", "all"])
def test_nothing_is_lost_to_a_kill(role):
    """The program is under way when roost dies: it is told again, and what came meanwhile too."""
    wait = 'read line <"$(dirname "$to")/gate"'
    with Hooked({"gate": {"events": "homed", "do": wait}}, start=False) as r:
        gate = r.dir / "gate"
        os.mkfifo(gate)
        r.start()
        define(r, fleet(["a", "b"]))
        Guest(r, "a").home()
        r.wait_told("gate", 1)
        Guest(r, "b").home()
        mark = len(r._log)
        r.kill(role)
        if role == "all":
            r.start()
        else:
            r.wait_log(r"roost-core is back", since=mark)

        def opened():  # each attempt reads one line
            try:
                fd = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            os.write(fd, b"go\n")
            os.close(fd)
            return True
        def through():
            opened()
            return r.status_of("gate")["behind"] == 0 and r.status_of("gate")["delivered"] >= 2
        until("both are delivered", through, timeout=40)
        told = r.told("gate")
        assert {t["instance"]["name"] for t in told} == {"a", "b"}
        assert len([t for t in told if t["instance"]["name"] == "a"]) >= 2, "at least once, and here twice"
        seqs = [t["event"]["seq"] for t in told]
        assert seqs == sorted(seqs), "in order"


def test_what_runs_ends_with_roost():
    with Hooked({"h": {"events": "homed", "do": 'echo $$ >>"$to.pid"; sleep 1000'}}) as r:
        define(r, fleet(["a"]))
        Guest(r, "a").home()
        pid = until("it runs", lambda: (r.dir / "told-h.pid").exists() and (r.dir / "told-h.pid").read_text().strip())
        assert r.stop(keep=True) == 0
        until("it is gone", lambda: not start_time(pid))
        r.settings["hook h"]["instances"] = "nobody"  # as the operator changes it: from now on
        r.write_conf()
        r.start()
        until("it concerns nobody now", lambda: r.status_of("h")["behind"] == 0)
        assert len(r.told("h")) == 1


def test_a_new_one_hears_what_comes():
    with Hooked({}) as r:
        define(r, fleet(["a", "b"]))
        Guest(r, "a").home()
        assert r.api("GET", "/v1/status").json["hooks"] == []
        r.stop(keep=True)
        with_hook = r.dir / "h"
        with_hook.write_text(RECORD)
        with_hook.chmod(0o755)
        r.settings["hook h"] = {"events": "homed", "command": f"{with_hook} {r.dir}/told-h"}
        r.write_conf()
        r.start()
        Guest(r, "b").home()
        assert about(r.wait_told("h", 1)) == [("homed", "b")]


def test_its_log_is_capped():
    with Hooked({"loud": {"events": "homed", "retries": 0,
                          "do": "yes 'a line of it' | head -c 100000; printf '\\033[31mred\\n'; exit 1"}}) as r:
        define(r, fleet([f"g{i}" for i in range(25)]))
        for i in range(25):
            Guest(r, f"g{i}").home()
        r.wait_told("loud", 25)
        until("it was put aside", lambda: (r.state / "hooks" / "loud.log.1").exists())
        for file in (r.state / "hooks").iterdir():
            assert file.stat().st_size < 400 << 10
            assert b"\033" not in file.read_bytes()


def test_programs_that_are_not_there():
    with Hooked({"h": {"events": "homed", "retries": 1, "retry-first": "10ms", "command": "/nonexistent/hook"}}) as r:
        r.wait_log(r"\[hook h\] command: /nonexistent/hook: No such file")
        define(r, fleet(["a"]))
        Guest(r, "a").home()
        until("it was given up", lambda: r.status_of("h")["given-up"] == 1)
        assert "No such file" in r.status_of("h")["fault"]
        assert re.search(r"hook h\s+error\s+\[hook h\] command: /nonexistent/hook: No such file", r.cli("check", check=False).stdout)


BAD = [
    ("[hook h]\ncommand = /bin/true\n", "[hook h]: events is missing: say which, as in: events = homed, failed"),
    ("[hook h]\nevents = homed\n", "[hook h]: command is missing: the absolute path of a program"),
    ("[hook h]\nevents = homedd\ncommand = /bin/true\n",
     ':2: [hook h] events: "homedd" is no kind of event; did you mean homed?'),
    ("[hook h]\nevents = whenever\n", ':2: [hook h] events: "whenever" is no kind of event: homed, overdue'),
    ("[hook h]\nevents = homed\ncommand = true x\n", ':3: [hook h] command: "true x" does not begin with an absolute path'),
    ("[hook h]\nevents = homed\ncommand = /bin/true\ntime-limit = 0s\n", ':4: [hook h] time-limit: "0s" is out of range: 100ms to 1h'),
    ("[hook h]\ntime-limit = 90\n", ":2: [hook h] time-limit: "),
    ("[hook h]\nretries = -1\n", ":2: [hook h] retries: "),
    ("[hook h]\nretries = 101\n", ":2: [hook h] retries: "),
    ("[hook h]\nretry-first = 2h\n", ':2: [hook h] retry-first: "2h" is out of range: 10ms to 1h'),
    ("[hook h]\ninstances = we b;x\n", None),  # a comment begins at the semicolon
    ("[hook h]\ninstances = a/b\n", ":2: [hook h] instances: \"a/b\": '/' cannot be part of a name"),
    ("[hook h]\nuser = Root!\n", ":2: [hook h] user: "),
    ("[hook h]\nevents = homed\ncommand = /bin/true\nuser = nobody\n",
     "[hook h]: user: roost runs as an ordinary user, and so do its hooks: leave it out"),
    ("[hook h]\nevent = homed\n", ":2: [hook h] event: no such key; there are events, command, instances"),
    ("[hook h]\n[hook h]\n", ":2: [hook h]: given twice; a hook has one section"),
    ("[hook h]\nevents = homed\nevents = failed\n", ":3: [hook h] events: given twice, first in line 2"),
    ("[hook]\n", ":1: [hook]: a hook has a name: [hook mail]"),
    ("[hook Mail!]\n", ":1: [hook Mail!]: "),
    ("[hooks]\n", ":1: [hooks]: no such section; there are roost, "),
    ("".join(f"[hook h{i}]\nevents=homed\ncommand=/bin/true\n" for i in range(17)), ":49: [hook h16]: more than 16 hooks"),
]


@pytest.mark.parametrize("text,message", BAD, ids=[re.sub(r"\W+", "-", t)[:40] for t, _ in BAD])
def test_bad_sections(tmp_path, text, message):
    conf = tmp_path / "roost.conf"
    conf.write_text(text)
    done = subprocess.run([BUILD / "roostd", "--check-config", "--config", conf, "-o", "roost.mode=rootless",
                           "-o", f"roost.state={tmp_path}/state"], text=True, capture_output=True, timeout=20)
    if message is None:
        assert "events is missing" in done.stderr
        return
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_check_config_looks_for_the_program(tmp_path):
    conf = tmp_path / "roost.conf"
    argv = [BUILD / "roostd", "--check-config", "--config", conf, "-o", "roost.mode=rootless",
            "-o", f"roost.state={tmp_path}/state"]
    conf.write_text("[hook h]\nevents = homed\ncommand = /nonexistent/hook --x\n")
    done = subprocess.run(argv, text=True, capture_output=True, timeout=20)
    assert done.returncode == 3 and "[hook h] command: /nonexistent/hook: No such file" in done.stderr
    conf.write_text(f"[hook h]\nevents = homed\ncommand = {conf}\n")
    done = subprocess.run(argv, text=True, capture_output=True, timeout=20)
    assert done.returncode == 5 and "cannot be run: chmod +x it" in done.stderr
    conf.write_text("[hook h]\nevents = homed, overdue\ncommand = /bin/true a b\n")
    assert subprocess.run(argv, timeout=20).returncode == 0
    printed = subprocess.run([*argv, "--print-config"], text=True, capture_output=True, timeout=20).stdout
    assert f"[hook h]\nevents = homed, overdue  ; {conf}:2\ncommand = /bin/true a b  ; {conf}:3\n" in printed
    done = subprocess.run([*argv, "-o", "hook h.retries=0", "-o", "hook other.events=homed"],
                          text=True, capture_output=True, timeout=20)
    assert done.returncode == 2 and "[hook other]: command is missing" in done.stderr


def test_its_user_in_system_mode():
    """As root: without `user` a process of root's without a single capability; with it that user alone."""
    with netns.Lab() as lab:
        with System(lab.namespace("host"), QUIET) as r:
            program = r.dir / "hook"
            program.write_text(f"#!/bin/sh\ncat >/dev/null\nid; grep -E 'CapEff|Groups' /proc/self/status; echo $HOME\n")
            program.chmod(0o755)
            for name, user in (("plain", ""), ("nobody", "nobody")):
                r.settings[f"hook {name}"] = {"events": "homed", "command": program, "user": user}
            r.write_conf()
            r.start()
            define(r, fleet(["a"], network="user"))
            key = (r.state / "secret.key").read_bytes()
            from harness.guest import token
            g = Guest(r, "a")
            port = r.seed_port
            url = f"http://127.0.0.1:{port}/a/{token(key, 'post', g.iid)}/phone-home"
            sent = r.inside.argv(["curl", "-sf", "--data-binary", g.form().decode(), url])
            assert subprocess.run(sent, timeout=30).returncode == 0
            log = {n: r.state / "hooks" / f"{n}.log" for n in ("plain", "nobody")}
            until("both have run", lambda: all(f.exists() and "exit code 0" in f.read_text() for f in log.values()))
            assert "uid=0(root)" in log["plain"].read_text()
            them = log["nobody"].read_text()
            nobody = pwd.getpwnam("nobody")
            assert f"uid={nobody.pw_uid}(nobody) gid={nobody.pw_gid}(" in them
            assert re.search(rf"Groups:\s+{nobody.pw_gid} *\n", them), "root's groups are not its own"
            assert f"    {nobody.pw_dir}\n" in them
            for text in (log["plain"].read_text(), them):
                assert re.search(r"CapEff:\s+0+\n", text)
            done = subprocess.run([BUILD / "roostd", "--check-config", "-o", "roost.mode=system", "-o",
                                   "hook h.events=homed", "-o", "hook h.command=/bin/true", "-o",
                                   "hook h.user=no-such-user"], text=True, capture_output=True, timeout=20)
            assert done.returncode == 2 and 'user: there is no user "no-such-user"' in done.stderr


# --- the examples of contrib/hooks ---

class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server (RFC 5321) that keeps what it is given; refuse: so many mails are turned away first."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, refuse=0):
        self.mails, self.refuse = [], refuse
        super().__init__(("127.0.0.1", 0), self.Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Session(socketserver.StreamRequestHandler):
        def say(self, line):
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self):
            self.say("220 box")
            rcpt = []
            for line in iter(self.rfile.readline, b""):
                verb = line[:4].upper()
                if verb == b"DATA":
                    if self.server.refuse:
                        self.server.refuse -= 1
                        self.say("451 later")
                        continue
                    self.say("354 go on")
                    body = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.mails.append((rcpt, body.decode()))
                if verb == b"RCPT":
                    rcpt.append(line.decode().split("<")[1].split(">")[0])
                self.say("221 bye" if verb == b"QUIT" else "250 fine")


def test_the_example_mails():
    box = Mailbox(refuse=1)
    command = f"{ROOT}/contrib/hooks/mail --to ops@example.org --to boss@example.org --from r@example.org " \
              f"--server 127.0.0.1:{box.server_address[1]}"
    with Hooked({"mail": {"events": "homed, fault", "retries": 3, "retry-first": "10ms", "command": command}}) as r:
        define(r, fleet(["web1"], groups=["web"]))
        Guest(r, "web1").home()
        until("the mail is there", lambda: r.status_of("mail")["delivered"] == 1)
        (to, text), = box.mails
        assert to == ["ops@example.org", "boss@example.org"]
        assert "Subject: roost: web1 homed\r\n" in text and "state:    homed\r\n" in text and "groups:   web\r\n" in text
        assert "exit code 1" in (r.state / "hooks" / "mail.log").read_text(), "turned away once, tried again"
    box.shutdown()


NAMED = """
options {{ directory "{dir}"; pid-file "{dir}/named.pid"; session-keyfile "{dir}/session.key"; listen-on port {port} {{ 127.0.0.1; }};
 listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; notify no; }};
controls {{ }};
include "{dir}/dns.key";
zone "lab.example.org" {{ type primary; file "{dir}/zone"; allow-update {{ key roost; }}; }};
"""
ZONE = """$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
"""


@pytest.mark.skipif(not shutil.which("named") or not shutil.which("nsupdate"), reason="bind9, bind9-dnsutils are not installed")
def test_the_example_updates_dns(tmp_path):
    """Against a real named, with a key: an address comes, moves and goes."""
    import socket
    with socket.socket() as s, socket.socket(type=socket.SOCK_DGRAM) as u:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        u.bind(("127.0.0.1", port))
    (tmp_path / "dns.key").write_text(subprocess.run(["tsig-keygen", "-a", "hmac-sha256", "roost"], text=True,
                                                     capture_output=True, check=True).stdout)
    (tmp_path / "zone").write_text(ZONE)
    (tmp_path / "named.conf").write_text(NAMED.format(dir=tmp_path, port=port))
    log = open(tmp_path / "named.log", "wb")
    named = subprocess.Popen(["named", "-g", "-c", tmp_path / "named.conf"], stdout=log, stderr=log)
    command = f"{ROOT}/contrib/hooks/nsupdate --zone lab.example.org --server 127.0.0.1:{port} --key {tmp_path}/dns.key"

    def asked(name, kind="A"):
        return subprocess.run(["dig", "+short", "+time=2", "+tries=1", "-p", str(port), "@127.0.0.1", f"{name}.lab.example.org",
                               kind], text=True, capture_output=True, timeout=20).stdout.strip()
    try:
        until("named answers", lambda: asked("ns") == "192.0.2.53", timeout=30)
        told = {"schema": 1, "hook": "dns", "attempt": 1, "event": {"seq": 1, "kind": "homed"},
                "instance": {"name": "web1", "address": "192.0.2.7:22", "removed": False}}

        def tell(**instance):
            text = json.dumps({**told, "instance": {**told["instance"], **instance}})
            return subprocess.run(command.split(), input=text, text=True, capture_output=True, timeout=60)
        assert tell().returncode == 0 and asked("web1") == "192.0.2.7"
        assert tell(address="192.0.2.8:22").returncode == 0 and asked("web1") == "192.0.2.8", "it moved"
        assert tell(address="[2001:db8::7]:22").returncode == 0
        assert (asked("web1"), asked("web1", "AAAA")) == ("", "2001:db8::7")
        assert tell(address="127.0.0.1:40022").returncode == 0 and asked("web1", "AAAA") == "2001:db8::7"
        refused = subprocess.run([w.replace("dns.key", "other.key") for w in command.split()],
                                 input=json.dumps(told), text=True, capture_output=True, timeout=60)
        assert refused.returncode != 0, "without the key nothing changes"
        # And by roost itself, when the guest goes.
        with Hooked({"dns": {"events": "homed, removed", "command": command, "retry-first": "10ms"}}) as r:
            define(r, fleet(["web1"]))
            r.cli("instance", "remove", "web1", "--yes")
            until("it is told", lambda: r.status_of("dns")["delivered"] == 1, timeout=30)
            assert asked("web1", "AAAA") == ""
    finally:
        named.send_signal(signal.SIGTERM)
        named.wait(30)
        log.close()
