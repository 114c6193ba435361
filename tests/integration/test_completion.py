"""Completion: shells can read the scripts in contrib/completions (tests/unit/cli/completion.c says that they are
what the command table makes), and bash completes with them what roost knows."""
import shutil
import subprocess

import pytest
from harness.guest import define
from harness.roost import BUILD, ROOT, Roost

FILES = {"bash": "roost.bash", "zsh": "_roost", "fish": "roost.fish"}


@pytest.mark.parametrize("shell", FILES)
def test_the_shell_can_read_it(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    path = ROOT / "contrib" / "completions" / FILES[shell]
    assert subprocess.run([BUILD / "roost", "completion", shell], capture_output=True, text=True, timeout=30,
                          check=True).stdout == path.read_text()
    done = subprocess.run([shell, "-n", path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.fixture(scope="module")
def server():
    with Roost({"launch": {"enabled": "no"}}) as r:
        define(r, {"networks": {"lab": {"kind": "user"}},
                   "instances": {n: {"launcher": "external"} for n in ("db1", "web-1", "web-2")}})
        yield r


def complete(server, line):
    """What bash offers behind a line; a blank at its end begins a new word."""
    words = line.split() + ([""] if line.endswith(" ") else [])
    text = (f". {ROOT}/contrib/completions/roost.bash\nCOMP_WORDS=({' '.join(w or chr(39) * 2 for w in words)})\n"
            f"COMP_CWORD={len(words) - 1}\n_roost\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
    env = {**server.env, "PATH": f"{BUILD}:{server.env['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", text], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("line, has, lacks", [
    ("roost ", ["apply", "instance", "network", "help"], ["list", "create"]),
    ("roost inst", ["instance"], ["network"]),
    ("roost instance ", ["create", "list", "start", "remove"], ["instance", "up"]),
    ("roost instance start ", ["db1", "web-1", "web-2"], ["lab", "--all"]),
    ("roost instance start web", ["web-1", "web-2"], ["db1"]),
    ("roost instance start db1 w", ["web-1", "web-2"], ["db1"]),
    ("roost instance start --", ["--all", "--group", "--state"], ["--sort"]),
    ("roost -o json instance stop --f", ["--force"], ["--all"]),
    ("roost network show ", ["lab"], ["db1"]),
    ("roost network ", ["create", "forward"], ["add"]),
    ("roost network forward ", ["add", "list", "remove"], ["create"]),
    ("roost instance create ", [], ["db1"]),
])
def test_bash_completes(server, line, has, lacks):
    offered = complete(server, line)
    assert set(has) <= set(offered) and not set(lacks) & set(offered), offered
