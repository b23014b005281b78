"""Simulated traffic to a file or a Kafka topic, with its labels."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import HARVESTS, World, simulate
from siphonwatch.streams.common.errors import UsageError


def world(accounts: int, days: float, prevalence: float, harvests: str, seed: int, start: str) -> World:
    """The world that the options describe; ``UsageError`` names what is wrong."""
    kinds = tuple(kind.strip() for kind in harvests.split(",") if kind.strip()) or HARVESTS
    unknown = set(kinds) - set(HARVESTS)
    if unknown:
        raise UsageError(f"--harvests {', '.join(sorted(unknown))} is not known; known are: {', '.join(HARVESTS)}")
    try:
        begin = datetime.fromisoformat(start).timestamp() if start else time.time() - days * 86_400
    except ValueError as error:
        raise UsageError(f"--start {start} is not RFC 3339: write 2026-01-31T00:00:00Z") from error
    return World(accounts, days, prevalence, seed, begin, kinds)


def encode(request: Request) -> bytes:
    """One request in the project's own log format."""
    return msgspec.json.encode({name: value for name in request.__struct_fields__ if (value := _plain(getattr(request, name))) is not None})


def _plain(value: object) -> object:
    """Structs as objects without what is absent."""
    if isinstance(value, msgspec.Raw):
        return value if bytes(value) else None
    if isinstance(value, msgspec.Struct):
        kept = {name: inner for name in value.__struct_fields__ if (inner := _plain(getattr(value, name))) is not None}
        return kept or None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def write(made: World, to: str, rate: float | None, labels: Path | None) -> str:
    """Simulate ``made`` into ``to``; what was written, in a sentence."""
    traffic = simulate(made)
    if labels:
        labels.write_bytes(msgspec.json.format(msgspec.json.encode(traffic.labels), indent=1))
    records = [(request.account_id.encode(), encode(request)) for request in traffic.requests]
    if to.startswith("kafka://"):
        _produce(to, records, rate)
    elif to.endswith(".jsonl"):
        Path(to).write_bytes(b"".join(record + b"\n" for _, record in records))
    else:
        raise UsageError(f"{to} is not known: write a name that ends in .jsonl, or kafka://HOST:PORT/TOPIC")
    harvesting = sum(label.label == "harvest" for label in traffic.labels.values())
    return f"{len(records):,} requests of {len(traffic.labels):,} accounts, {harvesting} of them harvesting, to {to}"


def _produce(url: str, records: list[tuple[bytes, bytes]], rate: float | None) -> None:
    from siphonwatch.streams.sources.kafka import producer

    made, topic = producer(url)
    begun = time.monotonic()
    for count, (key, value) in enumerate(records):
        if rate is not None and (ahead := count / rate - (time.monotonic() - begun)) > 0.01:
            time.sleep(ahead)
        made.send(topic, value=value, key=key)
    made.flush()
    made.close()
