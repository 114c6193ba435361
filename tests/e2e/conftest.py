"""The images, built once per build directory, and an operator's key."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import guest  # noqa: E402
import lan as lans  # noqa: E402


@pytest.fixture(scope="session")
def debian():
    return guest.build_image("debian")


@pytest.fixture(scope="session")
def micro():
    return guest.build_image("micro")


@pytest.fixture
def lan(tmp_path):
    """A host on a LAN, see lan.py."""
    with lans.host(tmp_path) as ns:
        yield ns


@pytest.fixture(scope="session")
def micro_arm64():
    return guest.build_image("micro-arm64")


@pytest.fixture(scope="session")
def debian_efi():
    return guest.build_image("debian-efi")


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return guest.Key(tmp_path_factory.mktemp("operator"))


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
