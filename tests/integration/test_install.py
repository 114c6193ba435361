"""make install, the units, and the Debian package: put somewhere, judged by their own tools, and run from
there."""
import os
import re
import shutil
import stat
import subprocess

import pytest
from harness import package as deb
from harness import roost as harness
from harness.guest import Guest, define, fleet
from harness.roost import BUILD, ROOT

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
UNITS = ("system/roost.service", "user/roost.service", "system/roost-guests.service", "user/roost-guests.service",
         "system/roost-modules.service")


def make(*words, timeout=900):
    done = subprocess.run(["make", "-s", f"BUILD={BUILD.name}", *words], cwd=ROOT, env=CLEAN, capture_output=True,
                          text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tree(root):
    return {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}", "PREFIX=/usr")
    return root


def comes_home_from(root, build):
    """roostd finds its helpers where they were put, and a guest of others comes home."""
    with harness.Roost({"launch": {"enabled": "no"}}, build=build, start=False) as r:
        r.build = root / "usr" / "sbin"
        r.start()
        r.build = root / "usr" / "bin"
        assert os.readlink(f"/proc/{r.pid('core')}/exe") == str(root / "usr" / "lib" / "roost" / "roost-core")
        define(r, fleet(["a"]))
        assert Guest(r, "a").home().status == 200
        assert r.json("instance", "list")[0]["state"] == "homed"


# --- make install ---

def test_install_and_uninstall(installed, tmp_path):
    files = tree(installed)
    for name in ("usr/bin/roost", "usr/sbin/roostd", "usr/lib/roost/roost-core", "usr/share/man/man1/roost.1",
                 "usr/share/man/man7/roost-restore.7", "etc/roost/roost.conf", "usr/lib/sysusers.d/roost.conf",
                 "usr/lib/systemd/system/roost.service", "usr/lib/systemd/user/roost.service"):
        assert name in files
    programs = re.search(r"^PROGRAMS := (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1).split()
    assert {name.rsplit("/", 1)[1] for name in files} >= set(programs), "each program is there"
    pages = {p.name for p in (ROOT / "contrib" / "man").iterdir()}
    assert {name.rsplit("/", 1)[1] for name in files if "/man/" in name} == pages
    for name in files:
        mode = stat.S_IMODE((installed / name).stat().st_mode)
        assert mode == (0o755 if any(part in name for part in ("bin/", "/lib/roost/", "/examples/hooks/")) else 0o644), name
    copy = tmp_path / "copy"
    shutil.copytree(installed, copy)
    (copy / "etc/roost/roost.conf").write_text("[roost]\nlog-level = debug\n")
    make("install", f"DESTDIR={copy}", "PREFIX=/usr")
    assert "debug" in (copy / "etc/roost/roost.conf").read_text(), "what the operator wrote stays"
    make("uninstall", f"DESTDIR={copy}", "PREFIX=/usr")
    assert tree(copy) == {"etc/roost/roost.conf"}
    assert not (copy / "usr/lib/roost").exists()


def test_another_prefix(tmp_path):
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/roost", "SYSCONFDIR=/opt/roost/etc")
    unit = (tmp_path / "opt/roost/lib/systemd/system/roost.service").read_text()
    assert "ExecStart=/opt/roost/sbin/roostd\n" in unit
    assert {p.parts[len(tmp_path.parts)] for p in tmp_path.rglob("*")} == {"opt"}


@pytest.mark.parametrize("target", ["deb", "image"])
def test_an_architecture_that_there_is_no_package_for(target):
    done = subprocess.run(["make", target, "ARCH=vax"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "ARCH=vax: packages and images are made for amd64 and arm64" in done.stderr


def test_runs_from_where_it_was_put(installed):
    comes_home_from(installed, installed / "usr" / "sbin")


def test_the_configuration_is_accepted(installed):
    done = subprocess.run([installed / "usr/sbin/roostd", "-c", installed / "etc/roost/roost.conf", "--check-config"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == done.stderr == ""


# --- systemd ---

@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_units(installed, unit, tmp_path):
    """As they are, but for the programs' path: the root that they are for is not there to be booted."""
    text = (installed / "usr/lib/systemd" / unit).read_text().replace("=/usr/", f"={installed}/usr/")
    path = tmp_path / unit.split("/")[1]
    path.write_text(text)
    mode = ["--user"] if unit.startswith("user") else []
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(["systemd-analyze", *mode, "verify", "--man=no", "--recursive-errors=no", path],
                          capture_output=True, text=True, env=env)
    said = [line for line in done.stderr.splitlines() if "roost" in line]
    assert done.returncode == 0 and not said, done.stderr


def test_systemd_finds_it_hardened(installed):
    unit = installed / "usr/lib/systemd/system/roost.service"
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=50", unit],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_what_the_unit_promises(installed):
    unit = (installed / "usr/lib/systemd/system/roost.service").read_text()
    setting = dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))
    assert setting["Type"] == "notify" and setting["KillMode"] == "process" and setting["OOMPolicy"] == "continue"
    assert re.search(r"^SystemCallFilter=@system-service .*\bseccomp\b", unit, re.M), "else QEMU has no -sandbox"
    for kind, target in (("system", "multi-user"), ("user", "default")):
        guests = (installed / f"usr/lib/systemd/{kind}/roost-guests.service").read_text()
        assert f"WantedBy={target}.target" in guests
    assert setting["RuntimeDirectoryPreserve"] == "yes", "guests' sockets stay"
    assert int(setting["FileDescriptorStoreMax"]) > 2 and int(setting["WatchdogSec"]) > 0
    assert int(setting["TasksMax"]) >= 500 * 25 and int(setting["LimitNOFILE"]) >= 500 * 40


def test_sysusers_and_tmpfiles(installed, tmp_path):
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", installed / "usr/lib/sysusers.d/roost.conf"], check=True)
    assert re.search(r"^roost:", (tmp_path / "etc/group").read_text(), re.M)
    shutil.copytree(installed / "usr/lib/tmpfiles.d", tmp_path / "usr/lib/tmpfiles.d")
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", "roost.conf"], check=True)
    assert stat.S_IMODE((tmp_path / "run/roost").stat().st_mode) == 0o755


# --- the Debian package ---

def test_what_it_is_built_with():
    """Build-Depends and contrib/packages name the same libraries."""
    control = (ROOT / "contrib/debian/control").read_text().split("Build-Depends:")[1].split("Standards-Version")[0]
    packages = re.findall(r"^build +(\S+-dev)\b", (ROOT / "contrib/packages").read_text(), re.M)
    assert set(re.findall(r"[\w.+-]+-dev\b", control)) - {"libcurl4-gnutls-dev"} == set(packages)


@pytest.fixture(scope="module")
def package():
    return deb.package()


def test_lintian_finds_nothing(package):
    changes = next(package.parent.glob("*.changes"))
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", changes],
                          capture_output=True, text=True)
    assert done.returncode == 0 and not re.findall(r"^[EW]: .*", done.stdout, re.M), done.stdout


def test_the_package_runs_from_where_it_is_unpacked(package, installed, tmp_path):
    subprocess.run(["dpkg", "-x", package, tmp_path / "x"], check=True)
    subprocess.run(["dpkg", "-e", package, tmp_path / "e"], check=True)
    comes_home_from(tmp_path / "x", tmp_path / "x" / "usr" / "sbin")

    def plain(names):
        return {re.sub(r"^(usr/)?lib/systemd", "lib/systemd", n.removesuffix(".gz")) for n in names
                if "/share/doc/" not in n and "/share/lintian/" not in n}
    assert plain(tree(tmp_path / "x")) == plain(tree(installed)), "the same as make install brings"
    assert (tmp_path / "e/conffiles").read_text().split() == ["/etc/roost/roost.conf"]
    for script in ("postinst", "prerm", "postrm"):
        assert subprocess.run(["sh", "-n", tmp_path / "e" / script]).returncode == 0
    control = (tmp_path / "e/control").read_text()
    assert "libsqlite3-0" in control and not re.search(r"^Depends:.*qemu", control, re.M), "starts without QEMU"
    assert "deb-systemd-helper enable 'roost.service'" in (tmp_path / "e/postinst").read_text().replace('"', "'")
    postinst = (tmp_path / "e/postinst").read_text()
    assert postinst.index("systemd-sysusers") < postinst.index("deb-systemd-invoke"), "the group first"
    assert "--user debian-installed 'roost.service'" in postinst, "each user enables theirs"
    prerm = (tmp_path / "e/prerm").read_text()
    assert prerm.index("roost-guests.service") < prerm.index("'roost.service'"), "guests first"
