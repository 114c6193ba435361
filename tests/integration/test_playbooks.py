"""A playbook that somebody names is there, or that is said at once: not by a failed run when the guest is home."""
import os

import pytest
from harness.playbook import playbook
from harness.roost import Roost


@pytest.fixture(scope="module")
def server():
    with Roost({"launch": {"enabled": "no"}}) as r:
        yield r


def refused(server, code, *args):
    done = server.cli(*args, check=False)
    assert done.returncode == code and len(done.stderr.splitlines()) == 1, done
    return done.stderr


def create(name, file):
    return ("instance", "create", name, "--external", "--playbook", file)


def wrong(server):
    """(the name, the exit code, what is said)"""
    directory = server.state / "ansible" / "a.d"
    directory.mkdir(parents=True, exist_ok=True)
    fifo = server.state / "ansible" / "fifo"
    if not fifo.exists():
        os.mkfifo(fifo)
    return (("absent.yaml", 3, f"playbook: there is no {server.state}/ansible/absent.yaml; write one there"),
            ("/absent/site.yaml", 3, "playbook: there is no /absent/site.yaml; write one there"),
            (f"{server.conf}/x.yaml", 3, f"playbook: there is no {server.conf}/x.yaml; "),
            ("a.d", 2, f"playbook: {directory} is no file; name one"),
            ("fifo", 2, f"playbook: {fifo} is no file; name one"))


def test_what_is_not_there_is_refused(server):
    server.cli("instance", "create", "old", "--external")
    for name, code, says in wrong(server):
        for dry in ([], ["--dry-run"]):
            assert f"instance create: --{says}" in refused(server, code, *create("new", name), *dry)
            assert f"instance modify: --{says}" in refused(server, code, "instance", "modify", "old",
                                                                       "--playbook", name, *dry)
    assert server.json("instance", "list", "-o", "json")[0]["name"] == "old"
    assert len(server.json("instance", "list")) == 1 and "playbook" not in server.json("instance", "show", "old")["spec"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_refused(server):
    path = playbook(server, "secret.yaml")
    path.chmod(0)
    assert f"--playbook: roost cannot read {path}: Permission denied" in refused(server, 5, *create("new", "secret.yaml"))


def test_a_fleet_file_is_told_its_line(server):
    file = server.dir / "fleet.yaml"
    fleet = "groups:\n  web: {{playbook: {0}}}\ninstances:\n  w1: {{launcher: external, groups: [web]}}\n" \
            "  w2:\n    launcher: external\n    playbook: {1}\n"
    playbook(server, "there.yaml")
    for group, own, at in (("absent.yaml", "there.yaml", "2:9: group web: "), ("there.yaml", "absent.yaml", "7:5: instance w2: ")):
        file.write_text(fleet.format(group, own))
        said = refused(server, 3, "apply", "-f", file)
        assert f"{file}:{at}playbook: there is no {server.state}/ansible/absent.yaml; " in said
    assert not [i for i in server.json("instance", "list") if i["name"].startswith("w")], "all or nothing"
    assert "web" not in server.cli("group", "list").stdout


def test_what_went_since_is_a_warning(server):
    """Who changes something else is not kept from it."""
    here, file = [playbook(server, name) for name in ("one.yaml", "two.yaml")], server.dir / "gone.yaml"
    file.write_text("groups: {g: {playbook: one.yaml}}\ndefaults: {launcher: external, playbook: two.yaml}\n"
                    "instances: {g1: {groups: [g]}, g2: {}, g3: {}}\n")
    assert not server.cli("apply", "-f", file).stderr
    for path in here:
        path.unlink()
    done = server.cli("apply", "-f", file)
    assert "nothing changed" in done.stdout and done.stderr.count("warning: ") == 2, "one of a kind"
    assert f"group g: playbook: there is no {here[0]}" in done.stderr and f"instance g1: playbook: there is no {here[1]}" in done.stderr
    done = server.cli("instance", "modify", "g2", "--var", "a=1")
    assert f"warning: instance g2: playbook: there is no {here[1]}" in done.stderr
    assert f"--playbook: there is no {here[0]}" in refused(server, 3, "instance", "modify", "g2", "--playbook", "one.yaml")
    server.cli("instance", "modify", "g2", "--unset", "playbook")


def test_without_ansible_it_is_a_word():
    """What runs elsewhere lies elsewhere."""
    with Roost({"launch": {"enabled": "no"}, "ansible": {"enabled": "no"}}) as r:
        assert not r.cli(*create("new", "absent.yaml")).stderr
