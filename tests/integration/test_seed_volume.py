"""Seeds on a volume: what is on it, and what the real cloud-init makes of it, with and without a roost
that it can reach."""
import logging
import os
import re
import socket
import stat
import subprocess

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, fleet
from test_cloudinit_client import Booting

pytest.importorskip("cloudinit")
from cloudinit import safeyaml, sources, stages, util  # noqa: E402
from cloudinit.sources import DataSourceNoCloud  # noqa: E402

CONF = {"launch": {"enabled": "no"}}
USER_DATA = "#cloud-config\nruncmd: [[touch, /it-ran]]\n"
MAC = "52:54:00:00:00:01"

logging.getLogger("cloudinit").setLevel(logging.INFO)


@pytest.fixture
def server():
    r = harness.Roost(CONF, start=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    r.settings["seed"].update(listen=f"127.0.0.1:{port}", advertise=f"http://127.0.0.1:{port}")
    r.write_conf()
    r.start()
    (r.state / "seed-port").write_text(f"{port}\n")
    yield r
    r.stop()


def export(server, name, to):
    server.cli("seed", "export", name, "--cidata", str(to))
    return to


def unpack(volume, to):
    """By Rock Ridge, as a kernel mounts it."""
    to.mkdir()
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", volume, "-extract", "/", to], check=True,
                   capture_output=True, timeout=60)
    return {path.name: path.read_bytes() for path in to.iterdir()}


def label(volume):
    return subprocess.run(["blkid", "-p", "-s", "LABEL", "-o", "value", volume], check=True,
                          capture_output=True, text=True, timeout=60).stdout.strip()


# --- roost seed export ---

@pytest.mark.parametrize("bootstrapper", ["net", "drive", "none"])
def test_exported(server, tmp_path, bootstrapper):
    """Whatever its bootstrapper is: a volume for elsewhere has all of it."""
    define(server, fleet(["far"], bootstrapper=bootstrapper, mac=MAC, **{"user-data": USER_DATA}))
    volume = export(server, "far", tmp_path / "far.iso")
    assert stat.S_IMODE(volume.stat().st_mode) == 0o600 and label(volume) == "CIDATA"
    files = unpack(volume, tmp_path / "files")
    assert set(files) == set(DOCS)
    for doc in ("user-data", "vendor-data", "network-config"):
        assert files[doc].decode() == server.json("seed", "show", "far", doc)[doc], doc
    meta = safeyaml.load(files["meta-data"])
    assert meta.pop("dsmode") == "net"
    shown = safeyaml.load(server.json("seed", "show", "far", "meta-data")["meta-data"])
    shown.pop("dsmode", None)
    assert meta == shown
    again = export(server, "far", tmp_path / "again.iso")
    assert again.read_bytes() == volume.read_bytes()


def test_joliet_names_are_there_too(server, tmp_path):
    define(server, fleet(["far"]))
    volume = export(server, "far", tmp_path / "far.iso").read_bytes()
    assert "network-config".encode("utf-16-be") in volume


def test_what_is_wrong(server, tmp_path):
    define(server, fleet(["far"]))
    there = tmp_path / "there"
    there.write_text("mine")
    for args, words in ((("far",), "--cidata"), (("nobody", "--cidata", str(tmp_path / "x")), "no instance nobody"),
                        (("far", "--cidata", str(there)), "is there already"),
                        (("far", "--cidata", str(tmp_path / "no/x")), "No such file")):
        done = server.cli("seed", "export", *args, check=False)
        assert done.returncode != 0 and words in done.stderr, (args, done.stderr)
    assert there.read_text() == "mine" and sorted(os.listdir(tmp_path)) == ["there"]


def test_ignition_comes_later(server):
    done = server.cli("instance", "create", "core", "--external", "--bootstrapper", "ignition", check=False)
    assert done.returncode == 2 and "comes later" in done.stderr and "drive-network" in done.stderr


# --- the real client ---

class Drive(Booting):
    """Both stages of a machine that has the volume in it and nothing in its firmware."""

    def __init__(self, root, guest, volume, monkeypatch):
        super().__init__(root, guest, monkeypatch)
        cfg = safeyaml.load((root / "cloud.cfg").read_text())
        cfg["datasource"]["NoCloud"] = {"fs_label": "cidata"}
        (root / "cloud.cfg").write_text(safeyaml.dumps(cfg))
        files = root / "mounted"
        unpack(volume, files)
        monkeypatch.setattr(DataSourceNoCloud.dmi, "read_dmi_data", {}.get)
        monkeypatch.setattr(DataSourceNoCloud.DataSourceNoCloud, "_get_devices",
                            lambda ds, wanted: [str(volume)] if wanted == "cidata" else [])
        monkeypatch.setattr(util, "mount_cb", lambda dev, fn, data=None, **kw: fn(str(files), kw["pp2d_kwargs"])
                            if "pp2d_kwargs" in kw else fn(str(files), data))
        monkeypatch.setattr(DataSourceNoCloud.util, "mount_cb", lambda dev, fn, pp2d_kwargs: fn(
            str(files), pp2d_kwargs))

    def local(self, existing="check"):
        """The stage before the network (cmd/main.py, main_init with --local)."""
        self.init = stages.Init(ds_deps=[sources.DEP_FILESYSTEM])
        self.init.initialize()
        self.init.purge_cache()
        self.init.fetch(existing=existing)
        self.init.instancify()
        return self.init.datasource

    def network(self):
        """The one after it: goes on only with a datasource that wants the network."""
        self.init = stages.Init()
        self.init.initialize()
        self.init.fetch(existing="trust")
        assert self.init.datasource.dsmode == sources.DSMODE_NETWORK
        self.init.instancify()
        self.init.setup_datasource()
        self.init.update()
        self.init.consume_data()
        return self.init.cfg


def boot(server, tmp_path, monkeypatch, bootstrapper, **words):
    define(server, fleet(["vol"], bootstrapper=bootstrapper, mac=MAC, **{"user-data": USER_DATA, **words}))
    volume = export(server, "vol", tmp_path / "vol.iso")
    root = tmp_path / "root"
    root.mkdir()
    return Drive(root, Guest(server, "vol"), volume, monkeypatch)


@pytest.mark.parametrize("bootstrapper", ["drive", "drive-network"])
def test_network_before_the_network(server, tmp_path, monkeypatch, bootstrapper):
    """The stage without a network finds volume and network-config; the one with it does the rest."""
    machine = boot(server, tmp_path, monkeypatch, bootstrapper, address="10.9.0.7")
    ds = machine.local()
    assert ds.get_instance_id() == "iid-vol-1"
    assert ds.network_config["ethernets"]["nic0"]["match"] == {"macaddress": MAC}
    cfg = machine.network()
    assert cfg["runcmd"] == [["touch", "/it-ran"]] and cfg["manual_cache_clean"] is True
    assert cfg["phone_home"]["url"].startswith(server.seed_url)
    machine.phone_home()
    assert Guest(server, "vol").show()["phase"] == "homed"


def test_drive_needs_no_http(server, tmp_path, monkeypatch):
    machine = boot(server, tmp_path, monkeypatch, "drive")
    server.stop()
    assert machine.local().get_instance_id() == "iid-vol-1"
    assert machine.network()["runcmd"] == [["touch", "/it-ran"]]


def test_drive_network_asks_once(server, tmp_path, monkeypatch):
    """Only the network is on the volume; what came by HTTP once is kept through reboots without roost."""
    machine = boot(server, tmp_path, monkeypatch, "drive-network")
    files = {p.name: p.read_text() for p in (machine.root / "mounted").iterdir()}
    for doc in ("user-data", "vendor-data"):
        assert re.fullmatch(rf"#include-once\n{re.escape(server.seed_url)}/vol/[0-9a-f]{{32}}/{doc}\n", files[doc])
    assert "runcmd" not in "".join(files.values())
    machine.local()
    first = machine.network()
    server.stop()
    ds = machine.local(existing="trust")
    assert ds.get_instance_id() == "iid-vol-1"
    again = machine.network()
    assert again["runcmd"] == first["runcmd"] == [["touch", "/it-ran"]]
    assert again["phone_home"] == first["phone_home"]


def test_why_not_seedfrom(server, tmp_path, monkeypatch):
    """cloud-init's other way to point elsewhere: its stage without a network refuses such a volume, so the
    network-config on it would come too late for a network without DHCP."""
    machine = boot(server, tmp_path, monkeypatch, "drive-network")
    meta = machine.root / "mounted/meta-data"
    meta.chmod(0o600)
    meta.write_text(meta.read_text() + f"seedfrom: {Guest(server, 'vol').seed_url()}\n")
    with pytest.raises(sources.DataSourceNotFoundException):
        machine.local()


@pytest.mark.parametrize("bootstrapper", ["drive", "drive-network"])
def test_variables_by_cloud_inits_own_jinja(server, tmp_path, monkeypatch, bootstrapper):
    machine = boot(server, tmp_path, monkeypatch, bootstrapper, vars={"app": "shop", "ports": [80, 443]}, **{
        "user-data": "## template: jinja\n#cloud-config\nruncmd: [[touch, \"/{{ ds.meta_data.roost.app }}-"
                     "{{ ds.meta_data.roost.ports[1] }}\"]]\n"})
    machine.local()
    assert machine.network()["runcmd"] == [["touch", "/shop-443"]]
