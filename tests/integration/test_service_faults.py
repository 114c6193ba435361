"""What an upgrade or a service runs into on a host: each is refused with its reason and its mend, nothing is lost."""
import os
import re
import shutil
import sqlite3

import pytest
from harness import roost as harness
from harness.roost import ROOT
from harness.guest import Guest, define, fleet
from test_faults import QUIET, fill, files, on_a_small_disk, refuses_to_start

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def older(path, bytes_):
    """A store of the first schema, with something in it that takes room."""
    source = (ROOT / "server" / "store_schema.c").read_text()
    first = re.search(r"char schema_1\[\] =\n(.*?);\n\n", source, re.S).group(1)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript("".join(re.findall(r'"(.*?)"', first)))
    db.execute(f"PRAGMA application_id = {int.from_bytes(b'roos', 'big')}")
    db.execute("INSERT INTO meta VALUES('ballast', ?)", ("x" * bytes_,))
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    path.chmod(0o600)


def full_at_upgrade(mount):
    with harness.Roost(QUIET, start=False) as r:
        mount(r.state, "64m")
        older(r.state / "store.db", 8 << 20)
        fill(r.state / "ballast")
        os.truncate(r.state / "ballast", (r.state / "ballast").stat().st_size - (4 << 20))
        before = (r.state / "store.db").read_bytes()
        refuses_to_start(r, "io", "store.db", "older roost", "copied aside", "nothing was changed",
                         "MiB", "free")
        assert (r.state / "store.db").read_bytes() == before
        assert not list(r.state.glob("store.db.*")), "no half of a copy stays"
        os.unlink(r.state / "ballast")
        r.start()
        assert (r.state / "store.db.1.bak").stat().st_size >= 8 << 20
        define(r, fleet(["a"]))
        assert Guest(r, "a").home().status == 200
        r.stop(keep=True)


@root
def test_a_full_disk_at_an_upgrade():
    on_a_small_disk(full_at_upgrade)


@root
def test_a_service_without_its_rights():
    """System mode as an ordinary user: a drop-in with User=, say."""
    with harness.Roost(QUIET, start=False) as r:
        os.chmod(r.dir, 0o755)
        r.settings["roost"].update({"mode": "system", "state": r.dir / "var" / "roost"})
        r.write_conf()
        build = r.dir / "build"
        shutil.copytree(r.build, build, ignore=lambda d, names: [n for n in names if not n.startswith("roost")
                                                                 or n.endswith((".a", ".o"))])
        r.build = build
        r.program = r.dir / "as-nobody"
        r.program.write_text(f'#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups {build}/roostd "$@"\n')
        r.program.chmod(0o755)
        os.chmod(r.conf, 0o644)
        refuses_to_start(r, "denied", "[roost] mode: system is for root")
        assert not (r.dir / "var").exists()


@root
def test_the_state_of_another_user_is_left_alone():
    with harness.Roost(QUIET) as r:
        define(r, fleet(["a"]))
        assert Guest(r, "a").home().status == 200
        r.stop(keep=True)
        for path in [r.state, *r.state.rglob("*")]:
            os.chown(path, 65534, 65534, follow_symlinks=False)
        before = files(r)
        refuses_to_start(r, "denied", str(r.state), "belongs to uid 65534", "chown")
        assert files(r) == before
        for path in [r.state, *r.state.rglob("*")]:
            os.chown(path, 0, 0, follow_symlinks=False)
        r.start()
        assert r.json("instance", "list")[0]["state"] == "homed"
