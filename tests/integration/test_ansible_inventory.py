"""Both inventories, the YAML file and roost-inventory(1), in real ansible-core's hands: they agree to the
last variable, whatever the texts hold, and nothing that a guest says is ever a template."""
import json
import os
import random
import shutil
import subprocess

import pytest
import yaml
from harness.guest import Guest, define
from harness.roost import BUILD, Roost
from test_generated_files import (CASES, ansible_env, hosts_of, inventory_of, judge_inventory,  # noqa: F401
                                  rendered, run, some_fleet)

PROGRAM = BUILD / "roost-inventory"
RENDER = BUILD / "tests/unit/ansible/golden"
LARGE = 1500


def state_with(tmp, inventory):
    """A state directory that holds no more than this inventory."""
    generated = tmp / "state" / "generated"
    generated.mkdir(parents=True)
    shutil.copy(inventory, generated / "inventory.json")
    return {"ROOST_STATE": str(tmp / "state")}


def ordered(listing):
    """Ansible keeps no order among the hosts of a group, nor among groups."""
    return {name: {key: sorted(value) if isinstance(value, list) else value
                   for key, value in body.items()} if name != "_meta" else body
            for name, body in listing.items()}


def agree(tmp, directory, env):
    fixed = inventory_of(directory / "inventory.yaml", env)
    dynamic = inventory_of(PROGRAM, {**env, **state_with(tmp, directory / "inventory.json")})
    for host, variables in fixed["_meta"]["hostvars"].items():
        assert dynamic["_meta"]["hostvars"][host] == variables, host
    assert ordered(dynamic) == ordered(fixed)
    return dynamic


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_both_agree(case, tmp_path, ansible_env):
    judge_inventory(agree(tmp_path, case, ansible_env), hosts_of(case))


@rendered
def test_both_agree_on_a_large_fleet(tmp_path, ansible_env):
    fleet = some_fleet(random.Random(4), LARGE)
    # Ansible gives the variables of a host that is called like a group to whichever it read first.
    groups = {g for h in fleet["hosts"] for g in h["groups"]}
    fleet["hosts"] = [h for h in fleet["hosts"] if h["name"] not in groups]
    (tmp_path / "hosts.json").write_text(json.dumps(fleet))
    run(RENDER, tmp_path / "hosts.json", tmp_path)
    judge_inventory(agree(tmp_path, tmp_path, ansible_env), fleet)


def msg(argv, env):
    r = run("ansible", *argv, env=env)
    return json.loads(r.stdout[r.stdout.index("{"):])["msg"]


@rendered
@pytest.mark.parametrize("which", ["inventory.yaml", "roost-inventory"])
def test_templates(which, tmp_path, ansible_env):
    """The operator's run (so the test would notice), those that came another way never do."""
    pwned = tmp_path / "pwned"
    evil = "{{ lookup('pipe', 'echo ran; touch %s') }}" % pwned
    fleet = {"known_hosts": f"/srv/{evil}/known_hosts", "ssh_key": f"/srv/{evil}/key",
             "hosts": [{"name": "a", "ssh": "127.0.0.1:22", "state": "homed", "user": evil,
                        "vars": {"own": evil}}]}
    (tmp_path / "hosts.json").write_text(json.dumps(fleet))
    run(RENDER, tmp_path / "hosts.json", tmp_path)
    env = {**ansible_env, **state_with(tmp_path, tmp_path / "inventory.json")}
    at = PROGRAM if which == "roost-inventory" else tmp_path / which

    def say(expression):
        return msg(("-i", at, "-c", "local", "-m", "debug", "-a", f"msg={expression}", "a"), env)

    assert say("{{ ansible_user }}") == evil
    assert "lookup" in say("{{ ansible_ssh_common_args }}")
    assert "lookup" in say("{{ ansible_ssh_private_key_file }}")
    assert not pwned.exists()
    assert say("{{ own }}") == "ran"
    assert pwned.exists()


def test_a_guest_s_hostname_is_no_template(tmp_path, ansible_env):
    """All that a guest may send when it comes home, as a template; through both inventories into a play
    that prints every variable of every host."""
    pwned = tmp_path / "pwned"
    evil = "{{ lookup('pipe', 'touch %s') }}" % pwned
    with Roost({"launch": {"enabled": "no"}}) as roost:
        define(roost, {"instances": {"web1": {"launcher": "external", "groups": ["web"]}}})
        guest = Guest(roost, "web1")
        key = " ".join(guest.key.split(" ")[:2] + [evil]) + "\n"
        assert guest.home(guest.form(hostname=evil, fqdn=evil + ".lab", pub_key_ed25519=key)).status == 200
        roost.cli("wait", "web1", "--for", "homed")
        roost.cli("sync")
        play = tmp_path / "play.yaml"
        play.write_text(yaml.safe_dump([{
            "hosts": "web", "connection": "local", "gather_facts": False,
            "tasks": [{"debug": {"var": "hostvars"}}, {"debug": {"var": "groups"}}]}]))
        env = {**ansible_env, "ROOST_STATE": str(roost.state)}
        for inventory in (roost.state / "generated/inventory.yaml", PROGRAM):
            r = run("ansible-playbook", "-i", inventory, play, env=env)
            assert "web1" in r.stdout and "state_homed" in r.stdout
            assert "lookup" not in r.stdout
    assert not pwned.exists()


def test_the_user_s_own_ansible_beside_a_running_roost(tmp_path, ansible_env):
    """Groups by network, image and state, beside the fleet's, change with the fleet."""
    with Roost({"launch": {"enabled": "no"}}) as roost:
        define(roost, {"instances": {"web": {"count": 3, "launcher": "external", "groups": ["web"],
                                             "vars": {"app": "shop"}}}})
        env = {**ansible_env, "ROOST_STATE": str(roost.state)}
        for name in ("web-1", "web-2"):
            Guest(roost, name).home()
        roost.cli("sync")
        listing = inventory_of(PROGRAM, env)
        assert sorted(listing["web"]["hosts"]) == ["web-1", "web-2"]
        assert sorted(listing["state_homed"]["hosts"]) == ["web-1", "web-2"]
        assert listing["_meta"]["hostvars"]["web-1"]["app"] == "shop"
        Guest(roost, "web-3").home()
        roost.cli("sync")
        assert len(inventory_of(PROGRAM, env)["state_homed"]["hosts"]) == 3
        host = run(PROGRAM, "--host", "web-3", env=env)
        assert json.loads(host.stdout) == inventory_of(PROGRAM, env)["_meta"]["hostvars"]["web-3"]
        roost.stop(keep=True)  # what is on record is there without a running roost, too
        assert len(inventory_of(PROGRAM, env)["state_homed"]["hosts"]) == 3


# ---- the program alone ----

def program(*args, **env):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], **env})


def test_what_it_is_called_with(tmp_path):
    env = state_with(tmp_path, CASES[0].parent / "forwards/inventory.json")
    assert program("--list", **env).stdout == (tmp_path / "state/generated/inventory.json").read_text()
    assert json.loads(program("--host", "db1", **env).stdout)["replicas"] == 2
    assert json.loads(program("--list", "--state", tmp_path / "state").stdout)["web"]
    assert program("--version").stdout.startswith("roost-inventory ")
    for wrong in ((), ("--host",), ("--list", "--host", "db1"), ("list",)):
        r = program(*wrong, **env)
        assert r.returncode == 2 and r.stdout == "" and "roost-inventory --help" in r.stderr, wrong
    nobody = program("--host", "nobody", **env)
    assert nobody.returncode == 3 and 'no instance "nobody"' in nobody.stderr


def test_no_inventory_there(tmp_path, ansible_env):
    """Ansible is told, rather than given an empty fleet."""
    r = program("--list", ROOST_STATE=str(tmp_path))
    assert r.returncode == 3 and "--state, ROOST_STATE" in r.stderr and str(tmp_path) in r.stderr
    r = run("ansible-inventory", "-i", PROGRAM, "--list", check=False,
            env={**ansible_env, "ROOST_STATE": str(tmp_path)})
    assert r.returncode != 0 and "no inventory there" in r.stderr
