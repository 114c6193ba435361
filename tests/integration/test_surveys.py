"""Answers that need the whole fleet: guests do not wait for them, and they show what was written before."""
import select
import socket

import pytest
from harness import roost as harness
from harness.guest import Guest, define, fleet

QUIET = {"launch": {"enabled": "no"}}
FLEET = 10000
SEEDS = 40  # that are asked for while a survey is under way


@pytest.fixture(scope="module")
def large():
    with harness.Roost(QUIET) as r:
        define(r, fleet([f"g{i:05}" for i in range(FLEET)], groups=["everybody"]))
        yield r


def ask(r, path):
    """A request whose answer is not read yet."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(str(r.control))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return s


def read_all(s):
    parts = []
    while data := s.recv(1 << 20):
        parts.append(data)
    s.close()
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return body


def answered(s):
    return bool(select.select([s], [], [], 0)[0])


@pytest.mark.parametrize("path", ["/v1/instances"])
def test_guests_do_not_wait_for_a_listing(large, path):
    """Each seed is another guest's, so that front has to ask core for it. The first one may have come
    before the listing; were the listing made in core's loop, all others would come after it."""
    listing, meanwhile = ask(large, path), 0
    for i in range(SEEDS):
        assert Guest(large, f"g{i:05}").get().status == 200
        if answered(listing):
            break
        meanwhile += 1
    assert meanwhile >= 3, f"{meanwhile} seeds were served while {path} was under way"
    assert read_all(listing).count(b'"name":') == FLEET


def test_a_listing_shows_what_was_written_before(large):
    """A served seed is committed lazily; whoever asks afterwards sees it."""
    g = Guest(large, f"g{FLEET - 1:05}")
    assert g.get().status == 200
    rows = {row["name"]: row for row in large.api("GET", "/v1/instances").json}
    assert list(rows) == sorted(rows) and len(rows) == FLEET
    assert rows[g.name]["phase"] == "seeded"
    assert rows["g05000"]["phase"] == "defined" and rows["g05000"]["groups"] == ["everybody"]
    one = g.show()
    assert {k: v for k, v in one.items() if k in rows[g.name] and k not in ("for-ms", "note")} == \
        {k: v for k, v in rows[g.name].items() if k not in ("for-ms", "note")}


def test_files_of_the_fleet(large):
    g = Guest(large, "g00042")
    assert g.get().status == 200 and g.home().status == 200
    assert g.name in large.api("GET", "/v1/inventory").text
    assert g.name in large.api("GET", "/v1/ssh-config").text
    only = large.api("GET", "/v1/known-hosts?host=g00042").text
    assert g.key.split()[1] in only and g.key.split()[1] in large.api("GET", "/v1/known-hosts").text
    assert large.api("GET", "/v1/known-hosts?host=g00043").text == ""


def test_stop_during_a_listing():
    """Whoever waits is told, or hung up on; roost does not wait for the listing."""
    with harness.Roost(QUIET) as r:
        define(r, fleet([f"g{i:04}" for i in range(2000)]))
        waiting = [ask(r, "/v1/instances") for _ in range(20)]
        assert r.stop(keep=True) == 0
        for s in waiting:
            try:
                while s.recv(1 << 20):
                    pass
            except ConnectionResetError:  # roost had not read its request yet
                pass
            s.close()
