"""Quix Streams: an account's row in its state, which is RocksDB with a changelog topic: SERVERS TOPIC COUNT FOLDER."""

from __future__ import annotations

import sys

from quixstreams import Application, State
from siphonwatch.detector.sketch import row as state

from tests.benchmarks.peers.folding import Watch, folded


def main(servers: str, topic: str, count: str, folder: str) -> None:
    watch = Watch(int(count))

    def add(record: bytes, held: State) -> None:
        row = folded(record)
        before = held.get_bytes("row")
        held.set_bytes("row", state.packed(row if before is None else state.merge(state.unpacked(before), row)))
        watch.event()

    made = Application(servers, consumer_group="quix", auto_offset_reset="earliest", state_dir=folder, loglevel="ERROR")
    frame = made.dataframe(made.topic(topic, value_deserializer="bytes", key_deserializer="bytes"))
    frame.update(add, stateful=True)
    made.run(count=int(count), collect=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
