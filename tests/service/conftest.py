"""What these stories share with those of tests/e2e: the rigs, and a micro guest."""
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "e2e")]

import guest  # noqa: E402


@pytest.fixture(scope="session")
def micro():
    return guest.build_image("micro")
