"""One shard of 256 at the scale of ten million accounts and 100,000 requests a second, and the turn of an epoch over all 256.

The accounts are a simulated world's, again and again under other names; a tick brings each hour's share of them. What leaves the
shard is written to and read from a real Redis.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from siphonwatch.detector.judging import census
from siphonwatch.detector.judging.accounts import NEVER, NOTHING, SHARDS, shard_of
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.scorer import Scorer
from siphonwatch.detector.judging.shard import Shard, merged
from siphonwatch.detector.judging.shards import Local
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.streams.common import prior
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.whole import write

LARGE = replace(DEFAULT, accounts_most=12_000_000)
ACCOUNTS = 39_000  # of ten million, in one of 256 shards
ACTIVE = 13_000  # of those in a tick of a quarter of an hour: a third
START = 1_790_000_000.0


def world() -> tuple[np.ndarray, np.ndarray]:
    """(rows of accounts over two days, rows of the same of their last hour)."""
    traffic = simulate(World(accounts=1500, days=2.0, prevalence=0.02, seed=5, start=START))
    times = [epoch_ms(request.timestamp) for request in traffic.requests]
    columns = batch(traffic.requests, times)
    codes, _ = pd.factorize(columns.accounts)
    late = columns.time >= max(times) - 3_600_000
    _, some = np.unique(codes[late], return_inverse=True)
    return fold(columns, codes, int(codes.max()) + 1), fold(columns.take(late), some, int(some.max()) + 1)


def names(count: int, number: int = 0) -> list[str]:
    """Names of accounts that all fall to shard ``number``."""
    found, at = [], 0
    while len(found) < count:
        if shard_of(name := f"acct_{at:08x}") == number:
            found.append(name)
        at += 1
    return found


def filled(known: Sequence[str], rows: np.ndarray, seed: int) -> Shard:
    """A shard of the accounts ``known``, as they would be after two days."""
    rng = np.random.Generator(np.random.PCG64(seed))
    context = Context(height=DEFAULT.flag_odds, closed=0, begun=0)
    shard = Shard(Scorer(prior.load(), LARGE, context))
    position = shard.accounts.positions(list(known))
    shard.accounts.rows[position] = rows[rng.integers(0, len(rows), len(known))]
    records = shard.accounts.records
    records["seen"][position] = int(START * 1000) // DEFAULT.tick_ms
    records["flagged_at"][position], records["current"][position] = NEVER, NOTHING
    shard._score(position, int(START * 1000))  # as if they had been judged
    return shard


def spent(work: Any) -> tuple[float, Any]:
    """(processor seconds of the middle of three runs of ``work``, what it answers)."""
    took, answer = [], None
    for _ in range(3):
        gc.collect()
        started = time.process_time()
        answer = work()
        took.append(time.process_time() - started)
    return sorted(took)[1], answer


def rows(store: RedisStore) -> list[tuple[str, str]]:
    """The rows of the table."""
    states, late = world()
    known = names(ACCOUNTS)
    shard = filled(known, states, 0)
    held = (shard.accounts.rows.nbytes + shard.accounts.records.nbytes) / 2**20
    rng = np.random.Generator(np.random.PCG64(1))
    tick = int(START * 1000) // DEFAULT.tick_ms + 200
    judging = []
    for number in range(4):
        pane = Pane()
        pane.add(sorted(rng.choice(known, ACTIVE, replace=False).tolist()), late[rng.integers(0, len(late), ACTIVE)])
        gc.collect()
        started = time.process_time()
        shard.judge(tick + number, (tick + number) * DEFAULT.tick_ms, pane)
        judging.append(time.process_time() - started)
        changed, _ = shard.take_changes()
    one = Engine(prior.load(), LARGE, shard.scorer.context, Local([shard]))
    packing, packed = spent(lambda: snapshot.pack_accounts(one.accounts, changed))
    size = sum(len(value) for _, value, _ in packed) / 2**20
    everything = snapshot.pack_accounts(one.accounts, known)
    write(store, snapshot.pack_context(one), everything, closed=tick + 3)
    started = time.perf_counter()
    found = store.load(store.hold("another", [0], sorted({shard_of(name) for name in known})))
    snapshot.restore(prior.load(), LARGE, found.context, found.accounts, found.values, found.verdicts)
    restart = time.perf_counter() - started
    counting, counted = spent(lambda: shard.census(0))
    naming, named = spent(lambda: (shard.near(0.0, DEFAULT.queue_most), shard.linkable(DEFAULT.link_most)))
    adding, _ = spent(lambda: census.total([counted] * SHARDS))
    most = DEFAULT.link_most
    choosing, _ = spent(lambda: merged([named[1]] * SHARDS, most))
    middle = sorted(judging)[len(judging) // 2]
    return [
        (f"a shard of {ACCOUNTS:,} accounts, {ACTIVE:,} of them at work: judging a tick of 900 s", f"{middle:.2f} s of a processor"),
        ("... its memory; what it writes a tick", f"{held:,.0f} MiB; {size:,.0f} MiB, {packing:.2f} s to pack"),
        ("... its restart from Redis", f"{restart:.1f} s"),
        ("... its part in the turn of an epoch: counting; naming", f"{counting:.2f} s; {naming:.2f} s"),
        ("the turn over 256 of them: adding up the counts; choosing whom to link", f"{adding:.2f} s; {choosing:.1f} s"),
    ]
