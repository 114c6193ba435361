"""CD-ROM drives and what guests boot from: the words, what is on record, and what is refused."""
import pytest
from harness.guest import define
from harness.roost import Roost


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
