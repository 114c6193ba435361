"""The package on a host of its own, with systemd as PID 1: what an operator does with it, from the installation
to the purge, with guests up. One host for all of it, so the tests build on each other, in their order."""
import json
import shlex
import subprocess
import threading

import pytest

import guest
from harness.guest import Guest, define, fleet, request
from harness.package import next_version, package
from harness.roost import Reply
from harness.storm import Storm
from host import SEED, Host

CONF = f"""[seed]
listen = 0.0.0.0:{SEED}
[launch]
probe-limit = 60s
stop-limit = 3m
autostart-at-once = 1
[limits]
launched = 20m
seeded = 10m
[ansible]
become = no
[projections]
ssh-key = /root/id
"""
# A disk is where a micro guest keeps its host key; the boot order is not that of the names.
FLEET = """
images:
  micro: {{kernel: /mnt/micro/vmlinuz, initrd: /mnt/micro/initrd, cmdline: "{cmdline} roost.keep=/dev/vda", file: /mnt/micro/disk, default-user: root}}
identities:
  root: {{public-keys: ["{key}"]}}
defaults: {{image: micro, identities: [root], memory: 128M, disk: 1M}}
instances:
  app: {{autostart: true, autostart-order: 30}}
  db: {{autostart: true, autostart-order: 10}}
  spare: {{}}
"""
PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.raw: echo configured >/tmp/said\n"
GUESTS = ("app", "db", "spare")
STORM = 1000  # guests of others, who phone home while roost is upgraded, however long that takes
UPGRADE = 900


class Remote:
    """The roost of a host, as harness.storm and harness.guest know one."""

    def __init__(self, host):
        self.host = host
        self.state = self

    @property
    def seed_port(self):
        return self.host.ports[SEED]

    def __truediv__(self, name):  # state / "secret.key"
        assert name == "secret.key"
        return self

    def read_bytes(self):
        if not hasattr(self, "secret"):
            self.secret = bytes.fromhex(self.host.said("od -An -v -tx1 /var/lib/roost/secret.key | tr -d ' \\n'"))
        return self.secret

    def api(self, method, path, body=None):
        given = "" if body is None else "-H 'Content-Type: application/json' --data-binary @- "
        said = self.host.run(f"curl -sS --max-time 300 -w '\\n%{{http_code}}' -X {method} {given}"
                             f"--unix-socket /run/roost/*/control.sock {shlex.quote(f'http://localhost{path}')}",
                             input=None if body is None else json.dumps(body)).stdout
        text, status = said.rsplit("\n", 1)
        return Reply(int(status), {}, text.encode())

    def cli(self, command, **kw):
        return self.host.run(f"roost {command}", **kw).stdout

    def json(self, command):
        return json.loads(self.cli(f"--output json {command}"))

    def states(self):
        return {row["name"]: row["state"] for row in self.json("instance list") if row["name"] in GUESTS}

    def events(self):
        return self.api("GET", "/v1/events?limit=1000&newest=1").json["events"]

    def wait(self, *names, state="homed", timeout=900):
        self.cli(f"wait {' '.join(names)} --for {state} --timeout {timeout}s --quiet", timeout=timeout + 60)


def qemus(host):
    """{instance: (pid, start time)}."""
    return dict((name, (pid, start)) for name, pid, start in (
        line.split() for line in host.said(
            "for f in /proc/[0-9]*/comm; do read -r c <$f || continue; case $c in roost-app|roost-db|roost-spare) d=${f%/comm};"
            " echo ${c#roost-} ${d#/proc/} $(sed 's/.*) //' $d/stat | cut -d' ' -f20);; esac; done").splitlines()))


def files(host):
    """Everything on its disk, but for what a machine writes by itself."""
    skip = "|".join(("/proc", "/sys", "/dev", "/run", "/tmp", "/mnt", "/root", "/var/log", "/var/lib/dpkg",
                     "/var/lib/systemd", "/var/cache", "/var/tmp", "/etc/ld.so.cache"))
    found = host.said(f"find / -xdev -regextype posix-extended -regex '({skip})' -prune -o -print | sort")
    return set(found.splitlines())


@pytest.fixture(scope="module")
def packages():
    """This version, and the next one."""
    return package(), next_version()


@pytest.fixture(scope="module")
def host(micro, packages, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk") / "disk"
    disk.write_bytes(bytes(1 << 20))
    own = guest.build_image("debian-host")
    h = Host(own, {"old.deb": packages[0], "new.deb": packages[1], "micro/vmlinuz": micro / "vmlinuz",
                   "micro/initrd": micro / "initrd", "micro/disk": disk})
    try:
        h.start()
        h.roost = Remote(h)
        h.cmdline = (micro / "cmdline").read_text().strip()
        yield h
    finally:
        print(h.console()[-3000:])
        h.stop()


@pytest.fixture(autouse=True)
def journal(host, request):
    """Shown when something fails."""
    yield
    try:
        print(host.run("journalctl -u 'roost*' -n 80 --no-pager -o short-precise; systemctl --failed --no-pager",
                       check=False, timeout=60).stdout)
    except (subprocess.TimeoutExpired, OSError):
        print("nobody answers in the host")


def test_install(host):
    """By dpkg alone, without a network; it runs, hardened as its unit says, and nobody's own service is enabled."""
    host.before = files(host)
    host.run("dpkg -i /mnt/old.deb")
    host.run("ssh-keygen -q -t ed25519 -N '' -f /root/id </dev/null && cat >/etc/roost/roost.conf && systemctl restart roost", input=CONF)
    assert host.said("systemctl is-active roost roost-guests") == "active\nactive"
    assert host.said("systemctl is-enabled roost roost-guests") == "enabled\nenabled"
    assert host.said("find /etc/systemd/user -name 'roost*' 2>/dev/null || true") == ""
    assert host.said("stat -c '%U:%G %a' /run/roost/*/control.sock") == "root:roost 660"
    shown = dict(line.split("=", 1) for line in host.said(
        "systemctl show roost -p NFileDescriptorStore,LimitNOFILE,TasksMax,WatchdogUSec,StatusText,MainPID").splitlines())
    assert int(shown["NFileDescriptorStore"]) == 2, "the seed's socket and the control one"
    assert (shown["LimitNOFILE"], shown["TasksMax"], shown["WatchdogUSec"]) == ("65536", "16384", "1min")
    assert shown["StatusText"].startswith("ready, 0 guests")
    for role in ("roost-core", "roost-front"):
        status = dict(line.split(":\t", 1) for line in host.said(
            f"cat /proc/$(pgrep -x {role})/status").splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", role
        assert int(status["CapEff"], 16) & ~(1 << 2) == 0, "but for CAP_DAC_READ_SEARCH"
    host.handles = handles(host)
    assert host.said("systemd-analyze --man=no verify roost.service roost-guests.service roost-modules.service 2>&1 | grep roost || true") == ""


def test_guests_come_home_and_stay_through_a_restart(host):
    """Restarted with guests up: the same QEMUs, found again; nobody who asks meanwhile is refused."""
    host.run("cat >/root/fleet.yaml && roost apply -f /root/fleet.yaml",
             input=FLEET.format(cmdline=host.cmdline, key=host.said("cat /root/id.pub")))
    for name in GUESTS:  # each with the one CPU of the host to itself
        host.roost.cli(f"instance start {name}")
        host.roost.wait(name)
    assert "homed" in host.said("journalctl -u roost ROOST_INSTANCE=db -o cat"), "the journal knows whose line it is"
    before, last = qemus(host), host.roost.events()[-1]["seq"]
    assert set(before) == set(GUESTS)
    host.accelerator = host.roost.json("status")["accelerator"]["name"]
    over, statuses = threading.Event(), []

    def ask():
        while not over.is_set():
            try:
                statuses.append(request(host.roost.seed_port, "GET", "/nobody/meta-data", timeout=120).status)
            except OSError as e:
                statuses.append(repr(e))
    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    host.run("systemctl restart roost")
    pid = host.said("systemctl show -p MainPID --value roost")
    host.run(f"kill -KILL {pid}; until [ $(systemctl show -p MainPID --value roost) != {pid} ] && "
             "systemctl is-active -q roost; do sleep 0.3; done")
    over.set()
    for thread in asking:
        thread.join(150)
    assert statuses and set(statuses) <= {404, 503}, "answered, every one; none was refused or cut off"
    assert qemus(host) == before
    assert host.roost.states() == dict.fromkeys(before, "homed")
    assert sorted((e["kind"], e["instance"]) for e in host.roost.events() if e["seq"] > last and e["instance"]) == \
        sorted([("adopted", name) for name in GUESTS] * 2), "nothing but that they were found again, both times"


def handles(host):
    """{role: descriptors that are open}."""
    return {role: int(host.said(f"ls /proc/$(pgrep -x {role})/fd | wc -l")) for role in ("roostd", "roost-core")}


def test_the_units_limits_do_for_500_guests(host):
    """By what a guest costs here."""
    shown = {role: host.said(f"sed -n 's/^Max open files *\\([0-9]*\\) .*/\\1/p' /proc/$(pgrep -x {role})/limits")
             for role in ("roostd", "roost-core")}
    for role, open_ in handles(host).items():
        assert 500 * max(1, -(-(open_ - host.handles[role]) // len(GUESTS))) < int(shown[role]) // 2, role
    tasks = [int(host.said(f"ls /proc/{pid}/task | wc -l")) for pid, _start in qemus(host).values()]
    assert 500 * max(tasks) < 16384 // 2, tasks


def test_ansible_runs_under_the_unit(host):
    """As root with a home that it may not write to."""
    host.run("roost ansible init && cat >/var/lib/roost/ansible/site.yaml", input=PLAY)
    host.roost.cli("run db", timeout=600)
    host.roost.wait("db", state="configured")
    assert host.said("find /root/.ansible 2>/dev/null || true") == ""
    host.run("rm /var/lib/roost/ansible/site.yaml")  # who comes home below is no machine that it could run on


def test_upgrade_in_a_storm_of_phone_homes(host, packages):
    """Acknowledged is on record; who comes while there is no roost waits; guests run on."""
    names = [f"x{i}" for i in range(STORM)]
    define(host.roost, fleet(names))
    before = qemus(host)
    old = host.said("systemctl show -p MainPID --value roost")
    with Storm(host.roost, patience=300) as storm:
        upgrade = threading.Thread(target=lambda: setattr(host, "upgraded", host.run(
            "dpkg -i /mnt/new.deb && systemctl is-active roost", check=False, timeout=UPGRADE)))

        def more(n):
            storm.send([Guest(host.roost, names.pop()) for _ in range(n)])
            storm.wait(300)
        more(8)
        upgrade.start()
        while upgrade.is_alive():
            more(4)
            upgrade.join(0.1 if len(names) > STORM / 2 else UPGRADE / (STORM / 2 / 4))  # they last for the whole of it
        more(8)
        assert host.upgraded.returncode == 0, host.upgraded.stdout + host.upgraded.stderr
        assert set(storm.refused) <= {503}, storm.refused
        storm.check()
        assert len(storm.journal) > 30
    assert host.said("systemctl show -p MainPID --value roost") != old
    assert packages[1].name.split("_")[1] in host.roost.cli("--version").split()
    assert qemus(host) == before
    assert host.roost.states() == {"db": "configured", "app": "homed", "spare": "homed"}


def up_again(host):
    """The host has booted, and its guests are back."""
    host.run("systemctl is-system-running --wait", check=False, timeout=400)
    assert host.said("systemctl is-active roost", check=False) == "active"
    host.roost.wait("app", "db", timeout=1500)


def test_the_host_reboots(host):
    """Guests are shut down by ACPI within the limit, and come back in their order, one at a time, when seeds are
    answered; who does not start with the host stays down."""
    last = host.roost.events()[-1]["seq"]
    host.reboot()
    up_again(host)
    events = [e for e in host.roost.events() if e["seq"] > last]
    for name in GUESTS:
        kinds = [e["kind"] for e in events if e["instance"] == name]
        assert kinds[:2] == ["stopping", "stopped"], "asked, and ended by itself"
        assert "micro: power button" in host.said(f"cat /var/lib/roost/instances/{name}/console.log*")
    order = [(e["kind"], e["instance"]) for e in events if e["kind"] in ("launching", "homed", "homed-again")
             and e["instance"] in GUESTS]
    assert [name for _kind, name in order] == ["db", "db", "app", "app"], order
    assert host.roost.json("status")["accelerator"]["name"] == host.accelerator, "also when the modules are loaded at boot"
    assert "already loaded vendor module" not in host.said("journalctl -b -k -o cat"), "nobody tried another vendor's"
    said = host.said("journalctl -b -u roost -o cat")
    assert 0 <= said.index("ready, ") < said.index("launching")


def test_power_cut(host):
    """In the middle of a storm: what was acknowledged is on record, the store is whole, guests are back."""
    last = host.roost.events()[-1]["seq"]
    names = [f"y{i}" for i in range(200)]
    define(host.roost, fleet(names))
    with Storm(host.roost) as storm:
        storm.send([Guest(host.roost, name) for name in names])
        storm.wait(120, acknowledged=40)
        host.cut_power()
    host.start()
    up_again(host)
    assert host.run("roost store check").returncode == 0
    storm.check()
    events = [e for e in host.roost.events() if e["seq"] > last and e["kind"] == "launching"]
    assert [e["instance"] for e in events] == ["db", "app"]


def test_purge(host):
    """With guests up: they end, and nothing stays."""
    assert set(qemus(host)) == {"db", "app"}
    host.run("dpkg -P roost", timeout=600)
    assert qemus(host) == {} and host.said("pgrep -f '[r]oost' || true") == ""
    assert files(host) - host.before == set()
    assert host.said("find /var/lib/systemd /var/cache /tmp /var/tmp /run/roost* -name '*roost*' 2>/dev/null || true") == ""
    assert host.said("getent group roost || true") == ""
    assert host.said("systemctl --failed --plain --no-legend | grep roost || true") == ""
