"""roost ansible init: documents that are right for real ansible-core, written once and never again; and
`roost known-hosts` as ssh's KnownHostsCommand, against a real sshd."""
import json
import subprocess
import tempfile

import pytest
import yaml
from harness.guest import Guest, define
from harness.roost import BUILD, ROOT, Roost
from harness.sshd import Sshd

PROGRAM = BUILD / "roost-inventory"
FLEET = {"instances": {"web1": {"launcher": "external", "groups": ["web"], "vars": {"app": "shop"}},
                       "on": {"launcher": "external"}}}


@pytest.fixture
def roost():
    with Roost({"launch": {"enabled": "no"}}) as r:
        define(r, FLEET)
        yield r


def ansible(r, *argv, cwd, check=True, **env):
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:  # no connection of an earlier call is used again
        done = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, timeout=120,
                              env={**r.env, "ANSIBLE_LOCAL_TEMP": str(r.dir / "tmp"), "ANSIBLE_NOCOLOR": "1",
                                   "ANSIBLE_SSH_CONTROL_PATH_DIR": shared, **env})
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def files(answer):
    return {row["file"]: row["is"] for row in answer["files"]}


def test_the_fleet_s(roost):
    made = roost.json("ansible", "init")
    where = roost.state / "ansible"
    assert made["directory"] == str(where)
    assert files(made) == {"site.yaml": "written", "ansible.cfg": "written", "roost-inventory": "written"}
    Guest(roost, "web1").home()
    roost.cli("sync")
    ansible(roost, "ansible-playbook", "--syntax-check", "site.yaml", cwd=where)
    settings = ansible(roost, "ansible-config", "dump", "--only-changed", "-t", "all", cwd=where).stdout
    assert "DEFAULT_HOST_LIST" in settings and "generated/inventory.yaml" in settings
    assert "RETRY_FILES_ENABLED" in settings and "DEFAULT_BECOME(" in settings
    assert "StrictHostKeyChecking=yes" in settings and "generated/known_hosts" in settings
    # By the command line of the manual, and by the default of its ansible.cfg.
    for argv in (("-i", "roost-inventory"), ()):
        listing = json.loads(ansible(roost, "ansible-inventory", *argv, "--list", cwd=where).stdout)
        assert listing["web"]["hosts"] == ["web1"]
        assert listing["_meta"]["hostvars"]["web1"]["app"] == "shop"


def test_what_a_person_edited_stays(roost):
    roost.json("ansible", "init")
    site = roost.state / "ansible" / "site.yaml"
    site.write_text("- hosts: web\n")
    (roost.state / "ansible" / "ansible.cfg").unlink()
    again = files(roost.json("ansible", "init"))
    assert again == {"site.yaml": "kept", "ansible.cfg": "written", "roost-inventory": "unchanged"}
    assert site.read_text() == "- hosts: web\n"
    site.unlink()
    site.symlink_to("/nowhere")  # a person's, too
    assert files(roost.json("ansible", "init"))["site.yaml"] == "kept"
    assert site.is_symlink()
    assert sorted(p.name for p in site.parent.iterdir()) == ["ansible.cfg", "roost-inventory", "site.yaml"]


def test_nobody_s(roost):
    done = roost.cli("ansible", "init", "--instance", "none", check=False)
    assert done.returncode == 3 and done.stdout == ""
    assert not (roost.state / "instances" / "none").exists()
    assert roost.api("POST", "/v1/ansible/init", {"instances": "web1"}).status == 400


@pytest.mark.parametrize("name", ["web1", "on"])
def test_an_instance_s_own_by_hand(roost, name, tmp_path):
    """`ansible-playbook -i inventory.yaml deploy.yaml` in its directory, against a real sshd with the key
    that the guest brought home; then that sshd has another one."""
    with Sshd(tmp_path) as sshd:
        guest = Guest(roost, name)
        guest.key = sshd.host_key
        roost.cli("sync")
        define(roost, {"instances": {name: {**FLEET["instances"][name],
                                            "vars": {"ansible_port": sshd.port, "ansible_user": sshd.user}}}})
        assert guest.home(guest.form(pub_key_ed25519=sshd.host_key)).status == 200
        roost.cli("sync")
        made = roost.json("ansible", "init", "--instance", name)
        assert files(made) == {"inventory.yaml": "written", "ansible.cfg": "written", "deploy.yaml": "written"}
        where = roost.state / "instances" / name
        assert made["directory"] == str(where)
        play = yaml.safe_load((where / "deploy.yaml").read_text())
        assert play[0]["hosts"] == name
        (where / "deploy.yaml").write_text(yaml.safe_dump([{
            "hosts": name, "gather_facts": False, "become": False,
            "tasks": [{"ansible.builtin.ping": None}, {"debug": {"var": "inventory_hostname"}}]}]))
        by_hand = ("ansible-playbook", "-i", "inventory.yaml", "deploy.yaml")
        done = ansible(roost, *by_hand, cwd=where, **sshd.ansible_env)
        assert "ok=2" in done.stdout, done.stdout
        assert files(roost.json("ansible", "init", "--instance", name))["deploy.yaml"] == "kept"

        sshd.exchange_key()
        done = ansible(roost, *by_hand, cwd=where, check=False, **sshd.ansible_env)
        assert done.returncode == 4 and "unreachable=1" in done.stdout
        assert "Host key verification failed" in done.stdout + done.stderr


def test_known_hosts_command_of_any_ssh(roost, tmp_path):
    """`KnownHostsCommand roost known-hosts %H`, by name and by address, and no other file of keys."""
    with Sshd(tmp_path) as sshd:
        guest = Guest(roost, "web1")
        define(roost, {"instances": {"web1": {**FLEET["instances"]["web1"], "vars": {"ansible_port": sshd.port}}}})
        assert guest.home(guest.form(pub_key_ed25519=sshd.host_key)).status == 200
        command = tmp_path / "known-hosts"  # ssh takes none that others could write to
        command.write_text(f"#!/bin/sh\nexec {BUILD}/roost --state {roost.state} known-hosts \"$1\"\n")
        command.chmod(0o755)

        def ssh(*more, port=sshd.port):
            return subprocess.run(
                ["ssh", "-F", "/dev/null", "-i", sshd.client_key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                 "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null",
                 "-o", f"KnownHostsCommand={command} %H", "-p", str(port), "-l", sshd.user, *more,
                 "127.0.0.1", "echo logged in"], capture_output=True, text=True, timeout=60, env=roost.env)

        for how in (("-o", "HostKeyAlias=web1"), ()):
            done = ssh(*how)
            assert done.returncode == 0 and done.stdout == "logged in\n", done.stderr
        other = ssh("-o", "HostKeyAlias=nobody")  # the command says nothing and does not fail
        assert other.returncode == 255 and "Host key verification failed" in other.stderr
        assert "KnownHostsCommand" not in other.stderr
        sshd.exchange_key()
        done = ssh("-o", "HostKeyAlias=web1")
        assert done.returncode == 255 and "Host key verification failed" in done.stderr
        assert "logged in" not in done.stdout


def test_the_example_fleet(roost, tmp_path):
    """contrib/examples/shop: roost takes the fleet, and its playbook writes what it says with both groups
    (here into the working directory, as nobody's root)."""
    shop = ROOT / "contrib/examples/shop"
    tree = yaml.safe_load((shop / "fleet.yaml").read_text())
    instances = {name: {**spec, "launcher": "external"} for name, spec in tree["instances"].items()}
    define(roost, {"instances": instances})
    for name in ("db1", "web-1", "web-2"):
        Guest(roost, name).home()
    roost.cli("sync")
    (roost.state / "ansible").mkdir(exist_ok=True)
    play = (shop / "ansible/site.yaml").read_text()
    site = roost.state / "ansible" / "site.yaml"
    site.write_text(play)
    ansible(roost, "ansible-playbook", "--syntax-check", "-i", PROGRAM, site, cwd=tmp_path)
    site.write_text(play.replace("/etc/", f"{tmp_path}/{{{{ inventory_hostname }}}}-").replace("become: true", "become: false"))
    ansible(roost, "ansible-playbook", "-i", PROGRAM, "-c", "local", site, cwd=tmp_path)
    assert (tmp_path / "web-1-shop-database").read_text() == "db1 127.0.0.1 shop\n"
    assert (tmp_path / "db1-shop-clients").read_text() == "web-1 127.0.0.1\nweb-2 127.0.0.1\n"
