"""The account of roost's own in guests: a key made once, documents that cloud-init takes it from, inventories
that claim it where a guest was given it and nowhere else, and a run that logs in by it."""
import os
import re
import shutil
import socket
import stat
import subprocess

import pytest
import yaml
from harness.guest import DOCS, Guest, fleet
from harness.roost import Roost
from roostd_rig import until
from test_ansible_runs import SSHD, USER, keygen
from test_identities import KEY

LAUNCH = {"enabled": "no"}
PLAIN = "#cloud-config\nusers:\n- name: carol\n"


@pytest.fixture
def start():
    """start(ansible={…}, …): a roost with these sections; all go at the end."""
    running = []

    def start(env=None, **conf):
        r = Roost({"launch": LAUNCH, **{k.replace("_", "-"): v for k, v in conf.items()}}, env=env)
        running.append(r)
        return r
    yield start
    for r in running:
        r.stop()


def key_of(r):
    return r.state / "ansible.key"


def public(path):
    return subprocess.run(["ssh-keygen", "-y", "-f", path], check=True, capture_output=True,
                          text=True).stdout.split()[:2]


def tree(r, **instances):
    disk = r.dir / "d.qcow2"
    if not disk.exists():
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"], check=True)
    return {"identities": {"ops": {"public-keys": [KEY], "sudo": True}},
            "images": {"d": {"file": str(disk), "default-user": "debian"}},
            "defaults": {"image": "d", "identities": ["ops"], "memory": "64M"}, "instances": instances}


def define(r, **instances):
    r.apply(tree(r, **instances))


def users(r, name, generation=1):
    """The accounts of a guest's documents, roost's own apart: (names, that one or None)."""
    text = Guest(r, name, generation=generation).get("vendor-data").body.decode()
    config = yaml.safe_load(re.search(r"^#cloud-config\n(.*?)(?=^--)", text, re.M | re.S).group(1))
    rows = config.get("users", [])
    own = [u for u in rows if isinstance(u, dict) and u.get("gecos") == "Ansible by roost"]
    assert len(own) < 2
    return [u if isinstance(u, str) else u["name"] for u in rows if u not in own], own[0] if own else None


def home(r, name, generation=1):
    assert Guest(r, name, generation=generation).get().status == 200
    assert Guest(r, name, generation=generation).home().status == 200


def hostvars(r):
    """The inventory as ansible-inventory understands it."""
    path = r.dir / "inventory.yaml"
    path.write_text(r.cli("inventory").stdout)
    said = subprocess.run(["ansible-inventory", "-i", path, "--list"], capture_output=True, text=True, check=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(r.home), "LANG": "C.UTF-8"})
    return yaml.safe_load(said.stdout)["_meta"]["hostvars"]


def again(r, **conf):
    r.stop(keep=True)
    for section, keys in conf.items():
        r.settings.setdefault(section.replace("_", "-"), {}).update(keys)
    r.write_conf()
    r.start()


# --- the key ---

def test_the_key_is_made_once(start):
    r = start()
    path = key_of(r)
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public(path)[0] == "ssh-ed25519", "OpenSSH reads it, without a passphrase"
    again(r)
    assert path.read_bytes() == made
    define(r, web={})
    assert made not in b"".join(p.read_bytes() for p in r.state.rglob("store.db*")), "nor is it in the store"
    other = start()
    assert key_of(other).read_bytes() != made


def test_others_that_can_read_the_key_are_refused(start):
    r = start()
    r.stop(keep=True)
    key_of(r).chmod(0o640)
    r.start(ready=False)
    r.wait_log(r"ansible\.key can be read by others \(mode 0640\).*chmod 600")


def test_a_given_key_is_used_and_none_made(start, tmp_path):
    keygen(tmp_path / "mine")
    r = start(ansible={"key": tmp_path / "mine"})
    define(r, web={})
    assert not key_of(r).exists()
    assert users(r, "web")[1]["ssh_authorized_keys"][0].split()[:2] == public(tmp_path / "mine")
    home(r, "web")
    assert hostvars(r)["web"]["ansible_ssh_private_key_file"] == str(tmp_path / "mine")


@pytest.mark.parametrize("make, says", [
    (lambda p: None, "No such file"),
    (lambda p: p.write_text("no key\n"), "no private key as OpenSSH keeps it"),
    (lambda p: subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", p], check=True),
     "has a passphrase"),
], ids=["missing", "none", "locked"])
def test_a_given_key_that_will_not_do(start, tmp_path, make, says):
    r = start()
    r.stop(keep=True)
    make(tmp_path / "mine")
    if (tmp_path / "mine").exists():
        (tmp_path / "mine").chmod(0o600)
    r.settings["ansible"] = {"key": tmp_path / "mine"}
    r.write_conf()
    r.start(ready=False)
    r.wait_log(r"\[ansible\] key: .*mine: .*" + says)


@pytest.mark.parametrize("conf", [{"ansible": {"enabled": "no"}}, {"ansible": {"user": ""}},
                                  {"projections": {"ssh-key": "/keys/fleet"}}],
                         ids=["no-ansible", "no-user", "ssh-key"])
def test_without_it_all_is_as_it_was(start, conf):
    r = start(**conf)
    define(r, web={})
    home(r, "web")
    assert not key_of(r).exists()
    assert users(r, "web") == (["default", "ops"], None)
    assert hostvars(r)["web"]["ansible_user"] == "ops"
    assert hostvars(r)["web"].get("ansible_ssh_private_key_file") == conf.get("projections", {}).get("ssh-key")
    assert Guest(r, "web").show()["ansible-user"] is None


# --- guests ---

def test_a_guest_has_the_account(start):
    r = start()
    define(r, web={}, bare={"identities": []})
    for name, theirs in (("web", ["default", "ops"]), ("bare", ["default"])):
        names, own = users(r, name)
        assert names == theirs
        assert own["name"] == "roost" and own["sudo"] == "ALL=(ALL) NOPASSWD:ALL" and own["lock_passwd"] is True
        assert [k.split()[:2] for k in own["ssh_authorized_keys"]] == [public(key_of(r))]
    home(r, "web")
    got = hostvars(r)["web"]
    assert got["ansible_user"] == "roost" and got["ansible_ssh_private_key_file"] == str(key_of(r))
    assert "IdentitiesOnly=yes" in got["ansible_ssh_common_args"]
    shown = Guest(r, "web").show()
    assert shown["user"] == "ops" and shown["ansible-user"] == "roost"
    assert re.search(r"^ansible-user +roost$", r.cli("instance", "show", "web").stdout, re.M)
    assert [i["name"] for i in r.json("identity", "list")] == ["ops"]
    assert "roost" not in re.findall(r"User (\S+)", r.cli("ssh-config").stdout), "people come as themselves"


@pytest.mark.parametrize("user_data", [None, PLAIN, PLAIN + "- default\n"], ids=["none", "theirs", "theirs-and-default"])
def test_cloud_init_makes_it_beside_the_operator_s(start, tmp_path, monkeypatch, user_data):
    """What the real cloud-init makes of the documents as they were served."""
    documents = pytest.importorskip("test_seed_documents")
    r = start()
    define(r, web={"user-data": user_data} if user_data else {})
    (tmp_path / "keys").mkdir()
    guest = documents.Guest(tmp_path, tmp_path / "keys", monkeypatch)
    made = guest.boot({doc: Guest(r, "web").get(doc).body for doc in DOCS}).users()
    assert set(made) - {"debian", "ubuntu"} == {"ops", "roost"} | ({"carol"} if user_data else set())
    own = made["roost"]
    assert [k.split()[:2] for k in own["ssh_authorized_keys"]] == [public(key_of(r))]
    assert own["sudo"] == "ALL=(ALL) NOPASSWD:ALL" and own["lock_passwd"] is True and not own["default"]


def test_become_is_configurable(start):
    r = start(ansible={"become": "no", "user": "robot"})
    define(r, web={})
    own = users(r, "web")[1]
    assert own["name"] == "robot" and "sudo" not in own
    again(r, ansible={"become": "yes"})
    assert users(r, "web")[1]["sudo"] == "ALL=(ALL) NOPASSWD:ALL", "the documents follow"


def test_vars_say_another_login(start):
    r = start()
    define(r, web={"vars": {"ansible_user": "carol"}})
    home(r, "web")
    assert users(r, "web")[1], "it is made all the same"
    got = hostvars(r)["web"]
    assert got["ansible_user"] == "carol" and "ansible_ssh_private_key_file" not in got
    assert Guest(r, "web").show()["ansible-user"] is None


@pytest.mark.parametrize("fields", [{"bootstrapper": "none"},
                                    {"user-data": "#cloud-config\nvendor_data: {enabled: false}\n"}],
                         ids=["no-seed", "vendor-off"])
def test_guests_that_no_document_reaches(start, fields):
    r = start()
    define(r, web=fields)
    assert Guest(r, "web").home().status == 200
    assert hostvars(r)["web"]["ansible_user"] == "ops"
    assert Guest(r, "web").show()["ansible-user"] is None


def test_machines_of_others(start):
    r = start()
    r.apply(fleet(["web"]))
    home(r, "web")
    assert users(r, "web") == ([], None)
    assert "ansible_ssh_private_key_file" not in hostvars(r)["web"]


def test_of_before_until_it_is_rebuilt(start):
    r = start(projections={"ssh-key": "/keys/fleet"})
    define(r, web={})
    home(r, "web")
    again(r, projections={"ssh-key": ""})
    define(r, new={})
    assert users(r, "web") == (["default", "ops"], None) and users(r, "new")[1]
    assert hostvars(r)["web"]["ansible_user"] == "ops"
    r.cli("instance", "rebuild", "web")
    assert users(r, "web", 2)[1]
    home(r, "web", 2)
    got = hostvars(r)["web"]
    assert got["ansible_user"] == "roost" and got["ansible_ssh_private_key_file"] == str(key_of(r))


def test_another_key_is_not_the_guest_s(start):
    r = start()
    define(r, web={})
    home(r, "web")
    was = users(r, "web")[1]
    inventory = r.state / "generated" / "inventory.yaml"
    until("the inventory names the key", lambda: inventory.exists() and "ansible.key" in inventory.read_text())
    r.stop(keep=True)
    key_of(r).rename(r.dir / "old.key")
    r.start()
    assert public(key_of(r)) != public(r.dir / "old.key")
    assert hostvars(r)["web"]["ansible_user"] == "ops" and users(r, "web")[1] == was
    until("the file follows", lambda: "ansible.key" not in inventory.read_text())
    r.stop(keep=True)
    shutil.copy2(r.dir / "old.key", key_of(r))
    r.start()
    assert hostvars(r)["web"]["ansible_user"] == "roost"


# --- names ---

def test_an_identity_of_that_name_is_refused(start):
    r = start()
    define(r, web={})
    before = r.json("identity", "list")
    says = r"identity roost: roost's own account in guests has that name; choose another one, or another \[ansible\] user"
    done = r.cli("identity", "create", "roost", "--public-key", KEY, check=False)
    assert done.returncode == 4 and re.search(says, done.stderr), (done.returncode, done.stderr)
    clash = tree(r, web={})
    clash["identities"]["roost"] = {"public-keys": [KEY]}
    reply = r.api("POST", "/v1/apply", {"fleet": clash})
    assert reply.status == 409 and re.search(says, reply.json["message"] if "message" in reply.json else reply.text)
    assert r.json("identity", "list") == before


def test_one_that_was_there_before_keeps_its_name(start):
    r = start(ansible={"user": "robot"})
    clash = tree(r, web={})
    clash["identities"]["roost"] = {"public-keys": [KEY]}
    clash["instances"]["old"] = {"identities": ["roost"]}
    r.apply(clash)
    again(r, ansible={"user": "roost"})
    r.wait_log(r"identity roost has the name of roost's own account")
    clash["instances"]["new"] = {"identities": ["roost"]}
    r.apply(clash)
    assert users(r, "new") == (["default", "roost"], None)
    assert users(r, "old")[1]["name"] == "robot", "of its generation"


@pytest.mark.parametrize("user", ["root", "0day"])
def test_names_that_are_none(start, user):
    r = start()
    r.stop(keep=True)
    r.settings["ansible"] = {"user": user}
    r.write_conf()
    r.start(ready=False)
    r.wait_log(rf"\[ansible\] user.*{user}")


# --- a run ---

@pytest.mark.skipif(not (shutil.which("ansible-playbook") and os.path.exists(SSHD)), reason="no Ansible, or no sshd")
def test_a_run_logs_in_by_it(start, tmp_path):
    """A real sshd that knows the public half out of the guest's documents and no other. There is no account called
    roost on this host, so what ssh is told of it is looked at, and it logs in as whoever tests."""
    os.makedirs("/run/sshd", exist_ok=True)
    log = tmp_path / "asked"
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{log}\nexec {shutil.which("ssh")} -o User={USER} "$@"\n')
    ssh.chmod(0o755)
    r = start(env={"PATH": f"{ssh.parent}:{os.environ['PATH']}"},
              ansible={"trigger": "homed", "window": "0s", "retries": "0", "become": "no"})
    (r.state / "ansible").mkdir(exist_ok=True)
    (r.state / "ansible" / "site.yaml").write_text(
        f"- hosts: all\n  gather_facts: false\n  tasks:\n  - ansible.builtin.raw: echo it-was-here >>{tmp_path}/mark\n")
    guest_key = keygen(tmp_path / "host")
    with socket.socket() as s:  # nobody else gets the port
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        t = tree(r, web={"network": "out", "vars": {"ansible_port": port}})
        t["networks"] = {"out": {"kind": "bridged", "parent": "br-none"}}
        r.apply(t)
        line = users(r, "web")[1]["ssh_authorized_keys"][0]
        (tmp_path / "authorized").write_text(line + "\n")
        (tmp_path / "config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nUsePAM no\nPidFile none\n"
            f"AuthorizedKeysFile {tmp_path}/authorized\nStrictModes no\nPermitRootLogin yes\n")
        sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "config"], stdin=subprocess.DEVNULL,
                                stderr=open(tmp_path / "sshd.log", "wb"))
        try:
            until("sshd answers", lambda: b"Server listening" in (tmp_path / "sshd.log").read_bytes())
            guest = Guest(r, "web")
            guest.key = guest_key
            assert guest.home().status == 200
            until("it is configured", lambda: guest.show()["phase"] == "configured", timeout=120)
        finally:
            sshd.kill()
            sshd.wait()
    assert (tmp_path / "mark").read_text() == "it-was-here\n"
    asked = log.read_text()
    assert 'User="roost"' in asked and f'IdentityFile="{key_of(r)}"' in asked and "IdentitiesOnly=yes" in asked
    assert "StrictHostKeyChecking=yes" in asked
