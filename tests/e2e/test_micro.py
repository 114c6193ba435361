"""Many guests at once, which know nothing but their SMBIOS asset tag."""
import os
import re

import guest
from harness.roost import Roost

COUNT = 10


def fleet(roost, micro):
    """`bootstrapper: none` puts no seed URL into the SMBIOS: these guests make it from the chassis
    asset tag, as foreign ones do, and the network's policy trusts that."""
    return {
        "networks": {"lab": {"kind": "user", "policy": "tag"}},
        "images": {"micro": guest.image(micro, cmdline_add=f"roost.port={roost.seed_port}")},
        "defaults": {"image": "micro", "network": "lab", "bootstrapper": "none", "memory": "96M"},
        "instances": {"m": {"count": COUNT}},
    }


def neutral(argv, row, run):
    """An argument vector with what is the guest's own replaced by words."""
    own = [(re.escape(row["uuid"]), "UUID"), (re.escape(row["mac"]), "MAC"),
           (re.escape(f"{run}/") + r"[^,]*\b" + re.escape(row["name"]) + r"\.", "RUN/NAME."),
           (r"\b" + re.escape(row["name"]) + r"\b", "NAME")]
    text = [a.decode() for a in argv]
    for pattern, word in own:
        text = [re.sub(pattern, word, a) for a in text]
    return text


def files(pid):
    """What a QEMU has open below images/, by inode."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            path, stat = os.readlink(f"/proc/{pid}/fd/{fd}"), os.stat(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if "/images/" in path:
            found[os.path.basename(path)] = (stat.st_dev, stat.st_ino)
    return found


def test_ten_guests_at_once_come_home_by_their_tags(micro):
    with Roost() as roost:
        warnings = roost.apply(fleet(roost, micro))["warnings"]
        assert any("policy tag" in w for w in warnings), warnings
        rows = {r["name"]: r for r in roost.json("instance", "list")}
        assert len(rows) == COUNT
        guest.start(roost, *rows)
        guest.home(roost, *rows)

        # Each has its own seed, and its own keys are on record.
        homed = {e["instance"]: e["detail"] for e in roost.json("events", "--limit", "1000")["events"]
                 if e["kind"] == "homed"}
        keys = set()
        for name, row in rows.items():
            said = guest.console(roost, name)
            assert f"tag {row['tag']}\n" in said.replace("\r", ""), said
            assert re.findall(r'instance-id: "(.*?)"', said) == [row["instance-id"]]
            assert re.findall(r'local-hostname: "(.*?)"', said) == [name]
            assert f"hostname {name}" in homed[name]
            keys.add(tuple(guest.keys_on_record(roost, name).items()))
        assert len(keys) == COUNT

        # From one image, they differ in their SMBIOS (uuid, asset tag), and in what belongs to the
        # host's side: name, MAC, DHCP hostname, paths of the two sockets. Nothing else.
        pids = roost.guests()
        vectors = [neutral(guest.cmdlines()[pids[n]], rows[n], roost.run) for n in rows]
        for other in vectors[1:]:
            assert other == vectors[0]
        assert sum("type=3,asset=NAME" in a for a in vectors[0]) == 1
        assert len({tuple(sorted(files(pids[n]).items())) for n in rows}) == 1
        first, second = (guest.cmdlines()[pids[n]] for n in list(rows)[:2])
        differ = {(first[i - 1].decode(), a.decode().split(",")[0].split("=")[0])
                  for i, (a, b) in enumerate(zip(first, second)) if a != b}
        assert {option for option, _ in differ} == \
            {"-name", "-uuid", "-smbios", "-netdev", "-device", "-chardev"}, differ
