"""inventory.yaml, known_hosts and ssh_config in the hands of those who read them: ansible-inventory
and ansible, ssh-keygen, ssh.

Nothing here needs a running roost: the goldens of tests/golden/ansible, and hosts made up here that
the unit test's program renders. Regenerate the goldens with REGEN=1 (tests/unit/ansible/golden.c)."""
import base64
import json
import os
import pathlib
import random
import shlex
import stat
import struct
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RENDER = ROOT / os.environ.get("BUILD", "build") / "tests/unit/ansible/golden"
CASES = sorted(p for p in (ROOT / "tests/golden/ansible").iterdir())
LARGE = 1500
UP = ("launched", "seeded", "homed", "configured", "stopping")
# In vars, roost's own word counts, never these.
OWN = {"ansible_host", "ansible_host_key_checking", "ansible_ssh_common_args",
       "ansible_ssh_private_key_file", "roost_image", "roost_network", "roost_state"}

rendered = pytest.mark.skipif(not RENDER.exists(), reason=f"{RENDER} is not built")


def run(*argv, env=None, check=True, **kw):
    return subprocess.run([str(a) for a in argv], check=check, capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, timeout=120, **kw)


@pytest.fixture(scope="module")
def ansible_env(tmp_path_factory):
    """An Ansible without the caller's configuration; what it warns of is an error here."""
    home = tmp_path_factory.mktemp("ansible")
    (home / "ansible.cfg").write_text("[defaults]\nany_unparsed_is_failed = true\n"
                                      "[inventory]\nany_unparsed_is_failed = true\n")
    return {"HOME": str(home), "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(home / "tmp"), "ANSIBLE_NOCOLOR": "1"}


def hosts_of(case):
    return yaml.safe_load((case / "hosts.yaml").read_text())


def inventory_of(path, env):
    r = run("ansible-inventory", "-i", path, "--list", env=env)
    warnings = [w for w in r.stderr.splitlines() if "host with same name" not in w and w.strip()]
    assert warnings == []
    return json.loads(r.stdout)


def members(listing, group):
    return listing.get(group, {}).get("hosts", [])


def port_of(host):
    return int(host.get("vars", {}).get("ansible_port", host["ssh"].rpartition(":")[2]))


def address_of(host):
    return host["ssh"].rpartition(":")[0].strip("[]")


def expected_groups(fleet):
    """Group to members: the fleet's, and roost's where the fleet has none of that name."""
    own, made = {}, {}
    for h in fleet["hosts"]:
        for g in h.get("groups", []):
            own.setdefault(g, []).append(h["name"])
        for kind in ("image", "network", "scenario", "state"):
            if h.get(kind):
                made.setdefault(f"{kind}_{h[kind]}".replace("-", "_"), []).append(h["name"])
    return {**made, **own}


def judge_inventory(listing, fleet):
    hostvars = listing["_meta"]["hostvars"]
    assert set(hostvars) == {h["name"] for h in fleet["hosts"]}
    for h in fleet["hosts"]:
        got, theirs = hostvars[h["name"]], h.get("vars", {})
        for name, value in theirs.items():
            if name not in OWN:
                assert got[name] == value, name
        assert got["ansible_host_key_checking"] is True
        assert got.get("roost_state") == h.get("state")
        if h.get("ssh"):
            assert got["ansible_host"] == address_of(h)
            assert int(got["ansible_port"]) == port_of(h)
        else:
            assert "ansible_host" not in got and "ansible_port" not in got
        own = h.get("account") and "ansible_user" not in theirs
        if h.get("user") or own:
            assert text_of(got["ansible_user"]) == theirs.get("ansible_user", h["account"] if own else h["user"])
        if own:
            assert text_of(got["ansible_ssh_private_key_file"]) == h["account_key"].replace("%", "%%")
        args = shlex.split(text_of(got["ansible_ssh_common_args"]))
        assert args[:2] == ["-o", f"HostKeyAlias={h['name']}"]
    groups = {g: sorted(members(listing, g)) for g in listing if g not in ("_meta", "all")}
    groups.pop("ungrouped", None)
    assert groups == {g: sorted(m) for g, m in expected_groups(fleet).items()}


def text_of(value):
    """ansible-inventory shows what is !unsafe as an object."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def judge_known_hosts(path, fleet):
    """Each key under its name; an address only under the keys of whoever runs there."""
    want = {}
    for h in fleet["hosts"]:
        at = None
        if h.get("ssh") and h.get("state") in UP:
            at = f"[{address_of(h)}]:{port_of(h)}" if port_of(h) != 22 else address_of(h)
        for who in filter(None, (h["name"], at)):
            want.setdefault(who, []).extend(k.split()[:2] for k in h.get("keys", []))
    got = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            who, *key = line.split(" ")
            for w in who.split(","):
                got.setdefault(w, []).append(key)
    assert {w: sorted(k) for w, k in got.items()} == {w: sorted(k) for w, k in want.items() if k}
    lines = [l for l in path.read_text().splitlines() if not l.startswith("#")]
    # A number alone in front is the size of an SSH1 key to -l, and nothing special to -F or ssh.
    shown = [l for l in lines if not l.split(" ")[0].isdigit()]
    if shown:
        assert len(run("ssh-keygen", "-l", "-f", path).stdout.splitlines()) == len(shown)
    numbers = sorted(w for w in got if w.isdigit())
    for who in numbers[:3] + random.Random(1).sample(sorted(got), min(len(got), 20)):
        found = run("ssh-keygen", "-F", who, "-f", path).stdout
        lines = [l.split(" ")[1:] for l in found.splitlines() if not l.startswith("#")]
        assert sorted(lines) == sorted(got[who])


def ssh_settings(config, name):
    r = run("ssh", "-G", "-T", "-F", config, name)
    assert r.stderr == ""
    out = {}
    for line in r.stdout.splitlines():
        key, _, value = line.partition(" ")
        out.setdefault(key, []).append(value)
    return out


def judge_ssh_config(path, fleet, hosts):
    for h in hosts:
        got = ssh_settings(path, h["name"])
        if not h.get("ssh"):
            assert "hostkeyalias" not in got
            continue
        assert got["hostname"] == [address_of(h)]
        assert got["port"] == [str(port_of(h))]
        assert got["hostkeyalias"] == [h["name"]]
        assert got["userknownhostsfile"] == [fleet["known_hosts"]]
        assert got["stricthostkeychecking"] == ["true"]
        assert got["checkhostip"] == ["no"]
        if h.get("user") and "{" not in h["user"]:
            assert got["user"] == [h["user"]]
        if fleet.get("ssh_key"):  # -G shows it as written: ssh expands it when it opens the file
            assert got["identityfile"] == [fleet["ssh_key"].replace("%", "%%")]
            assert got["identitiesonly"] == ["yes"]


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_golden(case, ansible_env):
    fleet = hosts_of(case)
    judge_inventory(inventory_of(case / "inventory.yaml", ansible_env), fleet)
    judge_known_hosts(case / "known_hosts", fleet)
    judge_ssh_config(case / "ssh_config", fleet, fleet["hosts"])


# ---- a fleet at random ----

def ed25519(rng):
    name = b"ssh-ed25519"
    blob = struct.pack(">I", len(name)) + name + struct.pack(">I", 32) + rng.randbytes(32)
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def some_text(rng):
    alphabet = "ab 019:#-?*&!|>'\"%@`{}[],\\\n\t=~^$é€\u0085\u2028\ufeff\U0001F414\x07"
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(12)))


def some_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind >= 7:
        return {some_text(rng).replace("{", "(") + str(i): some_value(rng, depth + 1)
                for i in range(rng.randrange(3))}
    if kind == 6:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(3))]
    return [some_text(rng), rng.randrange(-9, 2**40), rng.random() * 10**rng.randrange(-9, 9), True,
            None, rng.choice(["yes", "no", "on", "null", "~", "0755", "1e3", "1_0", "12:30:00",
                              "2001-01-01", "=", "<<", ".inf", "-", "---", "- a", "a: b"])][kind]


def some_fleet(rng, n):
    words = ["web", "db", "on", "yes", "null", "0x1f", "1e3", "12", "n", "a"]
    groups = [f"g{i}" for i in range(40)] + ["off", "Yes", "null", "image_x_1", "state_homed"]
    names = {rng.choice(words) + rng.choice(["", "-", "x"]) + str(i) for i in range(n)}
    names |= set(words)
    hosts = []
    for i, name in enumerate(sorted(names)):
        h = {"name": name, "state": rng.choice(UP + ("stopped", "failed")), "user": "ops",
             "image": f"x-{rng.randrange(9)}", "network": rng.choice(["user", "lab-1"]),
             "groups": sorted(rng.sample(groups, rng.randrange(4))),
             "keys": [ed25519(rng) for _ in range(rng.randrange(2))],
             "vars": {f"v{k}": some_value(rng) for k in range(rng.randrange(4))}}
        if rng.random() < 0.9:
            h["ssh"] = rng.choice([f"127.0.0.1:{20000 + i}", f"10.9.{i // 250}.{i % 250}:22",
                                   f"[fd00::{i + 1:x}]:22", f"[fd00:1::{i + 1:x}]:2222"])
        hosts.append(h)
    return {"known_hosts": "/srv/it's 50% \"mine\"/known_hosts", "ssh_key": "", "hosts": hosts}


@rendered
def test_large_fleet(tmp_path, ansible_env):
    rng = random.Random(20)
    fleet = some_fleet(rng, LARGE)
    (tmp_path / "hosts.json").write_text(json.dumps(fleet))
    for out in ("first", "second"):
        (tmp_path / out).mkdir()
        run(RENDER, tmp_path / "hosts.json", tmp_path / out)
    for f in ("inventory.yaml", "known_hosts", "ssh_config"):
        assert (tmp_path / "first" / f).read_bytes() == (tmp_path / "second" / f).read_bytes()
    judge_inventory(inventory_of(tmp_path / "first/inventory.yaml", ansible_env), fleet)
    judge_known_hosts(tmp_path / "first/known_hosts", fleet)
    judge_ssh_config(tmp_path / "first/ssh_config", fleet, rng.sample(fleet["hosts"], 40))


# ---- what Ansible does with it ----

def render(tmp, fleet):
    (tmp / "hosts.json").write_text(json.dumps(fleet))
    run(RENDER, tmp / "hosts.json", tmp)
    return tmp / "inventory.yaml"


def debug(inventory, host, expression, env):
    r = run("ansible", "-i", inventory, "-c", "local", "-m", "debug", "-a", f"msg={expression}", host,
            env=env)
    return json.loads(r.stdout[r.stdout.index("{"):])["msg"]


@rendered
def test_templates_that_are_not_the_operator_s_never_run(tmp_path, ansible_env):
    """The same text is run as a host variable (the test would notice) and is not elsewhere."""
    pwned = tmp_path / "pwned"
    evil = "{{ lookup('pipe', 'echo ran; touch %s') }}" % pwned
    fleet = {"known_hosts": f"/srv/{evil}/known_hosts", "ssh_key": f"/srv/{evil}/key",
             "hosts": [{"name": "a", "ssh": "127.0.0.1:22", "state": "homed", "user": evil,
                        "vars": {"own": evil, "url": "http://{{ inventory_hostname }}/"}}]}
    inventory = render(tmp_path, fleet)
    assert debug(inventory, "a", "{{ ansible_user }}", ansible_env) == evil
    assert "lookup" in debug(inventory, "a", "{{ ansible_ssh_common_args }}", ansible_env)
    assert "lookup" in debug(inventory, "a", "{{ ansible_ssh_private_key_file }}", ansible_env)
    assert not pwned.exists()
    assert debug(inventory, "a", "{{ url }}", ansible_env) == "http://a/"
    assert debug(inventory, "a", "{{ own }}", ansible_env) == "ran"
    assert pwned.exists()


@rendered
@pytest.mark.parametrize("directory", ["plain", "it's 50% of \"{{ all }}\" #1"])
def test_ansible_calls_ssh_strictly(tmp_path, ansible_env, directory):
    """Even where ansible.cfg turns checking off, and whatever the paths hold: what ssh itself (-G)
    makes of the arguments that Ansible gives it."""
    seen = tmp_path / "seen"
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\n[ -e {seen} ] || /usr/bin/ssh -G "$@" >{seen}\nexit 255\n')
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    base = f"/srv/{directory}"
    inventory = render(tmp_path, {
        "known_hosts": f"{base}/known_hosts", "ssh_key": f"{base}/key",
        "hosts": [{"name": "web1", "ssh": "127.0.0.1:40022", "state": "homed", "user": "ops"}]})
    r = run("ansible", "-i", inventory, "-m", "ping", "web1", check=False,
            env={**ansible_env, "ANSIBLE_HOST_KEY_CHECKING": "False",
                 "ANSIBLE_SSH_EXECUTABLE": str(ssh), "ANSIBLE_SSH_ARGS": "-C"})
    assert seen.exists(), r.stdout + r.stderr
    got = dict(l.split(" ", 1) for l in seen.read_text().splitlines() if " " in l)
    assert got["hostname"] == "127.0.0.1" and got["port"] == "40022" and got["user"] == "ops"
    assert got["hostkeyalias"] == "web1"
    assert got["stricthostkeychecking"] == "true"
    assert got["checkhostip"] == "no"
    assert got["identitiesonly"] == "yes"
    assert got["userknownhostsfile"] == f"{base}/known_hosts"
    assert got["identityfile"] == f"{base}/key".replace("%", "%%")
