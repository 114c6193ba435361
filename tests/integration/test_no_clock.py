"""A host whose clock is not set when it boots, as a board without a battery: what happens meanwhile is ordered by
its number and has no date; the clock is set while roost runs, and nothing is lost or overdue by that."""
import subprocess

import pytest
from harness import roost as harness
from harness.guest import DOCS, Guest, define, fleet
from roostd_rig import until

# CLOCK_REALTIME alone, by a number of seconds that a file holds; nothing else is touched.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    static int fd = -1;
    char text[32] = "0";

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, ts);
    if (rc == 0 && id == CLOCK_REALTIME && getenv("TEST_CLOCK")) {
        if (fd < 0)
            fd = open(getenv("TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && pread(fd, text, sizeof text - 1, 0) > 0)
            ts->tv_sec += atol(text);
    }
    return rc;
}
"""
UNSET = -56 * 365 * 86400  # about 1970


@pytest.fixture
def board(tmp_path):
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    at = tmp_path / "clock"
    at.write_text(f"{UNSET:020}")
    # roost-single: the roles close what they did not open, the clock's file too.
    with harness.Roost({"launch": {"enabled": "no"}, "events": {"age": "1d"}}, program="roost-single",
                       env={"LD_PRELOAD": str(tmp_path / "clock.so"), "TEST_CLOCK": str(at)}) as r:
        r.clock = at
        r.env.pop("LD_PRELOAD")  # for the command line, which is somewhere else
        yield r


def test_ordered_and_undated_until_the_clock_is_set(board):
    define(board, fleet(["a", "b"]))
    a, b = Guest(board, "a"), Guest(board, "b")
    assert all(a.get(doc).status == 200 for doc in DOCS) and a.home().status == 200
    events = board.api("GET", "/v1/events?limit=1000").json["events"]
    assert [e["kind"] for e in events if e["instance"] == "a"][0] == "defined" and events[-1]["kind"] == "homed"
    assert [e["seq"] for e in events] == sorted(e["seq"] for e in events)
    assert {e["time"] for e in events} == {None}
    assert "undated" in board.cli("events", "a").stdout
    assert board.json("instance", "list")[0]["state"] == "homed", "durations are of another clock"

    board.clock.write_text(f"{0:020}")
    assert b.home().status == 200
    after = board.api("GET", "/v1/events?limit=1000").json["events"]
    assert [e for e in after if e["seq"] <= events[-1]["seq"]] == events, "kept, though a date of 1970 is long ago"
    late = [e for e in after if e["seq"] > events[-1]["seq"]]
    assert late and all(e["time"].startswith("20") for e in late)
    assert [e["instance"] for e in late if e["kind"] == "homed"] == ["b"]
    assert {r["state"] for r in board.json("instance", "list")} == {"homed"}, "nobody is overdue by it"

    board.clock.write_text(f"{2 * 86400:020}")  # and they go with the first dated ones, once those are old
    define(board, fleet(["a", "b", "c"]))
    until("dropped by age", lambda: all(
        e["time"] and e["seq"] > late[-1]["seq"]
        for e in board.api("GET", "/v1/events?limit=1000").json["events"]), 90)
    assert [r["state"] for r in board.json("instance", "list")] == ["homed", "homed", "defined"]
