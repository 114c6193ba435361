"""The accelerator while roost runs: a KVM that comes or goes is probed before the next guest is launched on it."""
import os
import subprocess
from pathlib import Path

import pytest
from harness import roost as harness

# A /dev of its own, without KVM.
OWN_DEV = """set -e
new=$1; shift
mount -t tmpfs -o mode=755 dev $new
for f in null zero full random urandom tty ptmx; do cp -a /dev/$f $new; done
mkdir $new/pts $new/shm
mount --bind /dev/pts $new/pts
mount --bind $new /dev
exec "$@"
"""


class OwnDev:
    """What harness.netns.Namespace is for networks."""

    def __init__(self, directory):
        self.directory = directory

    def argv(self, argv):
        return ["unshare", "--mount", "sh", "-c", OWN_DEV, "sh", self.directory, *argv]


@pytest.fixture
def inside(tmp_path):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("mount namespaces need root")
    return OwnDev(tmp_path)


def test_a_kvm_that_comes_and_goes(inside):
    with harness.Roost({"launch": {"accelerator": "auto"}}, inside=inside) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        r.apply({"images": {"d": {"file": str(r.dir / "d.qcow2")}}, "defaults": {"image": "d", "memory": "64M"},
                 "instances": {name: {} for name in "abcd"}})
        kvm = Path(f"/proc/{r.process.pid}/root/dev/kvm")

        def start(name):
            r.cli("instance", "start", name)
            return r.json("status")["accelerator"]["reason"]
        assert start("a").startswith("no /dev/kvm: ")
        kvm.write_text("as far as it goes without one")
        assert start("b") == "/dev/kvm opens, but is no KVM of version 12"
        assert start("c") == "/dev/kvm opens, but is no KVM of version 12"
        assert r.log().count("it is probed anew") == 1, "the same one is not probed again"
        kvm.unlink()
        assert start("d").startswith("no /dev/kvm: ")
        assert r.log().count("it is probed anew") == 2
