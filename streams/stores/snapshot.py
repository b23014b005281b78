"""The engine's context and accounts as bytes, for a store to keep."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from siphonwatch.detector.judging.accounts import RECORD, Accounts
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.learning.lesson import Lesson
from siphonwatch.detector.learning.queue import Card
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.scoring.population import BINS, Population
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.campaign import Campaign
from siphonwatch.streams.common.errors import UsageError

TOGETHER = 1000  # accounts that are packed or unpacked in one go: copies of a part are small
STATE_BYTES = 2 + state.ROW.itemsize


class _Stored(msgspec.Struct):
    """The wire form of :class:`siphonwatch.detector.judging.engine.Context`."""

    version: int
    settings: str
    closed: int
    epoch: int
    height: float
    population: bytes
    campaigns: list[Campaign]
    next_campaign: int
    history: list[float]
    drifting: bool
    begun: int
    models: dict[int, int]
    released: list[int]
    taught: list[str]
    lesson: Lesson
    queue: list[Card]
    watched: list[Campaign] = []  # what was stored before has none
    next_watched: int = 1
    lift: float = 0.0


def pack_context(engine: Engine) -> bytes:
    """Everything an engine knows beside its accounts."""
    context = engine.context
    return msgspec.msgpack.encode(
        _Stored(
            state.VERSION,
            engine.settings.identity,
            context.closed,
            context.epoch,
            context.height,
            context.population.counts.astype("<i8").tobytes(),
            context.campaigns,
            context.next_campaign,
            context.history,
            context.drifting,
            context.begun,
            context.models,
            context.released,
            context.taught,
            context.lesson,
            context.queue,
            context.watched,
            context.next_watched,
            context.lift,
        )
    )


class _Met(msgspec.Struct):
    """The part of :class:`_Stored` that a sidecar reads."""

    models: dict[int, int]


def models_met(context: bytes | None) -> frozenset[int]:
    """Marks of the models that the log answered for; see :func:`siphonwatch.detector.request.names.model_mark`."""
    return frozenset(msgspec.msgpack.decode(context, type=_Met).models) if context else frozenset()


def unpack_context(value: bytes, settings: Settings) -> Context:
    """The inverse of :func:`pack_context`; ``UsageError`` where it was written under other settings."""
    stored = msgspec.msgpack.decode(value, type=_Stored)
    if stored.version != state.VERSION or stored.settings != settings.identity:
        raise UsageError(
            "the store was written with other detection settings or by another version: go back to those, "
            "or start afresh with another --prefix and read the topic again"
        )
    counts = np.frombuffer(stored.population, dtype="<i8").reshape(len(NAMES), BINS).astype(np.int64)
    return Context(
        stored.closed, stored.epoch, stored.height, Population(counts), stored.campaigns, stored.next_campaign,
        stored.history, stored.drifting, stored.begun, stored.models,
        stored.released, stored.taught, stored.lesson, stored.queue,
        stored.watched, stored.next_watched, stored.lift,
    )  # fmt: skip


def pack_accounts(known: Accounts, accounts: list[str]) -> list[tuple[str, bytes, float]]:
    """(account, state and record, evidence) of each account."""
    packed: list[tuple[str, bytes, float]] = []
    for start in range(0, len(accounts), TOGETHER):
        some = accounts[start : start + TOGETHER]
        position = known.positions(some)
        rows, records = state.to_bytes(known.rows[position]), known.records[position]
        packed += [(name, row + record.tobytes(), float(record["evidence"])) for name, row, record in zip(some, rows, records, strict=True)]
    return packed


def put_accounts(known: Accounts, accounts: Sequence[str], values: Sequence[bytes]) -> None:
    """Take accounts in as they were packed."""
    for start in range(0, len(accounts), TOGETHER):
        some = values[start : start + TOGETHER]
        rows = state.from_bytes([value[:STATE_BYTES] for value in some])
        records = np.frombuffer(b"".join(value[STATE_BYTES:] for value in some), dtype=RECORD)
        known.put(list(accounts[start : start + TOGETHER]), rows, records)


def restore(
    prior: Prior, settings: Settings, context: bytes | None, accounts: list[str], values: list[bytes], verdicts: dict[str, Verdict]
) -> Engine:
    """An engine as it was when its context and accounts were packed."""
    engine = Engine(prior, settings, unpack_context(context, settings) if context else None)
    put_accounts(engine.accounts, accounts, values)
    engine.verdicts = dict(verdicts)
    return engine
