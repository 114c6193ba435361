"""Inside the machine of ../test_host_devices.py: roost hands devices of it to a guest, and what QEMU sees of them goes
to the console, a line of JSON behind `SEEN `."""
import json
import resource
import socket
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (1, 2)]

import guest  # noqa: E402
from harness.roost import Roost  # noqa: E402

if "tree=" not in Path("/proc/cmdline").read_text():
    sys.exit("this takes a PCI device away from its driver: it is for the machine of test_host_devices.py alone")
PCI, USB_PORT, USB_ID = "0000:00:05.0", "1-1", "46f4:0001"


def see(name, value):
    print("SEEN " + json.dumps({name: value}), flush=True)


def monitor(path):
    """Its answers; only where roost does not hold the monitor."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(str(path))
    lines = s.makefile("rw")

    def ask(command, **arguments):
        lines.write(json.dumps({"execute": command, "arguments": arguments, "id": 7}) + "\n")
        lines.flush()
        while "id" not in (reply := json.loads(lines.readline())):
            pass
        return reply["return"]

    ask("qmp_capabilities")
    return ask


def start(r):
    done = r.cli("instance", "start", "g", check=False, timeout=300)
    return done.stdout + done.stderr


with Roost({"launch": {"accelerator": "tcg"}}) as r:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
    r.cli("image", "create", "d", "--file", r.dir / "d.qcow2", "--quiet")
    r.cli("instance", "create", "g", "--image", "d", "--memory", "64M", "--disk", "1M", "--host-device", f"pci:{PCI}",
          "--host-device", f"usb:{USB_PORT}", "--host-device", f"usb:{USB_ID}", timeout=300)
    see("without its driver", start(r))
    Path(f"/sys/bus/pci/devices/{PCI}/driver_override").write_text("vfio-pci")
    Path("/sys/bus/pci/drivers_probe").write_text(PCI)
    all_of_it = resource.prlimit(r.pid(), resource.RLIMIT_MEMLOCK, (8 << 20, 8 << 20))
    see("with little to lock", start(r))
    resource.prlimit(r.pid(), resource.RLIMIT_MEMLOCK, all_of_it)
    see("start", start(r))
    see("runs", "g" in r.guests())
    monitor_at = Path(r.json("instance", "show", "g")["paths"]["console-socket"]).with_name("g.qmp")
    guest.wait_change(monitor_at.parent, monitor_at.exists, 120, "QEMU's monitor")
    see("exit", r.stop(keep=True, timeout=120))
    ask = monitor(monitor_at)
    see("pci", [(d["id"]["vendor"], d["id"]["device"]) for bus in ask("query-pci") for d in bus["devices"]])
    see("usb", ask("human-monitor-command", **{"command-line": "info usb"}))
    see("qemu", (r.state / "instances/g/qemu.log").read_text())
