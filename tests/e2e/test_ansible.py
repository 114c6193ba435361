"""A Debian guest comes home and is configured by real ansible-core: its key strictly checked, at the true
end of cloud-init, once for each generation. The stories follow each other on one guest."""
import subprocess
from types import SimpleNamespace

import pytest

import guest
from harness.roost import Roost

SITE = """
- hosts: web
  gather_facts: true
  tasks:
    - name: who it is
      ansible.builtin.copy:
        content: "{{ inventory_hostname }} {{ app }} {{ ansible_distribution }}\\n"
        dest: /etc/configured-by-roost
    - name: how often
      ansible.builtin.shell: "echo run >>/var/tmp/runs; cloud-init status >/var/tmp/then"
"""


@pytest.fixture(scope="module")
def story(debian, key):
    guest.need("ansible-playbook")
    conf = {"projections": {"ssh-key": key.file},
            "ansible": {"window": "1s", "retries": "1", "retry-first": "2s"}}
    with Roost(conf) as roost:
        roost.cli("ansible", "init")  # what it brings has to work on a bare guest
        site = roost.state / "ansible" / "site.yaml"
        site.write_text(site.read_text() + SITE)
        roost.apply({
            "identities": {"ops": {"public-keys": [key.public], "sudo": True}},
            "images": {"debian": guest.image(debian)},
            "defaults": {"image": "debian", "identities": ["ops"], "memory": "512M"},
            "instances": {"web1": {"groups": ["web"], "vars": {"app": "shop"}}},
        })
        s = SimpleNamespace(roost=roost, key=key)
        s.ssh = lambda command, **kw: guest.ssh(roost, key, "web1", command, **kw)
        s.runs = lambda: roost.json("runs", "web1")
        guest.start(roost, "web1")
        yield s


def configured(s, timeout=guest.HOME):
    s.roost.cli("wait", "web1", "--for", "configured", "--timeout", f"{timeout}s", "--quiet",
                timeout=timeout + 30)


def test_it_comes_home_and_is_configured(story):
    configured(story)
    assert story.ssh("cat /etc/configured-by-roost").stdout == "web1 shop Debian\n"
    assert story.ssh("cat /var/tmp/runs").stdout == "run\n"
    assert "done" in story.ssh("cat /var/tmp/then").stdout, "cloud-init had ended"
    events = [e["kind"] for e in story.roost.json("events", "web1", "--limit", "1000")["events"]]
    assert events.index("homed") < events.index("finished") < events.index("configured")
    row = story.roost.json("run", "show", "1")
    assert row["how"] == "done" and row["of"][0]["outcome"] == "changed"


def test_what_init_brings_is_in_force(story):
    assert story.ssh("hostname; readlink -f /etc/localtime").stdout.split() == ["web1", "/usr/share/zoneinfo/Etc/UTC"]
    story.ssh("logger --priority user.notice hello from the journal")
    log = story.roost.state / "instances" / "web1" / "console.log"
    guest.wait_change(log.parent, lambda: "hello from the journal" in log.read_text(errors="replace"), 30,
                      lambda: log.read_text(errors="replace")[-500:])


def test_a_second_start_is_not_configured_again(story):
    events = guest.Events(story.roost, "web1")
    story.roost.cli("instance", "restart", "web1", timeout=300)
    events.wait("homed-again", "homed")
    configured(story)
    assert story.ssh("cat /var/tmp/runs").stdout == "run\n" and len(story.runs()) == 1


def test_a_rebuild_is_configured_again(story):
    events = guest.Events(story.roost, "web1")
    story.roost.cli("instance", "rebuild", "web1", timeout=300)
    events.wait("homed")
    configured(story)
    assert story.ssh("cat /var/tmp/runs").stdout == "run\n" and len(story.runs()) == 2


def test_another_host_key_is_an_alarm_and_nothing_runs(story):
    """Somebody exchanges the guest's keys behind roost's back."""
    story.ssh("sudo sh -c 'rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N \"\" "
              "-f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh'")
    events = guest.Events(story.roost, "web1")
    done = story.roost.cli("run", "web1", check=False, timeout=300)
    assert done.returncode != 0 and "unreachable" in done.stdout
    assert events.wait("key-mismatch", timeout=30)
    assert events.wait("config-failed", timeout=30)
    refused = guest.ssh(story.roost, story.key, "web1", "true", check=False)
    assert refused.returncode != 0, "nor does roost ssh"
    assert story.runs()[0]["state"] == "done"
    port = guest.row(story.roost, "web1")["address"].rsplit(":", 1)[1]
    inside = subprocess.run(["ssh", "-F", "none", "-i", story.key.file, "-p", port, "-o", "StrictHostKeyChecking=no",
                             "-o", "UserKnownHostsFile=/dev/null", "ops@127.0.0.1", "cat /var/tmp/runs"],
                            capture_output=True, text=True, timeout=120)
    assert inside.stdout == "run\n", f"nothing was executed on it: {inside}"
    known = guest.keys_on_record(story.roost, "web1")
    assert known, "the recorded keys stay"
