"""Guests that others launch: a LAN with a DHCP server that knows nothing of roost, a bare QEMU, and a real libvirtd.
The host is a network namespace, and libvirtd has in a mount namespace what it would change on a machine."""
import contextlib
import os
import subprocess
from xml.sax.saxutils import escape

import guest
from harness.netns import Lab

HOST, PORT = "192.0.2.1", 10200
URL = f"http://{HOST}:{PORT}"


@contextlib.contextmanager
def host(tmp_path):
    """A namespace with a bridge, the host's address on it and the LAN's DHCP server."""
    guest.need("dnsmasq", "qemu-system-x86_64")
    with Lab() as lab:
        ns = lab.namespace("host")
        lab.bridge(ns, "lan", f"{HOST}/24")
        ns.start(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=lan",
                  "--bind-interfaces", "--dhcp-range=192.0.2.100,192.0.2.150,1h", "--leasefile-ro", "--no-ping",
                  f"--pid-file={tmp_path}/dnsmasq.pid", "--log-dhcp", f"--log-facility={tmp_path}/dnsmasq.log"])
        yield ns


def overlay(image, path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image["file"], path], check=True)
    return path


X86 = ["qemu-system-x86_64", "-machine", "pc", "-cpu", "max"]
ARM = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"]  # "max" emulates pointer authentication


def bare(ns, image, directory, number, *args, machine=X86):
    """One guest by one command line, `args` among it; image None: `args` say what it boots."""
    tap, mac = f"tap{number}", f"52:54:00:00:38:{number:02}"
    ns.ip(f"tuntap add dev {tap} mode tap")
    ns.ip(f"link set {tap} master lan up")
    tb, memory, disk = 32, 96, []
    boots = ["-kernel", image["kernel"], "-initrd", image["initrd"], "-append", image["cmdline"]] if image else []
    if not image:
        tb = 256
    elif "file" in image:
        tb, memory = 256, 512
        disk = ["-drive", f"if=virtio,format=qcow2,cache=unsafe,file={overlay(image, directory / f'disk-{number}')}"]
    return ns.start(
        [*machine, "-accel", f"tcg,tb-size={tb}", "-m", memory,
         "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
         "-serial", f"file:{directory}/console-{number}", *boots, *disk,
         "-netdev", f"tap,id=n,ifname={tap},script=no,downscript=no",
         "-device", f"virtio-net-pci,netdev=n,romfile=,mac={mac}", *args])


# Its own /run, configuration and state; its account where only Debian's package of the system's libvirtd makes
# one; and no /dev/kvm, whose every look-up takes seconds where it cannot be used.
PRIVATE = """
set -e
mount -t tmpfs none /run
for dir in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do mount -t tmpfs none $dir; done
[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm
mkdir -p /run/libvirt /run/etc /etc/libvirt/qemu
cp /etc/passwd /etc/group /run/etc
grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >>/run/etc/passwd
grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >>/run/etc/group
for file in passwd group; do mount --bind /run/etc/$file /etc/$file; done
printf '%s\\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'cgroup_controllers = []' \
    'stdio_handler = "file"' >/etc/libvirt/qemu.conf
printf '%s\\n' 'unix_sock_group = "root"' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' \
    "unix_sock_dir = \\"$1\\"" >/etc/libvirt/libvirtd.conf
exec libvirtd --config /etc/libvirt/libvirtd.conf
"""

DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>512</memory>
  <vcpu>1</vcpu>
  {sysinfo}
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
    {smbios}
  </os>
  <features><acpi/><tcg><tb-cache unit='MiB'>256</tb-cache></tcg></features>
  <cpu mode='maximum'/>
  <on_reboot>destroy</on_reboot>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='unsafe'/>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='bridge'><source bridge='lan'/><model type='virtio'/></interface>
    <serial type='file'><source path='{console}'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""


class Libvirt:
    """A libvirtd of the test's own in a namespace; it ends with that, and so do its guests."""

    def __init__(self, ns, directory):
        guest.need("libvirtd", "virsh")
        for path in ("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"):
            os.makedirs(path, exist_ok=True)  # of the package, or to mount on
        self.ns, self.directory = ns, directory
        self.socket = directory / "libvirt" / "libvirt-sock"
        self.socket.parent.mkdir()
        self.log = open(directory / "libvirtd.log", "w+b")
        self.process = ns.start(["unshare", "--mount", "sh", "-c", PRIVATE, "sh", self.socket.parent],
                                stdout=self.log, stderr=self.log)
        guest.wait_change(self.socket.parent, self.socket.exists, 60, "libvirtd's socket")

    def virsh(self, *args, timeout=300):
        uri = f"qemu+unix:///system?socket={self.socket}"
        return self.ns.run(["virsh", "-q", "-c", uri, *args], timeout=timeout).stdout

    def start(self, name, image, pasted):
        """A domain with what `roost seed url NAME --for libvirt` printed."""
        os_part, domain_part = (part.split("-->", 1)[1] for part in pasted.split("<!--")[1:])
        xml = self.directory / f"{name}.xml"
        xml.write_text(DOMAIN.format(
            name=name, sysinfo=domain_part, smbios=os_part, kernel=image["kernel"], initrd=image["initrd"],
            cmdline=escape(image["cmdline"]), disk=overlay(image, self.directory / f"{name}.qcow2"),
            console=self.directory / f"{name}.console"))
        self.virsh("define", "--validate", xml)
        self.virsh("start", name)
