"""A disk that fills under an image, a bundle that comes and one that goes, and a client that is ended meanwhile: one
message, nothing half-written, and the room is there again."""
import os
import signal
import subprocess

import pytest
from harness.roost import BUILD, Roost
from roostd_rig import until
from test_downloads import Site
from test_faults import on_a_small_disk

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace without root is not tried")
BLOCK = os.urandom(1 << 20)
CONF = {"launch": {"accelerator": "tcg", "stop-limit": "1s"}}
HEAD = b"\0" * 510 + b"\x55\xaa"


def big(path, mib=80):
    """A raw disk, which does not get smaller when it is copied."""
    with open(path, "wb") as f:
        f.write(HEAD + BLOCK[512:])
        for _ in range(mib - 1):
            f.write(BLOCK)
    return path


def free(path):
    s = os.statvfs(path)
    return s.f_bavail * s.f_frsize


def left(r):
    return sorted(str(p.relative_to(r.state)) for d in ("instances", "images") for p in (r.state / d).glob("*"))


def refused(r, *args, code=1):
    """By one message: the disk is full. What there was before is there, and no more."""
    before, room = left(r), free(r.state)
    done = r.cli(*args, check=False)
    last = done.stderr.splitlines()[-1]
    print(last)
    assert done.returncode == code and done.stderr.count("roost: ") == 1, done
    assert ("disk is full" in last or "No space left on device" in last) and "fault" not in last, done
    assert left(r) == before, done
    until("the room is there again", lambda: free(r.state) >= room - (1 << 20))
    assert not [t for t in r.json("task", "list") if t["state"] in ("running", "waiting")]
    return last


def images(mount):
    site = Site()
    try:
        with Roost(CONF, start=False) as r:
            mount(r.state, "64m")
            r.start()
            raw = big(r.dir / "big.img")
            site.files["big.img"] = raw.read_bytes()
            vdi = r.dir / "big.vdi"
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vdi", raw, vdi], check=True)
            for source in (("--file", raw), ("--file", vdi), ("--url", site.url("big.img"))):
                said = refused(r, "image", "create", "img", *source, "--quiet")
                assert said.startswith("roost: image img: "), said
            r.cli("image", "create", "img", "--file", big(r.dir / "small.img", 8), "--quiet")
            assert left(r) == ["images/img"]
            r.cli("image", "verify", "img")
    finally:
        site.close()


def test_an_image_that_does_not_fit():
    on_a_small_disk(images)


def stopped(r, name, mib):
    """A guest whose disk is an image's, of so many MiB."""
    r.cli("image", "create", "img", "--file", big(r.dir / "big.img", mib), "--quiet")
    r.cli("instance", "create", name, "--image", "img", "--memory", "64M")
    r.cli("instance", "start", name)
    r.cli("instance", "stop", name, "--force")


def bundles(mount):
    with Roost(CONF) as here, Roost(CONF, start=False) as there:
        mount(there.state, "64m")
        there.start()
        stopped(here, "web1", 80)
        bundle = here.dir / "web1.bundle"
        # The one that goes: to where there is no room for it.
        stick = here.dir / "stick"
        mount(stick, "16m")
        done = here.cli("instance", "export", "web1", "--bundle", stick / "web1.bundle", check=False)
        assert done.returncode == 1 and done.stderr == f"roost: {stick}/web1.bundle: No space left on device\n", done
        assert list(stick.iterdir()) == [] and free(stick) >= 15 << 20
        (stick / "web1.bundle").write_bytes(b"older")
        assert here.cli("instance", "export", "web1", "--bundle", stick / "web1.bundle", "--force", check=False).returncode == 1
        assert (stick / "web1.bundle").read_bytes() == b"older" and len(list(stick.iterdir())) == 1
        # And the one that comes.
        here.cli("instance", "export", "web1", "--bundle", bundle)
        refused(there, "instance", "import", bundle)
        assert there.json("instance", "list") == [] and there.json("image", "list") == []
        there.cli("image", "create", "img2", "--file", big(there.dir / "small.img", 8), "--quiet")


def test_a_bundle_that_does_not_fit():
    on_a_small_disk(bundles)


def export(r, target):
    return subprocess.Popen([BUILD / "roost", "instance", "export", "web1", "--bundle", target], env=r.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def held_in_the_middle(r, target):
    """An export of which something is written, and not all. One that was faster is done again."""
    for _ in range(20):
        client = export(r, target / "b")
        until("something of it is written",
              lambda: any(p.stat().st_size for p in target.iterdir()) or client.poll() is not None)
        os.kill(client.pid, signal.SIGSTOP)
        if [p.name for p in target.iterdir()] == ["b.part"]:
            return client
        os.kill(client.pid, signal.SIGCONT)
        assert client.wait(30) == 0
        (target / "b").unlink()
    raise AssertionError("no export could be held")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_export_whose_client_is_ended(end):
    """Ctrl-C, a terminal that is closed: before roost has answered, and in the middle."""
    with Roost(CONF) as r:
        stopped(r, "web1", 64)
        target = r.dir / "out"
        target.mkdir()
        core = r.pid("core")
        os.kill(core, signal.SIGSTOP)
        early = export(r, target / "b")
        until("it has begun", lambda: [p.name for p in target.iterdir()] == ["b.part"])
        os.kill(early.pid, end)
        _, said = early.communicate(timeout=30)
        os.kill(core, signal.SIGCONT)
        assert early.returncode == -end and list(target.iterdir()) == [], said

        client = held_in_the_middle(r, target)
        os.kill(client.pid, end)
        os.kill(client.pid, signal.SIGCONT)
        _, said = client.communicate(timeout=30)
        assert client.returncode == -end and list(target.iterdir()) == [], said
        # Nothing holds the guest any more.
        until("it may start again", lambda: r.cli("instance", "start", "web1", check=False).returncode == 0)
