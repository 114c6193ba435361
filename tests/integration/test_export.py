"""A guest as a script: on this host from anywhere, and for a Mac."""
import re
import stat
import subprocess

import pytest
from harness import roost as harness
from harness.guest import define


@pytest.fixture
def made(tmp_path):
    """A roost with web1, whose disk is there; it runs under a real QEMU, with nothing to boot."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "d.qcow2", "1M"], check=True)
    with harness.Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}) as r:
        define(r, {"images": {"d": {"file": str(tmp_path / "d.qcow2")}},
                   "instances": {"web1": {"image": "d", "memory": "64M"}, "new": {"image": "d"},
                                 "far": {"launcher": "external"}}})
        r.cli("instance", "start", "web1")
        yield r


def run(script, r):
    """Started without a boot, ended by QEMU's monitor."""
    return subprocess.run([script, "-S"], input="\x01cquit\n", cwd="/", env=r.env, capture_output=True, text=True,
                          timeout=60)


def test_here_from_elsewhere(made, tmp_path):
    script = tmp_path / "a place" / "run web1"
    script.parent.mkdir()
    done = made.cli("instance", "export", "web1", "--file", script)
    assert done.stdout == "" and "note: it works on this host" in done.stderr
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    refused = run(script, made)
    assert refused.returncode == 6 and "web1 runs already" in refused.stderr
    made.cli("instance", "stop", "web1", "--force")
    done = run(script, made)
    assert done.returncode == 0, done.stderr
    assert made.cli("instance", "export", "web1").stdout == script.read_text()
    assert subprocess.run(["sh", "-n", script]).returncode == 0


def test_for_a_mac(made):
    shown = made.json("instance", "export", "web1", "--for", "mac")
    assert shown["for"] == "mac" and any("its head names" in n for n in shown["notes"])
    text = shown["text"]
    assert "-accel hvf" in text and "-sandbox" not in text and "enable-kvm" not in text
    fetched = re.findall(r"^#   scp HOST:(\S+) (\S+)$", text, re.M)
    assert [to for _, to in fetched] == [".", ".", "base"]
    for path, _ in fetched:
        assert path.startswith(str(made.state))
        subprocess.run(["test", "-f", path], check=True)
    assert subprocess.run(["sh", "-n"], input=text, text=True).returncode == 0


def test_refusals(made, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    for args, code, words in ((["far"], 4, "launcher: external"), (["nobody"], 3, "nobody"),
                              (["web1", "--for", "amiga"], 2, "linux, mac"),
                              (["web1", "--file", there], 4, "--force replaces it"),
                              (["web1", "--file", tmp_path / "no" / "x"], 3, "no/x"), ([], 2, "instance export")):
        done = made.cli("instance", "export", *args, check=False)
        assert done.returncode == code and words in done.stderr, done.stderr
    assert there.read_text() == "mine"
    made.cli("instance", "export", "web1", "--file", there, "--force")
    assert there.read_text().startswith("#!/bin/sh\n")
    assert "it has no disk yet" in made.cli("instance", "export", "new").stderr
