"""An engine that is stored and restored after every tick says what one says that never was."""

from __future__ import annotations

import msgspec
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.detector.verdicts.campaign import Campaign
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common import prior
from siphonwatch.streams.stores import snapshot

from tests.quality.groups_of import of_hydra

HYDRA = frozenset({"addresses:shared", "division:balanced"})


def told(restarting: bool) -> tuple[list[Finding], list[tuple[str, bytes, float]], bytes]:
    requests = of_hydra(1, HYDRA).requests
    silent = set(sorted({each.account_id for each in requests})[::2])  # some fall silent, and are judged with their campaign all the same
    requests = [each for at, each in enumerate(requests) if at < len(requests) * 0.7 or each.account_id not in silent]
    panes, engine, found, kept = Panes(DEFAULT), Engine(prior.load()), [], dict[str, bytes]()
    for start in range(0, len(requests), 500):
        part = requests[start : start + 500]
        panes.add(batch(part, [epoch_ms(each.timestamp) for each in part]))
        for tick, pane in panes.seal(panes.watermark - 1):
            found += engine.close(tick, [pane])
            if restarting:
                changed, dropped = engine.take_changes()  # all that a store is told
                kept |= {name: value for name, value, _ in snapshot.pack_accounts(engine.accounts, changed)}
                kept = {name: value for name, value in kept.items() if name not in dropped}
                assert kept == {name: value for name, value, _ in snapshot.pack_accounts(engine.accounts, engine.accounts.ids)}
                context = snapshot.pack_context(engine)
                engine = snapshot.restore(prior.load(), DEFAULT, context, list(kept), list(kept.values()), engine.verdicts)
    return found, sorted(snapshot.pack_accounts(engine.accounts, engine.accounts.ids)), snapshot.pack_context(engine)


def test_restarts_change_nothing() -> None:
    whole, broken = told(False), told(True)
    assert whole[0] == broken[0]
    assert whole[1] == broken[1]
    assert whole[2] == broken[2]
    assert any(type(one).__name__ == "CampaignVerdict" for one in whole[0])


def test_groups_that_are_watched_are_kept_and_what_was_stored_before_there_were_any_is_read() -> None:
    engine = Engine(prior.load())
    engine.context.watched, engine.context.next_watched = [Campaign(4, ["a", "b", "c"], 0, 0.0, {}, strength=-1.0, shares=[-0.6] * 3)], 5
    packed = snapshot.pack_context(engine)
    again = snapshot.unpack_context(packed, DEFAULT)
    assert (again.watched, again.next_watched, again.campaigns) == (engine.context.watched, 5, [])
    before = {name: value for name, value in msgspec.msgpack.decode(packed).items() if "watched" not in name}
    stored = snapshot.unpack_context(msgspec.msgpack.encode(before), DEFAULT)
    assert (stored.watched, stored.next_watched, stored.campaigns) == ([], 1, [])


def test_an_account_that_is_erased_leaves_what_is_watched() -> None:
    engine = Engine(prior.load())
    engine.context.watched = [Campaign(1, ["a", "b"], 0, 0.0, {}, strength=-1.0, shares=[-0.6, -0.7])]
    assert engine.context.named == {"a", "b"}
    engine.context.without({"a"})
    assert (engine.context.watched[0].members, engine.context.watched[0].shares) == (["b"], [-0.7])
