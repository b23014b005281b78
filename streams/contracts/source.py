"""What every source must do: the tests that ours pass, for a source of yours."""

from __future__ import annotations

from typing import Any

import pytest
from siphonwatch.streams.contracts.samples import comes_true
from siphonwatch.streams.sources.base import Polled, Source

VALUES = [b'{"number": %d}' % number for number in range(20)]
BATCH = 7  # records of one poll, at most
POLL = 0.05  # seconds

Read = dict[int, list[tuple[int, bytes]]]  # partition -> (offset, record)


class SourceContract:
    """What holds for any source.

    A class of tests derives from it and gives the fixture ``source``: a source of ``VALUES`` in their order, over one or more
    partitions, opened with ``SourceOptions(batch=BATCH)``. Whoever reads it is its only member.
    """

    @pytest.fixture
    def source(self) -> Any:
        """An open source that holds ``VALUES``; yield it to close it afterwards."""
        raise NotImplementedError("give the fixture `source`")

    def test_it_has_a_name_and_partitions(self, source: Source) -> None:
        assert source.name
        assert source.partitions() >= 1

    def test_every_record_comes_once_in_the_order_of_its_partition(self, source: Source) -> None:
        found = read_all(source)
        assert sorted(value for records in found.values() for _, value in records) == sorted(VALUES)
        for records in found.values():
            offsets = [offset for offset, _ in records]
            assert offsets == sorted(set(offsets)), "offsets of a partition rise"
            numbers = [VALUES.index(value) for _, value in records]
            assert numbers == sorted(numbers), "the order within a partition is the log's"

    def test_a_partition_is_read_again_from_any_offset(self, source: Source) -> None:
        whole = read_all(source)
        partition = max(whole, key=lambda each: len(whole[each]))
        offset = whole[partition][len(whole[partition]) // 2][0]
        source.seek(partition, offset)
        wanted = [each for each in whole[partition] if each[0] >= offset]
        assert read(source, len(wanted)) == {partition: wanted}, "the same bytes stand at the same offsets"
        source.seek(partition, None)
        assert read(source, len(whole[partition])) == {partition: whole[partition]}

    def test_lag_falls_to_nothing_and_progress_is_taken(self, source: Source) -> None:
        whole = read_all(source)
        source.progress({partition: records[-1][0] + 1 for partition, records in whole.items()})
        for partition in whole:
            assert source.lag(partition) in (0, None)

    def test_it_says_what_there_is_to_read(self, source: Source) -> None:
        for partition, records in read_all(source).items():
            extent = source.extent(partition)
            assert extent.begins <= records[0][0] < records[-1][0] < extent.ends
            assert extent.identity == source.identity()

    def test_at_its_end_it_is_silent(self, source: Source) -> None:
        read_all(source)
        for _ in range(3):
            assert source.poll(POLL) == Polled()


def read_all(source: Source) -> Read:
    """All records, after each partition was given and sought to its start: what a worker does when it is given one."""
    mine: set[int] = set()

    def all_given() -> bool:
        polled = source.poll(POLL)
        for partition in polled.assigned:
            assert not any(records.partition == partition for records in polled.records), "nothing is read before it was sought"
            source.seek(partition, None)
            mine.add(partition)
        return len(mine) == source.partitions()

    assert comes_true(all_given), "not every partition was given to the only reader"
    for partition in mine:
        source.seek(partition, None)  # what came while others were still given comes again
    return read(source)


def read(source: Source, count: int = len(VALUES)) -> Read:
    """``count`` records of a source whose partitions are owned and sought."""
    found: Read = {}

    def all_read() -> bool:
        polled = source.poll(POLL)
        assert sum(len(records.values) for records in polled.records) <= BATCH, "a poll brings no more than was asked for"
        for records in polled.records:
            assert len(records.offsets) == len(records.values) > 0
            assert records.next > records.offsets[-1]
            found.setdefault(records.partition, []).extend(zip(records.offsets, records.values, strict=True))
        return sum(map(len, found.values())) >= count

    assert comes_true(all_read), f"{count} records were to come, {sum(map(len, found.values()))} came"
    return found
