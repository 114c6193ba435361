"""CD-ROM drives and what guests boot from: the words, what is on record, and what is refused."""
import os

import pytest
from harness.guest import define
from harness.roost import Roost
from harness.watch import wait_file


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("iso")
    with Roost({"launch": {"enabled": "no"}}) as r:
        (directory / "kernel").write_bytes(b"kernel")
        r.iso, r.other, r.directory = directory / "a.iso", directory / "b.iso", directory
        for path in (r.iso, r.other):
            path.write_bytes(b"image")
        (directory / "link.iso").symlink_to(r.iso)
        define(r, {"images": {"bare": {"kernel": str(directory / "kernel")}}})
        yield r


def create(r, name, *options, check=True):
    return r.cli("instance", "create", name, "--image", "bare", *options, check=check)


def drive(r, name):
    """What is in it, and what is booted from."""
    row = r.json("instance", "show", name)
    return row.get("cdrom"), row["boot"]


def test_said_shown_and_changed(server):
    create(server, "said", "--cdrom", str(server.directory / "link.iso"), "--boot", "cdrom")
    assert drive(server, "said") == (str(server.iso), "cdrom")
    text = server.cli("instance", "show", "said").stdout
    assert str(server.iso) in text
    changed = server.cli("instance", "modify", "said", "--cdrom", str(server.other), "--boot", "network").stdout
    assert "cdrom" in changed and drive(server, "said") == (str(server.other), "network")
    server.cli("instance", "modify", "said", "--cdrom", "empty")
    assert drive(server, "said") == ("empty", "network")
    server.cli("instance", "modify", "said", "--unset", "boot", "--unset", "cdrom")
    assert drive(server, "said") == (None, "disk")


def test_in_a_fleet_file(server):
    fleet = server.dir / "fleet.yaml"
    fleet.write_text(f"defaults: {{image: bare, cdrom: {server.iso}}}\ninstances:\n  one: {{}}\n"
                     f"  two: {{cdrom: none}}\n  three: {{cdrom: empty, boot: cdrom}}\n")
    server.cli("apply", "-f", str(fleet))
    assert [drive(server, name) for name in ("one", "two", "three")] == \
        [(str(server.iso), "disk"), (None, "disk"), ("empty", "cdrom")]
    again = server.json("apply", "-f", str(fleet), "--dry-run")
    assert not again["changed"]
    fleet.write_text(fleet.read_text().replace("empty", str(server.other)))
    plan = server.json("apply", "-f", str(fleet), "--dry-run")["plan"]
    assert [(row["name"], row["fields"]) for row in plan if row["action"] == "update"] == [("three", ["cdrom"])]


def test_eject_and_insert_while_it_is_stopped(server):
    create(server, "still", "--cdrom", str(server.iso))
    assert "empty CD-ROM drive" in server.cli("instance", "eject", "still").stdout
    assert drive(server, "still") == ("empty", "disk")
    said = server.cli("instance", "insert", "still", str(server.other)).stdout
    assert "from its next start on" in said and drive(server, "still") == (str(server.other), "disk")
    details = [e["detail"] for e in server.json("events", "still")["events"] if e["kind"] == "changed"]
    assert len(details) == 2 and "ejected" in details[0] and str(server.other) in details[1]


@pytest.mark.parametrize("options, words", [
    (["--cdrom", "no.iso"], "no such file"),
    (["--cdrom", ""], "absolute path"),
    (["--boot", "floppy"], "cdrom"),
    (["--boot", "cdrom"], "no CD-ROM drive"),
    (["--boot", "cdrom", "--cdrom", "none"], "no CD-ROM drive"),
    (["--external", "--cdrom", "empty"], "launcher: external"),
])
def test_wrong_words(server, options, words):
    image = [] if "--external" in options else ["--image", "bare"]
    done = server.cli("instance", "create", "wrong", *image, *options, check=False)
    assert done.returncode != 0 and words in done.stderr, done.stderr
    assert server.cli("instance", "show", "wrong", check=False).returncode != 0


@pytest.mark.parametrize("path", ["a.iso", "/isos/../etc/shadow", "/isos//a.iso", "/isos/./a", "/isos/", "/é.iso",
                                  "/" + 600 * "x"])
def test_wrong_paths(server, path):
    for reply in (server.api("POST", "/v1/apply", {"fleet": {"instances": {"p": {"image": "bare", "cdrom": path}}}}),
                  server.api("POST", "/v1/instances/still/insert", {"file": path})):
        assert reply.status in (400, 413), (path, reply.text)


def test_wrong_operations(server):
    create(server, "driveless")
    for args, words in ((("eject", "driveless"), "--cdrom empty"),
                        (("insert", "driveless", str(server.iso)), "--cdrom empty"),
                        (("eject", "nobody"), "no instance nobody"),
                        (("insert", "driveless"), "ISO")):
        done = server.cli("instance", *args, check=False)
        assert done.returncode != 0 and words in done.stderr, (args, done.stderr)
    for verb, body in (("eject", {"file": "/x"}), ("insert", {}), ("insert", {"file": ""}),
                       ("insert", {"file": 1}), ("eject", {"force": "yes"})):
        assert server.api("POST", f"/v1/instances/driveless/{verb}", body).status == 400, (verb, body)


# --- a real QEMU, whose firmware finds nothing to boot ---

def opened(r, name):
    """The images that its QEMU holds open, and its arguments."""
    pid = (r.state / "instances" / name / "qemu.pid").read_text().split()[0]
    links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    with open(f"/proc/{pid}/cmdline") as f:
        return {link for link in links if link.endswith(".iso")}, f.read().split("\0")


@pytest.fixture
def running(tmp_path):
    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        r.images = [tmp_path / f"{c}.iso" for c in "abc"]
        for path in r.images:
            path.write_bytes(bytes(1 << 20))
        (tmp_path / "kernel").write_bytes(b"kernel")
        define(r, {"images": {"bare": {"kernel": str(tmp_path / "kernel")}},
                   "defaults": {"image": "bare", "boot": "cdrom", "cdrom": str(r.images[0]), "memory": "64M"},
                   "instances": {"one": {}, "two": {"bootstrapper": "drive"},
                                 "net": {"boot": "network", "cdrom": "none"}}})
        r.cli("instance", "start", "one", "two")
        yield r
        r.cli("instance", "stop", "--force", "--all")


def test_changed_while_it_runs(running):
    r, (a, b, c) = running, map(str, running.images)
    assert opened(r, "one")[0] == {a} and "-kernel" not in opened(r, "one")[1]
    assert a in opened(r, "two")[0]  # both read it
    until_ready(r, "one")
    r.cli("instance", "eject", "one")
    assert opened(r, "one")[0] == set() and drive(r, "one")[0] == "empty"
    r.cli("instance", "eject", "one")
    for path in (b, c, a):
        assert "next start" not in r.cli("instance", "insert", "one", path).stdout
        assert opened(r, "one")[0] == {path} and drive(r, "one")[0] == path
    reply = r.api("POST", "/v1/instances/one/insert", {"file": str(running.images[0]) + ".not"})
    assert reply.status == 404 and ".not" in reply.text
    assert opened(r, "one")[0] == {a} and drive(r, "one")[0] == a
    r.cli("instance", "modify", "two", "--boot", "disk", "--cdrom", "none", check=False)


def until_ready(r, name):
    """Its QMP is there a moment after its start; a change before that is asked to come again."""
    for _ in range(200):
        done = r.cli("instance", "insert", name, str(r.images[0]), check=False)
        if done.returncode == 0:
            return
        assert "just being started" in done.stderr, done.stderr
    raise AssertionError(done.stderr)


def test_a_drive_that_comes_with_the_next_start(running):
    r = running
    until_ready(r, "one")
    r.cli("instance", "start", "net")
    r.cli("instance", "modify", "net", "--cdrom", "empty")
    for _ in range(200):
        done = r.cli("instance", "insert", "net", str(r.images[1]), check=False)
        if "just being started" not in done.stderr:
            break
    assert done.returncode != 0 and "from its next start on" in done.stderr, done.stderr
    assert drive(r, "net")[0] == "empty"


def test_its_seed_lies_in_a_volume_of_its_own(running):
    r = running
    volume = r.state / "instances/two/seed.iso"
    assert volume.stat().st_mode & 0o777 == 0o600 and str(volume) in opened(r, "two")[0]
    first = volume.read_bytes()
    exported = r.dir / "exported.iso"
    r.cli("seed", "export", "two", "--cidata", str(exported))
    assert exported.read_bytes() == first
    assert not any("type=1" in arg for arg in opened(r, "two")[1])
    r.cli("instance", "modify", "two", "--bootstrapper", "net")
    r.cli("instance", "stop", "--force", "two")
    r.cli("instance", "start", "two")
    assert not volume.exists()


def test_network_boot(running):
    """The ROM says so on the serial console, which has the firmware's screen."""
    r = running
    r.cli("instance", "start", "net")
    console = r.state / "instances/net/console.log"
    found = wait_file(console, lambda data: b"iPXE" in data, timeout=60)
    assert found
