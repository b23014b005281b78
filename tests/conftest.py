"""Fixtures shared by all tests. Services start once, when the first test asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from tests.services.kafka import Broker
from tests.services.redis import RedisServer

ROOT = Path(__file__).parents[1]
ARENA = Path(os.environ.get("SIPHONWATCH_ARENA", ROOT.parent / "shared" / "arena"))

settings.register_profile("by no clock", settings.default, deadline=None)  # an example that is slow on a busy machine has not failed
settings.load_profile("by no clock")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("kafka"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def arena() -> Path:
    """The labelled arena, which not every clone has beside it."""
    if not (ARENA / "dev" / "labels.json").is_file():
        pytest.skip(f"the arena is absent: no {ARENA.name}/dev beside this clone")
    return ARENA / "dev"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Every process that a test started has ended when the session ends."""
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    assert not left, left


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped, so that nothing is skipped silently."""
    for report in terminalreporter.stats.get("skipped", ()):
        terminalreporter.write_line(f"skipped: {report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else ''}")
