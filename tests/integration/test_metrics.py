"""roost metrics: read by a strict reader of OpenMetrics, true to what happened; and the alerts on them."""
import re
import shutil
import subprocess

import pytest
import yaml
from harness import roost as harness
from harness.guest import Guest, define, fleet, request
from harness.roost import ROOT
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from roostd_rig import until

QUIET = {"launch": {"enabled": "no"}}
ALERTS = ROOT / "contrib" / "alerts" / "roost.yaml"


def families(r):
    return {f.name: f for f in text_string_to_metric_families(r.cli("metrics").stdout)}


def value(r, name, **labels):
    found = [s.value for f in families(r).values() for s in f.samples if s.name == name and s.labels == labels]
    assert len(found) == 1, f"{name}{labels}: {found}"
    return found[0]


@pytest.fixture(scope="module")
def busy():
    """A roost to which all kinds of things happened."""
    with harness.Roost(QUIET) as r:
        define(r, fleet(["a", "b", "c"]))
        assert Guest(r, "a").get().status == 200
        assert Guest(r, "a").home().status == 200
        assert Guest(r, "b").get().status == 200
        assert Guest(r, "b").home(Guest(r, "b").form(pub_key_ed25519=None)).status in (200, 400)
        assert Guest(r, "c", generation=9).get().status == 403
        assert request(r.seed_port, "GET", "/nobody/meta-data").status in (403, 404, 503)
        assert request(r.seed_port, "GET", "/a/b/c/d/e/f").status == 404
        yield r


def test_a_strict_reader_takes_it(busy):
    reply = busy.api("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert reply.text.endswith("\n# EOF\n")
    all_of_it = {f.name: f for f in text_string_to_metric_families(reply.text)}
    assert len(all_of_it) > 15
    assert all(f.documentation for f in all_of_it.values())
    for name in ("roost_way_seconds", "roost_commit_seconds"):
        assert all_of_it[name].type == "histogram" and all_of_it[name].unit == "seconds"


def test_they_say_what_happened(busy):
    events = busy.api("GET", "/v1/events?limit=1000").json["events"]
    by_state = {row["state"]: 0 for row in busy.json("instance", "list")}
    for row in busy.json("instance", "list"):
        by_state[row["state"]] += 1
    assert {s: int(value(busy, "roost_instances", state=s)) for s in by_state} == by_state
    assert value(busy, "roost_instances", state="failed") == 0, "states that nobody is in are there too"
    homed = sum(e["kind"] == "homed" for e in events)
    assert value(busy, "roost_events_total", kind="homed") == homed >= 1
    assert value(busy, "roost_requests_total", outcome="phone-home-recorded") == homed
    assert value(busy, "roost_way_seconds_count", to="homed") == homed
    assert value(busy, "roost_way_seconds_count", to="seeded") == 2
    assert 0 <= value(busy, "roost_way_seconds_sum", to="homed") < 60
    assert value(busy, "roost_requests_total", outcome="refused") >= 1
    assert value(busy, "roost_commit_seconds_count") >= homed
    assert value(busy, "roost_unknown_callers") == len(busy.json("unknown", "list")) == 1
    until("front has told", lambda: value(busy, "roost_requests_total", outcome="not-found") >= 1)
    assert value(busy, "roost_build", version=re.search(r"^VERSION +:= (.*)$", (ROOT / "Makefile").read_text(),
                                                        re.M).group(1)) == 1
    assert value(busy, "roost_disk_full") == value(busy, "roost_files_failing") == 0
    assert value(busy, "process_open_fds") > 5 and value(busy, "process_resident_memory_bytes") > 1e6


def test_counters_only_rise(busy):
    before = {(s.name, tuple(s.labels.items())): s.value for f in families(busy).values()
              if f.type in ("counter", "histogram") for s in f.samples}
    define(busy, fleet(["d"]))
    assert Guest(busy, "d").home().status == 200
    after = {(s.name, tuple(s.labels.items())): s.value for f in families(busy).values()
             if f.type in ("counter", "histogram") for s in f.samples}
    assert before.keys() == after.keys()
    assert all(after[k] >= before[k] for k in before)
    assert after["roost_events_total", (("kind", "homed"),)] == before["roost_events_total", (("kind", "homed"),)] + 1


def test_a_file_that_cannot_be_written_shows(busy):
    known = busy.state / "generated" / "known_hosts"
    until("it is there", known.exists)
    known.unlink()
    (known / "in-the-way").mkdir(parents=True)
    busy.cli("sync", check=False)
    until("it is told", lambda: value(busy, "roost_files_failing") == 1)
    shutil.rmtree(known)
    until("it is over", lambda: busy.cli("sync", check=False).returncode == 0 and
          value(busy, "roost_files_failing") == 0)


# --- alerts ---

def rules():
    tree = yaml.safe_load(ALERTS.read_text())
    assert list(tree) == ["groups"]
    return [rule for group in tree["groups"] for rule in group["rules"]]


def test_alerts_ask_for_what_there_is(busy):
    """Each name, and each label with its value, is one that roost prints."""
    samples = [s for f in families(busy).values() for s in f.samples]
    names = {s.name for s in samples}
    said = {rule["alert"] for rule in rules()}
    assert len(said) == len(rules()) > 10
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "description"} and rule["labels"]["severity"]
        used = re.findall(r"\b((?:roost|process)_\w+)(?:\{(\w+)(=~?)\"([^\"]+)\"\})?", rule["expr"])
        assert used, rule
        for name, label, how, want in used:
            assert name in names, f"{rule['alert']}: nothing is called {name}"
            for word in want.split("|") if label else ():
                assert any(s.name == name and s.labels.get(label) == word for s in samples), f"{rule['alert']}: {word}"


def test_alerts_name_commands_that_there_are(busy):
    words = {row["words"] for row in busy.json("help")["commands"]}
    for rule in rules():
        for name in re.findall(r"(?<!-u )\broost ((?:instance |store )?[a-z]+)", rule["annotations"]["description"]):
            assert name in words or name.split()[0] in {w.split()[0] for w in words}, f"{rule['alert']}: roost {name}"


def test_prometheus_takes_the_alerts():
    if not shutil.which("promtool"):
        pytest.skip("no promtool here")
    done = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True)
    assert done.returncode == 0 and f"{len(rules())} rules found" in done.stdout, done.stdout + done.stderr
