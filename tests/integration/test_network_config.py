"""network-config in the hands of the real cloud-init: its parser of version 2 takes every document,
and each of its renderers makes of it what the fleet file says. Nothing here needs a running roost."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

cloudinit = pytest.importorskip("cloudinit")
from cloudinit import safeyaml  # noqa: E402
from cloudinit.distros import rhel  # noqa: E402
from cloudinit.net import eni, netplan, network_state, networkd, sysconfig  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
RENDER = ROOT / os.environ.get("BUILD", "build") / "tests/integration/render_seed"
GOLDEN = ROOT / "tests/golden/seeds"
CASES = sorted(p.parent.name for p in GOLDEN.glob("*/network-config") if p.read_text())
STATIC = {
    "bridged-static": ("172.16.2.20", 22, "172.16.0.1", ["172.16.0.2", "9.9.9.9"], ["lab.internal"]),
    "host-only-static": ("172.16.4.20", 26, None, ["172.16.4.1"], ["example.org", "store.internal"]),
    "shared-static": ("172.16.5.20", 24, "172.16.5.1", ["172.16.5.1"], []),
}


def document(case):
    return safeyaml.load((GOLDEN / case / "network-config").read_text())


def state(case):
    """22.4.2, Debian 12's, raises on `to: default` here."""
    return network_state.parse_net_config_data(document(case), skip_broken=False)


@pytest.mark.parametrize("case", CASES)
def test_one_interface_matched_by_its_mac(case):
    (nic,) = state(case).iter_interfaces()
    config = document(case)
    assert list(config["ethernets"]) == ["nic0"] and set(config["ethernets"]["nic0"]["match"]) == {"macaddress"}
    assert nic["mac_address"].startswith("52:54:00:")
    assert [s["type"] for s in nic["subnets"]] == (["static"] if case in STATIC else ["dhcp4"])


@pytest.mark.parametrize("case", sorted(STATIC))
def test_a_static_address_with_all_that_goes_with_it(case):
    address, prefix, gateway, servers, search = STATIC[case]
    (nic,) = state(case).iter_interfaces()
    (subnet,) = nic["subnets"]
    assert (subnet["address"], subnet["prefix"]) == (address, prefix)
    assert subnet["dns_nameservers"] == servers and subnet.get("dns_search", []) == search
    routes = [(r["network"], r["prefix"], r["gateway"]) for r in subnet.get("routes", [])]
    assert routes == ([("0.0.0.0", 0, gateway)] if gateway else [])
    assert state(case).has_default_route == bool(gateway)


def rendered(tmp_path, case, renderer):
    renderer.render_network_state(state(case), target=str(tmp_path))
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    return "\n".join(p.read_text() for p in sorted(files))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("make", [
    pytest.param(lambda: eni.Renderer({"eni_path": "interfaces"}), id="eni"),
    pytest.param(lambda: netplan.Renderer({"netplan_path": "np.yaml"}), id="netplan"),
    pytest.param(lambda: networkd.Renderer({}), id="networkd"),
    pytest.param(lambda: sysconfig.Renderer(rhel.Distro.renderer_configs["sysconfig"]), id="sysconfig"),
])
def test_every_renderer_of_cloud_init_takes_it(tmp_path, case, make):
    text = rendered(tmp_path, case, make())
    if case not in STATIC:
        assert "dhcp" in text.lower()
        return
    address, _, gateway, servers, _ = STATIC[case]
    assert address in text and all(s in text for s in servers)
    assert gateway is None or gateway in text
    assert "dhcp4: true" not in text and "DHCP=yes" not in text and "inet dhcp" not in text


@pytest.mark.parametrize("case", CASES)
def test_netplan_takes_it(tmp_path, case):
    """What Debian's and Ubuntu's cloud images end in."""
    if not shutil.which("netplan"):
        pytest.skip("no netplan here: cloud-init's own renderer of it is the proof")
    where = tmp_path / "etc/netplan"
    where.mkdir(parents=True)
    body = "".join("  " + line + "\n" for line in (GOLDEN / case / "network-config").read_text().splitlines())
    (where / "50-roost.yaml").write_text("network:\n" + body)
    os.chmod(where / "50-roost.yaml", 0o600)
    done = subprocess.run(["netplan", "generate", "--root-dir", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr


def has_schema():
    done = subprocess.run(["cloud-init", "schema", "--help"], capture_output=True, text=True)
    return "--schema-type" in done.stdout


@pytest.mark.parametrize("case", CASES)
def test_cloud_inits_schema_accepts_it(case):
    if not has_schema():
        pytest.skip("this cloud-init's `schema` knows no --schema-type network-config (23.4 on does)")
    done = subprocess.run(["cloud-init", "schema", "--schema-type", "network-config", "-c",
                           GOLDEN / case / "network-config"], capture_output=True, text=True)
    assert done.returncode == 0 and "Valid" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(not RENDER.exists(), reason=f"{RENDER} is not built")
def test_the_manual_has_each_word_of_a_network(tmp_path):
    (tmp_path / "fleet.yaml").write_text("networks: {lab: {kind: user, nonsense: 1}}\n")
    done = subprocess.run([RENDER, tmp_path / "fleet.yaml", tmp_path], capture_output=True, text=True)
    there = re.search(r"network words are: (.*)", done.stderr).group(1).split(", ")
    manual = (ROOT / "contrib/man/roost.1").read_text().split(".Ss Networks\n")[1]
    manual = re.split(r"^\.S[hs] ", manual, flags=re.M)[0]
    described = re.findall(r"^\.It Cm (\S+)$", manual, re.M)
    assert sorted(w.replace("\\-", "-") for w in described) == sorted(there) and len(there) > 10
