"""The runner (ansible/runner.h) with real ansible-core: what becomes of each host, whatever a person's
ansible.cfg says; time limits, cancelling, logs, and runs that outlive roost."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from harness.roost import BUILD, start_time
from harness.sshd import Sshd
from roostd_rig import until

TOOL = BUILD / "tests/tools/run"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
CANARY = "canary-c0ffee-9218"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")


class Run:
    """A run of its own directory; hosts: {name: variables}."""

    def __init__(self, play, hosts, env=None, **spec):
        self.dir = Path(tempfile.mkdtemp(prefix="run-", dir="/tmp"))
        for name in ("run", "plugins", "c", "play", "home"):
            (self.dir / name).mkdir()
        self.playbook = self.dir / "play" / "site.yaml"
        self.playbook.write_text(play if isinstance(play, str) else yaml.safe_dump(play, sort_keys=False))
        (self.dir / "inventory.yaml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        (self.dir / "known_hosts").touch()
        self.run = self.dir / "run"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir / "home"), **(env or {})}
        self.spec = {"run": str(self.run), "helper": str(BUILD / "roost-run"), "playbook": str(self.playbook),
                     "directory": str(self.dir / "play"), "inventories": [str(self.dir / "inventory.yaml")],
                     "hosts": list(hosts), "plugins": str(self.dir / "plugins"),
                     "known_hosts": str(self.dir / "known_hosts"), "control_dir": str(self.dir / "c"), **spec}
        self.process = None

    def cfg(self, text):
        (self.dir / "play" / "ansible.cfg").write_text(text)
        self.spec["cfg"] = str(self.dir / "play" / "ansible.cfg")

    def start(self, how="start"):
        (self.dir / "spec.json").write_text(json.dumps(self.spec))
        self.process = subprocess.Popen([TOOL, self.dir / "spec.json", how], env=self.env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        return self

    def started(self):
        word, pid = self.process.stdout.readline().split()
        assert word in ("started", "adopted")
        return int(pid)

    def end(self):
        out, err = self.process.communicate(timeout=120)
        assert err == "", err
        return json.loads(out.splitlines()[-1])

    def whole(self):
        return self.start().end()

    def log(self):
        return "".join(p.read_text() for p in sorted(self.run.glob("log.*")))

    def file(self, name):
        """A file that the play writes, once it holds something."""
        path = self.dir / name
        until(f"{name} is written", lambda: path.exists() and path.read_text().strip(), 60)
        return path.read_text().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        if self.process:
            self.process.stdout.close()
            self.process.stderr.close()
        shutil.rmtree(self.dir)


def play(*tasks, hosts="all", **more):
    return {"hosts": hosts, "gather_facts": False, "tasks": list(tasks), **more}


def task(name, command, **more):
    return {"name": name, "ansible.builtin.shell": command, "changed_when": False, **more}


def states(end):
    return {name: host["state"] for name, host in end["hosts"].items()}


# ---- what becomes of each host ----

EVERY_KIND = [
    play(task("only the unreachable one", "true", when="inventory_hostname == 'away'"), hosts="away:same"),
    play(task("fine", "true"),
         {"name": "makes it", "ansible.builtin.shell": "true", "when": "inventory_hostname == 'new'"},
         task("ignored", "exit 3", ignore_errors=True),
         {"name": "caught", "block": [task("thrown", "exit 4")], "rescue": [task("mended", "true")]},
         task("breaks", "echo first >&2; exit 5", when="inventory_hostname == 'broken'"),
         hosts="same:new:broken"),
    play(task("never", "true", when="false"), hosts="idle"),
]
KINDS = {"away": {"ansible_host": "127.0.0.1", "ansible_port": 1}, "same": LOCAL, "new": LOCAL, "broken": LOCAL,
         "idle": LOCAL, "nobody": LOCAL}
CFGS = {
    "none": None,
    "minimal": "[defaults]\nstdout_callback = minimal\n",
    "oneline": "[defaults]\nstdout_callback = oneline\n",
    "contrary": "[defaults]\nhost_key_checking = False\nretry_files_enabled = True\ncallbacks_enabled = timer\n"
                "callback_plugins = /nowhere\ndisplay_skipped_hosts = no\ndisplay_failed_stderr = yes\n"
                "stdout_callback = minimal\n",
}


@pytest.mark.parametrize("cfg, language", [("none", "C"), ("minimal", "de_DE.UTF-8"), ("oneline", "C.UTF-8"),
                                           ("contrary", "ja_JP")])
def test_outcomes_do_not_depend_on_the_output(cfg, language):
    with Run(EVERY_KIND, KINDS, env={"LANG": language, "LC_ALL": language, "ANSIBLE_STDOUT_CALLBACK": "null"}) as r:
        if CFGS[cfg]:
            r.cfg(CFGS[cfg])
        end = r.whole()
        assert (end["how"], end["exit"], end["complete"], end["refused"]) == ("done", 4, True, 0), r.log()
        assert states(end) == {"away": "unreachable", "same": "ok", "new": "changed", "broken": "failed",
                               "idle": "skipped", "nobody": "skipped"}
        hosts = end["hosts"]
        assert hosts["broken"]["task"] == "breaks" and "first" in hosts["broken"]["message"]
        assert hosts["away"]["task"] == "only the unreachable one"
        assert "Connection refused" in hosts["away"]["message"]
        assert hosts["nobody"]["message"] == "no play is for it"
        assert hosts["idle"]["message"] == "every task was skipped"
        ok, changed, unreachable, failed, skipped, rescued, ignored = hosts["same"]["counts"]
        assert (unreachable, failed, rescued, ignored) == (0, 0, 1, 1) and ok == 3
        assert hosts["broken"]["ms"] > 0 and hosts["nobody"]["ms"] == 0
        assert not list(r.dir.rglob("*.retry"))


def test_what_is_marked_no_log_is_nowhere():
    tasks = [task("secret", f"echo {CANARY}; exit 1", no_log=True, ignore_errors=True),
             task("secrets", "echo {{ item }} >&2; exit 1", no_log=True, ignore_errors=True, loop=[CANARY]),
             {"name": "facts", "ansible.builtin.set_fact": {"password": CANARY}, "no_log": True},
             {"name": "shown", "ansible.builtin.debug": {"msg": "{{ password }}"}, "no_log": True},
             task("last", f"echo {CANARY}; exit 1", no_log=True)]
    with Run([play(*tasks)], {"a": LOCAL, "b": LOCAL}, verbosity=3) as r:
        end = r.whole()
        assert states(end) == {"a": "failed", "b": "failed"}
        assert end["hosts"]["a"]["task"] == "last"
        assert end["hosts"]["a"]["message"] == "hidden: the task has no_log"
        assert CANARY not in json.dumps(end)
        for path in r.run.rglob("*"):
            assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("serial", [None, 2])
def test_a_play_that_ends_early_configures_nobody(serial):
    """any_errors_fatal: Ansible counts no failure on the others, but they did not come to the end."""
    more = {"serial": serial} if serial else {}
    first = play(task("all of them", "true"), task("one breaks", "exit 1", when="inventory_hostname == 'b'"),
                 task("the rest", "true"), any_errors_fatal=True, **more)
    with Run([first], {name: LOCAL for name in "abcd"}) as r:
        end = r.whole()
        assert states(end)["b"] == "failed" and end["hosts"]["b"]["task"] == "one breaks"
        assert {k: v for k, v in states(end).items() if k != "b"} == dict.fromkeys("acd", "unknown")


# ---- what is found before any host is touched ----

@pytest.mark.parametrize("text, says", [
    ("- hosts: all\n  taskz: []\n", ("taskz", "site.yaml", "line 1")),
    ("- hosts: all\n  tasks:\n  - shell: touch {touched}\n  - nosuchmodule: x\n", ("nosuchmodule", "line 4")),
    ("- hosts: all\n  tasks:\n  - shell: touch {touched}\n  bad indent\n", ("site.yaml", "line 5")),
    ("- hosts: all\n  roles: [nowhere]\n", ("nowhere", "not found")),
    ("", ("site.yaml",)),
])
def test_a_playbook_that_is_wrong(text, says):
    with Run("", {"a": LOCAL}) as r:
        touched = r.dir / "touched"
        r.playbook.write_text(text.replace("{touched}", str(touched)))
        end = r.whole()
        assert end["how"] == "refused" and end["exit"] != 0 and not end["begun"], end
        for word in says:
            assert word in end["reason"], end["reason"]
        assert states(end) == {"a": "unknown"} and not touched.exists()


def test_no_such_host():
    with Run([play(task("x", "true"))], {"a": LOCAL}) as r:
        r.spec["hosts"] = ["other"]
        end = r.whole()
        assert end["how"] == "refused" and "no hosts to target" in end["reason"]


def test_no_ansible_on_this_host():
    with Run([play()], {"a": LOCAL}, program="ansible-playbook-of-nowhere") as r:
        end = r.whole()
        assert end["how"] == "refused" and "apt install ansible-core" in end["reason"]


# ---- limits ----

def test_the_time_limit_ends_everything():
    """Who was decided stays so, who was not is unknown and where it hung is known."""
    hangs = "echo $$ >{{ playbook_dir }}/../hangs; sleep 600"
    tasks = [task("one breaks", "exit 1", when="inventory_hostname == 'broken'"),
             task("one hangs", hangs, when="inventory_hostname == 'slow'"), task("after", "true")]
    with Run([play(*tasks)], {"broken": LOCAL, "slow": LOCAL, "quick": LOCAL}, limit_ms=12000) as r:
        end = r.whole()
        assert end["how"] == "timed-out" and 12000 <= end["ms"] < 40000
        assert states(end) == {"broken": "failed", "slow": "unknown", "quick": "unknown"}
        assert end["hosts"]["slow"]["task"] == "one hangs"
        assert start_time(int(r.file("hangs"))) is None


def test_a_host_that_hangs_fails_alone():
    tasks = [task("one hangs", "sleep 600", when="inventory_hostname == 'slow'"), task("after", "true")]
    with Run([play(*tasks)], {"slow": LOCAL, "quick": LOCAL}, task_ms=8000, limit_ms=60000) as r:
        end = r.whole()
        assert end["how"] == "done"
        assert states(end) == {"slow": "failed", "quick": "ok"}
        assert end["hosts"]["slow"]["task"] == "one hangs"


def test_cancel():
    with Run([play(task("waits", "echo $$ >{{ playbook_dir }}/../waits; sleep 600"))], {"a": LOCAL}) as r:
        r.start().started()
        pid = int(r.file("waits"))
        r.process.send_signal(signal.SIGTERM)
        end = r.end()
        assert end["how"] == "cancelled" and states(end) == {"a": "unknown"}
        assert start_time(pid) is None


def test_the_log_keeps_its_end():
    noise = {"name": "noise", "ansible.builtin.debug": {"msg": "x" * 1000}, "loop": list(range(300))}
    with Run([play(noise, task("last of all", "true"))], {"a": LOCAL}, log_max=64 << 10) as r:
        end = r.whole()
        assert states(end) == {"a": "ok"} and not end["log_lost"]
        parts = sorted(r.run.glob("log.*"))
        assert len(parts) == 2 and sum(p.stat().st_size for p in parts) <= 64 << 10
        assert "last of all" in r.log() and "PLAY RECAP" in r.log()
        assert int(parts[1].name[4:]) == int(parts[0].name[4:]) + parts[0].stat().st_size


# ---- runs that outlive roost ----

WAITS = play(task("counts", "echo $$ >>{{ playbook_dir }}/../began; "
                            "while ! [ -e {{ playbook_dir }}/../go ]; do sleep 0.1; done"))


def test_one_that_is_found_alive_is_waited_for():
    with Run([WAITS], {"a": LOCAL}) as r:
        keeper = r.start().started()
        r.file("began")
        r.process.kill()  # roost-core, so to speak
        r.process.wait()
        assert start_time(keeper), "the run goes on"
        r.process.stdout.close(), r.process.stderr.close()
        assert r.start("find").started() == keeper
        (r.dir / "go").touch()
        end = r.end()
        assert end["how"] == "done" and states(end) == {"a": "ok"}
        assert len((r.dir / "began").read_text().split()) == 1
        again = r.start("find").end()
        assert again["how"] == "done" and again["hosts"] == end["hosts"]


def test_one_that_ended_while_roost_was_away():
    with Run([WAITS], {"a": LOCAL}) as r:
        keeper = r.start().started()
        r.file("began")
        r.process.kill()
        r.process.wait()
        r.process.stdout.close(), r.process.stderr.close()
        (r.dir / "go").touch()
        until("roost-run has ended", lambda: start_time(keeper) is None, 60)
        end = r.start("find").end()
        assert end["how"] == "done" and states(end) == {"a": "ok"}


def test_one_that_is_found_dead_leaves_nothing_behind():
    """SIGKILL of roost and of roost-run: what is left of Ansible is ended before it counts as interrupted."""
    with Run([WAITS], {"a": LOCAL}) as r:
        keeper = r.start().started()
        shell = int(r.file("began"))
        r.process.kill()
        r.process.wait()
        r.process.stdout.close(), r.process.stderr.close()
        os.kill(keeper, signal.SIGKILL)
        until("roost-run is gone", lambda: start_time(keeper) is None, 60)
        assert start_time(shell), "Ansible's own process still works on the host"
        end = r.start("find").end()
        assert end["how"] == "interrupted" and states(end) == {"a": "unknown"}
        assert start_time(shell) is None


def test_never_started():
    with Run([WAITS], {"a": LOCAL}) as r:
        assert r.start("find").process.communicate(timeout=60)[0] == "never\n"


# ---- host keys ----

@pytest.mark.parametrize("cfg", ["none", "contrary"])
def test_host_keys_are_checked_whatever_ansible_cfg_says(cfg, tmp_path):
    """Against a real sshd: with its key on record it is configured; with another one it is unreachable, and
    nothing is executed on it, not even by a connection of the run before."""
    with Sshd(tmp_path) as sshd:
        mark = tmp_path / "executed"
        hosts = {"web1": {"ansible_host": "127.0.0.1", "ansible_port": sshd.port, "ansible_user": sshd.user,
                          "ansible_ssh_common_args": "-o HostKeyAlias=web1"}}

        def whole():
            with Run([play(task("mark", f"echo x >>{mark}"))], hosts, ssh_key=str(sshd.client_key)) as r:
                (r.dir / "known_hosts").write_text(f"web1 {recorded}")
                if CFGS[cfg]:
                    r.cfg(CFGS[cfg] + "\n[ssh_connection]\nssh_args = -o StrictHostKeyChecking=no\n")
                return r.whole()

        recorded = sshd.host_key
        end = whole()
        assert states(end) == {"web1": "ok"}, end
        sshd.exchange_key()
        end = whole()
        assert states(end) == {"web1": "unreachable"}
        assert "Host key verification failed" in end["hosts"]["web1"]["message"]
        assert mark.read_text() == "x\n"
