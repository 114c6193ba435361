"""Both inventories of the same hosts: what making them costs roost, what roost-inventory(1) costs, and what
Ansible needs to read each. CPU seconds and largest resident size as wait4(2) has them (a small program's size would be this one's: it
inherits the mark)."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

from harness.roost import BUILD

RENDER = BUILD / "tests/unit/ansible/golden"
PROGRAM = BUILD / "roost-inventory"
HOSTS = (1000, 10_000)


def fleet(n):
    """As a shop would have it: a few groups each, some variables."""
    kinds = ("web", "db", "cache", "worker")
    hosts = [{"name": f"{kinds[i % 4]}-{i:05}", "ssh": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}:22", "user": "ops",
              "state": "configured", "image": "debian-13", "network": f"lab-{i % 8}",
              "groups": sorted({kinds[i % 4], f"rack{i % 40}", "production"}),
              "vars": {"app": "shop", "replicas": i % 5, "ansible_become": True}} for i in range(n)]
    return {"known_hosts": "/var/lib/roost/generated/known_hosts", "ssh_key": "",
            "hosts": sorted(hosts, key=lambda h: h["name"])}


def cost(argv, env=None):
    """(CPU seconds, MiB) of a command that succeeds."""
    with open(os.devnull, "w") as null:
        child = subprocess.Popen([str(a) for a in argv], stdout=null, env={**os.environ, **(env or {})})
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
    if status:
        raise SystemExit(f"{argv[0]}: status {status}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def best(argv, env=None, rounds=3):
    return min(cost(argv, env) for _ in range(rounds))


def chapter(table):
    if not RENDER.exists():
        table.note(f"inventories: {RENDER} is not built")
        return
    for n in HOSTS:
        with tempfile.TemporaryDirectory(prefix="roost-bench-", dir="/tmp") as where:
            generated = Path(where) / "generated"
            generated.mkdir()
            (Path(where) / "hosts.json").write_text(json.dumps(fleet(n)))
            make = best((RENDER, Path(where) / "hosts.json", generated))
            env = {"ROOST_STATE": where, "ANSIBLE_LOCAL_TEMP": where, "HOME": where}
            program = best((PROGRAM, "--list"), env)
            rounds = 3 if n < 5000 else 1
            read = ("ansible-inventory", "--list", "-i")
            theirs = best((*read, generated / "inventory.yaml"), env, rounds)
            mine = best((*read, PROGRAM), env, rounds)
            what = f"{n} hosts, "
            table.row(what + "all files made (both inventories), CPU", 1000 * make[0], "ms", 1000 * theirs[0],
                      "Ansible reads the YAML")
            table.row(what + "roost-inventory --list, CPU", 1000 * program[0], "ms", 1000 * theirs[0],
                      "Ansible reads the YAML")
            table.row(what + "Ansible reads roost-inventory, CPU", mine[0], "s", theirs[0],
                      "Ansible reads the YAML")
            table.row(what + "Ansible reads roost-inventory, resident", mine[1], "MiB", theirs[1],
                      "Ansible reads the YAML")
