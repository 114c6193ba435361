"""A host with nothing but roost: it starts, serves guests that others launch, and names what is missing when that is
asked for."""
import json
import platform

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, fleet

ARM = platform.machine() == "aarch64"
MISSING = {"qemu": "qemu-system-arm" if ARM else "qemu-system-x86", "qemu-img": "qemu-utils", "ansible": "ansible-core", "ssh": "openssh-client"}


@pytest.fixture(params=["launches", "only serves"])
def bare(request, tmp_path):
    """PATH leads to an empty directory; second, with [launch] enabled = no."""
    conf = {} if request.param == "launches" else {"launch": {"enabled": "no"}}
    with harness.Roost(conf, env={"PATH": str(tmp_path)}) as r:
        r.launches = not conf
        yield r


def checks(r):
    done = r.cli("--output", "json", "check", check=False)
    return done.returncode, {row["name"]: row for row in json.loads(done.stdout)["checks"]}


def test_guests_of_others_need_none_of_it(bare):
    define(bare, fleet(["a", "b"], groups=["web"]))
    for name in ("a", "b"):
        for doc in DOCS:
            assert Guest(bare, name).get(doc).status == 200
        assert Guest(bare, name).home().status == 200
    assert {row["state"] for row in bare.json("instance", "list")} == {"homed"}
    assert "ssh-ed25519" in bare.cli("known-hosts").stdout and "web" in bare.cli("inventory").stdout
    bare.cli("store", "backup", "b.tar")
    bare.cli("store", "check")
    assert "# EOF" in bare.cli("metrics").stdout
    bare.stop(keep=True)
    bare.start()
    assert {row["state"] for row in bare.json("instance", "list")} == {"homed"}


def test_check_names_what_is_missing_and_the_mend(bare):
    code, rows = checks(bare)
    for name, package in MISSING.items():
        if name.startswith("qemu") and not bare.launches:
            assert name not in rows or rows[name]["level"] == "ok", "nobody wants it here"
            continue
        assert rows[name]["level"] in ("warn", "error") and package in rows[name]["mend"], rows[name]
        assert "missing" in rows[name]["detail"].lower()
    assert code == (1 if bare.launches else 0)


@pytest.mark.skipif(ARM, reason="arm64 is this machine's own architecture, no other one")
def test_other_machines_are_missed_when_an_image_is_for_them(tmp_path):
    conf = {"launch": {"qemu-arm64": str(tmp_path / "qemu"), "accelerator": "tcg",
                       "firmware-code-arm64": str(tmp_path / "code.fd"),
                       "firmware-vars-arm64": str(tmp_path / "vars.fd")}}
    (tmp_path / "kernel").write_bytes(b"kernel")
    with harness.Roost(conf) as r:
        assert not {name for name in checks(r)[1] if name.startswith(("qemu-a", "uefi"))}
        define(r, {"images": {"arm": {"kernel": str(tmp_path / "kernel"), "arch": "arm64"}},
                   "instances": {"a": {"image": "arm"}}})
        code, rows = checks(r)
        assert code == 1 and rows["qemu-arm64"]["mend"] == "apt install qemu-system-arm"
        assert rows["uefi-arm64"]["mend"] == "apt install qemu-efi-aarch64" and not rows["uefi-arm64"]["ok"]
        done = r.cli("instance", "start", "a", check=False)
        assert done.returncode != 0 and str(tmp_path / "qemu") in done.stderr, done.stderr
        (tmp_path / "qemu").write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "qemu").chmod(0o755)
        done = r.cli("instance", "start", "a", check=False)
        assert done.returncode != 0 and "vars.fd is missing: install it (package qemu-efi-aarch64)" in done.stderr
        for name in ("code.fd", "vars.fd"):
            (tmp_path / name).write_bytes(bytes(4096))
        assert checks(r)[1]["uefi-arm64"]["ok"] and checks(r)[1]["qemu-arm64"]["ok"]
        # An arm64 machine has no bios, whoever asks for it.
        done = r.cli("apply", "-f", r.fleet({"instances": {"b": {"image": "arm", "firmware": "bios"}}}), check=False)
        assert done.returncode == 2 and "instance b: firmware: the image is for arm64" in done.stderr, done.stderr


def test_what_needs_it_is_refused_by_name(bare):
    define(bare, fleet(["a"]))
    assert Guest(bare, "a").home().status == 200
    (bare.dir / "d.raw").write_bytes(bytes(1 << 20))
    image = {"images": {"d": {"file": str(bare.dir / "d.raw")}}}
    done = bare.cli("apply", "-f", bare.fleet(image), check=False)
    assert done.returncode != 0 and "qemu-img is missing" in done.stderr and "qemu-utils" in done.stderr
    assert bare.json("image", "list") == [] and len(bare.json("instance", "list")) == 1, "nothing changed"
    (bare.dir / "site.yaml").write_text("- hosts: all\n")
    done = bare.cli("run", "a", check=False)
    assert done.returncode != 0 and "ansible" in done.stderr and ("install" in done.stderr or "playbook" in done.stderr)
    said = bare.log()
    assert ("QEMU is missing" in said) == bare.launches
    if not bare.launches:
        assert "this roost launches no guests ([launch] enabled = no)" in said
