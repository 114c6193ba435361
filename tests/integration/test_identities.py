"""roost identity …: keys checked, passwords asked for and never kept, changes that reach the seed."""
import os
import pty
import re
import select
import subprocess
import threading

import pytest
import yaml

from harness.guest import Guest
from harness.roost import BUILD, Roost

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv"
SECRET = "open sesame 7"


@pytest.fixture
def desk():
    with Roost() as r:
        yield r


def keygen(r, name, *args):
    """ssh-keygen's word for it is what counts: (path of the .pub, bits, fingerprint)."""
    path = r.dir / name
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", f"{name}@desk", "-f", path, *args], check=True)
    said = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout.split()
    return path.with_suffix(".pub"), int(said[0]), said[1]


def refused(r, code, says, *args, **kw):
    before = (r.json("identity", "list"), r.json("events"))
    done = r.cli(*args, check=False, **kw)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == "" and done.stderr.count("\n") == 1 and re.search(says, done.stderr), done.stderr
    assert (r.json("identity", "list"), r.json("events")) == before
    return done


def is_hash_of(hash_, password):
    return subprocess.run(["perl", "-e", "exit !(crypt($ARGV[0], $ARGV[1]) eq $ARGV[1])", password, hash_]).returncode == 0


def vendor_users(r, tag):
    """The accounts that a guest is told of."""
    text = Guest(r, tag).get("vendor-data").body.decode()
    return yaml.safe_load(re.search(r"^#cloud-config\n(.*?)(?=^--)", text, re.M | re.S).group(1))["users"]


# --- create, show ---

def test_create_with_all_its_words(desk):
    ed, _, ed_print = keygen(desk, "ed", "-t", "ed25519")
    rsa, rsa_bits, rsa_print = keygen(desk, "rsa", "-t", "rsa", "-b", "3072")
    said = desk.cli("identity", "create", "ops", "-k", ed, "--public-key", rsa.name, "-k", KEY + " third", "--gecos",
                    "Jörg von der Wache", "--home", "/srv/ops", "--shell", "/bin/sh", "--group", "adm", "--group",
                    "video", "--sudo", "yes", "--password", input=SECRET + "\nmore\n")
    assert said.stdout == "identity ops is defined\n" and said.stderr == ""
    shown = desk.json("identity", "show", "ops")
    assert [(k["type"], k["bits"], k["fingerprint"], k["comment"]) for k in shown["keys"][:2]] == [
        ("ssh-ed25519", 256, ed_print, "ed@desk"), ("ssh-rsa", rsa_bits, rsa_print, "rsa@desk")]
    assert shown["keys"][2]["comment"] == "third" and not any("weakness" in k for k in shown["keys"])
    assert {k: shown[k] for k in ("name", "gecos", "home", "shell", "groups", "sudo", "instances")} == {
        "name": "ops", "gecos": "Jörg von der Wache", "home": "/srv/ops", "shell": "/bin/sh",
        "groups": ["adm", "video"], "sudo": "ALL=(ALL) NOPASSWD:ALL", "instances": 0}
    table = desk.cli("identity", "show", "ops").stdout
    assert ed_print in table and re.search(r"^password +set$", table, re.M)
    assert "ops" in desk.cli("identity", "list").stdout


def test_a_fleet_file_says_the_same(desk):
    desk.cli("identity", "create", "ops", "-k", KEY, "--sudo", "yes")
    assert desk.apply({"identities": {"ops": {"public-keys": [KEY], "sudo": True}}})["changed"] is False


def test_only_a_hash_is_kept(desk):
    desk.cli("identity", "create", "con", "--password", input=SECRET + "\n")
    desk.apply({"identities": {"con2": {"public-keys": [KEY]}},
                "instances": {"ext": {"launcher": "external", "identities": ["con"]}},
                "networks": {"lab": {"kind": "user", "policy": "tag"}}, "defaults": {"network": "lab"}})
    answers = [desk.api("GET", p).text for p in ("/v1/identities", "/v1/identities/con")]
    account = next(u for u in vendor_users(desk, "ext") if isinstance(u, dict))
    assert account["lock_passwd"] is False and account["hashed_passwd"].startswith("$y$")
    assert is_hash_of(account["hashed_passwd"], SECRET) and not is_hash_of(account["hashed_passwd"], SECRET + "x")
    assert all("(set)" in a and "$y$" not in a for a in answers), "not even the hash is told"
    assert SECRET not in desk.log() and account["hashed_passwd"] not in desk.log()
    desk.stop(keep=True)
    held = [p for p in desk.dir.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert held == []


def typed(r, args, answers):
    """With a terminal: what is shown, and the exit code."""
    pid, tty = pty.fork()
    if pid == 0:
        os.execve(BUILD / "roost", ["roost", *args], r.env)
    shown, asked = b"", 0
    while select.select([tty], [], [], 30)[0]:
        try:
            more = os.read(tty, 4096)
        except OSError:
            break
        shown += more
        if shown.count(b": ") > asked and asked < len(answers) and shown.endswith(b": "):
            os.write(tty, answers[asked].encode() + b"\n")
            asked += 1
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(tty)
    return shown.decode(), code


def test_a_terminal_is_asked_twice_and_shows_nothing(desk):
    shown, code = typed(desk, ["identity", "create", "con", "-p"], [SECRET, SECRET])
    assert code == 0 and "password of con: " in shown and "once more, of con: " in shown and SECRET not in shown
    assert desk.json("identity", "show", "con")["password-hash"] == "(set)"
    shown, code = typed(desk, ["identity", "create", "two", "-p"], [SECRET, SECRET + "x"])
    assert code == 2 and "differ" in shown and SECRET not in shown
    assert [i["name"] for i in desk.json("identity", "list")] == ["con"]


def test_weak_keys_are_named(desk):
    rsa, bits, print_ = keygen(desk, "old", "-t", "rsa", "-b", "1024")
    done = desk.cli("identity", "create", "ops", "-k", rsa)
    assert bits == 1024 and re.search(r"warning: identity ops: public key 1 \(old@desk\) is an RSA key of fewer than "
                                      r"2048 bits", done.stderr)
    key = desk.json("identity", "show", "ops")["keys"][0]
    assert key["fingerprint"] == print_ and "2048" in key["weakness"]
    assert "weak" in desk.cli("identity", "show", "ops").stdout
    warned = desk.apply({"identities": {"dev": {"public-keys": [str(rsa)]}}})["warnings"]
    assert len(warned) == 1 and "identity dev: public key 1 (old@desk)" in warned[0]


@pytest.mark.parametrize("args, code, says", [
    (["ops"], 2, "nobody could log in as ops"),
    (["Ops", "-k", KEY], 2, "login name"),
    (["ops", "-k", "none.pub"], 3, "--public-key: .*none.pub"),
    (["ops", "-k", "private"], 2, "--public-key: "),
    (["ops", "-k", "several.pub", "-k", "cut.pub"], 2, r"--public-key: .*cut.pub:2: ssh-ed25519 key"),
    (["ops", "-k", 'command="x" ' + KEY], 2, "--public-key: .*no options in front"),
    (["ops", "-k", "options.pub"], 2, "options.pub:1: .*no options in front"),
    (["ops", "-k", "-----BEGIN OPENSSH PRIVATE KEY-----"], 2, "private key|--public-key"),
    (["ops", "-k", KEY, "--home", "srv"], 2, "--home: .*absolute"),
    (["ops", "-k", KEY, "--shell", "/bin/a b"], 2, "--shell: .*blanks"),
    (["ops", "-k", KEY, "--gecos", "a:b"], 2, "--gecos: .*colon"),
    (["ops", "-k", KEY, "--group", "Adm"], 2, "--group: "),
    (["ops", "-k", KEY, "--sudo", "all"], 2, r"--sudo: .*sudoers"),
    (["ops", "-k", KEY, "--password=x"], 2, "--password takes no value"),
    (["ops", "-p"], 2, "--password: no password came"),
    (["there", "-k", KEY], 4, "identity there is there already: roost identity modify there"),
])
def test_bad_words(desk, args, code, says):
    (desk.dir / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    (desk.dir / "several.pub").write_text(f"# mine\n\n{KEY} a\n{KEY} b\n")
    (desk.dir / "cut.pub").write_text(f"{KEY} a\n{KEY[:-5]} b\n")
    (desk.dir / "options.pub").write_text(f'from="10.0.0.1" {KEY} a\n')
    desk.cli("identity", "create", "there", "-k", KEY)
    refused(desk, code, says, "identity", "create", *args)


# --- modify, remove ---

def test_modify_changes_what_was_said_alone(desk):
    desk.cli("identity", "create", "ops", "-k", KEY + " one", "--gecos", "Ops", "--sudo", "yes", "-p", input="a b\n")
    other, _, print_ = keygen(desk, "two", "-t", "ecdsa")
    desk.cli("identity", "modify", "ops", "-k", other, "--shell", "/bin/zsh")
    shown = desk.json("identity", "show", "ops")
    assert [k["comment"] for k in shown["keys"]] == ["one", "two@desk"]
    assert (shown["gecos"], shown["shell"], shown["password-hash"]) == ("Ops", "/bin/zsh", "(set)")
    desk.cli("identity", "modify", "ops", "--remove-key", "one", "--unset", "gecos", "--unset", "password", "--sudo",
             "ALL=(ALL) ALL")
    shown = desk.json("identity", "show", "ops")
    assert [k["fingerprint"] for k in shown["keys"]] == [print_] and shown["sudo"] == "ALL=(ALL) ALL"
    assert "gecos" not in shown and "password-hash" not in shown
    desk.cli("identity", "modify", "ops", "--remove-key", print_, "-k", KEY)
    assert [k["type"] for k in desk.json("identity", "show", "ops")["keys"]] == ["ssh-ed25519"]
    actors = [e for e in desk.json("events", "--limit", "100")["events"] if "identity ops" in e["detail"]]
    assert [e["kind"] for e in actors] == ["defined", "changed", "changed", "changed"]
    assert all(e["actor"].startswith("uid ") for e in actors)


@pytest.mark.parametrize("args, code, says", [
    (["ops"], 2, "say what to change"),
    (["none", "--gecos", "x"], 3, 'no identity "none"; roost identity list'),
    (["ops", "--remove-key", "x"], 3, 'no public key "x"'),
    (["ops", "--remove-key", "twin"], 4, "2 public keys with the comment"),
    (["ops", "--unset", "geco"], 2, "did you mean gecos"),
    (["ops", "--unset", "home", "--home", "/x"], 2, "contradict"),
    (["ops", "--home", "x"], 2, "--home: "),
])
def test_bad_changes(desk, args, code, says):
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOFs+itJNkWXsJhxlsUo9RYYik7vjAfZcNN69rEsGHcC"
    desk.cli("identity", "create", "ops", "-k", KEY + " twin", "-k", other + " twin")
    refused(desk, code, says, "identity", "modify", *args)


def test_two_clients_add_each_a_key(desk):
    """Neither undoes the other's: what is sent is the change."""
    desk.cli("identity", "create", "ops", "-k", KEY)
    files = [keygen(desk, f"k{i}", "-t", "ed25519")[0] for i in range(6)]
    threads = [threading.Thread(target=desk.cli, args=("identity", "modify", "ops", "-k", f)) for f in files]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(k["comment"] for k in desk.json("identity", "show", "ops")["keys"]) == \
        ["", *(f"k{i}@desk" for i in range(6))]


def test_a_change_reaches_the_next_seed(desk):
    desk.cli("identity", "create", "ops", "-k", KEY + " one")
    desk.apply({"networks": {"lab": {"kind": "user", "policy": "tag"}}, "defaults": {"network": "lab"},
                "instances": {"ext": {"launcher": "external", "identities": ["ops"]}}})
    assert "gecos" not in vendor_users(desk, "ext")[1]
    assert "needs" not in desk.cli("identity", "modify", "ops", "--gecos", "Ops", "-p", input="x y\n").stderr
    account = vendor_users(desk, "ext")[1]
    assert account["gecos"] == "Ops" and is_hash_of(account["hashed_passwd"], "x y")
    assert desk.json("identity", "show", "ops")["instances"] == 1


def test_one_in_use_stays(desk):
    desk.cli("identity", "create", "ops", "-k", KEY)
    desk.cli("identity", "create", "dev", "-k", KEY)
    desk.apply({"instances": {"ext": {"launcher": "external", "identities": ["ops"]}}})
    refused(desk, 3, 'no identity "none"', "identity", "remove", "none")
    refused(desk, 4, r"identity ops is used by 1 instance \(ext\)", "identity", "remove", "ops")
    assert desk.cli("identity", "remove", "dev").stdout == "dev removed\n"
    assert [i["name"] for i in desk.json("identity", "list")] == ["ops"]
    desk.apply({"instances": {"ext": {"launcher": "external"}}})
    desk.cli("identity", "remove", "ops")
    assert desk.json("identity", "list") == []
    desk.stop(keep=True)
    desk.start()
    assert desk.json("identity", "list") == []


@pytest.mark.parametrize("method, path, body, status", [
    ("POST", "/v1/identities", {"public-keys": [KEY]}, 400),
    ("POST", "/v1/identities", {"name": "new", "public-keys": "x"}, 400),
    ("POST", "/v1/identities", {"name": "new", "password": "x"}, 400),
    ("POST", "/v1/identities", {"name": "new", "password-hash": "plain"}, 400),
    ("PATCH", "/v1/identities/ops", {"set": []}, 400),
    ("PATCH", "/v1/identities/ops", {"add-public-keys": "x"}, 400),
    ("PATCH", "/v1/identities/ops", {"remove-public-keys": [7]}, 400),
    ("PATCH", "/v1/identities/ops", {"gecos": "x"}, 400),
    ("PATCH", "/v1/identities/none", {"set": {}}, 404),
    ("PATCH", "/v1/identities/ops", {"add-public-keys": [KEY + "\nssh-rsa AAAA"]}, 400),
    ("DELETE", "/v1/identities/none", None, 404),
    ("GET", "/v1/identities/none", None, 404),
])
def test_the_api_checks_for_itself(desk, method, path, body, status):
    desk.cli("identity", "create", "ops", "-k", KEY)
    before = desk.json("identity", "show", "ops")
    reply = desk.api(method, path, body)
    assert reply.status == status, reply.text
    assert "plain" not in reply.text
    assert desk.json("identity", "show", "ops") == before
