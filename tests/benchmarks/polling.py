"""Plain polling by kafka-python: what any consumer in Python pays before it does anything."""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition

from tests.services.kafka import Broker


def polled(broker: Broker, topic: str, count: int) -> float:
    """Records a second that a bare consumer polls of a topic's ``count``, from its first answer on."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.servers, enable_auto_commit=False, auto_offset_reset="earliest", max_poll_records=8192,
        fetch_max_bytes=32 << 20, max_partition_fetch_bytes=8 << 20,
    )  # fmt: skip
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    consumer.seek_to_beginning(tp)
    left, started = count, 0.0
    seen = 0
    while left > 0:
        found = sum(map(len, consumer.poll(timeout_ms=1000).values()))
        left -= found
        if started:
            seen += found
        elif found:
            started = time.perf_counter()
    rate = seen / (time.perf_counter() - started)
    consumer.close()
    return rate
