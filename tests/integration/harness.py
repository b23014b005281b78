"""Workers as processes, and what they leave in the store."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from siphonwatch.detector.judging.accounts import RECORD, SHARDS
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.common.hashkey import derived
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.redis import RedisStore

from tests.services.kafka import Broker
from tests.services.process import Program, wait_until
from tests.services.redis import RedisServer

NEVER_IDLE = "3600"  # the log is of the past: while it is written, no pause of a slow machine may look like its end
SETTINGS = DEFAULT
SECRET = bytes(range(32))  # what addresses are hashed with, here and there
WORLD = World(accounts=160, days=1.5, prevalence=0.12, seed=11, start=1_780_000_000.0, harvests=("reasoning", "hydra"))


def traffic() -> list[Request]:
    """Requests slightly out of order, as gateways write them; with flags among their accounts."""
    requests = simulate(WORLD).requests
    return [*requests[1:51], requests[0], *requests[51:]]


@dataclass(frozen=True)
class Outcome:
    """Everything that must be the same however it came about."""

    states: dict[str, bytes]
    records: dict[str, tuple[object, ...]]
    verdicts: dict[str, Verdict]


def _record(value: bytes) -> tuple[object, ...]:
    import numpy as np

    record = np.frombuffer(value, dtype=RECORD)[0]
    return tuple(record[name].tolist() for name in RECORD.names or ())


def replayed(requests: list[Request], size: int = 997, settings: Settings = SETTINGS, secret: bytes = SECRET) -> Outcome:
    """What a replay of the log says, in one process and in batches of ``size``."""
    engine = Engine(prior.load(), settings)
    for start in range(0, len(requests), size):
        part = requests[start : start + size]
        engine.process(batch(part, [epoch_ms(request.timestamp) for request in part], derived(secret)))
    engine.finish()
    packed = snapshot.pack_accounts(engine.accounts, engine.accounts.ids)
    states = {account: value[: snapshot.STATE_BYTES] for account, value, _ in packed}
    return Outcome(states, {account: _record(value[snapshot.STATE_BYTES :]) for account, value, _ in packed}, dict(engine.verdicts))


def keyed(requests: list[Request], how: str) -> list[tuple[bytes | None, bytes]]:
    """(key, record) with the topic keyed by account, by request, or not at all."""
    keys = {"account": lambda r: r.account_id.encode(), "request": lambda r: r.request_id.encode(), "none": lambda _: None}
    return [(keys[how](request), encode(request)) for request in requests]


@dataclass
class Pipeline:
    """A topic, a key prefix, and the workers on them."""

    broker: Broker
    redis: RedisServer
    folder: Path
    partitions: int
    options: tuple[str, ...] = ("--batch", "400")
    topic: str = ""  # made where none is named
    secret: bytes = SECRET
    environment: dict[str, str] = field(default_factory=dict)
    workers: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        unique = uuid.uuid4().hex[:8]
        if not self.topic:
            self.topic = f"requests-{unique}"
            self.broker.create(self.topic, self.partitions)
        self.group = f"{self.topic}-{unique}"
        self.prefix = f"test-{self.group}"
        self.store = RedisStore(self.redis.url, self.topic, self.prefix)

    def worker(self, *more: str) -> Program:
        """Start one more worker."""
        with contextlib.suppress(Unavailable):  # as if an earlier worker had made it: what is compared with it knows it too
            self.store.secret(self.secret)
        command = [
            sys.executable, "-m", "siphonwatch.streams", "run", "--source", self.broker.url(self.topic), "--store", self.redis.url,
            "--group", self.group, "--prefix", self.prefix, "--http-port", "0", "--idle-seconds", NEVER_IDLE,
            "--verdict-topic", f"{self.topic}.verdicts", "--dead-letter-topic", f"{self.topic}.dead", *self.options, *more,
        ]  # fmt: skip
        environment = {**os.environ, "SIPHONWATCH_SESSION_SECONDS": "1.5", **self.environment}
        program = Program(command, self.folder / f"worker-{len(self.workers)}.log", environment)
        self.workers.append(program)
        return program

    @property
    def read(self) -> int:
        """Records whose rows are stored."""
        return sum(position.offset for position, *_ in self.store.positions(self.partitions) if position)

    @property
    def closed(self) -> int:
        """The newest tick that was judged."""
        stored = self.store.context()
        return UNSEALED if stored is None else snapshot.unpack_context(stored, SETTINGS).closed

    def has_read(self, records: int) -> None:
        """Wait until so many records are stored."""
        self._wait(lambda: self.read >= records, 90, f"{records} records to be stored")

    def done(self, records: int) -> bool:
        """Everything read, and judged to the last tick."""
        positions = [position for position, *_ in self.store.positions(self.partitions)]
        if any(position is None for position in positions) or self.read < records:
            return False
        return self.closed >= max(position.last for position in positions if position)

    def finish(self, records: int, seconds: float = 90) -> None:
        """Wait until all is read, then until it is judged: by a last worker, to which silence means the end."""
        self.has_read(records)
        self.stop()
        self.worker("--idle-seconds", "0.5")
        self._wait(lambda: self.done(records), seconds, "everything to be read and judged")
        self.stop()

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        logs = lambda: "\n".join(f"--- {worker.output.name} {worker.process.poll()}\n{worker.tail(8)}" for worker in self.workers[-4:])  # noqa: E731
        try:
            wait_until(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.store.positions(self.partitions)}\n{logs()}") from None

    def stop(self) -> None:
        for worker in self.workers:
            if worker.running:
                assert worker.stop() == 0, worker.tail()

    def outcome(self) -> Outcome:
        """What stands in the store."""
        kept = self.store.load(self.store.hold("outcome", [], range(SHARDS)))
        states = {account: value[: snapshot.STATE_BYTES] for account, value in zip(kept.accounts, kept.values, strict=True)}
        records = {account: _record(value[snapshot.STATE_BYTES :]) for account, value in zip(kept.accounts, kept.values, strict=True)}
        return Outcome(states, records, kept.verdicts)


def same(left: Outcome, right: Outcome) -> None:
    """Assert that two outcomes are equal, naming the first difference."""
    assert sorted(left.states) == sorted(right.states)
    _first_difference("state", left.states, right.states)
    _first_difference("record", left.records, right.records)
    assert sorted(left.verdicts) == sorted(right.verdicts)
    _first_difference("verdict", left.verdicts, right.verdicts)


def _first_difference(what: str, left: dict, right: dict) -> None:
    different = [name for name in sorted(left) if left[name] != right[name]]
    if different:
        name = different[0]
        shown = _fields(left[name], right[name]) if what == "state" else f"\n{left[name]!r}\n{right[name]!r}"
        raise AssertionError(f"{len(different)} of {len(left)} {what}s differ, the first is that of {name}{shown}")


def _fields(left: bytes, right: bytes) -> str:
    """What of two states differs."""
    rows = state.from_bytes([left, right])
    plain = [(name, rows[name]) for name in rows.dtype.names or () if name != "slots"]
    slots = [(f"slots {name}", rows["slots"][name]) for name in rows["slots"].dtype.names or ()]
    return "".join(f"\n{name}: {both[0].tolist()} {both[1].tolist()}" for name, both in plain + slots if not (both[0] == both[1]).all())
