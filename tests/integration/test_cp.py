"""roost cp: scp(1) to a guest and from it, with the keys that it phoned home. An sshd of the test's plays the guest."""
import os

import pytest
from harness import roost as harness
from harness.guest import Guest, define
from harness.qemu import fake_qemu
from harness.sshd import Sshd


@pytest.fixture
def home(tmp_path):
    """(roost, sshd): web1 is home and that sshd is its own; fresh has never phoned home."""
    (tmp_path / "there").mkdir()
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    with Sshd(tmp_path, "guest", home=tmp_path / "there") as sshd:
        qemu = fake_qemu(tmp_path, sshd.port)
        with harness.Roost({"launch": {"qemu": qemu, "accelerator": "tcg"}}) as r:
            define(r, {"images": {"k": {"kernel": str(tmp_path / "vmlinuz"), "default-user": sshd.user}},
                       "defaults": {"image": "k", "memory": "32M", "disk": 0},
                       "instances": {"web1": {}, "web2": {}, "fresh": {}}})
            for name in ("web1", "web2"):
                r.cli("instance", "start", name)
                guest = Guest(r, name)
                guest.get()
                assert guest.home(guest.form(pub_key_ed25519=sshd.host_key)).status == 200
                r.wait_log(rf"\[{name}\] address: 127.0.0.1")
            yield r, sshd


def cp(home, *args, check=True):
    roost, sshd = home
    return roost.cli("cp", "-i", sshd.client_key, *args, check=check)


def test_there_and_back(home, tmp_path):
    roost, sshd = home
    text = os.urandom(300_000)
    (roost.dir / "a file").write_bytes(text)
    cp(home, "a file", f"web1:{tmp_path}/there/")
    assert (tmp_path / "there" / "a file").read_bytes() == text
    cp(home, f"web1:{tmp_path}/there/a file", "back")
    assert (roost.dir / "back").read_bytes() == text


def test_directories_and_several(home, tmp_path):
    roost, _ = home
    (roost.dir / "site" / "sub").mkdir(parents=True)
    (roost.dir / "site" / "sub" / "x").write_text("x")
    (roost.dir / "c:d").write_text("colon")
    os.utime(roost.dir / "c:d", (1, 86400))
    assert cp(home, "site", f"web1:{tmp_path}/there", check=False).returncode != 0  # scp wants -r
    cp(home, "-r", "-p", "site", "./c:d", f"web1:{tmp_path}/there")
    assert (tmp_path / "there" / "site" / "sub" / "x").read_text() == "x"
    assert (tmp_path / "there" / "c:d").stat().st_mtime == 86400
    (roost.dir / "into").mkdir()
    cp(home, f"web1:{tmp_path}/there/c:d", f"web1:{tmp_path}/there/site/sub/x", "into")
    assert sorted(p.name for p in (roost.dir / "into").iterdir()) == ["c:d", "x"]


def test_another_machine_in_its_place(home, tmp_path):
    roost, sshd = home
    sshd.exchange_key()
    (roost.dir / "f").write_text("secret")
    done = cp(home, "f", f"web1:{tmp_path}/there/f", check=False)
    assert done.returncode != 0 and "host key" in done.stderr.lower()
    assert not (tmp_path / "there" / "f").exists()


@pytest.mark.parametrize("args, code, words", [
    (["a", "b"], 2, "a and b are both here; say which guest's: NAME:PATH"),
    (["web1:a", "web2:b"], 2, "not from guest to guest; copy it here, then there"),
    (["web1:a", "web2:b", "."], 2, "from one guest at a time"),
    (["web1:a", "b", "."], 2, "b and . are both here"),
    (["Web_1:a", "."], 2, "a file with a colon in its name is said as ./Web_1:a"),
    (["a", ":b"], 2, "is said as ./:b"),
    (["nobody:a", "."], 3, "nobody"),
    (["fresh:a", "."], 4, "fresh has no address yet: it is defined"),
    (["web1:a"], 2, "cp"),
    (["-o", "json", "web1:a", "."], 2, "--output"),
])
def test_refusals(home, args, code, words):
    done = home[0].cli("cp", *args, check=False)
    assert done.returncode == code and words in done.stderr, done.stderr
