"""Guests that come home are configured, once, by real ansible-core over real sshd on this host."""
import collections
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
import yaml
from harness.guest import Guest, define
from harness.roost import Roost, start_time
from roostd_rig import until

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PLAYBOOK = shutil.which("ansible-playbook")
CANARY = "canary-c1b2a3-that-nobody-may-see"

pytestmark = [pytest.mark.skipif(not PLAYBOOK, reason="ansible-core is not installed"),
              pytest.mark.skipif(not os.path.exists(SSHD), reason="sshd is not installed")]

USER = os.environ.get("USER") or subprocess.run(["id", "-un"], capture_output=True,
                                                text=True).stdout.strip()
# The first task of the play says who is at work, and until when.
MARKS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: work
      ansible.builtin.raw: echo "$(date +%s.%N) begin" >>"$HOME/marks"; sleep 0.3; echo "$(date +%s.%N) end" >>"$HOME/marks"
      changed_when: false
{tasks}
    - name: who
      ansible.builtin.raw: echo {{{{ inventory_hostname }}}} >>"$HOME/who"
"""


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


class Sshd:
    """A guest of this host: an sshd of its own, with a host key and a home of its own."""

    def __init__(self, fleet, name):
        self.fleet, self.name = fleet, name
        self.dir = fleet.dir / name
        self.home = self.dir / "home"
        self.home.mkdir(parents=True)
        self.pub = keygen(self.dir / "key")
        # Bound all the time, so that nobody else gets the port while the guest is down.
        self.hold = socket.socket()
        self.hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.hold.bind(("127.0.0.1", 0))
        self.port = self.hold.getsockname()[1]
        self.process = None

    def start(self):
        (self.dir / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.dir}/key\nUsePAM no\n"
            f"PidFile none\nAuthorizedKeysFile {self.fleet.authorized}\nStrictModes no\n"
            f"PermitRootLogin yes\nMaxStartups 200\nSubsystem sftp internal-sftp\n"
            f"ForceCommand export HOME={self.home} PATH={self.fleet.bin}:$PATH; cd; eval \"$SSH_ORIGINAL_COMMAND\"\n")
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", self.dir / "config"],
                                        stdin=subprocess.DEVNULL, stderr=open(self.dir / "log", "ab"))
        until(f"sshd of {self.name}", self.answers)

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as s:
            return s.recv(4) == b"SSH-"

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def lines(self, name):
        path = self.home / name
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def intervals(self):
        """[(begin, end)] of the plays that it saw; end None: it was never reached."""
        out = []
        for line in self.lines("marks"):
            at, what = line.split()
            if what == "begin":
                out.append([float(at), None])
            else:
                out[-1][1] = float(at)
        return out


class Fleet:
    def __init__(self, tmp, n, tasks="", conf=None, env=None, playbook=None, **fields):
        os.makedirs("/run/sshd", exist_ok=True)
        self.dir = tmp
        self.key = tmp / "id"
        self.authorized = tmp / "authorized"
        self.authorized.write_text(keygen(self.key))
        self.bin = tmp / "bin"
        self.cloud_init("exit 127")  # this host's own is not the guests'
        settings = {"window": "2s", "retry-first": "200ms", "retry-max": "1s", "retries": "1",
                    "trigger": "homed"}
        self.roost = Roost({"launch": {"enabled": "no"}, "ansible": {**settings, **(conf or {})},
                            "projections": {"ssh-key": self.key}}, env=env)
        self.hosts = {f"g{i:02}": Sshd(self, f"g{i:02}") for i in range(n)}
        self.play(playbook or MARKS.format(tasks=tasks))
        self.tree = {"instances": {h.name: {
            "launcher": "external", "groups": ["all_of_them"], **fields,
            "vars": {"ansible_port": h.port, "ansible_user": USER}} for h in self.hosts.values()}}

    def play(self, text, name="site.yaml"):
        path = self.roost.state / "ansible" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def cloud_init(self, script):
        """What the guests' cloud-init says."""
        self.bin.mkdir(exist_ok=True)
        (self.bin / "next").write_text("#!/bin/sh\n" + script + "\n")
        (self.bin / "next").chmod(0o755)
        (self.bin / "next").rename(self.bin / "cloud-init")

    def define(self):
        define(self.roost, self.tree)

    def start(self, but=()):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda h: h.start(), [h for h in self.hosts.values() if h.name not in but]))

    def guest(self, name, generation=1):
        g = Guest(self.roost, name, generation=generation)
        g.key = self.hosts[name].pub
        return g

    def home(self, names=None):
        """All of them at once."""
        for name in names or self.hosts:
            assert self.guest(name).home().status == 200

    def runs(self):
        return self.roost.api("GET", "/v1/runs").json

    def run(self, number):
        reply = self.roost.api("GET", f"/v1/runs/{number}")
        assert reply.status == 200, reply.text
        return reply.json

    def events(self, kind, name=None):
        where = f"&instance={name}" if name else ""
        rows = self.roost.api("GET", f"/v1/events?limit=1000&newest=1{where}").json["events"]
        return [row for row in rows if row["kind"] == kind]

    def phases(self):
        return {row["name"]: row["phase"] for row in self.roost.api("GET", "/v1/instances").json}

    def settled(self, timeout=120):
        """Every job has come to its end: who is configured, who is not."""
        def look():
            told = {e["instance"]: e for e in self.events("configured") + self.events("config-failed")}
            return told if set(told) == set(self.hosts) else None
        return until("each guest has its outcome", look, timeout)

    def __enter__(self):
        self.roost.__enter__()
        return self

    def __exit__(self, *exc):
        self.roost.__exit__(*exc)
        for host in self.hosts.values():
            host.stop()
            host.hold.close()


def test_forty_guests_come_home_within_two_seconds(tmp_path):
    with Fleet(tmp_path, 40, conf={"forks": "8", "runs": "2", "window": "3s"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        told = fleet.settled()
        assert {e["kind"] for e in told.values()} == {"configured"}, told
        for name, host in fleet.hosts.items():
            assert host.lines("who") == [name], "its own name, once"
        runs = fleet.runs()
        assert 1 <= len(runs) <= 4, f"{len(runs)} runs for 40 guests"
        assert sum(r["hosts"] for r in runs) == 40
        marks = sorted((at, +1 if i == 0 else -1) for h in fleet.hosts.values()
                       for interval in h.intervals() for i, at in enumerate(interval))
        most = now = 0
        for _, step in marks:
            now += step
            most = max(most, now)
        assert 2 <= most <= 2 * 8, "two runs of eight forks"
        fleet.roost.cli("wait", *fleet.hosts, "--for", "configured", "--timeout", "10s")


def test_each_guest_keeps_its_own_outcome(tmp_path):
    """Of forty five are down, two fail a task, one hangs; what a no_log task prints is nowhere."""
    n, down, fails, hangs = 40, {f"g{i:02}" for i in range(5)}, {"g05", "g06"}, "g07"
    tasks = f"""
    - name: secret
      no_log: true
      changed_when: false
      ansible.builtin.raw: echo {CANARY}
    - name: check the colour
      ansible.builtin.raw: echo no such colour >&2; exit 3
      when: inventory_hostname in ['g05', 'g06']
    - name: dig a hole
      ansible.builtin.raw: sleep 600
      when: inventory_hostname == 'g07'
"""
    conf = {"forks": "20", "window": "1s", "task-limit": "30s", "retries": "1"}
    with Fleet(tmp_path, n, tasks, conf) as fleet:
        fleet.define()
        fleet.start(but=down)
        fleet.home()
        told = fleet.settled()
        rows = {}
        for run in sorted(fleet.runs(), key=lambda r: r["id"]):
            for row in fleet.run(run["id"])["of"]:
                rows[row["name"]] = row
        for name in fleet.hosts:
            if name in down:
                assert rows[name]["outcome"] == "unreachable" and told[name]["kind"] == "config-failed"
            elif name in fails:
                assert rows[name]["outcome"] == "failed" and rows[name]["task"] == "check the colour"
                assert "check the colour" in told[name]["detail"]
            elif name == hangs:
                assert rows[name]["outcome"] in ("failed", "unreachable", "timed-out")
                assert told[name]["kind"] == "config-failed"
            else:
                assert rows[name]["outcome"] == "changed" and told[name]["kind"] == "configured"
                assert fleet.hosts[name].lines("who") == [name]
        seen = collections.Counter(row["name"] for run in fleet.runs()
                                   for row in fleet.run(run["id"])["of"])
        assert all(seen[n] == 2 for n in down), "unreachable: tried again, once"
        assert all(seen[n] == 1 for n in fails), "failed: not tried again"
        assert fleet.phases()["g05"] == "homed" and fleet.phases()["g11"] == "configured"
        for run in fleet.runs():
            for path in (f"/v1/runs/{run['id']}", f"/v1/runs/{run['id']}/log"):
                assert CANARY not in fleet.roost.api("GET", path).text
        play = fleet.roost.state / "ansible" / "site.yaml"
        for path in fleet.roost.state.rglob("*"):
            if path.is_file() and path != play:
                assert CANARY.encode() not in path.read_bytes(), path
        assert CANARY not in fleet.roost.log()
        with pytest.raises(AssertionError, match="exit [1-9]"):
            fleet.roost.cli("run", "g05")


@pytest.mark.parametrize("role", ["core", "all"])
def test_a_kill_in_the_middle_loses_no_job(tmp_path, role):
    gate = tmp_path / "gate"
    tasks = f"""
    - name: wait for the test
      changed_when: false
      ansible.builtin.raw: while ! [ -e {gate} ]; do sleep 0.1; done
"""
    with Fleet(tmp_path, 6, tasks, {"forks": "4", "window": "500ms", "runs": "1", "batch": "4"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        until("somebody is at work", lambda: any(h.lines("marks") for h in fleet.hosts.values()), 60)
        fleet.roost.kill(role)
        if role == "all":
            fleet.roost.start()
        gate.write_text("")
        told = fleet.settled()
        assert {e["kind"] for e in told.values()} == {"configured"}, told
        for name, host in fleet.hosts.items():
            assert host.lines("who") == [name], "configured once"
            assert len(host.intervals()) == 1
        runs = fleet.runs()
        assert len(runs) == 2 and {r["how"] for r in runs} == {"done"}


def test_a_run_that_died_with_roost_is_run_again_once(tmp_path):
    gate = tmp_path / "gate"
    tasks = f"""
    - name: wait for the test
      changed_when: false
      ansible.builtin.raw: while ! [ -e {gate} ]; do sleep 0.1; done
"""
    with Fleet(tmp_path, 2, tasks, {"window": "500ms"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        until("both are at work", lambda: all(h.lines("marks") for h in fleet.hosts.values()), 60)
        fleet.roost.kill("all")
        pid, start, _boot = (fleet.roost.state / "runs/1/pid").read_text().split()
        assert start_time(pid) == start
        os.kill(int(pid), signal.SIGKILL)
        gate.write_text("")
        fleet.roost.start()
        told = fleet.settled()
        assert {e["kind"] for e in told.values()} == {"configured"}, told
        assert fleet.run(1)["how"] == "interrupted" and fleet.run(2)["how"] == "done"
        for name, host in fleet.hosts.items():
            assert host.lines("who").count(name) >= 1 and len(fleet.events("configured", name)) == 1


@pytest.mark.parametrize("env", [{"ANSIBLE_STDOUT_CALLBACK": "minimal"}, {"LANG": "de_DE.UTF-8"}],
                         ids=["minimal", "language"])
def test_outcomes_do_not_hang_on_what_is_printed(tmp_path, env):
    tasks = """
    - name: check the colour
      ansible.builtin.raw: exit 3
      when: inventory_hostname == 'g01'
"""
    with Fleet(tmp_path, 2, tasks, {"window": "500ms"}, env=env) as fleet:
        if "ANSIBLE_STDOUT_CALLBACK" in env:
            (fleet.roost.state / "ansible" / "ansible.cfg").write_text(
                "[defaults]\nstdout_callback = minimal\n")
        fleet.define()
        fleet.start()
        fleet.home()
        told = fleet.settled()
        assert {n: e["kind"] for n, e in told.items()} == {"g00": "configured", "g01": "config-failed"}
        assert "check the colour" in told["g01"]["detail"]


def test_another_host_key_is_an_alarm_and_nothing_runs(tmp_path):
    with Fleet(tmp_path, 1, conf={"window": "0s", "retries": "1"}) as fleet:
        fleet.define()
        fleet.start()
        guest = Guest(fleet.roost, "g00")  # some other key than its sshd has
        assert guest.home().status == 200
        told = fleet.settled()
        assert told["g00"]["kind"] == "config-failed" and "unreachable" in told["g00"]["detail"]
        assert fleet.events("key-mismatch", "g00")
        assert not fleet.hosts["g00"].lines("who") and not fleet.hosts["g00"].lines("marks")


def test_a_rebuild_is_configured_again_and_a_second_start_is_not(tmp_path):
    with Fleet(tmp_path, 1, conf={"window": "0s"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")
        fleet.home()  # its per-boot part
        assert fleet.phases()["g00"] == "configured" and len(fleet.runs()) == 1
        fleet.roost.cli("instance", "rebuild", "g00")
        assert fleet.guest("g00", generation=2).home().status == 200
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")
        assert len(fleet.runs()) == 2 and fleet.hosts["g00"].lines("who") == ["g00", "g00"]


def report(name, kind, result=None):
    body = {"name": name, "description": name, "event_type": kind, "origin": "cloudinit",
            "timestamp": 1.0}
    return json.dumps({**body, **({"result": result} if result else {})}).encode()


def test_cloud_init_ends_first(tmp_path):
    with Fleet(tmp_path, 1, conf={"window": "0s", "trigger": "final", "silence": "600s"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        guest = fleet.guest("g00")
        assert guest.report(report("modules-config", "finish", "SUCCESS")).status in (200, 204)
        until("the stage is on record", lambda: guest.events("stage"))
        assert not fleet.runs()
        guest.report(report("modules-final", "finish", "SUCCESS"))
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")


def test_a_guest_that_restarts_on_its_way_is_waited_for(tmp_path):
    """power_state: the end of cloud-init is not the end of its way."""
    user_data = "#cloud-config\npower_state: {mode: reboot}\n"
    with Fleet(tmp_path, 1, conf={"window": "0s", "trigger": "final", "silence": "600s"},
               **{"user-data": user_data}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        guest = fleet.guest("g00")
        guest.report(report("modules-final", "finish", "SUCCESS"))
        until("its end is on record", lambda: guest.events("finished"))
        fleet.roost.api("POST", "/v1/sync", {})
        assert not fleet.runs()
        fleet.hosts["g00"].stop()
        fleet.hosts["g00"].start()
        guest.report(report("modules-final", "finish", "SUCCESS"))
        until("the second end too", lambda: len(guest.events("finished")) == 2)
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")


def test_a_silent_guest_is_asked_over_ssh(tmp_path):
    """No report, no cloud-init: once its sshd answers with the recorded key."""
    with Fleet(tmp_path, 1, conf={"window": "0s", "trigger": "final"}, bootstrapper="none") as fleet:
        fleet.define()
        fleet.home()  # its sshd is not there yet
        fleet.roost.wait_log("asked whether cloud-init has ended: nobody answers")
        fleet.start()
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")
        assert len(fleet.runs()) == 1


def test_a_guest_whose_reports_are_lost_is_asked_over_ssh(tmp_path):
    with Fleet(tmp_path, 1, conf={"window": "0s", "trigger": "final", "silence": "1s"}) as fleet:
        fleet.cloud_init("echo 'status: running'")
        fleet.define()
        fleet.start()
        fleet.home()
        fleet.roost.wait_log("asked whether cloud-init has ended: cloud-init is at work")
        assert not fleet.runs()
        fleet.cloud_init("echo 'status: done'")
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")


def test_groups_say_what_runs_and_when(tmp_path):
    with Fleet(tmp_path, 3, conf={"window": "0s"}) as fleet:
        fleet.play(MARKS.format(tasks="").replace("echo {{ inventory_hostname }}", "echo web"), "web.yaml")
        fleet.tree["groups"] = {"web": {"playbook": "web.yaml"}, "lab": {"trigger": "manual"}}
        fleet.tree["instances"]["g01"]["groups"] = ["web"]
        fleet.tree["instances"]["g02"]["groups"] = ["lab"]
        own = fleet.roost.state / "instances" / "g00"
        own.mkdir(parents=True, exist_ok=True)
        (own / "deploy.yaml").write_text(MARKS.format(tasks="").replace(
            "echo {{ inventory_hostname }}", "echo own"))
        fleet.define()
        fleet.start()
        fleet.home()
        fleet.roost.cli("wait", "g00", "g01", "--for", "configured", "--timeout", "60s")
        assert fleet.hosts["g00"].lines("who") == ["own"]
        assert fleet.hosts["g01"].lines("who") == ["web"]
        assert fleet.phases()["g02"] == "homed"
        assert fleet.roost.cli("group", "list").stdout.split()[4:6] == ["lab", "manual"]
        fleet.roost.cli("run", "--group", "lab")
        assert fleet.hosts["g02"].lines("who") == ["g02"] and fleet.phases()["g02"] == "configured"
        fleet.play("- hosts: all\n", "db.yaml")
        tree = {**fleet.tree, "groups": {"web": {"playbook": "web.yaml"}, "db": {"playbook": "db.yaml"}}}
        tree["instances"]["g01"]["groups"] = ["web", "db"]
        reply = fleet.roost.api("POST", "/v1/apply", {"fleet": tree})
        assert reply.status == 400 and "g01: its groups db and web name different playbooks" in reply.text


def test_a_playbook_that_an_instance_names(tmp_path):
    """No site.yaml, no group: the instance's word alone."""
    with Fleet(tmp_path, 2, conf={"window": "0s"}) as fleet:
        site = fleet.roost.state / "ansible" / "site.yaml"
        site.rename(site.with_name("web.yaml"))
        fleet.tree["instances"]["g00"]["playbook"] = "web.yaml"
        fleet.define()
        fleet.start()
        fleet.home()
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")
        assert fleet.phases()["g01"] == "homed" and fleet.run(1)["hosts"] == 1


def test_by_hand(tmp_path):
    with Fleet(tmp_path, 2, conf={"window": "0s", "trigger": "manual"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home(["g00"])

        def refuse(code, what, *args):
            done = fleet.roost.cli(*args, check=False)
            assert done.returncode == code and what in done.stderr, (args, done)
        refuse(4, "instance g01 is defined, not home", "run", "g01")
        refuse(3, "no instance nobody", "run", "nobody")
        refuse(3, "there is no", "run", "g00", "--playbook", "absent.yaml")
        refuse(2, "without \"..\"", "run", "g00", "--playbook", "../x.yaml")
        refuse(2, "tag", "run", "g00", "--tags", "-x")
        refuse(3, "no instance is in group web", "run", "--group", "web")
        refuse(3, "there is no run 99", "run", "show", "99")
        refuse(2, "no number of a run", "run", "cancel", "latest")
        assert not fleet.runs()

        shown = fleet.roost.cli("run", "--check")
        assert "not home, so left out: g01" in shown.stderr and "run 1: done" in shown.stdout
        assert fleet.phases()["g00"] == "homed", "a check configures nobody"
        fleet.roost.cli("run", "g00")
        assert fleet.phases()["g00"] == "configured"
        assert "PLAY RECAP" in fleet.roost.cli("run", "show", "2", "--log", "--follow").stdout
        assert [r["id"] for r in fleet.roost.json("runs", "g00")] == [2, 1]

        fleet.play("- hosts: all\n  tasks:\n    - name: broken\n     debug: {}\n", "broken.yaml")
        done = fleet.roost.cli("run", "g00", "--playbook", "broken.yaml", check=False)
        assert done.returncode == 1 and "broken.yaml" in done.stdout + done.stderr
        assert fleet.run(3)["how"] == "refused" and "line" in fleet.run(3)["reason"]
        assert fleet.phases()["g00"] == "configured", "another playbook says nothing of that"

        fleet.play("- hosts: all\n  gather_facts: false\n  tasks:\n    - raw: touch $HOME/marks; sleep 600\n",
                   "long.yaml")
        (fleet.hosts["g00"].home / "marks").unlink()
        number = fleet.roost.json("run", "g00", "--playbook", "long.yaml", "--detach")["id"]
        until("it is at work", lambda: (fleet.hosts["g00"].home / "marks").exists(), 60)
        second = fleet.roost.json("run", "g00", "--detach")["id"]
        fleet.roost.cli("run", "cancel", second)
        fleet.roost.cli("run", "cancel", number)
        until("it has ended", lambda: fleet.run(number)["state"] == "done", 60)
        assert fleet.run(number)["how"] == "cancelled" and "uid" in fleet.run(number)["reason"]
        assert fleet.run(second)["how"] == "cancelled" and not fleet.run(second)["started"]
        refuse(4, "has ended already", "run", "cancel", number)


def test_a_wait_ends_with_what_will_not_come(tmp_path):
    with Fleet(tmp_path, 3, conf={"window": "0s", "retries": "1"},
               tasks="    - name: breaks\n      ansible.builtin.raw: 'false'\n") as fleet:
        fleet.tree["groups"] = {"lab": {"trigger": "manual"}}
        fleet.tree["instances"]["g01"]["groups"] = ["lab"]
        fleet.define()
        fleet.hosts["g00"].start()
        fleet.hosts["g01"].start()
        assert fleet.roost.json("instance", "show", "g00")["configuration"] is None
        fleet.home()

        def lost(name, says):
            done = fleet.roost.cli("wait", name, "--for", "configured", "--timeout", "90s", check=False)
            assert done.returncode == 4 and says in done.stderr, done.stderr
            return fleet.roost.json("instance", "show", name)["configuration"]
        assert lost("g00", "its configuration failed: run ") == "failed"
        assert lost("g01", "it is configured by hand alone") == "manual"
        assert lost("g02", "its configuration failed: run ") == "failed", "not before it was tried again"
        assert [r["outcome"] for i in fleet.runs() for r in fleet.run(i["id"])["of"] if r["name"] == "g02"] == ["unreachable"] * 2
        (fleet.roost.state / "ansible" / "site.yaml").unlink()
        rows = {r["name"]: r["configuration"] for r in fleet.roost.json("instance", "list")}
        assert rows == {"g00": "failed", "g01": "manual", "g02": "failed"}
        fleet.roost.cli("instance", "rebuild", "g00")
        assert fleet.guest("g00", generation=2).home().status == 200
        assert lost("g00", "it has no playbook") == "nothing"
        own = fleet.roost.state / "instances" / "g02"
        own.mkdir(exist_ok=True)
        (own / "deploy.yaml").write_text("- hosts: all\n  tasks: []\n")
        fleet.roost.cli("instance", "rebuild", "g02")
        assert fleet.guest("g02", generation=2).home().status == 200
        until("g00's homecoming is past, as g02's is, which has a playbook",
              lambda: fleet.roost.json("instance", "show", "g02")["configuration"] in ("running", "failed"), 60)
        (fleet.roost.state / "ansible" / "site.yaml").write_text("- hosts: all\n  tasks: []\n")
        until("nothing will run for g00 by itself",
              lambda: fleet.roost.json("instance", "show", "g00")["configuration"] == "late", 60)
        assert lost("g00", "it was home before it had a playbook; see: roost run") == "late"


def test_without_ansible_what_is_due_waits_for_it(tmp_path):
    program = tmp_path / "ansible-playbook"
    with Fleet(tmp_path, 1, conf={"window": "0s", "program": program}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        fleet.roost.wait_log("Ansible is not on this host")
        done = fleet.roost.cli("run", "g00", check=False)
        assert done.returncode == 3 and "install ansible-core" in done.stderr
        assert not fleet.runs() and len(fleet.events("fault")) == 1
        program.symlink_to(PLAYBOOK)
        fleet.roost.stop(keep=True)
        fleet.roost.start()
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")


def test_a_large_fleet_s_run_sees_what_it_needs(tmp_path):
    with Fleet(tmp_path, 3, conf={"window": "0s", "whole-inventory": "2"}) as fleet:
        fleet.tree["groups"] = {"web": {"needs": ["db"]}, "db": {"trigger": "manual"},
                                "other": {"trigger": "manual"}}
        for name, group in (("g00", "web"), ("g01", "db"), ("g02", "other")):
            fleet.tree["instances"][name]["groups"] = [group]
        fleet.define()
        fleet.start()
        fleet.home(["g01", "g02"])
        fleet.home(["g00"])
        fleet.roost.cli("wait", "g00", "--for", "configured", "--timeout", "60s")
        seen = yaml.load((fleet.roost.state / "runs/1/inventory.yaml").read_text(), yaml.BaseLoader)
        assert set(seen["all"]["hosts"]) == {"g00", "g01"}


def test_what_a_run_by_hand_says_of_configured(tmp_path):
    """Only the guest's own playbook, as a whole, makes it configured, or takes that back."""
    failing = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: breaks, ansible.builtin.raw: 'false'}\n"
    with Fleet(tmp_path, 1, conf={"window": "0s", "trigger": "manual"}) as fleet:
        fleet.define()
        fleet.start()
        fleet.home()
        site = (fleet.roost.state / "ansible" / "site.yaml").read_text()
        fleet.play(failing, "other.yaml")

        def run(code, *args):
            done = fleet.roost.cli("run", "g00", *args, check=False)
            assert done.returncode == code, done
            return fleet.phases()["g00"], fleet.roost.json("events", "g00")["events"][-1]
        phase, event = run(0, "--tags", "nothing-has-it")
        assert phase == "homed" and event["kind"] == "run-ended", "a part of it is not the whole"
        assert run(0)[0] == "configured"
        phase, event = run(1, "--playbook", "other.yaml")
        assert phase == "configured", "what was done stays done"
        assert event["kind"] == "run-ended" and "failed at breaks" in event["detail"]
        fleet.play(failing)
        phase, event = run(1)
        assert phase == "homed" and event["kind"] == "config-failed"
        assert fleet.roost.json("instance", "show", "g00")["configuration"] == "failed"
        fleet.play(site)
        assert run(0)[0] == "configured"
