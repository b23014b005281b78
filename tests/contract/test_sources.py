"""The same promises, kept by every source."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.contracts import SourceContract
from siphonwatch.streams.contracts.source import BATCH, VALUES
from siphonwatch.streams.sources import Source, SourceOptions, open_source
from siphonwatch.streams.sources.memory import MemorySource

from tests.services.kafka import Broker

OPTIONS = SourceOptions(group="contract", batch=BATCH, session=1.5)


class TestMemorySource(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return MemorySource(VALUES, most=BATCH)


class TestFileSource(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        (tmp_path / "requests.jsonl").write_bytes(b"\n".join(VALUES) + b"\n")
        return open_source(f"file://{tmp_path}/requests.jsonl", OPTIONS)


class TestKafkaSource(SourceContract):
    @pytest.fixture
    def source(self, broker: Broker) -> Iterator[Source]:
        topic = f"contract-{uuid.uuid4().hex[:8]}"
        broker.create(topic, 3)
        broker.produce(topic, [(value[-3:], value) for value in VALUES])
        made = open_source(broker.url(topic), OPTIONS)
        yield made
        made.close()

    def test_a_partition_that_moved_away_meanwhile_is_waited_for(self, source: Source) -> None:
        """The group may give it to another between a poll and the seek that follows, as to a worker that was frozen."""
        source.poll(0.0)
        for offset in (0, None):
            with pytest.raises(Unavailable, match="moved away"):
                source.seek(99, offset)
        assert source.lag(99) is None


def test_an_unknown_scheme_says_what_is_known() -> None:
    with pytest.raises(UsageError, match="known schemes are kafka, file"):
        open_source("carrier-pigeon://loft", OPTIONS)
