"""What QEMU knows judges a guest's machine when it is defined: the real QEMU, asked once for each binary; one that is
missing or says nothing leaves the words as they are, and that is told."""
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from harness.roost import Roost

# It logs what it is asked for and is the real one otherwise.
WRAPPER = """#!/bin/sh
echo "$*" >> "$0.log"
exec qemu-system-x86_64 "$@"
"""
# Another QEMU, of which a test says what it knows, and when.
OTHER = """#!/bin/sh
case "$*" in
*--version*) echo "QEMU emulator version 5.0.0 (test)" ;;
*-qmp*) [ -p "$0.wait" ] && read -r line < "$0.wait"; cat "$0.qmp" ;;
esac
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def other_qemu(path, *machines):
    script(path, OTHER)
    path.with_name(path.name + ".qmp").write_text("".join(json.dumps(line) + "\n" for line in (
        {"return": {"qemu": {"major": 5, "minor": 0, "micro": 0}}, "id": 1},
        {"return": [{"name": m, "cpu-max": 8, "deprecated": False} for m in machines], "id": 2},
        {"return": [{"name": "max", "deprecated": False}], "id": 3})))
    return path


def image(r, *options):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
    r.cli("image", "create", "d", "--file", r.dir / "d.qcow2", "--quiet", *options)


def create(r, name, *options, check=True, **kw):
    return r.cli("instance", "create", name, "--image", "d", "--memory", "64M", "--disk", "1M", *options, check=check, **kw)


def wrapped(tmp_path):
    return Roost({"launch": {"accelerator": "tcg", "qemu": script(tmp_path / "qemu", WRAPPER)}})


def times_asked(tmp_path):
    log = tmp_path / "qemu.log"
    return sum("-qmp stdio" in line for line in log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture(scope="module")
def home():
    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        image(r)
        create(r, "one")
        yield r


NEWEST = subprocess.run("qemu-system-x86_64 -machine help | awk '/alias of pc-q35/ {gsub(/[)]/, \"\"); print $NF}'", shell=True,
                        capture_output=True, text=True).stdout.strip()
NO_GTK = "gtk" not in subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True, text=True).stdout
gtk = pytest.mark.skipif(not NO_GTK, reason="QEMU has its gtk module here")


@pytest.mark.parametrize("options, says", [
    (["--machine", "pc-q35-99.9"], f"has no pc-q35-99.9: its oldest is pc-q35-2.4, its newest {NEWEST}"),
    (["--machine", "pc", "--cpus", "256"], "cpus: 256 are more than the 255 of machine pc"),
    (["--cpu", "nehalem"], "has no CPU model nehalem; did you mean Nehalem?"),
    (["--cpu", "skylake"], "; did you mean Skylake-"),
    (["--cpu", "Z80"], "has no CPU model Z80; qemu-system-x86_64 -cpu help lists them"),
    (["--cpu", "max,+avx22"], "knows no CPU feature avx22; did you mean avx2?"),
    (["--cpu", "max,avx2=7"], "cpu: avx2=7: expected on or off"),
    (["--qemu-argument=-device", "--qemu-argument", "virtio-baloon-pci"], "did you mean virtio-balloon-pci?"),
    pytest.param(["--display", "gtk"], "has no gtk here: apt install qemu-system-gui, or say vnc", marks=gtk),
])
def test_what_qemu_has_not_is_refused(home, options, says):
    done = create(home, "wrong", *options, check=False)
    assert done.returncode == 2 and "roost: instance create: " in done.stderr and says in done.stderr, done.stderr
    before = home.json("instance", "show", "one")["spec"]
    done = home.cli("instance", "modify", "one", *options, check=False)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert home.json("instance", "show", "one")["spec"] == before
    assert "wrong" not in home.cli("instance", "list").stdout


def test_a_fleet_file_is_told_its_line(home):
    file = home.dir / "fleet.yaml"
    file.write_text("defaults: {image: d, memory: 64M, disk: 1M}\ninstances:\n  right: {cpu: max}\n  web:\n    cpus: 1\n"
                    "    machine: pc-q35-99.9\n")
    for dry in ([], ["--dry-run"]):
        done = home.cli("apply", "-f", file, *dry, check=False)
        assert done.returncode == 2 and f"{file}:6:5: instance web: machine: QEMU " in done.stderr, done.stderr
    assert "right" not in home.cli("instance", "list").stdout, "all or nothing"


def test_what_qemu_takes_is_taken(home):
    """Each of these words starts; sse4_1 and tsc-freq are forms that only -cpu knows."""
    create(home, "fine", "--cpu", "max,+sse4_1,-avx2,tsc-freq=1G", "--machine", "pc", "--display", "vnc", "--disk-bus", "sata",
           "--add-disk", "size=1M,bus=nvme", "--add-disk", "size=1M,bus=usb", "--add-disk", "size=1M,bus=scsi",
           "--qemu-argument=-device", "--qemu-argument", "virtio-balloon")
    home.cli("instance", "start", "fine")
    assert "fine" in home.guests()
    home.cli("instance", "stop", "fine", "--force")


def test_what_will_not_last_is_a_warning(home):
    listed = subprocess.run(["qemu-system-x86_64", "-machine", "help"], capture_output=True, text=True).stdout
    old = [line.split()[0] for line in listed.splitlines() if "deprecated" in line and line.startswith("pc-i440fx")]
    if not old:
        pytest.skip("this QEMU deprecates nothing that roost takes")
    said = create(home, "old", "--machine", old[0], "--count", "3").stderr
    assert said.count(f"machine: {old[0]} is deprecated in QEMU ") == 1, "once for all that say it"
    said = create(home, "host", "--cpu", "host").stderr
    assert "warning: instance host: cpu: host needs KVM, without which it does not start (tcg by configuration)" in said


def test_a_qemu_is_asked_once(tmp_path):
    with wrapped(tmp_path) as r:
        image(r)
        create(r, "plain")
        assert times_asked(tmp_path) == 0, "nothing hangs on it"
        done = []
        threads = [threading.Thread(target=lambda n=n: done.append(create(r, f"c{n}", "--cpu", "max"))) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(done) == 4 and times_asked(tmp_path) == 1
        r.stop(keep=True)
        r.start()
        create(r, "again", "--machine", "q35")
        assert create(r, "wrong", "--cpu", "Z80", check=False).returncode == 2
        assert times_asked(tmp_path) == 1, "its answer is kept"
        script(tmp_path / "qemu", WRAPPER + "# another one\n")
        create(r, "other", "--machine", "q35")
        assert times_asked(tmp_path) == 2
        kept = json.loads((r.state / "emulator-amd64").read_text())
        other_modules = json.dumps(kept | {"modules-ns": kept["modules-ns"] - 1}).encode()
        for damaged in (b"", b"{", b"[]", b"\0" * 5000, other_modules):
            (r.state / "emulator-amd64").write_bytes(damaged)
            r.stop(keep=True)
            r.start()
            assert create(r, "wrong", "--cpu", "Z80", check=False).returncode == 2
        assert times_asked(tmp_path) == 7


@pytest.mark.parametrize("qemu, why", [
    (None, "is missing (apt install qemu-system-arm)"),
    ("#!/bin/sh\necho broken >&2\nexit 3\n", "exit code 3: broken"),
    ("#!/bin/sh\ncat\n", "qemu: QMP line that is neither reply nor event"),
])
def test_what_nobody_can_check_is_told(tmp_path, qemu, why):
    path = script(tmp_path / "qemu", qemu) if qemu else tmp_path / "none"
    with Roost({"launch": {"accelerator": "tcg", "qemu-arm64": path}}) as r:
        image(r, "--arch", "arm64")
        done = create(r, "arm", "--cpu", "nonsense", "--count", "2")
        assert done.stderr.count("its machine could not be checked against QEMU for arm64: ") == 1 and why in done.stderr
        assert r.json("instance", "show", "arm-1")["spec"]["cpu"] == "nonsense"
        done = create(r, "wrong", "--cpu", "two words", check=False)
        assert done.returncode == 2 and "is no CPU: expected MODEL" in done.stderr


def test_roost_ends_while_it_asks(tmp_path):
    qemu = other_qemu(tmp_path / "qemu", "pc-q35-5.0")
    os.mkfifo(tmp_path / "qemu.wait")
    with Roost({"launch": {"accelerator": "tcg", "qemu": qemu}}) as r:
        image(r)
        done = []
        asker = threading.Thread(target=lambda: done.append(create(r, "a", "--machine", "q35", check=False)))
        asker.start()
        with open(tmp_path / "qemu.wait", "w"):  # it has begun
            create(r, "free")  # others do not wait for it
            r.stop(keep=True)
            asker.join()
        assert done[0].returncode != 0
        (tmp_path / "qemu.wait").unlink()
        r.start()
        assert "a" not in [i["name"] for i in r.json("instance", "list")]
        done = create(r, "a", "--machine", "q35", check=False)
        assert done.returncode == 2 and "machine: QEMU 5.0.0 for amd64 has no q35" in done.stderr


def test_a_guest_from_elsewhere_is_told_what_is_not_here(home, tmp_path):
    create(home, "goes", "--machine", "pc-q35-7.1", "--cpu", "Nehalem")
    home.cli("instance", "start", "goes")
    home.cli("instance", "stop", "goes", "--force")
    home.cli("instance", "export", "goes", "--bundle", tmp_path / "bundle")
    with Roost({"launch": {"accelerator": "tcg", "qemu": other_qemu(tmp_path / "qemu", "pc-q35-5.0")}}) as there:
        there.cli("instance", "import", tmp_path / "bundle")
        told = there.cli("events", "goes").stdout
        assert "it will not start here before that is changed: machine: QEMU 5.0.0 for amd64 has no pc-q35-7.1" in told
        done = there.cli("instance", "modify", "goes", "--cpu", "max", check=False)
        assert done.returncode == 2 and "its oldest is pc-q35-5.0" in done.stderr
        there.cli("instance", "modify", "goes", "--cpu", "max", "--machine", "pc-q35-5.0")
    assert not Path(f"/tmp/{there.dir.name}").exists()


def test_what_was_there_before_the_upgrade_is_a_warning(tmp_path):
    """QEMU lost a machine and a CPU model: who changes nothing of them is not kept from an apply."""
    qemu = other_qemu(tmp_path / "qemu", "pc-q35-5.0", "pc-q35-4.0")
    with Roost({"launch": {"accelerator": "tcg", "qemu": qemu}}) as r:
        image(r)
        file = r.dir / "fleet.yaml"
        fleet = "defaults: {{image: d, memory: 64M, disk: 1M, machine: pc-q35-4.0}}\ninstances:\n  a: {{vars: {{n: {0}}}}}\n" \
                "  b: {{}}\n{1}"
        file.write_text(fleet.format(1, ""))
        r.cli("apply", "-f", file)
        other_qemu(qemu, "pc-q35-5.0.1")
        gone = "machine: QEMU 5.0.0 for amd64 has no pc-q35-4.0: its oldest is pc-q35-5.0.1"
        for n in (1, 2):  # nothing changed, and what is live
            file.write_text(fleet.format(n, ""))
            for dry in (["--dry-run"], []):
                done = r.cli("apply", "-f", file, *dry)
                assert done.stderr.count("warning: ") == 1 and gone in done.stderr, "one of a kind"
                assert "it will not start here before that is changed" in done.stderr
        assert r.json("instance", "show", "a")["spec"]["vars"] == {"n": 2}
        file.write_text(fleet.format(3, "  c: {}\n"))
        done = r.cli("apply", "-f", file, check=False)
        assert done.returncode == 2 and f"{file}:5:3: instance c: {gone}" in done.stderr, done.stderr
        assert r.json("instance", "show", "a")["spec"]["vars"] == {"n": 2}, "all or nothing"
        assert r.cli("instance", "modify", "a", "--cpus", "2", check=False).returncode == 2
        # Also where an image comes first, after which all of them are judged again.
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "e.qcow2", "1M"], check=True)
        file.write_text(fleet.format(4, "  c: {image: e, machine: pc-q35-5.0.1}\nimages: {e: {file: e.qcow2}}\n"))
        done = r.cli("apply", "-f", file)
        assert done.stderr.count("warning: ") == 1 and gone in done.stderr
        assert {i["name"] for i in r.json("instance", "list")} == {"a", "b", "c"}


def test_what_root_allows_no_more_is_a_warning():
    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        image(r)
        create(r, "a", "--qemu-argument=-device", "--qemu-argument", "virtio-balloon")
        r.settings["launch"]["allow-arguments"] = "none-*"
        r.write_conf()
        r.stop(keep=True)
        r.start()
        done = r.cli("instance", "modify", "a", "--var", "n=1")
        assert "warning: instance a: " in done.stderr and "it will not start here before that is changed" in done.stderr
        assert create(r, "b", "--qemu-argument=-device", "--qemu-argument", "virtio-balloon", check=False).returncode == 5
