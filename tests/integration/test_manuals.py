"""README.md and the manuals against what is built: each command line in them is run, each example accepted,
and they name neither more nor less than there is."""
import itertools
import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from harness.guest import DOCS, Guest, request
from harness.netns import Lab
from harness.roost import BUILD, ROOT, Roost
from harness.system import System
from roostd_rig import until

MAN = ROOT / "contrib" / "man"
PAGES = ("roost.1", "roost-inventory.1", "roostd.8", "roost.conf.5")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv op@desk\n"

# In place of what would need a real guest's sshd: it ends with 0 when told to check strictly, and the
# inventory is read by Ansible itself.
STAND_INS = {
    "ssh": 'case "$*" in *StrictHostKeyChecking=yes*HostKeyAlias=*|*HostKeyAlias=*StrictHostKeyChecking=yes*) ;;\n'
           '*) echo "not strict: $*" >&2; exit 1 ;; esac\n',
    "ansible": 'while [ "$1" != -i ]; do shift; done\nexec ansible-inventory -i "$2" --list\n',
}
STAND_INS["ansible-playbook"], STAND_INS["scp"] = STAND_INS["ansible"], STAND_INS["ssh"]


# --- reading the documents ---

def readme_blocks():
    """[(language, text)] of the fenced blocks."""
    text = (ROOT / "README.md").read_text()
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def unescape(line):
    return line.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\")


def manual(page):
    return [unescape(line) for line in (MAN / page).read_text().splitlines()]


def displays(page):
    """The literal displays of a manual: examples are written in them."""
    blocks, block = [], None
    for line in manual(page):
        if line.startswith(".Bd "):
            block = []
        elif line == ".Ed":
            blocks.append("\n".join(block) + "\n")
            block = None
        elif block is not None:
            block.append(line)
    return blocks


# --- a place to run them in ---

@pytest.fixture
def desk(tmp_path):
    """A roost, and a working directory as its user would have it. Machines are real, guests are not:
    their disks are empty, and the test answers for them."""
    stand_ins = tmp_path / "stand-ins"
    stand_ins.mkdir()
    for name, text in STAND_INS.items():
        (stand_ins / name).write_text("#!/bin/sh\n" + text)
        (stand_ins / name).chmod(0o755)
    env = {"PATH": f"{BUILD}:{stand_ins}:{os.environ['PATH']}"}
    with Roost({"launch": {"accelerator": "tcg", "stop-limit": "1s"}}, env=env) as r:
        (r.home / ".ssh").mkdir()
        (r.home / ".ssh" / "id_ed25519.pub").write_text(KEY)
        (r.home / ".local" / "state").mkdir(parents=True)
        (r.home / ".local" / "state" / "roost").symlink_to(r.state)
        image = r.dir / "build" / "guest" / "debian"
        image.mkdir(parents=True)
        for disk in (image / "disk.qcow2", r.dir / "debian-12-genericcloud-amd64.qcow2"):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"], check=True)
        (r.dir / "netinst.iso").write_bytes(bytes(64 << 10))
        (image / "image.yaml").write_text(f"images:\n  debian: {{file: {image}/disk.qcow2}}\n")
        yield r


def shell(r, line, code=0):
    done = subprocess.run(["bash", "-ec", line], cwd=r.dir, env=r.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def make_target(r, line):
    """What it would do is known; that it does it is what the whole of `make check` shows."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    words = line.split("#")[0].split()
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, env={**env, "BUILD": BUILD.name},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{line}: {done.stderr}"


def come_home(r, line):
    shell(r, line)
    for name in line.split("#")[0].split()[3:]:
        guest = Guest(r, name)
        until("forward to its SSH", lambda: guest.show()["address"])  # no real guest is as fast as this one
        for doc in DOCS:
            assert guest.get(doc).status == 200
        assert guest.home().status == 200


def strict_inventory(r, line):
    """Ansible warns of a host and a group with one name, and of much else."""
    done = shell(r, line)
    assert done.stderr == "", done.stderr
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert hosts and {h["roost_state"] for h in hosts.values()} == {"homed"}


def service(r, line):
    with subprocess.Popen(["bash", "-ec", "exec " + line], cwd=r.dir, env=r.env, text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        said = []
        for text in child.stderr:
            said.append(text)
            if " ready, " in text:
                break
        child.send_signal(signal.SIGTERM)
        said += child.stderr.readlines()
        assert child.wait(30) == 0 and any(" ready, " in x for x in said), "".join(said)


def nothing(r, line):
    """The desk is so already."""


def a_run(r, line):
    """Ansible's stand-in reads the run's inventory and reaches nobody: there is a run, and it says how it ended."""
    done = shell(r, line, code=1)
    assert re.match(r"run \d+: ", done.stdout) and "\ndb1 " in done.stdout, done.stdout


def over_already(r, line):
    """What is cancelled has ended before it is asked to: it says so."""
    done = shell(r, line, code=4)
    assert re.search(r"(ended|over|done|finished|not running)", done.stderr), done.stderr


def unknown_caller(r, line):
    """A machine that nobody has defined asks for its seed; its number is another one each time."""
    tag = "stranger-" + line.split()[2]
    assert request(r.seed_port, "GET", f"/{tag}/meta-data").status in (403, 404, 503)
    (caller,) = [row["caller"] for row in r.json("unknown", "list") if row["tag"] == tag]
    shell(r, re.sub(r"\b[0-9a-f]{8}\b", caller, line))
    assert not [row for row in r.json("unknown", "list") if row["caller"] == caller]


def while_it_is_ended(r, line):
    r.stop(keep=True)
    shell(r, line)
    r.start()


# What is not simply run. The first that fits counts.
ODD_LINES = [
    (r"make\b", make_target),
    (r"export PATH=\$PWD/build:\$PATH$", nothing),
    (r"roostd &", nothing),
    (r"kill %roostd$", nothing),
    (r"roostd (?!--(check|print)-)", service),
    (r"roost instance start ", come_home),
    (r"ansible(-playbook)? ", strict_inventory),
    (r"roost (run|task) cancel ", over_already),
    (r"roost run (?!show)", a_run),
    (r"roost unknown (adopt|forget) ", unknown_caller),
    (r"roost store restore ", while_it_is_ended),
]


def run_line(r, line):
    for pattern, how in ODD_LINES:
        if re.match(pattern, line):
            return how(r, line)
    return shell(r, line)


def run_example(r, text):
    """A fleet file becomes fleet.yaml when it has instances; what is neither that nor an INI file is a
    list of command lines."""
    if re.match(r"(identities|images|networks|groups|defaults|instances):", text):
        has_instances = re.search(r"^instances:", text, re.M)
        path = r.fleet(text, "fleet.yaml" if has_instances else "piece.yaml")
        for playbook in re.findall(r"playbook: ([\w.-]+)", text):
            (r.state / "ansible").mkdir(exist_ok=True)
            (r.state / "ansible" / playbook).write_text("- hosts: all\n")
        plan = r.json("apply", "--dry-run", "-f", path)["plan"]
        assert plan and {row["action"] for row in plan} <= {"create", "unchanged"}, plan
        if not has_instances:
            assert r.json("apply", "-f", path)["changed"]
    elif text.startswith("["):
        text = text.replace("/usr/share/doc/roost/examples/hooks/", f"{ROOT}/contrib/hooks/")
        (r.dir / "example.conf").write_text(text)
        shell(r, "roostd -c example.conf --check-config")
        printed = shell(r, "roostd -c example.conf --print-config").stdout
        lines = len(re.findall(r"^[a-z-]+ *=", text, re.M))
        assert printed.count("example.conf:") == lines > 0, "each line of it counts"
    else:
        for line in text.splitlines():
            if line.strip():
                run_line(r, line.strip())


# --- README.md ---

def needs_privilege(text):
    return "roost network up" in text


def test_readme_as_it_is_written(desk):
    languages = []
    for language, text in readme_blocks():
        languages.append(language)
        if needs_privilege(text):
            continue
        if language in ("sh", "yaml", "ini"):
            run_example(desk, text)
        else:
            assert language == "console" or "┌" in text, f"a test should know what this is:\n{text}"
    assert languages.count("sh") >= 5 and languages.count("yaml") >= 2
    assert desk.json("instance", "list") == [] and not desk.guests(), "its end takes all away"


def test_readme_of_networks_as_it_is_written(tmp_path):
    """On a host that is a namespace."""
    (text,) = [text for language, text in readme_blocks() if needs_privilege(text)]
    with Lab() as lab:
        host = lab.namespace("host")
        with System(host, {"launch": {"enabled": "no"}}) as r:
            r.env["ROOST_SOCKET"] = str(r.control)
            r.start()
            assert {"host-only", "shared"} <= {n["name"] for n in r.json("network", "list")}
            for line in text.splitlines():
                done = host.run(["env", *(f"{k}={v}" for k, v in r.env.items()), f"PATH={BUILD}:{r.env['PATH']}",
                                 *line.split("#")[0].split()], timeout=60)
                assert "warning" not in done.stderr, done.stderr
                up = [n["name"] for n in r.json("network", "list") if n["state"] == "up" and n["name"] != "user"]
                assert up == (["lab"] if re.search("network (up|show|check)", line) else []), line
            assert not [link for link in host.ip("-j link") if link["ifname"].startswith("rb-")]


def test_readme_has_no_command_outside_of_a_fence():
    text = re.sub(r"^```.*?^```$", "", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    assert not re.findall(r"^(?: {4}|\t)\S.*", text, re.M)


def test_readme_shows_the_table_that_there_is(desk):
    shown = next(text for language, text in readme_blocks() if language == "console")
    assert shown.startswith("$ roost instance list\n")
    desk.apply({"instances": {"ext": {"launcher": "external"}}})
    assert shown.splitlines()[1].split() == desk.cli("instance", "list").stdout.splitlines()[0].split()
    states = {line.split()[1] for line in shown.splitlines()[2:]}
    assert states and all(re.search(rf"^\.Em {s}\b", "\n".join(manual("roost.1")), re.M) or s == "failed"
                          for s in states), states


def test_readme_says_where_things_lie():
    text = (ROOT / "README.md").read_text()
    env = {"PATH": os.environ["PATH"], "HOME": "/home/op", "XDG_RUNTIME_DIR": "/run/user/7"}
    for unset in ((), ("XDG_RUNTIME_DIR",)):
        here = {k: v for k, v in env.items() if k not in unset}
        out = subprocess.run([BUILD / "roostd", "-o", "roost.mode=rootless", "--print-config"], env=here,
                             capture_output=True, text=True, check=True).stdout
        value = dict(re.findall(r"^([a-z-]+) = (.*?)  ; ", out, re.M))
        where = f"/tmp/roost-{os.getuid()}" if unset else "/run/user/7/roost"
        assert value["control"].startswith(where + "/")
        assert value["state"] == "/home/op/.local/state/roost"
        assert value["listen"] == "127.0.0.1:10200"
    for said in ("`~/.local/state/roost` (`[roost] state`)", "`$XDG_RUNTIME_DIR/roost`", "`/tmp/roost-UID`",
                 "127.0.0.1:10200 (`[seed] listen`)"):
        assert said in text


def test_readme_knows_the_rooms():
    named = set(re.findall(r"^\| `(\w+)/` \|", (ROOT / "README.md").read_text(), re.M))
    rooms = re.search(r"^ROOMS +:= (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1).split()
    assert named == {*rooms, "tests", "contrib"}
    assert all((ROOT / name).is_dir() for name in named)


# --- the manuals ---

@pytest.mark.parametrize("page", PAGES)
def test_examples_of_a_manual(desk, page):
    blocks = displays(page)
    assert blocks, "a manual without an example"
    for text in blocks:
        run_example(desk, text)


def test_each_command_has_an_example():
    """And each example is run: those of the manuals above, those of README.md further up."""
    shown = [line for page in PAGES for text in displays(page) for line in text.splitlines()]
    shown += [line for _, text in readme_blocks() for line in text.splitlines()]
    help_ = json.loads(subprocess.run([BUILD / "roost", "-o", "json", "help"], capture_output=True, text=True,
                                      check=True).stdout)
    without = [row["words"] for row in help_["commands"]
               if not any(re.search(rf"\broost {row['words']}( |$)", line) for line in shown)]
    assert not without, f"EXAMPLES of contrib/man/roost.1 has no line of: {', '.join(without)}"


def test_the_message_that_roost_1_shows(roost):
    shown = next(line[4:] for line in manual("roost.1") if line.startswith(".Dl "))
    place, pointer = re.fullmatch(r"(fleet\.yaml:\d+:\d+): (/[^:]+): \.\.\.", shown).groups()
    line, column = map(int, place.split(":")[1:])
    section, name, key = pointer[1:].split("/")
    text = f"{section}:\n" + "#\n" * (line - 3) + f"  {name}:\n" + " " * (column - 1) + f"{key}: lots\n"
    roost.fleet(text)
    done = subprocess.run([BUILD / "roost", "apply", "-f", "fleet.yaml"], cwd=roost.dir, env=roost.env,
                          capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"roost: {place}: {pointer}: ")


@pytest.mark.parametrize("page", PAGES)
def test_a_manual_renders_without_warnings(page):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFOPT": "-ww", "MANWIDTH": "78", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(["man", "--warnings=w", "-l", MAN / page], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "NAME" in done.stdout
    done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z", MAN / page], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", MAN / page], capture_output=True, text=True)
        assert done.stdout == ""


def listed(page, pattern):
    return re.findall(pattern, "\n".join(manual(page)), re.M)


def test_roost_1_has_each_command_and_option():
    help_ = json.loads(subprocess.run([BUILD / "roost", "-o", "json", "help"], capture_output=True, text=True,
                                      check=True).stdout)
    parts = re.split(r"^\.It Ic ", "\n".join(manual("roost.1")).split(".Sh COMMANDS")[1].split("\n.Ss ")[0],
                     flags=re.M)[1:]
    described = {re.match(r"[a-z-]+(?: (?!Oo|Ar|Fl)[a-z-]+)*", part).group(0): part for part in parts}
    assert set(described) == {row["words"] for row in help_["commands"]}
    for row in help_["commands"]:
        options = {name for name in re.findall(r"^\.It .*?Fl -([a-z-]{2,})", described[row["words"]], re.M)}
        assert options == {o["name"] for o in row["options"]}, row["words"]


def test_roost_conf_5_has_each_option():
    defaults = subprocess.run([BUILD / "roostd", "--print-defaults"], capture_output=True, text=True,
                              check=True).stdout
    there, section = [], None
    for line in defaults.splitlines():
        if (m := re.match(r"#?\[(.*)\]", line)):
            section = m.group(1)
        elif (m := re.match(r"[;#]([a-z-]+) =", line)):
            there.append((section, m.group(1)))
    described = []
    for line in itertools.takewhile(lambda line: line != ".Sh HOOKS", manual("roost.conf.5")):
        if (m := re.match(r"\.Ss \[(.*)\]", line)):
            section = m.group(1)
        elif (m := re.match(r"\.It Cm ([a-z-]+)$", line)):
            described.append((section, m.group(1)))
    assert described == there and len(there) > 40


def test_roostd_8_has_each_option():
    usage = subprocess.run([BUILD / "roostd", "--help"], capture_output=True, text=True, check=True).stdout
    there = set(re.findall(r"--([a-z-]+)", usage))
    assert set(listed("roostd.8", r"^\.It .*?Fl -([a-z-]{2,})")) == there and len(there) > 8


# --- what they promise of every program ---

def test_each_program_tells_its_version():
    number = re.search(r"^VERSION +:= (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    for name in ("roost", "roostd", "roost-core", "roost-front", "roost-single", "roost-run", "roost-unbundle", "roost-inventory"):
        done = subprocess.run([BUILD / name, "--version"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""
        assert re.fullmatch(rf"{name} {re.escape(number)}( \([0-9a-f]{{12}}\))?\n", done.stdout), done.stdout


@pytest.mark.parametrize("text, place, right", [
    ("[sead]\n", ":1: [sead]: ", "seed"),
    ("[seed\n", ":1: ", "[section]"),
    ("\ufeff[seed]\n", ":1: ", "byte order mark"),
    ("listen = 1\n", ":1: ", "before any [section]"),
    ("[seed]\nlisten\n", ":2: ", "key = value"),
    ("[seed]\nlissten = 1\n", ":2: [seed] lissten: ", "listen"),
    ("[seed]\nseal = no\n\nseal = no\n", ":4: [seed] seal: ", "line 2"),
    ("[seed]\nlisten = 127.0.0.1\n", ":2: [seed] listen: ", "ADDRESS:PORT"),
    ("[seed]\nhold-retry = 10\n", ":2: [seed] hold-retry: ", "40s"),
    ("[seed]\nreporting = maybe\n", ":2: [seed] reporting: ", "yes or no"),
    ("[seed]\nadvertise = ftp://x\n", ":2: [seed] advertise: ", "http://"),
    ("[defaults]\nmemory = 1X\n", ":2: [defaults] memory: ", "512M"),
    ("[defaults]\nmemory = 900T\n", ":2: [defaults] memory: ", "64T"),
    ("[defaults]\ndisk = 5\n", ":2: [defaults] disk: ", "10G"),
    ("[defaults]\ncpus = 0\n", ":2: [defaults] cpus: ", "from 1"),
    ("[launch]\naccelerator = xen\n", ":2: [launch] accelerator: ", "kvm"),
    ("[launch]\nqemu = ./qemu\n", ":2: [launch] qemu: ", "absolute path"),
    ("[launch]\nfirmware-code =\n", ":2: [launch] firmware-code: ", "both"),
    ("[process]\nrestart-max = 1ms\n", ":2: [process] restart-max: ", "restart-first"),
    ("[roost]\nstate = here\n", ":2: [roost] state: ", "absolute"),
])
def test_a_mistake_in_roost_conf_is_named(tmp_path, text, place, right):
    (tmp_path / "roost.conf").write_text(text)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for option in ("--check-config", "--print-config", "--log-level=info"):
        done = subprocess.run([BUILD / "roostd", "-c", "roost.conf", option], cwd=tmp_path, env=env,
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith(f"roostd: roost.conf{place}"), done.stderr
        assert right in done.stderr and done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["roost.conf"]


@pytest.mark.parametrize("code, args, says", [
    (2, ["frobnicate"], "roost help"),
    (2, ["instance", "shwo", "x"], "instance show"),
    (2, ["status", "extra"], "usage: roost status"),
    (2, ["status", "--outptu", "json"], "--output"),
    (2, ["status", "-o", "xml"], "table, json, yaml"),
    (2, ["instance", "show", "Web"], "a-z"),
    (2, ["instance", "remove", "a/../b"], "a-z"),
    (2, ["wait", "x", "--for", "there"], "homed"),
    (2, ["wait", "x", "--timeout", "5"], "40s"),
    (2, ["events", "--limit", "0"], "from 1"),
    (2, ["apply"], "apply -f"),
    (2, ["apply", "-f", "/"], "regular file"),
    (3, ["apply", "-f", "none.yaml"], "none.yaml"),
    (3, ["instance", "rebuild", "none"], "roost instance list"),
    (3, ["ansible", "init", "--instance", "none"], "roost instance list"),
    (3, ["events", "none"], "roost instance list"),
    (3, ["console", "none"], "roost instance list"),
    (6, ["--socket", "/none", "status"], "start roostd"),
])
def test_an_error_is_one_line_with_its_exit_status(desk, code, args, says):
    events = desk.json("events")
    done = desk.cli(*args, check=False)
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.startswith("roost: ") and done.stderr.count("\n") == 1 and says in done.stderr
    assert str(code) in listed("roost.1", r"^\.It (\d)$")
    assert desk.json("events") == events


def test_a_dry_run_says_that_it_was_one(desk):
    path = desk.fleet({"instances": {"ext": {"launcher": "external"}}})
    assert "1 create; nothing was changed" in desk.cli("apply", "-n", "-f", path).stdout
    assert "1 create; applied" in desk.cli("apply", "-f", path).stdout
    assert "1 unchanged; nothing changed" in desk.cli("apply", "-n", "-f", path).stdout


def test_the_run_directory_goes_with_roostd(roost):
    run = roost.control.parent
    assert run.is_dir()
    assert roost.stop(keep=True) == 0
    assert not run.exists() and run.parent.is_dir()
    roost.start()
    assert roost.control.exists()
