"""`bootstrapper: none`: nothing is offered to a guest, and its sshd, asked by roost, makes it known."""
import pytest

import guest
from harness.roost import Roost


@pytest.fixture(scope="module")
def roost(micro):
    with Roost() as r:
        r.apply({
            "images": {"micro": guest.image(micro, cmdline_add="roost.mode=nofetch")},
            "defaults": {"image": "micro", "bootstrapper": "none", "memory": "96M"},
            "instances": {"plain": {}},
        })
        guest.start(r, "plain")
        yield r


def test_home_by_the_keys_that_its_sshd_shows(roost):
    guest.home(roost, "plain")
    event = guest.Events(roost, "plain", after=0).wait("homed")
    assert "trust on first use" in event["detail"] and "ed25519" in event["detail"], event
    assert event["actor"] == "roost"
    row = guest.show(roost, "plain")
    assert row["note"] == "" and set(guest.keys_on_record(roost, "plain")) == {"ssh-ed25519"}
    assert guest.keys_on_record(roost, "plain")["ssh-ed25519"] in roost.cli("known-hosts", "plain").stdout
    kinds = {e["kind"] for e in roost.json("events", "plain", "--limit", "100")["events"]}
    assert "seed-served" not in kinds


def test_other_keys_later_are_an_alarm(roost):
    """Its keys lie in memory: a restart makes a stranger of it."""
    keys = guest.keys_on_record(roost, "plain")
    roost.cli("instance", "restart", "plain")
    event = guest.Events(roost, "plain", after=0).wait("key-mismatch")
    assert "its sshd shows other host keys" in event["detail"]
    row = guest.row(roost, "plain")
    assert row["phase"] == "launched" and "other host keys" in row["note"], row
    assert guest.keys_on_record(roost, "plain") == keys
