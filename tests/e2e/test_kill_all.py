"""SIGKILL of all three processes at once does nothing to a guest."""
import os
import select
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest

import guest
from harness.roost import Roost

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture
def running(micro, key, tmp_path):
    """A micro guest that is home. It has a disk, though it does nothing with it: what must never
    have two writers."""
    disk = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
    with Roost() as roost:
        roost.apply({
            "identities": {"root": {"public-keys": [key.public]}},
            "images": {"micro": guest.image(micro, file=str(disk), **{"default-user": "root"})},
            "instances": {"m1": {"image": "micro", "identities": ["root"], "memory": "96M",
                                 "disk": 0}}})
        guest.start(roost, "m1")
        guest.home(roost, "m1")
        yield roost


def vm_sh(roost):
    return subprocess.run([roost.state / "instances/m1/vm.sh"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=20)


def stamp(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


class Console:
    """`roost console`, attached."""

    def __init__(self, roost):
        self.text = ""
        self.process = subprocess.Popen(
            [roost.build / "roost", "console", "m1"], env=roost.env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait(self, text, timeout):
        out, end = self.process.stdout.fileno(), time.monotonic() + timeout
        while text not in self.text:
            assert select.select([out], [], [], max(0, end - time.monotonic()))[0], self.text
            data = os.read(out, 65536)
            assert data, self.text
            self.text += data.decode(errors="replace")

    def end(self):
        """What it showed, once the guest has ended."""
        self.text += self.process.communicate(timeout=60)[0].decode(errors="replace")
        assert self.process.returncode == 0, self.text
        return self.text


def test_guests_outlive_sigkill_of_all_processes(running, key):
    roost = running
    boot_id = guest.ssh(roost, key, "m1", BOOT_ID).stdout
    pid = roost.guests()["m1"]
    disk = roost.state / "instances/m1/disk.qcow2"
    mark = guest.Events(roost)

    roost.kill("all")
    assert not guest.wait_end(pid, 0)
    assert vm_sh(roost).returncode == 6  # its lock is held though roost is gone
    roost.start()

    adopted = mark.wait("adopted", timeout=30)
    assert f"pid {pid}" in adopted["detail"]
    assert guest.row(roost, "m1")["state"] == "homed"
    assert guest.ssh(roost, key, "m1", BOOT_ID).stdout == boot_id
    assert "micro: home" in roost.cli("console", "m1", "--log").stdout

    # No second QEMU on its disk, by roost or by hand.
    twice = roost.cli("instance", "start", "m1", check=False)
    assert twice.returncode == 4 and "running already" in twice.stderr
    assert vm_sh(roost).returncode == 6
    assert guest.held(disk) == {pid} and roost.guests() == {"m1": pid}

    # The other verbs work on the adopted guest as on any other.
    console = Console(roost)
    console.wait("micro: home", 20)
    roost.cli("instance", "stop", "m1")
    assert guest.wait_end(pid, 0)
    assert "micro: power button" in console.end()
    row = guest.row(roost, "m1")
    assert (row["state"], row["note"]) == ("stopped", "stopped as asked")


def test_the_end_of_an_adopted_guest_is_noticed_within_a_second(running):
    roost = running
    roost.kill("all")
    before = len(roost.log().splitlines())
    roost.start()
    pid = roost.guests()["m1"]
    roost.wait_log("m1: its QMP answers", since=before)  # who ends before that ended while roost was away
    mark = guest.Events(roost, "m1")
    before = datetime.now(timezone.utc)
    os.kill(pid, signal.SIGKILL)
    ended = mark.wait("failed", "stopped", timeout=20)
    assert (stamp(ended) - before).total_seconds() < 1
    row = guest.row(roost, "m1")
    assert row["state"] == "failed", row
    assert "QEMU" in row["note"] and "roost was away" not in row["note"], row["note"]
    # And it comes back, on a disk that nobody holds. (Without a rebuild its host keys would be other
    # ones under the same instance-id: they lie in its memory only.)
    roost.cli("instance", "rebuild", "m1")
    guest.start(roost, "m1")
    guest.home(roost, "m1")


def test_a_kill_amid_a_launch_leaves_one_qemu_at_most(running):
    """The intent is on record before the spawn: whatever the moment, nobody is lost and none is doubled."""
    roost = running
    roost.cli("instance", "stop", "m1")
    disk = roost.state / "instances/m1/disk.qcow2"
    for _ in range(5):
        mark = guest.Events(roost, "m1")
        asked = subprocess.Popen([roost.build / "roost", "instance", "start", "m1"], env=roost.env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mark.wait("launching")
        roost.kill("all")
        asked.wait(30)
        roost.start()
        row = guest.row(roost, "m1")
        launched = set(roost.guests().values())
        held = guest.held(disk) if launched else guest.holders(disk)
        assert len(held) <= 1
        assert held == launched
        assert (row["phase"] in ("failed", "stopped")) == (not held), row
        again = roost.cli("instance", "start", "m1", check=False)
        assert again.returncode == (4 if held else 0), again.stderr
        roost.cli("wait", "m1", "--for", "launched", "--timeout", "30s")
        assert guest.held(disk) == set(roost.guests().values())
        roost.cli("instance", "stop", "--force", "m1")
        assert not guest.holders(disk)
