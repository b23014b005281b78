"""What the tests of the whole pipeline share: a stream that holds something to find, its replay, and services that may be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.request.request import Request

from tests.integration.harness import Outcome, replayed, traffic
from tests.services.kafka import Broker
from tests.services.redis import RedisServer


@pytest.fixture(scope="package")
def requests() -> list[Request]:
    return traffic()


@pytest.fixture(scope="package")
def expected(requests: list[Request]) -> Outcome:
    outcome = replayed(requests)
    levels = [verdict.level for verdict in outcome.verdicts.values()]
    assert levels.count("block") + levels.count("throttle") >= 3, "the stream must hold something to find"
    return outcome


def _own(made: Broker | RedisServer, named: str) -> Iterator[Any]:
    if made.external:
        pytest.skip(f"{named} that this test may not stop")
    yield made
    made.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that may be stopped."""
    yield from _own(Broker(tmp_path / "kafka"), "SIPHONWATCH_TEST_KAFKA names a broker")


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that may be stopped."""
    yield from _own(RedisServer(tmp_path / "redis"), "SIPHONWATCH_TEST_REDIS names a server")
