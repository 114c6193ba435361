"""Debian guests with real cloud-init that read their seed from a volume: home by what was on it, and home
again after a reboot."""
from types import SimpleNamespace

import pytest

import guest
from harness.roost import Roost

GUESTS = {"whole": "drive", "half": "drive-network"}
USER_DATA = "#cloud-config\nwrite_files: [{path: /etc/told, content: by its seed}]\n"


@pytest.fixture(scope="module")
def story(debian, key):
    with Roost() as roost:
        s = SimpleNamespace(roost=roost, key=key)
        roost.apply({
            "identities": {"ops": {"public-keys": [key.public], "sudo": True}},
            "images": {"debian": guest.image(debian)},
            "defaults": {"image": "debian", "identities": ["ops"], "memory": "512M", "user-data": USER_DATA},
            "instances": {name: {"bootstrapper": how} for name, how in GUESTS.items()},
        })
        guest.start(roost, *GUESTS)
        guest.home(roost, *GUESTS)
        for name in GUESTS:
            guest.Events(roost, name, after=0).wait("finished")
        s.ssh = lambda name, command, **kw: guest.ssh(roost, key, name, command, **kw)
        yield s


@pytest.mark.parametrize("name", GUESTS)
def test_it_read_its_volume(story, name):
    row = guest.show(story.roost, name)
    assert (row["state"], row["note"]) == ("homed", "")
    assert story.ssh(name, "cat /etc/told").stdout == "by its seed"
    assert story.ssh(name, "cloud-init status").stdout.strip() == "status: done"
    told = story.ssh(name, "sudo cloud-init query platform; sudo cloud-init query subplatform").stdout
    assert "config-disk (/dev/vd" in told, told
    kinds = [e["kind"] for e in story.roost.json("events", name, "--limit", "1000")["events"]]
    assert ("seed-served" in kinds) == (name == "half")
    serial = story.ssh(name, "sudo cat /sys/class/dmi/id/product_serial").stdout
    assert "http" not in serial


@pytest.mark.parametrize("name", GUESTS)
def test_the_volume_is_nobody_elses(story, name):
    volume = story.roost.state / "instances" / name / "seed.iso"
    assert volume.stat().st_mode & 0o777 == 0o600
    assert story.ssh(name, "cat /dev/disk/by-label/CIDATA", check=False).returncode != 0
    assert story.ssh(name, "sudo blkid -s LABEL -o value /dev/disk/by-label/CIDATA").stdout.strip() == "CIDATA"
    assert story.ssh(name, "sudo dd if=/dev/zero of=/dev/disk/by-label/CIDATA count=1", check=False).returncode != 0
