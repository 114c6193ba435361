"""Whatever is killed, and whenever: who was told "welcome home" is on record, and the generated files
find their way by themselves.

ROUNDS sets the number of rounds (200), SEED what is drawn; both are printed.
"""
import os
import random
import threading

import pytest
from harness import roost as harness
from harness.guest import Guest, define, fleet, request
from harness.storm import Storm, caught_up

ROUNDS = int(os.environ.get("ROUNDS", 200))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
VICTIMS = ("core", "front", "roostd", "all")
PER_ROUND = 16
SPAN_MS = 20  # about what a round's storm takes; the rounds find out how much it is here
CONF = {"launch": {"enabled": "no"}, "process": {"restart-first": "1ms", "restart-max": "20ms"}}


def settled(r):
    """Both children serve again: connections wait in roostd's sockets until then."""
    assert r.api("GET", "/v1/status").status == 200
    assert request(r.seed_port, "GET", "/").status == 200


def strike(r, victim):
    r.kill(victim)
    if victim in ("roostd", "all"):
        r.process.wait(30)
        r.start()
    settled(r)


def one_round(r, storm, number, victim, at_ms):
    """Returns whether posts were under way when the signal came."""
    storm.send([Guest(r, f"g{number}-{i}") for i in range(PER_ROUND)], number)
    threading.Event().wait(at_ms / 1000)
    done = len(storm.journal) - number * PER_ROUND
    print(f"round {number}: SIGKILL {victim} {at_ms:.1f} ms after the first post, "
          f"{done} of {PER_ROUND} acknowledged")
    strike(r, victim)
    storm.wait()
    return done < PER_ROUND


@pytest.mark.slow
@pytest.mark.parametrize("victim", VICTIMS)
def test_acknowledged_survives_kills(victim):
    print(f"SEED={SEED} ROUNDS={ROUNDS}")
    rng = random.Random(SEED)
    with harness.Roost(CONF) as r, Storm(r) as storm:
        define(r, fleet([f"g{n}-{i}" for n in range(ROUNDS) for i in range(PER_ROUND)]))
        settled(r)
        struck, span_ms = 0, SPAN_MS
        for number in range(ROUNDS):
            in_time = one_round(r, storm, number, victim, rng.random() * span_ms)
            struck += in_time
            span_ms *= 1.05 if in_time else 0.9  # about two rounds of three are struck
        storm.check()
        assert len(storm.journal) == ROUNDS * PER_ROUND
        assert r.api("GET", "/v1/status").json["by-state"] == {"homed": ROUNDS * PER_ROUND}
        print(f"{struck} rounds struck in mid-storm; instead of a 200 the guests saw "
              f"{dict(storm.refused)}")
        assert struck >= ROUNDS // 4, "the kills came too late to prove anything"
        caught_up(r, 30)


@pytest.mark.parametrize("victim", VICTIMS)
def test_files_catch_up_after_a_kill(victim):
    """Killed right after the acknowledgement, long before the files were due."""
    conf = {**CONF, "projections": {"coalesce": "700ms"}}
    with harness.Roost(conf) as r, Storm(r) as storm:
        guests = [Guest(r, f"web{i}") for i in range(3)]
        define(r, fleet(g.name for g in guests))
        storm.send(guests)
        storm.wait()
        before = (r.state / "generated/known_hosts")
        assert not before.exists() or guests[0].key.split()[1].encode() not in before.read_bytes()
        strike(r, victim)
        storm.check()
        caught_up(r, 15)
        assert all(g.key.split()[1].encode() in before.read_bytes() for g in guests)
