"""A judge who keeps all accounts, without a worker around it."""

from __future__ import annotations

import threading

from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.streams.common import prior
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.stores.base import Store
from siphonwatch.streams.worker.judge import Judge
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.keepers import Keepers
from siphonwatch.streams.worker.metrics import Metrics


def judge_of_all(
    store: Store, partitions: int = 1, settings: Settings = DEFAULT, metrics: Metrics | None = None, sinks: Sinks | None = None
) -> tuple[Judge, Keeper]:
    """One that judges by the shipped prior, and who keeps the accounts."""
    metrics = metrics or Metrics()
    keeper = Keeper(store, prior.load(), settings, metrics)
    keeper.assign(range(partitions), partitions)
    return Judge(store, sinks or Sinks(), metrics, prior.load(), settings, keeper), keeper


def two_keepers(store: Store, leader: str) -> tuple[Keepers, Keeper, Keeper]:
    """Half of the shards each, as the judge ``leader`` of the first asks them."""
    first, second = (Keeper(store, prior.load(), DEFAULT, Metrics()) for _ in range(2))
    first.assign({0}, 2)
    second.assign({1}, 2)
    keepers = Keepers(store, first, leader, threading.Event())
    assert keepers.gather(2)
    return keepers, first, second
