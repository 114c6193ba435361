"""A guest sees its disks as they were said, and what it writes is there again, or not."""
import re
import subprocess

import pytest

import guest
from harness.roost import Roost

MIB = 1 << 20
LOOK = r"""
cd /sys/block
for d in vd* sd* nvme*; do
    [ -e $d ] || continue
    s=$(cat $d/serial $d/device/serial 2>/dev/null | head -n 1)
    [ "$s" ] || s=$(tail -c +5 $d/device/vpd_pg80 2>/dev/null)
    echo "$d $s $(cat $d/size) $(cat $d/ro)"
done"""
MARK = "echo {text} | dd of=/dev/{disk} bs=512 seek=8 conv=sync,fsync 2>/dev/null && sync && echo written"
READ = "dd if=/dev/{disk} bs=512 skip=8 count=1 2>/dev/null | head -n 1"


@pytest.fixture
def story(micro, key):
    with Roost() as roost:
        raw = roost.dir / "mine.img"
        raw.write_bytes(bytes(8 * MIB))
        (roost.dir / "ro.img").write_bytes(b"roost" + bytes(2 * MIB - 5))
        roost.apply({
            "identities": {"root": {"public-keys": [key.public]}},
            "images": {"micro": guest.image(micro, **{"default-user": "root"})},
            "instances": {"m": {"image": "micro", "identities": ["root"], "memory": "96M", "disks": [
                {"size": "20M", "serial": "data"},
                {"size": "30M", "serial": "fast", "bus": "nvme", "cache": "unsafe"},
                {"size": "40M", "serial": "lun", "bus": "scsi", "cache": "writethrough"},
                {"size": "10M", "serial": "scratch", "volatile": True},
                {"file": str(raw), "serial": "mine"},
                {"file": str(roost.dir / "ro.img"), "format": "raw", "read-only": True, "serial": "ro"}]}}})
        roost.raw = raw
        roost.key = key
        guest.start(roost, "m")
        guest.home(roost, "m")
        yield roost


def look(roost):
    """{serial: (device, bytes, read-only)}."""
    out = guest.ssh(roost, roost.key, "m", LOOK).stdout
    return {f[1]: (f[0], int(f[2]) * 512, f[3] == "1") for f in map(str.split, out.splitlines()) if len(f) == 4}


def again(roost):
    """Reset: it boots as at first, with other host keys under the same instance-id, and is home once more. (A micro
    guest has new keys at each boot: only so can it come home.)"""
    keys = guest.keys_on_record(roost, "m")
    roost.cli("instance", "reset", "-y", "m", timeout=180)
    guest.home(roost, "m")
    assert guest.keys_on_record(roost, "m") != keys
    assert guest.show(roost, "m")["instance-id"] == "iid-m-1"


def test_a_guest_and_its_disks(story):
    r = story
    disks = look(r)
    assert {s: (re.match("vd|nvme|sd", d[0])[0], d[1] // MIB, d[2]) for s, d in disks.items()} == {
        "data": ("vd", 20, False), "fast": ("nvme", 30, False), "lun": ("sd", 40, False),
        "scratch": ("vd", 10, False), "mine": ("vd", 8, False), "ro": ("vd", 2, True)}
    for serial in ("data", "fast", "lun", "scratch", "mine"):
        done = guest.ssh(r, r.key, "m", MARK.format(text=f"mark-{serial}", disk=disks[serial][0]))
        assert done.stdout == "written\n", (serial, done)
    assert guest.ssh(r, r.key, "m", f"head -c 5 /dev/{disks['ro'][0]}").stdout == "roost"
    assert guest.ssh(r, r.key, "m", MARK.format(text="x", disk=disks["ro"][0]), check=False).stdout != "written\n"
    assert r.raw.read_bytes()[4096:4106] == b"mark-mine\n", "in place: the host's file has it at once"

    # Grown, and what was written is there; but for the volatile one.
    r.cli("instance", "modify", "m", "--add-disk", "serial=data,size=24M", "--add-disk", "5M,serial=new,bus=scsi")
    again(r)
    disks = look(r)
    assert disks["data"][1] == 24 * MIB and disks["new"][1] == 5 * MIB
    for serial in ("data", "fast", "lun", "mine"):
        assert guest.ssh(r, r.key, "m", READ.format(disk=disks[serial][0])).stdout == f"mark-{serial}\n", serial
    assert "mark" not in guest.ssh(r, r.key, "m", READ.format(disk=disks["scratch"][0])).stdout
    assert not [e for e in r.json("events", "m", "--limit", "200")["events"] if e["kind"] == "key-mismatch"]
    r.cli("instance", "stop", "--force", "m")
    said = subprocess.run(["qemu-io", "-f", "qcow2", "-c", "read -v 4096 16", r.state / "instances/m/disk-scratch.qcow2"],
                          capture_output=True, text=True, check=True).stdout
    assert "mark" not in said and not list((r.state / "instances/m").glob("volatile*"))
