"""A Debian guest comes home and is configured by real ansible-core: its key strictly checked, at the true
end of cloud-init, once for each generation. The stories follow each other on one guest."""
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
        site = roost.state / "ansible" / "site.yaml"
        site.parent.mkdir(exist_ok=True)
        site.write_text(SITE)
        (site.parent / "ansible.cfg").write_text("[privilege_escalation]\nbecome = true\n")
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
    console = story.runs()[0]
    assert console["state"] == "done"
    known = guest.keys_on_record(story.roost, "web1")
    assert known, "the recorded keys stay"
