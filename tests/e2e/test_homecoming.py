"""Debian guests with real cloud-init: home, known, and known again after a reboot, on another port,
rebuilt, and without roost. The stories of this file are one: they follow each other on two guests."""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest
import yaml

import guest
from harness.roost import Roost

GUESTS = ("web1", "web2")
# What cloud-init leaves behind of work that it does once per instance.
ONCE = "sudo find /var/lib/cloud/instance/sem /var/lib/cloud/sem -type f -printf '%p %T@ %i\\n'"
PUBLIC = "cat /etc/ssh/ssh_host_*_key.pub"


def pairs(lines):
    """{type: base64} of public key lines, but DSA's: cloud-init 22.4 makes such a key, sshd uses none."""
    return {line.split()[0]: line.split()[1] for line in lines.splitlines()
            if line.strip() and not line.startswith("ssh-dss")}


@pytest.fixture(scope="module")
def story(debian, key):
    with Roost() as roost:
        s = SimpleNamespace(roost=roost, key=key, image=debian / "disk.qcow2")
        s.sha256 = guest.sha256(s.image)
        roost.apply({
            "identities": {"ops": {"public-keys": [key.public], "sudo": True}},
            "images": {"debian": guest.image(debian)},
            "defaults": {"image": "debian", "identities": ["ops"], "memory": "512M"},
            "instances": {name: {"groups": ["web"], "vars": {"app": "shop"}} for name in GUESTS},
        })
        s.events = guest.Events(roost)
        guest.start(roost, *GUESTS)
        guest.home(roost, *GUESTS)
        for name in GUESTS:  # the true end of cloud-init
            guest.Events(roost, name, after=0).wait("finished")
        s.ssh = lambda name, command, **kw: guest.ssh(roost, key, name, command, **kw)
        yield s


def remember(s, name):
    """What a reboot must not change, as the guest itself tells it."""
    return SimpleNamespace(boot=s.ssh(name, "cat /proc/sys/kernel/random/boot_id").stdout,
                           once=s.ssh(name, ONCE).stdout, keys=pairs(s.ssh(name, PUBLIC).stdout),
                           iid=s.ssh(name, "cat /var/lib/cloud/data/instance-id").stdout.strip())


def test_the_recorded_host_keys_are_the_guests_own(story):
    for name in GUESTS:
        own = pairs(story.ssh(name, PUBLIC).stdout)
        assert set(own) == {"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"}
        assert guest.keys_on_record(story.roost, name) == own


def test_cloud_init_was_content_with_its_seed(story):
    for name in GUESTS:
        assert story.ssh(name, "cloud-init status").stdout.strip() == "status: done"
        row = guest.show(story.roost, name)
        assert (row["state"], row["note"]) == ("homed", "")
        assert row["timeline"], "the reports of its boot are on record"
        failed = [e for e in story.roost.json("events", name, "--limit", "1000")["events"]
                  if e["kind"] == "module-failed"]
        assert not failed, failed


def test_inventory_and_known_hosts_stand_for_the_guests(story):
    roost = story.roost
    roost.cli("sync")
    where = roost.json("paths")
    inventory = yaml.safe_load(open(where["inventory"]))
    assert os.stat(where["inventory"]).st_mode & 0o777 == 0o640
    known = [line.split() for line in open(where["known-hosts"]) if not line.startswith("#")]
    for name in GUESTS:
        host = inventory["all"]["hosts"][name]
        ip, port = guest.row(roost, name)["address"].split(":")
        assert (host["ansible_host"], host["ansible_port"], host["ansible_user"]) == \
            (ip, int(port), "roost")
        assert host["ansible_ssh_private_key_file"] == str(roost.state / "ansible.key")
        assert f"HostKeyAlias={name}" in host["ansible_ssh_common_args"]
        assert host["app"] == "shop" and host["roost_state"] == "homed"
        assert name in inventory["all"]["children"]["web"]["hosts"]
        own = {(line[1], line[2]) for line in known if name in line[0].split(",")}
        assert own == set(guest.keys_on_record(roost, name).items())
        assert all(f"[{ip}]:{port}" in line[0].split(",") for line in known
                   if name in line[0].split(","))


def test_ansible_reaches_them_by_the_generated_inventory(story):
    if not shutil.which("ansible"):
        pytest.skip("ansible is missing (make deps)")
    inventory = story.roost.json("paths")["inventory"]
    done = subprocess.run(
        ["ansible", "-i", inventory, "web", "-b", "-m", "ping"],  # by the account and the key of roost's own
        env={**story.roost.env, "ANSIBLE_LOCAL_TEMP": str(story.roost.dir / "ansible"),
             "ANSIBLE_HOST_KEY_CHECKING": "False"},  # the inventory's own word comes after that
        capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"ping": "pong"') == len(GUESTS)


def test_the_seed_url_stands_in_smbios_and_in_no_argument_vector(story):
    for name in GUESTS:
        dmi = story.ssh(name, "sudo cat /sys/class/dmi/id/product_serial "
                              "/sys/class/dmi/id/chassis_asset_tag; "
                              "stat -c %a /sys/class/dmi/id/product_serial").stdout.split("\n")
        token = re.fullmatch(
            rf"ds=nocloud-net;s=http://10\.0\.2\.2:{story.roost.seed_port}/{name}/([0-9a-f]{{32}})/",
            dmi[0])[1]
        assert dmi[1:3] == [name, "400"]
        vectors = guest.cmdlines()
        assert f"type=3,asset={name}".encode() in vectors[story.roost.guests()[name]]
        assert not [v for v in vectors.values() if token.encode() in b"\0".join(v)]
        assert token not in story.roost.log()


@pytest.fixture
def stranger(tmp_path):
    """listen(port): another sshd behind that port."""
    guest.need("dropbear", "dropbearkey")
    processes = []
    key = tmp_path / "stranger"
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", key], check=True, capture_output=True)

    def listen(port):
        processes.append(subprocess.Popen(
            ["dropbear", "-F", "-E", "-s", "-r", key, "-p", f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        guest.wait_banner(port, 20)

    yield listen
    for process in processes:
        process.kill()
        process.wait()


def test_another_sshd_behind_its_port_is_refused_and_reboots_keep_all(story, stranger):
    """web1 reboots itself; web2 is stopped, a stranger takes its port, and it is started again."""
    roost = story.roost
    before = {name: remember(story, name) for name in GUESTS}
    port = int(guest.row(roost, "web2")["address"].split(":")[1])
    story.ssh("web1", "sudo systemd-run --on-active=1 systemctl reboot")
    roost.cli("instance", "stop", "web2")

    stranger(port)
    refused = story.ssh("web2", "id", check=False)
    assert refused.returncode == 255 and refused.stdout == ""
    assert "HOST IDENTIFICATION HAS CHANGED" in refused.stderr, refused.stderr

    mark = guest.Events(roost)
    guest.start(roost, "web2")
    moved = mark.wait("address", name="web2")
    assert f"127.0.0.1:{port} " not in moved["detail"]
    guest.Events(roost, "web1", after=0).wait("restarted")
    for name in GUESTS:
        again = guest.Events(roost, name, after=0).wait("homed-again")
        assert "ed25519" in again["detail"]
        row = guest.show(roost, name)
        assert (row["state"], row["generation"], row["boots"]) == ("homed", 1, 2)
        now = remember(story, name)  # the login proves the recorded keys, web2's at its new port
        assert now.boot != before[name].boot
        assert (now.iid, now.keys) == (before[name].iid, before[name].keys)
        assert now.iid == row["instance-id"] and guest.keys_on_record(roost, name) == now.keys
        assert now.once == before[name].once, "something was run again"


def test_rebuild_gives_a_new_generation_with_new_keys(story):
    roost = story.roost
    before = remember(story, "web2")
    roost.cli("instance", "rebuild", "web2")
    guest.home(roost, "web2")
    row = guest.show(roost, "web2")
    assert (row["generation"], row["instance-id"]) == (2, "iid-web2-2")
    now = remember(story, "web2")
    assert now.iid == "iid-web2-2"
    assert not set(now.keys.values()) & set(before.keys.values())
    assert guest.keys_on_record(roost, "web2") == now.keys
    roost.cli("sync")
    known = open(roost.json("paths")["known-hosts"]).read()
    assert all(key in known for key in now.keys.values())
    assert not any(key in known for key in before.keys.values())


class ByHand:
    """vm.sh as a person runs it, its terminal a pty."""

    def __init__(self, directory):
        self.master, slave = os.openpty()
        self.text = ""
        self.process = subprocess.Popen([directory / "vm.sh"], stdin=slave, stdout=slave,
                                        stderr=slave, start_new_session=True, cwd="/")
        os.close(slave)

    def write(self, text):
        os.write(self.master, text.encode())

    def wait(self, pattern, timeout):
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], \
                f"no {pattern!r} within {timeout} s:\n{self.text[-3000:]}"
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"vm.sh ended:\n{self.text[-3000:]}") from None
        return match

    def drain(self, pid, timeout):
        """Reads on until it ends, so that it is never held up by a full terminal."""
        end = time.monotonic() + timeout
        while not guest.wait_end(pid, 0):
            assert time.monotonic() < end, self.text[-3000:]
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    break
        return self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def test_vm_sh_is_the_same_guest_without_roost(story):
    roost = story.roost
    before = remember(story, "web1")
    web1, web2 = (roost.state / "instances" / name for name in GUESTS)

    # Not while roost runs the guest.
    refused = subprocess.run([web2 / "vm.sh"], capture_output=True, text=True, timeout=20,
                             stdin=subprocess.DEVNULL)
    assert refused.returncode == 6 and "web2 runs already" in refused.stderr
    assert guest.held(web2 / "disk.qcow2") == {roost.guests()["web2"]}

    roost.cli("instance", "stop", *GUESTS)
    known = roost.json("paths")["known-hosts"]
    port = roost.seed_port
    assert roost.stop(keep=True) == 0
    with pytest.raises(ConnectionRefusedError):  # no seed server answers
        socket.create_connection(("127.0.0.1", port), timeout=5)

    hand = ByHand(web1)
    try:
        hand.wait(r"\S", 60)
        hand.write("\x01c")
        hand.wait(r"\(qemu\)", 20)
        hand.write("info usernet\n")
        forward = int(hand.wait(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s", 20)[1])
        hand.write("\x01c")
        hand.wait(r"web1 login:", guest.HOME)
        guest.wait_banner(forward, guest.HOME)
        said = subprocess.run(
            ["ssh", "-F", "none", "-i", story.key.file, "-p", str(forward), "-o", "HostKeyAlias=web1",
             "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes",
             "-o", "BatchMode=yes", "ops@127.0.0.1",
             f"cat /var/lib/cloud/data/instance-id; {ONCE}; echo; {PUBLIC}; "
             "sudo systemd-run --on-active=1 systemctl poweroff"],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert said.returncode == 0, said.stderr
        iid, rest = said.stdout.split("\n", 1)
        once, keys = rest.split("\n\n", 1)
        assert iid == before.iid
        assert pairs(keys) == before.keys
        assert once.strip() == before.once.strip(), "something was run again"
        assert hand.drain(hand.process.pid, 120) == 0
    finally:
        hand.close()


def test_the_base_image_is_what_it_was(story):
    """The last one: after all the boots above."""
    roost = story.roost
    assert guest.sha256(story.image) == story.sha256
    assert guest.sha256(roost.state / "images/debian/disk") == story.sha256
    roost.start()
    assert [i["sha256"] for i in roost.json("image", "list")] == [story.sha256]
    assert {r["state"] for r in roost.json("instance", "list")} == {"stopped"}
