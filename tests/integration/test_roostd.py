"""roostd with its real children: starting, restarting, stopping, refusing."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from roostd_rig import BUILD, Roost, children, until


@pytest.fixture
def make(tmp_path):
    made = []

    def roost(**options):
        keys = ("env", "program", "wrapper")
        extra = {k: options.pop(k) for k in keys if k in options}
        named = {k.replace("__", ".").replace("_", "-"): v for k, v in options.items()}
        made.append(Roost(tmp_path, **extra, **named))
        return made[-1]

    yield roost
    for r in made:
        r.clean()


@pytest.fixture
def roost(make):
    return make().start()


def test_starts_serves_stops(roost):
    assert roost.request().startswith(b"HTTP/1.1 200")
    assert b" 503 " in roost.request(b"GET /nobody/meta-data HTTP/1.0\r\n\r\n")
    log = roost.log()
    assert "rootless, state " in log and "seeds at http://127.0.0.1:" in log
    assert re.search(r"ready, 0 guests, 0 home", log)
    roost.wait_log(r"accelerator tcg|cannot be launched")  # known a moment later
    control = re.search(r"control socket (\S+)", log)[1]
    assert oct(os.stat(control).st_mode & 0o777) == "0o600"
    assert oct(roost.state.stat().st_mode & 0o777) == "0o700"
    begin = time.monotonic()
    assert roost.stop() == 0
    assert time.monotonic() - begin < 5
    assert not os.path.exists(control)
    assert not re.search(r" (WARN|ERROR) +roostd (?!guests cannot)", roost.log()), "nothing to fear"


def test_sigint_and_second_start_keep_the_port(roost):
    port = roost.port
    assert roost.stop(signal.SIGINT) == 0
    roost.start()
    assert roost.port == port
    assert roost.request().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("name", ["roost-core", "roost-front"])
def test_killed_child_is_started_again(roost, name):
    os.kill(roost.child(name), signal.SIGKILL)
    roost.wait_log(rf"{name} ended: killed by signal 9 \(Killed\); started again at once")
    roost.wait_log(rf"{name} is back")
    assert roost.request().startswith(b"HTTP/1.1 200")
    # What core says reaches front again: the hold, not "roost is starting".
    until("core answers", lambda: b"not known here yet" in
          roost.request(b"GET /nobody/meta-data HTTP/1.0\r\n\r\n"))


def test_restarts_back_off(make):
    roost = make(process__restart_first="200ms", process__restart_max="400ms").start()
    for n in range(1, 5):
        os.kill(roost.child("roost-front"), signal.SIGKILL)
        roost.wait_log("roost-front is back", n)
    waits = re.findall(r"started again (at once|in \d+ ms)", roost.log())
    assert waits == ["at once", "in 200 ms", "in 400 ms", "in 400 ms"]


def test_connection_made_while_front_is_dead_is_answered(make):
    roost = make(process__restart_first="1s").start()
    os.kill(roost.child("roost-front"), signal.SIGKILL)
    roost.wait_log("roost-front is back")
    os.kill(roost.child("roost-front"), signal.SIGKILL)
    roost.wait_log("started again in 1000 ms")
    assert "roost-front" not in children(roost.process.pid)
    begin = time.monotonic()
    assert roost.request().startswith(b"HTTP/1.1 200")
    assert time.monotonic() - begin > 0.3, "it had to wait for the next front"


def test_core_stopped_every_answer_within_a_second(roost):
    os.kill(roost.child("roost-core"), signal.SIGSTOP)
    try:
        for path in (b"/a/meta-data", b"/b/meta-data"):
            begin = time.monotonic()
            reply = roost.request(b"GET %s HTTP/1.0\r\n\r\n" % path)
            assert b" 503 " in reply and b"Retry-After: 2" in reply
            assert time.monotonic() - begin < 1.1
    finally:
        os.kill(roost.child("roost-core"), signal.SIGCONT)
    until("core answers", lambda: b"not known here yet" in
          roost.request(b"GET /a/meta-data HTTP/1.0\r\n\r\n"))


def test_children_go_with_roostd(roost):
    kids = [roost.child("roost-core"), roost.child("roost-front")]
    roost.process.kill()
    roost.process.wait()
    until("children end", lambda: not any(os.path.exists(f"/proc/{k}") for k in kids), 5)
    # And so the lock is free again, and the socket's leftover no hindrance.
    roost.start()
    assert roost.request().startswith(b"HTTP/1.1 200")


def test_old_child_keeps_a_new_roost_out(roost):
    """The lock is inherited: no second core on one store, even when roostd is gone."""
    core = roost.child("roost-core")
    os.kill(core, signal.SIGSTOP)
    roost.process.kill()
    roost.process.wait()
    try:
        run = roost.once(timeout=20)
        assert run.returncode == 6 and "in use by the roost with pid" in run.stderr
    finally:
        os.kill(core, signal.SIGCONT)
        os.kill(core, signal.SIGKILL)
    roost.start()


def test_one_roost_per_state_directory(roost):
    begin = time.monotonic()
    run = roost.once()
    assert run.returncode == 6
    assert f"the roost with pid {roost.process.pid} has the state directory; waiting for its end" in run.stderr
    assert f"in use by the roost with pid {roost.process.pid}:" in run.stderr
    assert 4.5 < time.monotonic() - begin < 7, "it waited for a moment"
    assert roost.request().startswith(b"HTTP/1.1 200"), "the first one is unharmed"


def test_waits_for_one_that_is_about_to_go(roost):
    threading.Timer(1, roost.process.terminate).start()
    first = roost.process
    roost.start(wait=False)
    roost.wait_log("ready, ", 2)
    assert first.wait(5) == 0


def test_port_in_use(make):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        run = make(seed__listen=f"127.0.0.1:{port}").once()
    assert run.returncode == 6
    assert f"cannot listen on 127.0.0.1:{port}, another program does" in run.stderr
    assert "seed.listen" in run.stderr and len(run.stderr.splitlines()) == 1


def test_kept_port_in_use(roost):
    port = roost.port
    roost.stop()
    with socket.create_server(("127.0.0.1", port)):
        run = roost.once()
    assert run.returncode == 6 and "seed-port" in run.stderr


def test_address_of_another_host(make):
    run = make(seed__listen="192.0.2.1:8080").once()
    assert run.returncode == 2 and "no such address" in run.stderr


@pytest.mark.parametrize("text, want", [
    ("[seed]\nlissen = x\n", "roost.conf:2: [seed] lissen: no such key; there are listen,"),
    ("[seed]\nlisten = x\n", "roost.conf:2: [seed] listen: "),
    ("[front]\ncore-deadline = 1s\ncore-deadline = 2s\n", "roost.conf:3: [front] core-deadline: given twice"),
    ("[frond]\n", "roost.conf:1: [frond]: no such section"),
])
def test_check_config(make, tmp_path, text, want):
    roost = make()
    conf = tmp_path / "roost.conf"
    conf.write_text(text)
    for more in ((), ("--check-config",)):
        run = roost.once("--config", str(conf), *more)
        assert run.returncode == 2 and want in run.stderr and len(run.stderr.splitlines()) == 1
    assert not roost.state.exists(), "nothing was made"


def test_print_config_tells_origins(make, tmp_path):
    roost = make()
    conf = tmp_path / ".config" / "roost"
    conf.mkdir(parents=True)
    (conf / "roost.conf").write_text("# mine\n[defaults]\ncpus = 3\nmemory = 2G\n")
    run = roost.once("-o", "defaults.memory=4G", "--print-config")
    assert run.returncode == 0
    assert f"cpus = 3  ; {conf}/roost.conf:3\n" in run.stdout
    assert "memory = 4G  ; option -o\n" in run.stdout and "disk = 5G  ; default\n" in run.stdout
    assert roost.once("--check-config").returncode == 0


@pytest.mark.parametrize("argv, code, want", [
    (["--odd"], 2, "--odd: no such option"), (["--config"], 2, "--config needs a value"),
    (["-o", "x"], 2, "expected SECTION.KEY=VALUE"), (["word"], 2, "options only"),
    (["--log-level", "loud"], 2, "not one of error, warn"),
    (["--config", "/none/roost.conf"], 3, "/none/roost.conf"), (["--help"], 0, "usage: roostd"),
    (["--print-defaults"], 0, "[seed]"),
])
def test_options(argv, code, want):
    run = subprocess.run([os.path.join(BUILD, "roostd"), *argv], capture_output=True, text=True)
    assert run.returncode == code and want in run.stdout + run.stderr


@pytest.mark.parametrize("program", ["roostd", "roost-core", "roost-front", "roost-single"])
def test_version(program):
    run = subprocess.run([os.path.join(BUILD, program), "--version"], capture_output=True, text=True)
    assert run.returncode == 0 and re.search(r"^roost\S* \d+\.\d+\.\d+", run.stdout)


def test_planted_run_directory(make, tmp_path):
    roost = make()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.symlink(elsewhere, os.path.join(roost.run, "roost"))
    run = roost.once()
    assert run.returncode != 0 and "run directory" in run.stderr
    assert not list(elsewhere.iterdir())


def test_state_that_others_can_write(make):
    roost = make()
    roost.state.mkdir()
    roost.state.chmod(0o777)
    run = roost.once()
    assert run.returncode == 5 and "can be written by others" in run.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's directory")
def test_state_of_another_user(make):
    roost = make()
    roost.state.mkdir()
    os.chown(roost.state, 65534, 65534)
    run = roost.once()
    assert run.returncode == 5 and "belongs to uid 65534" in run.stderr
    assert "choose another directory" in run.stderr and "chown" not in run.stderr, "no roost lies there: /etc, say"


def test_corrupt_store(roost):
    roost.stop()
    for name in roost.state.glob("store.db-*"):
        name.unlink()
    (roost.state / "store.db").write_bytes(b"this is no database" * 1000)
    run = roost.once()
    assert run.returncode not in (0, None)
    assert "roost-core could not start" in run.stderr and "store" in run.stderr


def test_something_else_in_the_control_sockets_place(make, tmp_path):
    place = tmp_path / "precious"
    place.write_text("data")
    run = make(roost__control=str(place)).once()
    assert run.returncode == 4 and "something else in its place" in run.stderr
    assert place.read_text() == "data"


def test_missing_children(make, tmp_path):
    run = make().once("--libexec", str(tmp_path))
    assert run.returncode == 3 and "--libexec" in run.stderr


def test_other_build(make, tmp_path):
    """A front of another build: one message, no restart loop."""
    libexec = tmp_path / "libexec"
    libexec.mkdir()
    shutil.copy(os.path.join(BUILD, "roost-core"), libexec)
    front = libexec / "roost-front"
    shutil.copy(os.path.join(BUILD, "roost-front"), front)
    ident = subprocess.run([os.path.join(BUILD, "roostd"), "--version"], capture_output=True,
                           text=True).stdout.split("(")[1][:12].encode()
    data = front.read_bytes()
    assert data.count(ident) == 1
    front.write_bytes(data.replace(ident, b"0" * 12))
    run = make().once("--libexec", str(libexec))
    assert run.returncode in (1, 4) and "of another build" in run.stderr


def test_readiness_is_told(make, tmp_path):
    path = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(10)
        roost = make(env={"NOTIFY_SOCKET": path}).start()
        while b"FDSTORE" in (said := s.recv(1000)):
            pass
        assert said.startswith(b"READY=1\nSTATUS=ready, 0 guests")
        roost.stop()
        assert s.recv(1000) == b"STOPPING=1"


def test_state_dump(roost):
    roost.process.send_signal(signal.SIGUSR1)
    roost.wait_log(r"roost-core: alive, ready, 1 starts")
    os.kill(roost.child("roost-front"), signal.SIGUSR1)
    roost.wait_log(r"front: \d+ connections")


def test_single_mode(make):
    roost = make(program="roostd").start("--single")
    assert not {"roost-core", "roost-front"} & set(children(roost.process.pid))
    assert roost.request().startswith(b"HTTP/1.1 200")
    assert b"not known here yet" in roost.request(b"GET /nobody/meta-data HTTP/1.0\r\n\r\n")
    assert roost.stop() == 0


@pytest.mark.skipif(not shutil.which("valgrind"), reason="needs valgrind")
def test_single_mode_under_valgrind(make):
    roost = make(program="roost-single", wrapper=["valgrind", "-q", "--error-exitcode=99",
                                                  "--leak-check=full", "--show-leak-kinds=definite",
                                                  "--errors-for-leak-kinds=definite"])
    roost.start()
    for path in (b"/", b"/nobody/meta-data", b"/%zz", b"/x/phone-home"):
        assert roost.request(b"GET %s HTTP/1.0\r\n\r\n" % path)
    post = b"POST /nobody/%s HTTP/1.0\r\nContent-Length: 3\r\n\r\na=b"
    for kind in (b"phone-home", b"report"):
        assert roost.request(post % kind)
    assert roost.stop() == 0, roost.log()
