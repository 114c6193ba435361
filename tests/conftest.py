"""What all pytest tests share: the harness on the path, a roost per test, logs on failure only."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import roost as harness  # noqa: E402


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
