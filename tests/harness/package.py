"""The Debian package, as contrib/debian/build.sh makes it. It takes a while, so that what was made of the same
files is kept in the build directory, for the stories of every step."""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.roost import BUILD, ROOT

CLEAN = {k: v for k, v in os.environ.items() if k != "BUILD" and not k.startswith(("MAKE", "MFLAGS"))}
VERSION = re.search(r"^VERSION +:= (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)
KEPT = BUILD / "deb-tested"


def only(directory):
    found = [p for p in Path(directory).glob("roost_*.deb")]
    assert len(found) == 1, found
    return found[0]


def run(argv, cwd, **env):
    done = subprocess.run(argv, cwd=cwd, env={**CLEAN, **env}, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def sources():
    """What is built and packed, as one digest of names, modes and contents."""
    digest = hashlib.sha256()
    for name in sorted(set(run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT)
                           .split("\0")) - {""}):
        if name.startswith("tests/"):
            continue
        path = ROOT / name
        data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        digest.update(f"{name}\0{path.lstat().st_mode:o}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


@contextmanager
def kept(what):
    """A directory of KEPT, and whether it is still to be filled; one at a time."""
    KEPT.mkdir(parents=True, exist_ok=True)
    out, stamp = KEPT / what, KEPT / f"{what}.stamp"
    with open(KEPT / f".{what}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = sources() if (ROOT / ".git").exists() else None  # nothing is kept where git cannot tell
        fresh = now and out.exists() and stamp.exists() and stamp.read_text() == now
        if not fresh:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(out, ignore_errors=True)
        yield out, not fresh
        if now:
            stamp.write_text(now)


def package():
    """Path of the .deb; its tree and .changes stay beside it."""
    with kept("this") as (out, wanted):
        if wanted:
            run(["sh", "contrib/debian/build.sh", out, VERSION], ROOT)
    return only(out)


def next_version():
    """The same sources under the next version: another build, which talks to no process of the first. Only what
    has the version in it is compiled again."""
    first, later = package().parent, f"{VERSION}.1"
    with kept("next") as (out, wanted):
        if wanted:
            out.mkdir()
            tree = out / f"roost-{VERSION}"
            run(["cp", "-a", first / tree.name, out], ROOT)
            (tree / "debian/files").unlink()  # names what the first build brought
            for file, old, new in ((tree / "Makefile", f":= {VERSION}\n", f":= {later}\n"),
                                   (tree / "debian/changelog", f"({VERSION})", f"({later})")):
                assert old in (text := file.read_text())
                file.write_text(text.replace(old, new, 1))
            for source in tree.rglob("*.c"):
                if "ROOST_VERSION" in source.read_text():
                    source.touch()
            run(["dpkg-buildpackage", "-us", "-uc", "-b", "-nc", "-j2"], tree, DEB_BUILD_OPTIONS="noautodbgsym")
    return only(out)
