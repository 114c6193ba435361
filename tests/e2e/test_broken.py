"""Guests that do not come home, or not well: each is named rightly, by `instance list` and `wait`."""
import gzip
import http.server
import subprocess
import threading
import urllib.parse

import pytest

import guest
from harness.roost import Roost

# Limits as short as guests that are well allow beside others on two processors.
LIMITS = {"launched": "40s", "seeded": "25s", "tcg-factor": 1}
CAP = 65536


class Wait:
    """`roost wait`, under way."""

    def __init__(self, roost, name, timeout, *options):
        self.process = subprocess.Popen(
            [roost.build / "roost", "wait", name, "--timeout", f"{timeout}s", *options],
            env=roost.env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, timeout=guest.HOME + 60):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out + err


# name: roost.mode of the micro guest, state, words of its note, exit code of wait, words that wait says.
MICRO = {
    "wrongtag": ("wrongtag", "overdue", ["no seed request", "see: roost console wrongtag"], 7,
                 ["overdue on its way to homed: it came to launched", "no seed request"]),
    "closed": ("ok roost.port=9", "overdue", ["no seed request"], 7,
               ["came to launched", "no meta-data"]),
    "silent": ("nofetch", "overdue", ["no seed request"], 7, ["micro: not fetching"]),
    "hung": ("hang", "overdue", ["no seed request"], 7, ["micro: hanging"]),
    "mute": ("nopost", "overdue", ["no phone-home"], 7,
             ["came to seeded", "last sign of life: seed-served"]),
    "panicked": ("panic", "failed", ["kernel panicked", "see: roost console panicked"], 4,
                 ["is not homed: it failed", "the guest's kernel panicked", "last lines of panicked's console"]),
}


@pytest.fixture(scope="module")
def micros(micro):
    with Roost({"limits": LIMITS, "launch": {"console-cap": CAP}}) as roost:
        modes = {name: row[0] for name, row in MICRO.items()} | {"storm": "storm", "amnesiac": "ok"}
        port = f"roost.port={roost.seed_port}"
        roost.apply({
            "networks": {"lab": {"kind": "user", "policy": "tag"}},
            "images": {name: guest.image(micro, cmdline_add=f"{port} roost.mode={mode}")
                       for name, mode in modes.items()},
            "defaults": {"network": "lab", "bootstrapper": "none", "memory": "96M"},
            "instances": {name: {"image": name} for name in modes}})
        guest.start(roost, *MICRO)
        # What has failed cannot come home: `wait` says so at once, whatever its time.
        yield roost, {"panicked": Wait(roost, "panicked", 600)}


def test_micro_guests_that_do_not_come_home_are_named(micros):
    roost, waits = micros
    for name, (_, state, note, code, words) in MICRO.items():
        # Of the last phase that it comes to: on a slow machine one before may be overdue, too.
        guest.Events(roost, name, after=0).wait(state, fits=lambda e: note[0] in e["detail"])
    rows = {r["name"]: r for r in roost.json("instance", "list")}
    table = roost.cli("instance", "list").stdout
    for name, (_, state, note, code, words) in MICRO.items():
        row = rows[name]
        assert row["state"] == state, row
        assert all(word in row["note"] for word in note), row
        line = next(line for line in table.split("\n") if line.split()[:1] == [name])
        assert state in line and note[0] in line, line
    for name, (_, state, note, code, words) in MICRO.items():
        exit_code, said = (waits.get(name) or Wait(roost, name, 600, "--overdue")).end(30)
        assert exit_code == code, said
        assert all(word in said for word in words), said
    overdue = {o["name"] for o in roost.json("status")["overdue"]}
    assert overdue == {n for n, r in MICRO.items() if r[1] == "overdue"}


def test_the_guest_with_a_wrong_tag_is_listed_as_an_unknown_caller(micros):
    roost = micros[0]
    callers = roost.json("unknown", "list")
    caller = next(c for c in callers if c["tag"] == "wrong-wrongtag")
    assert caller["user-agent"] == "Wget" and caller["peer"].startswith("127.0.0.1"), caller
    assert caller["count"] > 1
    assert "wrong-wrongtag" in roost.cli("unknown", "list").stdout


def test_a_guest_that_floods_its_console_fills_nothing(micros):
    roost = micros[0]
    roost.cli("instance", "stop", "--force", *(n for n in MICRO if n != "panicked"))
    assert guest.row(roost, "hung")["note"] == "killed as asked"
    directory = roost.state / "instances" / "storm"
    guest.start(roost, "storm")
    kept, sizes = set(), []

    def state(file):
        try:
            return file.stat()
        except FileNotFoundError:  # renamed just now
            return None

    def often():
        """Five different logs were put aside."""
        if aside := state(directory / "console.log.1"):
            kept.add((aside.st_ino, aside.st_mtime_ns))
        sizes.append(sum(s.st_size for s in map(state, directory.iterdir()) if s))
        return len(kept) >= 5

    guest.wait_change(directory, often, 120, lambda: f"rotations of console.log: {kept}, {sizes[-5:]}")
    # Looked at once a second: what a serial line can carry in that time, and the part that is kept.
    assert max(sizes) < 32 << 20
    assert "micro: storm" in roost.cli("console", "storm", "--log").stdout
    roost.cli("instance", "stop", "--force", "storm")


def test_a_guest_with_other_keys_under_its_instance_id_is_refused_and_named(micros):
    """Its disk, and its keys with it, lie in memory only: a restart makes a stranger of it."""
    roost = micros[0]
    guest.start(roost, "amnesiac")
    guest.home(roost, "amnesiac")
    keys = guest.keys_on_record(roost, "amnesiac")
    roost.cli("instance", "restart", "amnesiac")
    guest.Events(roost, "amnesiac", after=0).wait("key-mismatch")
    row = guest.row(roost, "amnesiac")
    assert row["phase"] == "seeded" and "other host keys than on record" in row["note"], row
    assert guest.keys_on_record(roost, "amnesiac") == keys
    roost.cli("instance", "stop", "--force", "amnesiac")


# --- with real cloud-init ---------------------------------------------------------------------------


class Elsewhere(http.server.ThreadingHTTPServer):
    """Somebody else's server for phone-homes, which sends everybody away."""

    def __init__(self):
        outer, self.heard = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append(urllib.parse.parse_qs(body.decode()))
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


BAD_YAML = b"#cloud-config\nruncmd: [true\npackages: {\n"
HIDDEN_YAML = b"## template: jinja\n#cloud-config\nruncmd: {{ '[true' }}\npackages: {{ '{' }}\n"


@pytest.fixture(scope="module")
def clouds(debian):
    with Roost({"limits": {**LIMITS, "launched": "3m"}}) as roost, Elsewhere() as elsewhere:
        # A template hides bad YAML from roost: only the guest can render it.
        hidden = roost.dir / "hidden.jinja"
        hidden.write_bytes(HIDDEN_YAML)
        (roost.dir / "redirected.yaml").write_text(
            "#cloud-config\n"
            "runcmd: [[sh, -c, 'echo doing it; exit 3']]\n"
            f"phone_home: {{url: 'http://10.0.2.2:{elsewhere.server_port}/', post: all, tries: 2}}\n")
        (roost.dir / "off.yaml").write_text("#cloud-config\nvendor_data: {enabled: false}\n")
        tree = {
            "images": {"debian": guest.image(debian)},
            "defaults": {"image": "debian", "memory": "512M"},
            "instances": {"hidden": {"user-data": str(hidden)},
                          "redirected": {"user-data": "redirected.yaml"},
                          "off": {"user-data": "off.yaml"}}}
        warnings = roost.apply(tree)["warnings"]
        guest.start(roost, *tree["instances"])
        yield roost, warnings, elsewhere


@pytest.mark.parametrize("document", [BAD_YAML, gzip.compress(BAD_YAML, mtime=0)], ids=["plain", "gzip"])
def test_bad_yaml_that_can_be_seen_is_refused_with_its_place(clouds, document):
    roost = clouds[0]
    (roost.dir / "bad.yaml").write_bytes(document)
    before = roost.json("instance", "list")
    file = roost.fleet({"instances": {"bad": {"image": "debian", "user-data": "bad.yaml"}}}, "bad-fleet.yaml")
    refused = roost.cli("apply", "-f", file, check=False)
    assert refused.returncode == 2
    assert "bad" in refused.stderr and "user-data" in refused.stderr and "line" in refused.stderr
    assert [r["name"] for r in roost.json("instance", "list")] == [r["name"] for r in before]


def comes_home(roost, name):
    """Late perhaps: the limits here are for the one that does not."""
    guest.Events(roost, name, after=0).wait("homed")
    code, said = Wait(roost, name, 20).end(60)
    assert code == 0, said
    return said


def test_bad_yaml_that_a_template_hides_does_not_keep_a_guest_away(clouds):
    roost = clouds[0]
    comes_home(roost, "hidden")
    assert guest.row(roost, "hidden")["phase"] == "homed"


def test_a_failing_runcmd_and_a_redirected_phone_home_are_named(clouds):
    roost, _, elsewhere = clouds
    said = comes_home(roost, "redirected")
    assert "scripts-user" in said, said
    # Home by roost's own script, as the other server was told, too, and sent it away.
    heard = [form for form in elsewhere.heard if form.get("hostname") == ["redirected"]]
    assert heard and "ssh-ed25519" in heard[0]["pub_key_ed25519"][0]
    row = guest.row(roost, "redirected")
    assert row["phase"] == "homed"
    assert "scripts-user" in row["note"] and "FAIL" in row["note"], row
    assert "scripts-user" in roost.cli("instance", "list").stdout
    failed = [e for e in roost.json("events", "redirected", "--limit", "1000")["events"]
              if e["kind"] == "module-failed"]
    assert len(failed) == 1 and "scripts-user" in failed[0]["detail"], failed


def test_vendor_data_turned_off_is_warned_of_and_named(clouds):
    roost, warnings = clouds[:2]
    assert any("instance off" in w and "will not phone home" in w for w in warnings), warnings
    # Nothing but its silence tells of this one.
    guest.Events(roost, "off", after=0).wait(
        "overdue", fits=lambda e: e["detail"].startswith("seeded: no phone-home"))
    code, said = Wait(roost, "off", 600, "--overdue").end(30)
    assert code == 7, said
    assert "off is overdue on its way to homed: it came to seeded" in said and \
        "no phone-home" in said and "last lines of off's console" in said, said
    row = guest.row(roost, "off")
    assert row["state"] == "overdue" and "no phone-home" in row["note"], row
