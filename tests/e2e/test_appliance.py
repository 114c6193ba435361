"""The disk of `make image` as an operator has it: set up by files on its boot partition, booted by UEFI on a LAN that it
knows nothing of, and a guest beside it comes home through it. IMAGE_ARCH=arm64 (make check-arm64-image): the other one."""
import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import guest
import pytest
from harness.roost import BUILD, ROOT
from lan import ARM, X86, bare

ARCH = os.environ.get("IMAGE_ARCH", "amd64")
# How it is emulated, its firmware, and the firmware's variables.
MACHINE, CODE, VARS = {
    "amd64": (X86, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    "arm64": (ARM, "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
}[ARCH]
ESP = 1 << 20  # where the boot partition begins
FLEET = {"networks": {"lan": {"kind": "user", "policy": "token"}},
         "identities": {"root": {"public-keys": []}},
         "instances": {"web1": {"launcher": "external", "network": "lan", "identities": ["root"], "groups": ["web"]}}}
LIMIT = 900


@pytest.fixture(scope="module")
def image():
    guest.need("mmdebstrap", "mcopy", "sfdisk", "dpkg-buildpackage", MACHINE[0])
    done = subprocess.run(["make", "image", f"BUILD={BUILD.relative_to(ROOT)}", f"ARCH={ARCH}", "YES=1"], cwd=ROOT,
                          capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return BUILD / f"image-{ARCH}" / "roost.qcow2"


class Appliance:
    """The machine, and an operator's ssh to it."""

    def __init__(self, lan, image, directory, key):
        self.lan, self.directory, self.key = lan, directory, key
        self.console = directory / "console-9"
        self.disk = directory / "appliance.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", image, self.disk], check=True)

    def put(self, **files):
        """Files into roost/ on the boot partition, as from any computer that reads FAT."""
        for name, text in files.items():
            path = self.directory / (name if name == "authorized_keys" else name.replace("_", "."))
            path.write_text(text)
            subprocess.run(["mcopy", "-o", "-i", f"{self.disk}@@{ESP}", path, f"::/roost/{path.name}"], check=True)

    def boot(self):
        """Its address, from its own console."""
        vars_ = self.directory / "vars.fd"
        shutil.copy(VARS, vars_)
        self.console.unlink(missing_ok=True)
        self.process = bare(
            self.lan, None, self.directory, 9, "-m", "512",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={vars_}",
            "-drive", f"if=virtio,format=raw,cache=unsafe,file={self.disk}", machine=MACHINE)
        self.address = self.said(r"roost: this machine is (\S+) at ([0-9.]+); guests ask port 10200")[2]
        self.known = self.directory / "known_hosts"
        self.known.unlink(missing_ok=True)

    def said(self, pattern, timeout=LIMIT):
        def text():
            return self.console.read_text(errors="replace") if self.console.exists() else ""
        return guest.wait_change(self.directory, lambda: re.search(pattern, text()), timeout,
                                 lambda: f"{pattern!r} on the appliance's console:\n{text()[-3000:]}")

    def trust(self):
        """What its console printed is what its sshd has: an operator compares the two."""
        shown = self.said(r"roost: host key 256 (SHA256:\S+) .*\(ED25519\)")[1]
        end = time.monotonic() + LIMIT
        while not (line := self.lan.run(["ssh-keyscan", "-T", "5", "-t", "ed25519", self.address], check=False).stdout):
            assert time.monotonic() < end, f"no sshd on {self.address}"
        blob = base64.b64decode(line.split()[2])
        assert "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=") == shown
        self.known.write_text(line)
        return shown

    def ssh(self, *command, check=True, timeout=300):
        return self.lan.run(["ssh", "-F", "none", "-i", self.key.file, "-o", f"UserKnownHostsFile={self.known}",
                             "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", f"root@{self.address}",
                             shlex.join(command)], check=check, timeout=timeout)

    def roost(self, *command, **kw):
        return self.ssh("roost", *command, **kw).stdout


def test_a_guest_comes_home_through_the_appliance(lan, image, micro, key, tmp_path):
    appliance = Appliance(lan, image, tmp_path, key)
    FLEET["identities"]["root"]["public-keys"] = [key.public]
    appliance.put(authorized_keys=key.public + "\n", hostname="nest\n", fleet_yaml=json.dumps(FLEET),
                  roost_conf="[seed]\nno-such-option = 1\n")
    appliance.boot()
    assert "roost.conf is left out" in appliance.console.read_text(errors="replace"), "what is wrong is said"
    fingerprint = appliance.trust()
    appliance.said(r"roost: this machine is nest at")
    appliance.ssh("systemctl", "start", "roost-image-fleet.service")  # returns when it has run

    pasted = appliance.roost("seed", "url", "web1", "--for", "qemu")
    assert f"http://{appliance.address}:10200/web1/" in pasted, "guests are told the address that it has"
    bare(lan, guest.image(micro), tmp_path, 1, *shlex.split(pasted))
    appliance.roost("wait", "web1", "--for", "homed", "--timeout", f"{LIMIT}s", timeout=LIMIT + 60)
    shown = json.loads(appliance.roost("--output", "json", "instance", "show", "web1"))
    address = shown["address"].removesuffix(":22")
    assert re.fullmatch(r"192\.0\.2\.1\d\d", address) and address != appliance.address
    assert address in appliance.roost("inventory") and address in appliance.roost("known-hosts")

    # The operator's own roost(1) over the control socket by ssh.
    control = tmp_path / "c.sock"
    forward = lan.start(appliance_forward(appliance, control))
    guest.wait_change(tmp_path, control.exists, 60, "the forwarded control socket")
    rows = json.loads(lan.run([BUILD / "roost", "--socket", control, "-o", "json", "instance", "list"]).stdout)
    assert [row["name"] for row in rows] == ["web1"]
    lan.end(forward)

    # Roost and nothing else; nobody with a password; on the whole of its disk.
    others = "for program in qemu-system-x86_64 ansible dnsmasq; do command -v $program; done"
    assert appliance.ssh("sh", "-c", others, check=False).stdout == ""
    assert appliance.ssh("awk", "-F:", '$2 !~ /^[!*]/ { print $1 }', "/etc/shadow").stdout == ""
    assert appliance.ssh("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "starting")
    listening = appliance.ssh("ss", "-Hltn").stdout
    assert {int(line.split()[3].rsplit(":", 1)[1]) for line in listening.splitlines()} <= {22, 53, 10200}
    identity = appliance.ssh("cat", "/etc/machine-id").stdout

    # The plug is pulled, and its disk is now on a larger card.
    lan.end(appliance.process)
    os.truncate(appliance.disk, os.stat(appliance.disk).st_size + (1 << 30))
    lan.ip("link del tap9")
    appliance.boot()
    assert appliance.trust() == fingerprint and appliance.ssh("cat", "/etc/machine-id").stdout == identity
    assert json.loads(appliance.roost("--output", "json", "instance", "show", "web1"))["state"] == "homed"
    appliance.roost("store", "check")
    size = int(appliance.ssh("df", "--output=size", "-B1", "/").stdout.split()[1])
    assert size > 2.7 * (1 << 30), "the root file system takes the whole disk"


def appliance_forward(appliance, control):
    return ["ssh", "-F", "none", "-N", "-i", appliance.key.file, "-o", f"UserKnownHostsFile={appliance.known}",
            "-o", "BatchMode=yes", "-L", f"{control}:/run/roost/8c13644a/control.sock", f"root@{appliance.address}"]
