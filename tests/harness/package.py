"""The Debian package, as contrib/debian/build.sh makes it."""
import os
import re
import subprocess
from pathlib import Path

from harness.roost import ROOT

CLEAN = {k: v for k, v in os.environ.items() if k != "BUILD" and not k.startswith(("MAKE", "MFLAGS"))}
VERSION = re.search(r"^VERSION +:= (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)


def only(directory):
    found = [p for p in Path(directory).glob("roost_*.deb")]
    assert len(found) == 1, found
    return found[0]


def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, env=CLEAN, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def build(out):
    """Path of the .deb; its tree stays beside it."""
    run(["sh", "contrib/debian/build.sh", out, VERSION], ROOT)
    return only(out)


def next_version(out):
    """The same sources under the next version, from the tree that build() left: another build, which talks to
    no process of the first. Only what has the version in it is compiled again."""
    tree, later = Path(out) / f"roost-{VERSION}", f"{VERSION}.1"
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace(f":= {VERSION}\n", f":= {later}\n", 1))
    changelog = tree / "debian" / "changelog"
    changelog.write_text(changelog.read_text().replace(VERSION, later))
    for source in tree.rglob("*.c"):
        if "ROOST_VERSION" in source.read_text():
            source.touch()
    only(out).unlink()
    run(["dpkg-buildpackage", "-us", "-uc", "-b", "-nc", "-j2"], tree)
    return only(out)
