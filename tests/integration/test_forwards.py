"""Ports of the host that lead to a guest on a user network: kept as its definition says, while it runs too."""
import re
import shutil
import socket
import subprocess

import pytest
from harness.guest import Guest
from harness.netns import Lab
from harness.roost import Roost
from harness.system import System
from roostd_rig import until

pytestmark = pytest.mark.skipif(not (shutil.which("qemu-img") and shutil.which("qemu-system-x86_64")), reason="QEMU is not installed")


def disk(r):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
    r.cli("image", "create", "d", "--file", r.dir / "d.qcow2", "--quiet")


@pytest.fixture
def r():
    with Roost({"launch": {"accelerator": "tcg"}}) as roost:
        disk(roost)
        yield roost


def create(r, name, *options, check=True):
    return r.cli("instance", "create", name, "--image", "d", "--memory", "64M", *options, check=check)


def free(kind=socket.SOCK_STREAM, address="127.0.0.1"):
    """A port that nobody has, below those that QEMU's and other people's port 0 is given."""
    for port in range(20000, 32000):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind((address, port))
            except OSError:
                continue
            if port not in free.given:
                free.given.add(port)
                return port
    raise AssertionError("no free port")


free.given = set()


def answers(port, address="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex((address, port)) == 0


def udp_taken(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def details(r, name, kind="forwarded"):
    return [e["detail"] for e in Guest(r, name).events(kind)]


def row(r, name):
    return next(i for i in r.json("instance", "list") if i["name"] == name)


def test_they_lead_to_it_and_change_while_it_runs(r):
    web, dns, later = free(), free(socket.SOCK_DGRAM), free()
    create(r, "web1", "--forward", f"{web}:80", "--forward", f"127.0.0.1:{dns}:53/udp", "--start")
    until("its forwards are on record", lambda: details(r, "web1"))
    assert details(r, "web1") == [f"127.0.0.1:{web}:80, 127.0.0.1:{dns}:53/udp"]
    assert answers(web) and udp_taken(dns)
    shown = r.cli("instance", "show", "web1").stdout
    assert re.search(rf"^forwards +127\.0\.0\.1:{web}:80\n +127\.0\.0\.1:{dns}:53/udp$", shown, re.M)
    assert row(r, "web1")["forwards"] == [f"127.0.0.1:{web}:80", f"127.0.0.1:{dns}:53/udp"]

    # Another one in their place, without a restart; to its SSH too, beside roost's own.
    ssh = int(row(r, "web1")["address"].rsplit(":")[-1])
    pid = r.guests()["web1"]
    said = r.cli("instance", "modify", "web1", "--forward", f"0.0.0.0:{later}:22").stdout
    assert "forwards (live)" in said
    until("it was changed", lambda: len(details(r, "web1")) == 2)
    assert details(r, "web1")[1] == (f"127.0.0.1:{web}:80 no more, 127.0.0.1:{dns}:53/udp no more, 0.0.0.0:{later}:22")
    assert answers(later) and answers(later, "127.0.0.2") and not answers(web) and not udp_taken(dns)
    assert r.guests()["web1"] == pid

    # roost's own is still told from it, and both outlive roost.
    r.stop(keep=True)
    r.start()
    r.wait_log(r"\[web1\] adopted")
    r.cli("instance", "modify", "web1", "--forward", f"{later}:22", "--forward", f"{web}:8080")
    until("it was changed", lambda: len(details(r, "web1")) == 3)
    assert details(r, "web1")[2] == f"0.0.0.0:{later}:22 no more, 127.0.0.1:{web}:8080, 127.0.0.1:{later}:22" or \
        details(r, "web1")[2] == f"0.0.0.0:{later}:22 no more, 127.0.0.1:{later}:22, 127.0.0.1:{web}:8080"
    assert answers(ssh) and answers(later) and not answers(later, "127.0.0.2")
    assert row(r, "web1")["address"] == f"127.0.0.1:{ssh}" and r.guests()["web1"] == pid
    r.cli("instance", "modify", "web1", "--unset", "forward")
    until("they are gone", lambda: len(details(r, "web1")) == 4)
    assert not answers(later) and not answers(web) and answers(ssh)
    assert not details(r, "web1", "forward-failed")


def test_what_was_missed_is_made_up_for(r):
    """Changed on record while roost had no hold of its QEMU: the next one brings it in order."""
    port, other = free(), free()
    create(r, "web1", "--forward", f"{port}:80", "--start")
    until("its forwards are on record", lambda: details(r, "web1"))
    monitor(r, "web1", f"hostfwd_remove net0 tcp:127.0.0.1:{port}", f"hostfwd_add net0 tcp:127.0.0.1:{other}-:81")
    assert not answers(port) and answers(other)
    r.kill()
    r.start()
    until("it is in order again", lambda: len(details(r, "web1")) == 2)
    assert details(r, "web1")[1] == f"127.0.0.1:{other}:81 no more, 127.0.0.1:{port}:80"
    assert answers(port) and not answers(other)


def monitor(r, name, *lines):
    """roost's own connection is in the way of a second one, so it is put aside."""
    import json
    path = r.cli("instance", "show", name, "--output", "json").stdout
    path = json.loads(path)["paths"]["console-socket"].rsplit("/", 1)[0] + f"/{name}.qmp"
    r.stop(keep=True)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        f = s.makefile("rw")

        def ask(command, **args):
            f.write(json.dumps({"execute": command, "arguments": args}) + "\n")
            f.flush()
            while True:
                answer = json.loads(f.readline())
                if "return" in answer or "error" in answer:
                    return answer["return"]
        f.readline()
        ask("qmp_capabilities")
        for line in lines:
            ask("human-monitor-command", **{"command-line": line})
    r.start()


def test_a_taken_port_is_told_and_tried_again(r):
    port, fine = free(), free()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        create(r, "web1", "--forward", f"{port}:80", "--forward", f"{fine}:81", "--start")
        until("it is told", lambda: details(r, "web1", "forward-failed"))
        note = f"not forwarded: 127.0.0.1:{port}:80 (taken on the host)"
        assert details(r, "web1", "forward-failed") == [note] and details(r, "web1") == [f"127.0.0.1:{fine}:81"]
        assert row(r, "web1")["note"].endswith(note) and "web1" in r.guests() and answers(fine)
        assert note in r.cli("instance", "list", "--columns", "name,note").stdout
    until("it was tried again", lambda: len(details(r, "web1")) == 2, timeout=60)
    assert answers(port) and details(r, "web1")[1] == f"127.0.0.1:{port}:80"
    assert "not forwarded" not in row(r, "web1")["note"] and len(details(r, "web1", "forward-failed")) == 1
    # An address that is not the host's is said to be one, and the note goes with the guest.
    r.cli("instance", "modify", "web1", "--forward", f"192.0.2.7:{port}:80")
    until("it is told", lambda: len(details(r, "web1", "forward-failed")) == 2)
    assert row(r, "web1")["note"].endswith(f"not forwarded: 192.0.2.7:{port}:80 (taken on the host, or no address of it)")
    r.cli("instance", "stop", "web1", "--force")
    assert "not forwarded" not in row(r, "web1")["note"]


def test_one_port_of_the_host_leads_to_one_guest(r):
    # Where nothing else is on record, a shared network's publish as ever.
    r.cli("network", "create", "first", "--kind", "shared", "--cidr", "172.16.4.0/24")
    r.cli("network", "forward", "add", "first", ":20070", "web1:80")
    create(r, "web1", "--forward", "20080:80")
    taken = r.cli("instance", "modify", "web1", "--forward", "0.0.0.0:20070:80", check=False)
    assert taken.returncode == 4 and "instance web1 wants 0.0.0.0:20070:80, and network first" in taken.stderr

    def refused(code, message, *args):
        done = r.cli(*args, check=False)
        assert done.returncode == code and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    for said in ("20080:81", "127.0.0.1:20080:80", "0.0.0.0:20080:80"):
        refused(4, "one port of the host leads to one guest", "instance", "create", "web2", "--image", "d", "--forward", said)
    create(r, "web2", "--forward", "127.0.0.2:20080:80", "--forward", "20080:80/udp")
    r.cli("network", "create", "lab", "--kind", "shared", "--cidr", "172.16.5.0/24")
    refused(2, "forwards are for guests on a user network, and lab is none: a shared network publishes ports itself "
            "(roost network forward add lab)", "instance", "create", "web3", "--image", "d", "--network", "lab", "--forward", "20081:80")
    create(r, "web3", "--network", "lab", "--nic", "network=user", "--forward", "0.0.0.0:20082:80")
    refused(4, "instance web3 wants 0.0.0.0:20082:80", "network", "forward", "add", "lab", ":20082", "web3:80")
    # What a shared network publishes is never on the loopback.
    r.cli("network", "forward", "add", "lab", ":20080", "web3:80")
    for said, message in (("80", "--forward: forward \"80\": expected PORT:GUESTPORT"),
                          ("0:80", "\"0\" is no port of the host: expected 1 to 65535"),
                          ("8080:99999", "\"99999\" is no port of the guest"),
                          (":8080:80", "say 0.0.0.0 for all addresses of the host"),
                          ("[::1]:8080:80", "IPv4 addresses only"),
                          ("8080:80/sctp", "expected tcp or udp")):
        refused(2, message, "instance", "create", "web5", "--image", "d", "--forward", said)
    refused(2, "want the same port of the host", "instance", "create", "web5", "--image", "d", "--forward", "8080:80",
            "--forward", "0.0.0.0:8080:81")
    refused(2, "count", "instance", "create", "web5", "--image", "d", "--count", "2", "--forward", "8080:80")
    assert [i["name"] for i in r.json("instance", "list")] == ["web1", "web2", "web3"]
    # Two of one fleet, and one that takes over what another one gives up in the same apply.
    done = r.cli("apply", "-f", r.fleet({"defaults": {"image": "d"}, "instances": {
        "a": {"forwards": ["20090:80"]}, "b": {"forwards": ["20090:81"]}}}), check=False)
    assert done.returncode == 4 and "a wants 127.0.0.1:20090:80" in done.stderr
    plan = r.apply({"defaults": {"image": "d", "memory": "64M"}, "instances": {
        "web1": {"forwards": []}, "c": {"forwards": ["20080:80"]}}})["plan"]
    assert {p["name"]: p["action"] for p in plan} == {"web1": "update", "c": "create"}
    # The same in another order and form is no change.
    r.apply({"defaults": {"image": "d"}, "instances": {"c": {"memory": "64M", "forwards": ["20080:80", "20081:81/tcp"]}}})
    assert not r.apply({"defaults": {"image": "d"}, "instances": {
        "c": {"memory": "64M", "forwards": ["127.0.0.1:20081:81", "127.0.0.1:20080:80"]}}})["changed"]


def test_by_its_further_card(r):
    """The first card on a user network is its second one."""
    with Lab() as lab:
        host = lab.namespace("host")
        with Roost({"launch": {"accelerator": "tcg"}}, inside=host) as roost:
            disk(roost)
            roost.cli("network", "create", "lab", "--kind", "host-only", "--cidr", "172.16.5.0/24")
            roost.cli("network", "up", "lab")
            create(roost, "web1", "--network", "lab", "--nic", "network=user", "--forward", "20080:80", "--start")
            until("its forwards are on record", lambda: details(roost, "web1"))
            assert details(roost, "web1") == ["127.0.0.1:20080:80"]
            listening = host.run("ss -Hltn 'sport = :20080'").stdout
            assert "127.0.0.1:20080" in listening
            script = (roost.state / "instances" / "web1" / "vm.sh").read_text()
            assert "hostfwd=tcp:127.0.0.1:20080-:80" in script


def test_in_service_low_ports_are_refused():
    """QEMU runs as nobody there; in a network namespace of its own the kernel's limit is 1024."""
    with Lab() as lab:
        with System(lab.namespace("host"), {"launch": {"run-as": "nobody", "accelerator": "tcg"}}) as roost:
            roost.env = {**roost.env, "ROOST_SOCKET": str(roost.control)}
            roost.start()
            disk(roost)
            refused = create(roost, "web1", "--network", "user", "--forward", "0.0.0.0:80:80", check=False)
            assert refused.returncode == 2
            assert "forward 0.0.0.0:80:80: QEMU runs as nobody and cannot listen at ports below 1024: take a higher one" in refused.stderr
            create(roost, "web1", "--network", "user", "--forward", "0.0.0.0:20080:80", "--start")
            until("its forwards are on record", lambda: details(roost, "web1"))
            assert details(roost, "web1") == ["0.0.0.0:20080:80"]
