"""What a newcomer types wrong: one message in the words that were typed, which names the mend; nothing is changed."""
import os
import pty
import signal
import subprocess

import pytest
from harness import roost as harness
from harness.guest import define, fleet
from harness.roost import BUILD
from roostd_rig import until


@pytest.fixture(scope="module")
def roost():
    with harness.Roost({"launch": {"enabled": "no"}}) as r:
        define(r, fleet(["a"]))
        yield r


WRONG = [
    (("start",), 2, 'did you mean "instance start"?'),
    (("help", "wiat"), 2, 'there is no command "wiat": did you mean "wait"?'),
    (("help", "instance", "lits"), 2, 'did you mean "instance list"?'),
    (("list",), 2, 'there are "instance list", "instance trash list", "image list"'),
    (("",), 2, 'there is no command ""'),
    (("instance", "create", "b"), 2, "say --image IMAGE (roost image list has them), --disk FILE"),
    (("instance", "create", "b", "--image", "nope"), 3, "there is no image nope: none is defined with it"),
    (("instance", "create", "b", "--disk", "disk.img"), 2, "a file has a slash in it: ./disk.img"),
    (("instance", "create", "b", "--external", "--add-disk", "x.img"), 2, "a file has a slash in it: ./x.img"),
    (("instance", "create", "b", "--image", "i", "--cdrom", "/"), 2, "--cdrom: / is a directory"),
    (("instance", "start", "a", "--timeout", "-1"), 2, '--timeout: "-1" is not a duration'),
    (("instance", "modify", "a"), 2, "say what to change"),
    (("instance", "modify", "a", "--unset", "memroy"), 2, 'there is no option "memroy": did you mean memory?'),
    (("instance", "modify", "a", "--unset", "domain"), 2, "instance modify: --unset domain: it is not set"),
    *((("instance", verb, "a", "--image", "i", f"{option}={value}"), 2, f"instance {verb}: {option}: {says}")
      for verb in ("create", "modify")
      for option, least, most in (("--cpus", 1, 512), ("--autostart-order", 0, 9999))
      for value, says in (("-1", f"-1 is not from {least} to {most}"), ("99999", f"99999 is not from {least} to {most}"),
                          ("1.5", f'expected a whole number from {least} to {most}, got the text "1.5"'),
                          ("9" * 20, f'expected a whole number from {least} to {most}, got the text "{"9" * 20}"'))),
    *((("instance", "create", "b", "--image", "i", f"--count={n}"), 2, f"--count: {n} is not from 1 to 10000") for n in (-1, 0)),
    *((("instance", "create", "b", "--image", "i", f"--memory={n}"), 2, says) for n, says in (
        (0, "--memory: 0 B is less than 16 MiB (say 512M or 8G)"), (2048, "--memory: 2.0 KiB is less than 16 MiB (say 512M or 8G)"),
        ("-1", '--memory: "-1" is not a size (say 512M or 8G)'))),
    (("image", "create", "i", "--file", "tab.yaml", "--min-cpu=-1"), 2, "image create: --min-cpu: -1 is not from 0 to 65535"),
    *((("network", "create", "n", "--kind", "bridged", "--parent", "e0", f"--{option}={n}"), 2, f"--{option}: {n} is not from {least} to {most}")
      for option, least, most in (("vlan", 1, 4094), ("mtu", 576, 65521)) for n in (-1, 0, 99999)),
    (("network", "create", "n", "--kind", "shared"), 2, "network create: has no cidr: say --cidr 172.16.5.0/24"),
    (("instance", "modify", "a", "--unset", "tag"), 2, "--unset tag: it is said at creation and never changes"),
    (("instance", "modify", "a", "--unset", "external"), 2, "--unset external: it is said at creation and never changes"),
    (("instance", "list", "--state", "nope"), 2, "there are defined, starting, launched"),
    (("instance", "list", "--columns", "name,usual-ms"), 2, 'no column "usual-ms"; there are name, state, since'),
    (("image", "create", "i"), 2, "--predefined NAME (roost image catalogue has them), --url URL or --file FILE"),
    (("image", "create", "i", "--url", "http://h/x", "--file", "x"), 2, "--url and --file: one of them is enough"),
    (("image", "verify", "i"), 3, 'there is no image "i"; roost image list'),
    (("network", "create", "n", "--kind", "bridged"), 2, "say --parent DEVICE too"),
    (("identity", "create", "ops", "-k", "id"), 2, "looks like a private one: say id.pub"),
    (("apply", "-f", "/dev/null"), 2, "apply -f - </dev/null"),
    (("apply", "-f", "tab.yaml"), 2, "tab.yaml:2:1: a tab stands here: YAML is indented with blanks"),
    (("apply", "-f", "cpu.yaml"), 2, "/instances/b/cpu: is the model of the CPUs, such as host or max; how many is cpus: 2"),
]


def test_each_names_its_mend(roost, tmp_path):
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "tab.yaml").write_text("instances:\n\tb: {image: i}\n")
    (tmp_path / "cpu.yaml").write_text("instances:\n  b: {image: i, cpu: 2}\n")
    before = roost.json("events")
    for words, code, says in WRONG:
        done = subprocess.run([BUILD / "roost", *words], cwd=tmp_path, env=roost.env, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout) == (code, ""), (words, done)
        assert says in done.stderr and len(done.stderr.splitlines()) == 1, (words, done.stderr)
    assert roost.json("events") == before


def test_of_several_the_sum_is_said_last(roost):
    done = roost.cli("instance", "remove", "nope", "nor-this", check=False)
    lines = done.stderr.splitlines()
    assert done.returncode == 3 and lines[-1] == "roost: 0 of 2 removed, 2 failed"
    assert sorted(line.split(";")[0] for line in lines[:-1]) == ["roost: no instance nope", "roost: no instance nor-this"]


def test_a_plan_as_rows(roost, tmp_path):
    (tmp_path / "fleet.yaml").write_text("instances:\n  x1: {launcher: external}\n")
    apply = ("apply", "-f", tmp_path / "fleet.yaml", "--dry-run")
    assert roost.cli(*apply, "-o", "csv").stdout.splitlines() == ["name,object,action,class,fields",
                                                                "x1,instance,create,,"]
    assert roost.cli(*apply, "-o", "name").stdout == "x1\n"


def test_what_somebody_would_wonder_at_is_warned_of(roost, tmp_path):
    (tmp_path / "fleet.yaml").write_text(
        "networks:\n  lab: {kind: shared, cidr: 172.29.5.0/24, forwards: ['0.0.0.0:8080 nobody:80', ':8081 a:80']}\n")
    said = roost.cli("apply", "-f", tmp_path / "fleet.yaml", "--dry-run").stderr
    assert "leads nowhere yet: there is no instance nobody" in said and "a:80" not in said, said
    (tmp_path / "disk.raw").write_bytes(bytes(510) + b"\x55\xaa")
    roost.cli("instance", "create", "own", "--disk", tmp_path / "disk.raw")
    said = roost.cli("instance", "modify", "own", "--address", "1.2.3.4").stderr
    assert "instance own: address is without effect on user, a user network" in said, said
    assert not roost.cli("instance", "modify", "own", "--memory", "2G").stderr, "it is said once"
    roost.cli("instance", "remove", "own", "--yes")


def on_a_terminal(env, columns, *words):
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", str(columns)], stdin=slave, check=True)
    with subprocess.Popen([BUILD / "roost", *words], env={**env, "TERM": "xterm", "NO_COLOR": "1"}, stdin=slave,
                          stdout=slave, stderr=slave) as child:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65536):
                shown += part
        except OSError:  # EIO: the last one has closed the other side
            pass
        child.wait(60)
    os.close(master)
    return shown.decode().replace("\r\n", "\n")


def test_eighty_columns_are_enough(roost):
    """Words are not cut, the columns of names stand on one line; what is no terminal gets whole lines."""
    for words in (("check",), ("image", "catalogue"), ("help",), ("help", "instance", "create"), ("status",)):
        lines = on_a_terminal(roost.env, 80, *words).splitlines()
        assert lines and max(len(line) for line in lines) <= 80, (words, lines)
    catalogue = on_a_terminal(roost.env, 80, "image", "catalogue")
    assert "\n                stable (reads" in catalogue and "cloud-init's" in catalogue
    whole = roost.cli("image", "catalogue").stdout
    assert "Flatcar Container Linux, stable (reads Ignition, not cloud-init's documents)" in whole


def test_following_ends_with_its_reader(roost):
    with subprocess.Popen([BUILD / "roost", "events", "--follow"], env=roost.env, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline()
        child.stdout.close()
        until("it has noticed that nobody reads", lambda: child.poll() is not None, 30)
        assert child.returncode == -signal.SIGPIPE


def test_what_is_taken_back_was_needed(roost, tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "d.img", "2M"], check=True)
    roost.cli("image", "create", "i", "--file", tmp_path / "d.img", "--quiet")
    roost.cli("instance", "create", "g", "--image", "i", "--disk", "2M")
    roost.cli("instance", "create", "f", "--disk", tmp_path / "d.img")
    for name, option in (("g", "image"), ("f", "disk")):
        done = roost.cli("instance", "modify", name, "--unset", option, check=False)
        assert done.returncode == 2 and done.stderr == (
            "roost: instance modify: --unset: that leaves nothing to start from: say --image IMAGE (roost image list has them) "
            "or --disk FILE with it\n")
    roost.cli("instance", "modify", "f", "--unset", "disk", "--image", "i")
    assert roost.json("instance", "show", "f")["spec"]["image"] == "i"
    roost.cli("instance", "remove", "g", "f", "--yes")


def test_the_server_too_speaks_of_options(roost, tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "d.img", "2M"], check=True)
    roost.cli("image", "create", "s", "--file", tmp_path / "d.img", "--quiet")
    for name, more in (("one", ()), ("two", ("--count", "2"))):
        for words, says in ((("--disk", "1M"), "--disk: 1.0 MiB is smaller than image s, whose disk has 2.0 MiB: say at least that, or "
                                               "--disk 0 for as large as the image"),
                            (("--keymap", "de"), "--keymap: is of a display, and there is none: say --display vnc"),
                            (("--add-disk", "./absent"), "--add-disk: ")):
            done = roost.cli("instance", "create", name, "--image", "s", *more, *words, check=False)
            assert done.stderr.startswith(f"roost: instance create: {says}"), done.stderr
    roost.cli("image", "remove", "s")
