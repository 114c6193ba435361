"""A host for roost that is a guest itself: Debian with systemd as PID 1, a disk of its own and no way out.

What it needs comes along on a second disk (contrib/guest/debian.sh --host): keys to get in, the package,
images. Rebooted by its own means, or by a power cut: SIGKILL to its QEMU.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import guest

SEED = 10200
UP = 400  # a deadline for an emulated boot on a busy machine, not a measure
OPTIONS = ("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
           "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15", "-F", "none")


class Host:
    """carry: {name there: path here}. memory in MiB."""

    def __init__(self, image, carry, memory=1536):
        self.image, self.memory = image, memory
        self.dir = Path(tempfile.mkdtemp(prefix="roost-host-", dir="/tmp"))
        self.disk, self.extra = self.dir / "disk.qcow2", self.dir / "carry.ext4"
        self.qemu = None
        self.key, self.own = guest.Key(self.folder("operator")), guest.Key(self.folder("own"))
        (self.dir / "known").write_text(f"host {self.own.public}\n")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                        image / "disk.qcow2", self.disk, "12G"], check=True)
        self.make_carry(carry)

    def folder(self, name):
        (self.dir / name).mkdir()
        return self.dir / name

    def make_carry(self, files):
        tree = self.folder("carry")
        for name, path in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tree / name)
        shutil.copy(self.key.file.with_suffix(".pub"), tree / "login.pub")
        shutil.copy(self.own.file, tree / "hostkey")
        (tree / "start").write_text(
            "set -e\ninstall -d -m 700 /root/.ssh\ninstall -m 600 /mnt/login.pub /root/.ssh/authorized_keys\n"
            "install -m 600 /mnt/hostkey /etc/ssh/ssh_host_ed25519_key\n"
            "resize2fs /dev/vda\n")
        size = sum(p.stat().st_size for p in tree.rglob("*")) * 5 // 4 + (8 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "carry", "-O", "^has_journal", "-E", "root_owner=0:0",
                        "-d", tree, self.extra, f"{size >> 10}k"], check=True, capture_output=True,
                       env={**os.environ, "PATH": guest.PATH})

    # --- power ---

    def start(self):
        qmp = self.dir / "qmp"
        qmp.unlink(missing_ok=True)
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in (22, SEED))
        argv = ["qemu-system-x86_64", "-name", "host", "-nodefaults", "-display", "none", "-machine", "q35",
                "-accel", "tcg,tb-size=512", "-cpu", "max", "-smp", "1", "-m", f"{self.memory}M",
                "-kernel", self.image / "vmlinuz", "-initrd", self.image / "initrd",
                # A busy machine is late with the ticks by which the kernel tries its timer.
                "-append", (self.image / "cmdline").read_text().strip() + " no_timer_check",
                "-drive", f"file={self.disk},if=virtio,format=qcow2,discard=unmap",
                "-drive", f"file={self.extra},if=virtio,format=raw,readonly=on",
                "-netdev", f"user,id=n,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=n,romfile=",
                "-device", "virtio-rng-pci",
                "-chardev", f"file,id=c,path={self.dir}/console.log,append=on", "-serial", "chardev:c",
                "-qmp", f"unix:{qmp},server=on,wait=off"]
        with open(self.dir / "qemu.log", "ab") as log:
            self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.ports = self.find_ports(qmp)
        return self.wait_up()

    def find_ports(self, path):
        """{port in the host: port here}, as QEMU chose them."""
        end = time.monotonic() + 30
        with socket.socket(socket.AF_UNIX) as s:
            while s.connect_ex(str(path)):
                assert self.qemu.poll() is None and time.monotonic() < end, (self.dir / "qemu.log").read_text()
                time.sleep(0.05)
            file = s.makefile("rw")
            said = None
            for ask in ({"execute": "qmp_capabilities"},
                        {"execute": "human-monitor-command", "arguments": {"command-line": "info usernet"}}):
                file.write(json.dumps(ask) + "\n")
                file.flush()
                while "return" not in (said := json.loads(file.readline())):
                    pass
        return {int(there): int(here) for here, there in
                re.findall(r"HOST_FORWARD\S*\s+\S+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", said["return"])}

    def cut_power(self):
        self.qemu.send_signal(signal.SIGKILL)
        self.qemu.wait(30)
        self.hang_up()

    def reboot(self):
        before = self.boot_id
        self.run("systemctl reboot", check=False)
        self.hang_up()
        return self.wait_up(not_boot=before)

    def hang_up(self):
        """What was connected ends with the host."""
        subprocess.run(["ssh", "-O", "exit", *self.way(), "host"], capture_output=True)

    def console(self):
        file = self.dir / "console.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_up(self, timeout=UP, not_boot=None):
        """Until it can be logged into (and is in another boot than not_boot)."""
        end = time.monotonic() + timeout
        while True:
            try:
                done = self.run("cat /proc/sys/kernel/random/boot_id", check=False, timeout=60)
            except subprocess.TimeoutExpired:
                done = None
            if done and done.returncode == 0 and done.stdout.strip() != not_boot:
                self.boot_id = done.stdout.strip()
                return self
            assert self.qemu.poll() is None and time.monotonic() < end, "not up:\n" + self.console()[-4000:]
            time.sleep(0.5)

    def stop(self):
        if self.qemu and self.qemu.poll() is None:
            self.cut_power()
        subprocess.run(["rm", "-rf", self.dir])

    # --- inside ---

    def way(self):
        return [*OPTIONS, "-i", self.key.file, "-o", f"UserKnownHostsFile={self.dir}/known",
                "-o", "HostKeyAlias=host", "-o", "Hostname=127.0.0.1", "-p", str(self.ports[22]), "-l", "root",
                "-o", f"ControlPath={self.dir}/ssh", "-o", "ControlMaster=auto", "-o", "ControlPersist=600"]

    def run(self, command, check=True, timeout=300, input=None):
        done = subprocess.run(["ssh", *self.way(), "host", command], capture_output=True, text=True,
                              timeout=timeout, input=input,
                              stdin=subprocess.DEVNULL if input is None else None)
        if check and done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def said(self, command, **kw):
        return self.run(command, **kw).stdout.strip()
