"""What all pytest tests share: the harness on the path, a roost per test, logs on failure only."""
import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import roost as harness  # noqa: E402


# nohup(1) and a shell's background jobs have some signals ignored, and programs inherit that, but not a handler:
# here they are ignored as before, and what the tests start has them as from a terminal.
for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(signo) is signal.SIG_IGN:
        signal.signal(signo, lambda *_: None)


@pytest.fixture
def roost():
    """A running rootless roost without guests."""
    with harness.Roost() as r:
        yield r


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed or (os.environ.get("DEBUG") == "1" and report.when == "call"):
        for r in harness.LIVE:
            report.sections.append((f"log of {r.dir}", r.log()))
