"""Two Debian guests that roost never touches, one by a bare `qemu` command and one by a real libvirtd: with what `roost
seed url` printed pasted in they come home, stand in every list with their own address, and are configured."""
import re
import shlex

import guest
from harness.roost import Roost
from lan import HOST, PORT, URL, Libvirt, bare

SITE = """
- hosts: web
  tasks:
    - name: who it is
      ansible.builtin.copy:
        content: "{{ inventory_hostname }} {{ app }} {{ ansible_product_uuid | lower }}\\n"
        dest: /etc/configured-by-roost
      become: true
"""
NAMES = ["byqemu", "bylibvirt"]


def test_guests_of_qemu_and_libvirt_come_home_and_are_configured(lan, debian, key, tmp_path):
    guest.need("ansible-playbook")
    libvirt = Libvirt(lan, tmp_path)
    conf = {"seed": {"listen": f"{HOST}:{PORT}", "advertise": URL}, "launch": {"enabled": "no"},
            "projections": {"ssh-key": key.file}, "ansible": {"window": "1s"}}
    image = guest.image(debian)
    with Roost(conf, inside=lan) as roost:
        (roost.state / "ansible").mkdir(exist_ok=True)
        (roost.state / "ansible" / "site.yaml").write_text(SITE)
        roost.apply({
            "identities": {"ops": {"public-keys": [key.public], "sudo": True}},
            "defaults": {"identities": ["ops"], "groups": ["web"], "launcher": "external"},
            "instances": {name: {"vars": {"app": f"app-of-{name}"}} for name in NAMES},
        })
        bare(lan, image, tmp_path, 1, *shlex.split(roost.cli("seed", "url", "byqemu", "--for", "qemu").stdout))
        libvirt.start("bylibvirt", image, roost.cli("seed", "url", "bylibvirt", "--for", "libvirt").stdout)
        roost.cli("wait", *NAMES, "--for", "configured", "--timeout", f"{guest.HOME}s", "--quiet",
                  timeout=guest.HOME + 30)

        inventory, known = roost.cli("inventory").stdout, roost.cli("known-hosts").stdout
        # The name that each launcher has for the machine: libvirt gives one of its own, the token says who it is.
        machines = {"byqemu": guest.show(roost, "byqemu")["uuid"],
                    "bylibvirt": libvirt.virsh("domuuid", "bylibvirt").strip()}
        addresses = set()
        for name in NAMES:
            shown = guest.show(roost, name)
            address = shown["address"].removesuffix(":22")
            assert re.fullmatch(r"192\.0\.2\.1\d\d", address), shown
            assert shown["launcher"] == "external" and shown["state"] == "configured"
            assert address in inventory and address in known
            assert all(key in known for key in guest.keys_on_record(roost, name).values())
            addresses.add(address)
            # Logged into by its recorded key.
            said = guest.ssh(roost, key, name, "cat /etc/configured-by-roost").stdout.split()
            assert said == [name, f"app-of-{name}", machines[name]]
            kinds = [e["kind"] for e in roost.json("events", name, "--limit", "1000")["events"]]
            assert kinds.index("homed") < kinds.index("finished") < kinds.index("configured")
        assert len(addresses) == 2
        assert not roost.guests(), "roost has started nothing"
