"""What was applied also lies as files in the network's directory, as the kernel and dnsmasq have it."""
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from harness.roost import ROOT, Roost
from roostd_rig import until
from test_networks import CONF, SHARED, change, define, host, network  # noqa: F401

pytestmark = pytest.mark.skipif(not (shutil.which("dnsmasq") and shutil.which("iptables-save")),
                                reason="dnsmasq or iptables is not installed")
APPLIED = {"links", "sysctl.conf", "iptables.rules", "dnsmasq.conf", "qemu-ifup", "qemu-ifdown"}


def files(r, name="lab"):
    return {p.name: p for p in (r.state / "networks" / name).iterdir()}


def rules(text):
    """By chain, in their order; what was put before all others is in front."""
    chains = {}
    for words in map(str.split, text.splitlines()):
        if words and words[0] in ("-A", "-I") and ("roost" in words or '"roost' in words):
            rest = words[2:] if words[0] == "-A" else words[3:]
            chain = chains.setdefault(words[1], [])
            chain.insert(0 if words[0] == "-I" else len(chain), " ".join(rest))
    return chains


def test_the_files_say_what_was_applied(host):  # noqa: F811
    shared = {**SHARED, "forwards": [":8080 web1:80"]}
    with Roost(CONF, inside=host) as r:
        define(r, {"web1": {"launcher": "external", "network": "lab", "address": "172.16.5.20"}}, lab=shared)
        change(r, "up")
        have = files(r)
        assert APPLIED < set(have)
        # iptables: rule by rule what the kernel has of ours (which writes /32 behind single addresses).
        kept = rules(have["iptables.rules"].read_text())
        assert kept.get("rb-lab-dnat"), have["iptables.rules"].read_text()
        assert kept == rules(host.run(["iptables-save"]).stdout)
        # Links and settings: each line done once more by its program changes nothing, and names what is there.
        bridge = host.link("rb-lab")
        text = have["links"].read_text()
        assert f"link add name rb-lab address {bridge['address']} mtu 1500 type bridge" in text
        assert "address add 172.16.5.1/24 broadcast + dev rb-lab" in text
        for line in have["sysctl.conf"].read_text().splitlines():
            if not line.startswith("#"):
                key, value = line.split(" = ")
                assert host.run(["sysctl", "-n", key]).stdout.strip() == value
        # They are the exports, which test_network_reproduced.py does on another host, with the same outcome.
        for name, form in (("links", "ip"), ("sysctl.conf", "sysctl"), ("qemu-ifup",) * 2, ("qemu-ifdown",) * 2):
            assert have[name].read_text() == r.api("GET", f"/v1/networks/lab/export?format={form}").text
        # dnsmasq runs with this very file, and reads reservations and names beside it.
        conf = have["dnsmasq.conf"]
        assert "syntax check OK" in host.run(["dnsmasq", "--test", f"--conf-file={conf}"]).stderr
        pids = host.run("pgrep -x dnsmasq").stdout.split()
        assert [p for p in pids if f"--conf-file={conf}" in Path(f"/proc/{p}/cmdline").read_text().split("\0")]
        for directory, line in (("dhcp-hosts.d", r"([0-9a-f]{2}:){5}[0-9a-f]{2},172\.16\.5\.20,web1"),
                                ("hosts.d", r"172\.16\.5\.20 web1\.lab\.internal web1")):
            assert f"{have[directory]}" in conf.read_text()
            assert any(re.search(line, p.read_text()) for p in have[directory].iterdir())
        for name in ("qemu-ifup", "qemu-ifdown"):
            assert stat.S_IMODE(have[name].stat().st_mode) == 0o755
        # A roost that is new finds the same, and writes the same.
        stay = APPLIED - {"iptables.rules"}  # of rules: what was given last, and the jumps stood already
        before = {name: have[name].read_bytes() for name in stay}
        r.kill("all")
        r.start()
        until("up again", lambda: network(r)["state"] == "up")
        assert {name: files(r)[name].read_bytes() for name in stay} == before
        # What is not applied any more is not there.
        change(r, "down")
        assert not set(files(r)) & (APPLIED - {"dnsmasq.conf"})


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", sorted(p.relative_to(ROOT) for p in (ROOT / "tests/golden/bootstrap").glob("*/vm.sh")),
                         ids=lambda p: p.parent.name)
def test_vm_sh_is_posix(script):
    # A Mac's kernel command line has a dollar in single quotes, which is meant as it stands.
    meant = ["-e", "SC2016"] if script.parent.name in ("mac-host-only", "mac-user") else []
    done = subprocess.run(["shellcheck", "-s", "sh", *meant, ROOT / script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
