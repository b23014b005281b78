"""Bytewax: an account's row in the state of ``stateful_map``, in memory, without recovery: SERVERS TOPIC COUNT FOLDER."""

from __future__ import annotations

import sys

import bytewax.operators as op
import numpy as np
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from siphonwatch.detector.sketch import row as state

from tests.benchmarks.peers.folding import Watch, folded


def main(servers: str, topic: str, count: str, _folder: str) -> None:
    watch = Watch(int(count))

    def add(held: np.ndarray | None, record: bytes) -> tuple[np.ndarray, None]:
        row = folded(record)
        row = row if held is None else state.merge(held, row)
        watch.event()
        return row, None

    def keyed(message: KafkaSourceMessage) -> tuple[str, bytes]:
        return message.key.decode(), message.value

    flow = Dataflow("bench")
    read = op.input("read", flow, KafkaSource([servers], [topic], tail=False))
    done = op.stateful_map("add", op.map("key", read, keyed), add)
    op.output("nothing", op.filter("none", op.map("text", done, str), lambda _text: False), StdOutSink())
    run_main(flow)


if __name__ == "__main__":
    main(*sys.argv[1:])
