"""A Debian guest with real cloud-init that was home is moved by a bundle to another state directory, and is home there:
the same host keys, the same instance-id, nothing of a first boot done again, and its disks as they were."""
import os
import re

import guest
from harness.roost import Roost

ONCE = "sudo find /var/lib/cloud/instance/sem /var/lib/cloud/sem -type f -printf '%p %T@ %i\\n'"

DATA = "/dev/disk/by-id/virtio-data"


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_home_on_another_host(debian, key, tmp_path):
    seed = {"seed": {"listen": f"127.0.0.1:{free_port()}"}}  # two hosts have the same one, by default
    bundle = tmp_path / "web1.bundle"
    with Roost(seed) as here:
        here.apply({"identities": {"ops": {"public-keys": [key.public], "sudo": True}},
                    "images": {"debian": guest.image(debian)},
                    "instances": {"web1": {"image": "debian", "identities": ["ops"], "memory": "512M", "groups": ["web"],
                                           "disks": [{"serial": "data", "size": "64M"}]}}})
        guest.start(here, "web1")
        guest.home(here, "web1")
        guest.Events(here, "web1", after=0).wait("finished")
        was = guest.show(here, "web1")
        once = guest.ssh(here, key, "web1", ONCE).stdout
        boot = guest.ssh(here, key, "web1", "cat /proc/sys/kernel/random/boot_id").stdout
        guest.ssh(here, key, "web1", "echo kept > /home/ops/mine && sync")
        guest.ssh(here, key, "web1", f"echo data | sudo dd of={DATA} conv=fsync,notrunc status=none")
        done = here.cli("instance", "export", "web1", "--bundle", bundle, check=False)
        assert done.returncode == 4 and "stop it first" in done.stderr
        here.cli("instance", "stop", "web1", timeout=300)
        here.cli("instance", "export", "web1", "--bundle", bundle, timeout=600)
        here.cli("instance", "remove", "web1", "--yes")
    with Roost(seed) as there:
        there.cli("instance", "import", bundle, timeout=600)
        now = guest.show(there, "web1")
        for what in ("instance-id", "uuid", "mac", "tag", "host-keys", "generation"):
            assert now[what] == was[what], what
        events = guest.Events(there)
        guest.start(there, "web1")
        assert events.wait("homed-again", "homed", "key-mismatch", "seed-refused", name="web1")["kind"] == "homed-again"
        assert guest.show(there, "web1")["host-keys"] == was["host-keys"]
        assert guest.ssh(there, key, "web1", "cat /home/ops/mine").stdout == "kept\n"
        assert guest.ssh(there, key, "web1", f"sudo head -c 5 {DATA}").stdout == "data\n"
        assert guest.ssh(there, key, "web1", "cat /proc/sys/kernel/random/boot_id").stdout != boot
        assert guest.ssh(there, key, "web1", ONCE).stdout == once  # nothing of a first boot was done again
        assert guest.ssh(there, key, "web1", "cat /var/lib/cloud/data/instance-id").stdout.strip() == was["instance-id"]
        kinds = {e["kind"] for e in there.json("events", "web1", "--limit", "1000")["events"]}
        assert not kinds & {"seed-served", "seed-refused", "key-mismatch", "wrong-id"}, kinds
        copied = tmp_path / "back"
        there.cli("cp", "-i", key.file, "web1:/home/ops/mine", copied, env={"SSH_ASKPASS_REQUIRE": "never"})
        assert copied.read_text() == "kept\n"
        assert re.search(r"web1\s+homed", there.cli("instance", "list").stdout)
        assert not os.path.exists(f"{bundle}.part")
