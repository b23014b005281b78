"""What every store must do: the tests that ours pass, for a store of yours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.verdicts.finding import decode, encode
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Sealed
from siphonwatch.streams.contracts.samples import comes_true, findings, ids, rows, verdict
from siphonwatch.streams.stores.base import PARTS, Charge, Fence, Judging, Kept, Position, ShardJudging, Standing, Store, shards_of
from siphonwatch.streams.stores.erasing import Erased, digest
from siphonwatch.streams.stores.whole import by_shard, write

AT = Position(7, Clock(1000), 3, 4)


def part(account: str) -> int:
    """Of a pane, the part that an account's row stands in."""
    return shard_of(account) % PARTS


def everything(store: Store) -> Kept:
    """All that is stored of accounts."""
    return store.load(store.hold("tests", [], range(SHARDS)))


def closing(store: Store, mark: str, changes: dict[int, ShardJudging], context: bytes = b"c") -> tuple[Fence, Judging]:
    """A judging of these changes, to be closed by who leads from now on."""
    lead = store.lead()
    marks = [mark if shard in changes else before for shard, before in enumerate(lead.shards)]
    return lead.fence, Judging(mark, context, shards=marks, moves=store.owners().moves)


class StoreContract:
    """What holds for any store. A class of tests derives from it and gives the fixture ``store``: an open store that nobody wrote to."""

    @pytest.fixture
    def store(self) -> Any:
        """An open, empty store; yield it to close it afterwards."""
        raise NotImplementedError("give the fixture `store`")

    def test_nothing_is_there_at_first(self, store: Store) -> None:
        claim = store.claim(0)
        assert (claim.position, claim.sealed, claim.panes, claim.ids) == (None, -1, [], {})
        lead = store.lead()
        assert (lead.context, lead.judged, set(lead.shards), lead.outbox) == (None, "", {""}, [])
        assert everything(store) == Kept()
        assert store.account("a") is None
        assert store.verdict("a") is None
        assert store.top(3) == []

    def test_rows_and_offset_come_back_together(self, store: Store) -> None:
        epoch = store.claim(1).fence
        store.commit(1, epoch, AT, {4: (["a", "b"], rows(2))}, {4: ids(1, 2)})
        store.commit(1, epoch, Position(9, Clock(1001), 3, 4), {4: (["b"], rows(1))}, {4: ids(3)})
        claim = store.claim(1)
        assert claim.position is not None
        assert claim.position.offset == 9
        ((tick, accounts, found),) = claim.panes
        assert tick == 4
        assert dict(zip(accounts, found["generation"].tolist(), strict=True)) == {"a": 1, "b": 1}
        assert sorted(claim.ids[4].tolist()) == [1, 2, 3]
        assert store.claim(0).position is None

    def test_a_stale_owner_is_refused_and_writes_nothing(self, store: Store) -> None:
        stale = store.claim(0).fence
        store.claim(0)
        with pytest.raises(Fenced):
            store.commit(0, stale, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        claim = store.claim(0)
        assert (claim.position, claim.panes) == (None, [])

    def test_a_sealed_tick_takes_nothing_more_and_reads_the_same_again(self, store: Store) -> None:
        epoch = store.claim(0).fence
        store.commit(0, epoch, AT, {4: (["a"], rows(1)), 6: (["c"], rows(1))}, {4: ids(1), 6: ids(2)})
        mark = store.positions(1)[0].mark
        with pytest.raises(Behind):
            store.seal(0, 5, "what it was before", -1)
        first, _ = store.seal(0, 5, mark, -1)
        assert first == {4: {part("a"): 1}}
        with pytest.raises(Sealed):
            store.commit(0, epoch, Position(8, Clock(1000), 3, 4), {6: (["d"], rows(1)), 5: (["a"], rows(1))}, {6: ids(4), 5: ids(3)})
        assert [(each.position, each.sealed, each.dropped) for each in store.positions(1)] == [(AT, 5, -1)]
        assert store.seal(0, 5, mark, -1) == (first, []), "again and again the same"
        (pane,) = store.panes([(0, 4, first[4])])
        assert (pane.accounts, pane.filled.tobytes()) == (["a"], rows(1).tobytes())
        assert store.seal(0, 5, mark, 4) == ({}, [4]), "it was judged, and may be dropped"
        store.drop(0, [4])
        assert store.seal(0, 5, mark, -1) == ({}, [])
        assert store.positions(1)[0].dropped == 4
        assert [tick for tick, _, _ in store.claim(0).panes] == [6]

    def test_a_pane_is_read_by_its_parts(self, store: Store) -> None:
        names = [f"account {number}" for number in range(300)]
        epoch = store.claim(1).fence
        store.commit(1, epoch, AT, {4: (names, rows(300))}, {4: ids(1)})
        counts, _ = store.seal(1, 4, store.positions(2)[1].mark, -1)
        assert counts[4] == {each: sum(part(name) == each for name in names) for each in range(PARTS)}
        mine = {each: count for each, count in counts[4].items() if each % 2}
        first, second = store.panes([(1, 4, mine), (1, 4, {0: counts[4][0]})])
        assert sorted(first.accounts) == sorted(name for name in names if part(name) % 2)
        assert sorted(second.accounts) == sorted(name for name in names if part(name) == 0)
        assert dict(zip(first.accounts, first.filled["generation"].tolist(), strict=True)) == {
            name: number + 1 for number, name in enumerate(names) if part(name) % 2
        }
        assert store.panes([]) == []
        with pytest.raises(Behind):
            store.panes([(1, 4, {0: counts[4][0] + 1})])
        assert store.claim(1).rewound, "what is not whole is read again from the log"

    def test_a_tick_that_a_partition_has_passed_is_sealed_whatever_was_written_since(self, store: Store) -> None:
        fence = store.claim(0).fence
        store.commit(0, fence, AT, {2: (["a"], rows(1))}, {2: ids(1)})
        assert store.seal(0, 2, "another", -1)[0] == {2: {part("a"): 1}}

    def test_a_writer_whose_last_write_is_not_there_is_told_so_and_writes_nothing(self, store: Store) -> None:
        fence = store.claim(0).fence
        before = replace(fence)
        store.commit(0, fence, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        with pytest.raises(Behind):
            store.commit(0, before, Position(8, Clock(1000), 3, 4), {4: (["b"], rows(1))}, {4: ids(2)})
        assert store.positions(1)[0].position == AT
        lead = store.lead().fence
        earlier = replace(lead)
        store.judged(lead, Judging("1", b"one"))
        store.check(lead)
        with pytest.raises(Behind):
            store.judged(earlier, Judging("2", b"two"))
        with pytest.raises(Behind):
            store.check(earlier)
        assert store.context() == b"one"

    def test_ids_are_forgotten_with_their_tick(self, store: Store) -> None:
        fence = store.claim(0).fence
        store.commit(0, fence, AT, {4: (["a"], rows(1)), 5: (["a"], rows(1))}, {4: ids(1), 5: ids(2)})
        store.commit(0, fence, Position(8, Clock(1000), 6, 6), {6: (["a"], rows(1))}, {6: ids(3)}, [4])
        assert {tick: known.tolist() for tick, known in store.claim(0).ids.items()} == {5: [2], 6: [3]}

    def test_a_rewound_partition_is_as_if_nothing_was_read(self, store: Store) -> None:
        fence = store.claim(0).fence
        store.commit(0, fence, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        store.judged(store.lead().fence, Judging("1", b"c", closed=3, read=[7]))
        store.rewind(0)
        with pytest.raises(Behind):
            store.commit(0, fence, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        claim = store.claim(0)
        assert (claim.position, claim.sealed, claim.panes, claim.ids, claim.rewound) == (None, -1, [], {}, True)
        assert (claim.closed, claim.judged) == (3, 7), "the judging has this partition up to there"

    def test_a_judging_of_many_accounts(self, store: Store) -> None:
        names = [f"account {number}" for number in range(2500)]
        write(store, b"c", [(name, b"v", 1.0) for name in names], {name: verdict(name) for name in names[:1200]})
        write(store, b"d", [], dict.fromkeys(names[:1100]), [(name, b"f") for name in names[:1500]], dropped=names[:2000])
        after = everything(store)
        assert sorted(after.accounts) == sorted(names[2000:])
        assert (sorted(after.verdicts), after.faults) == (sorted(names[1100:1200]), [])
        assert len(store.lead().outbox) == 1500
        assert store.top(3) == sorted(names[2000:])[:3]

    def test_a_shard_is_written_anew(self, store: Store) -> None:
        names = [f"account {number}" for number in range(1500)]
        write(store, b"c", [(name, b"v", 1.0) for name in names], {name: verdict(name) for name in names})
        fences = store.hold("tests", [], range(SHARDS))
        store.load(fences)
        other = next(name for name in names if shard_of(name) != shard_of("account 0"))
        store.rewrite(fences, {shard_of("account 0"): ShardJudging([("account 0", b"w", 2.0)], [], {"account 0": verdict("account 0")})})
        assert store.check_shards(fences) == []
        after = everything(store)
        assert [name for name in after.accounts if shard_of(name) == shard_of("account 0")] == ["account 0"]
        assert sorted(after.verdicts) == sorted(after.accounts)
        assert (store.account("account 0"), store.account(other)) == (b"w", b"v")
        assert set(store.standings()) == set(after.accounts)

    def test_how_far_a_partition_was_judged_is_told_where_it_is_known(self, store: Store) -> None:
        fence, judging = closing(store, "1", {})
        judging.closed = 5
        store.judged(fence, judging)
        assert (store.claim(0).closed, store.lead().read) == (UNSEALED, []), "a partition that is read again is not taken for judged"
        fence, judging = closing(store, "2", {})
        judging.closed, judging.read = 6, [70]
        store.judged(fence, judging)
        assert [(claim.closed, claim.judged) for claim in (store.claim(0), store.claim(1))] == [(6, 70), (6, 0)]
        assert store.lead().read == [70], "who judges next can say so again"

    def test_what_was_staged_counts_once_the_judging_is_closed(self, store: Store) -> None:
        changes = by_shard([("a", b"one", 1.0), ("b", b"two", 2.0)], [], {"a": verdict("a")}, 0.0)
        first = store.hold("first", [0], list(changes))
        store.stage("1", first, changes)
        assert (store.account("a"), store.verdict("a")) == (None, None)
        fence, judging = closing(store, "1", changes)
        store.judged(fence, judging)
        second = store.hold("second", [0], list(changes))
        with pytest.raises(Fenced):
            store.apply("1", first, changes)
        kept = store.load(second)
        assert (kept.judged, kept.context) == ("1", b"c")
        assert dict(zip(kept.accounts, kept.values, strict=True)) == {"a": b"one", "b": b"two"}, "who loads finishes what was closed"
        assert kept.verdicts == {"a": verdict("a")}
        assert {shard: each.mark for shard, each in second.items()} == dict.fromkeys(changes, "1")
        assert store.apply("1", second, changes) == [], "it is applied once, whoever asks"
        store.stage("2", second, by_shard([("a", b"three", 1.0)], [], {}, 0.0))
        third = store.hold("third", [0], list(changes))
        kept = store.load(third)
        assert dict(zip(kept.accounts, kept.values, strict=True))["a"] == b"one", "what was never closed counts for nothing"
        with pytest.raises(Fenced):
            store.load(second)
        with pytest.raises(Fenced):
            store.check_shards(second)
        with pytest.raises(Fenced):
            store.rewrite(second, {})

    def test_no_judging_that_began_before_a_shard_moved_can_be_closed(self, store: Store) -> None:
        changes = by_shard([("a", b"one", 1.0)], [], {}, 0.0)
        fences = store.hold("first", [0, 2], list(changes))
        store.hold("other", [1], [shard for shard in range(SHARDS) if shard not in changes][:1])
        assert store.owners().of == {0: "first", 1: "other", 2: "first"}
        fence, judging = closing(store, "1", changes)
        store.stage("1", store.hold("second", [0], list(changes)), changes)
        with pytest.raises(Moved):
            store.judged(fence, judging)
        assert (store.context(), store.owners().of) == (None, {0: "second", 1: "other", 2: "first"})
        judging.moves = store.owners().moves
        store.judged(fence, judging)
        store.resign("first")
        assert store.owners().of == {0: "second", 1: "other"}
        judging.mark = "2"
        with pytest.raises(Moved):
            store.judged(fence, judging)
        with pytest.raises(Fenced):
            store.apply("1", fences, changes)

    def test_a_shard_that_is_not_as_its_keeper_left_it_is_named(self, store: Store) -> None:
        write(store, b"c", [("a", b"v", 1.0)], {"a": verdict("a")})
        fences = store.hold("tests", [], range(SHARDS))
        store.load(fences)
        assert store.check_shards(fences) == []
        fences[shard_of("a")].mark = "another"
        assert [shard for shard, _ in store.check_shards(fences)] == [shard_of("a")]

    def test_the_shards_of_all_partitions_are_all_shards(self, store: Store) -> None:
        for partitions in (1, 2, 3, 12, 32):
            found = [shard for partition in range(partitions) for shard in shards_of(partition, partitions)]
            assert sorted(found) == list(range(SHARDS))

    def test_what_is_said_reaches_all_who_listen_and_answers_reach_who_asked(self, store: Store) -> None:
        start, none = store.posted(None, 0.0)
        assert none == []
        for number in range(3):
            store.post(str(number).encode())
        place, said = store.posted(start, 0.0)
        assert said == [b"0", b"1", b"2"]
        assert store.posted(start, 5.0)[1] == said, "another hears the same"
        assert store.posted(place, 0.0) == (place, [])
        assert store.answers("x", 0.0) == []
        store.answer("x", b"one")
        store.answer("y", b"other")
        store.answer("x", b"two" * 1_000_000)
        assert store.answers("x", 5.0) == [b"one", b"two" * 1_000_000]
        assert store.answers("x", 0.0) == []
        assert store.answers("y", 0.0) == [b"other"]

    def test_rulings_that_were_lost_are_put_back_as_they_stood(self, store: Store) -> None:
        kept = Ruling("1", "a", True, "someone", 10.0)
        store.rule(kept)
        placed = Ruling("2", "b", False, "someone", 20.0, at=50.0, accounts=["b"])
        assert store.keep([kept, placed]) == 1
        assert store.rulings() == [kept, placed]
        assert store.keep([kept, placed]) == 0

    def test_a_judging_is_all_or_nothing_and_fenced(self, store: Store) -> None:
        stale = store.lead().fence
        epoch = store.lead().fence
        judging = Judging("1", b"context", [("a", b"finding")])
        with pytest.raises(Fenced):
            store.judged(stale, judging)
        assert store.context() is None
        store.judged(epoch, judging)
        assert store.context() == b"context"
        lead = store.lead()
        assert (lead.judged, lead.found.mark, lead.outbox) == ("1", "1", [b"finding"])
        with pytest.raises(Fenced):
            store.sent(epoch, 1)
        store.sent(lead.fence, 1)
        assert store.lead().outbox == []

    def test_accounts_are_found_by_name_and_by_evidence(self, store: Store) -> None:
        write(store, b"c", [("a", b"one", 1.5), ("b", b"two", 2.5)], {"a": verdict("a")}, height=1.0)
        assert (store.account("b"), store.accounts(["c", "a", "b"])) == (b"two", [None, b"one", b"two"])
        assert (store.top(5), store.top(1)) == (["b", "a"], ["b"])
        assert (store.verdict("a"), store.verdict("b")) == (verdict("a"), None)
        write(store, b"later", [], {"a": None, "b": None}, dropped=["b"])
        after = everything(store)
        assert (after.context, after.accounts, after.verdicts) == (b"later", ["a"], {})

    def test_standings_follow_verdicts_and_say_when_they_changed(self, store: Store) -> None:
        before = store.standings_version()
        assert store.standings() == {}
        write(store, b"m", [], {"a": verdict("a"), "b": verdict("b")}, height=1.2)
        assert store.standings() == {"a": Standing("block", 1.0), "b": Standing("block", 1.0)}
        assert store.standings_version() > before
        write(store, b"m", [], {"a": None})
        assert set(store.standings()) == {"b"}

    def test_buckets_fill_with_what_is_charged_and_empty_with_time(self, store: Store) -> None:
        assert store.spend([Charge("a", "m", 1e6, 2), Charge("b", "m", 1.0, 1)]) == pytest.approx([2e6, 1.0], abs=0.2)
        assert store.spend([Charge("a", "m", 1e6, 1), Charge("a", "other", 1e6, 0)]) == pytest.approx([3e6, 0.0], rel=1e-3)
        assert comes_true(lambda: store.spend([Charge("b", "m", 1.0, 0)])[0] == 0.0), "a bucket of one second never ran dry"

    def test_the_newest_findings_come_first_and_by_subject(self, store: Store) -> None:
        lead = store.lead()
        for number, about in enumerate("abab"):
            store.judged(lead.fence, Judging(str(number), b"m", [(about, str(number).encode())]))
        assert store.findings(3) == [b"3", b"2", b"1"]
        assert store.findings(9, "a") == [b"2", b"0"]
        assert store.findings(1, "b") == [b"3"]

    def test_rulings_are_kept_in_order_and_taken_back(self, store: Store) -> None:
        second = Ruling("2", "b", False, "someone", 20.0, "a customer")
        first = Ruling("1", "a", True, "someone", 10.0)
        for ruling in (first, second):
            store.rule(ruling)
        assert store.rulings() == [first, second]
        assert store.take_back("1")
        assert not store.take_back("1")
        assert not store.take_back("3")
        assert store.rulings() == [second], "nobody had heard of it"

    def test_a_ruling_keeps_its_place_in_the_log_when_it_is_taken_back(self, store: Store) -> None:
        ruling = Ruling("1", "a", True, "someone", 10.0)
        store.rule(ruling)
        placed = msgspec.structs.replace(ruling, at=50.0, accounts=["a"], examples=[{"repeats": 0.5}])
        store.judged(store.lead().fence, Judging("1", b"c", placed=[placed]))
        assert store.rulings() == [placed]
        assert store.take_back("1")
        assert store.rulings() == [msgspec.structs.replace(placed, withdrawn=True)]

    def test_an_erased_account_is_named_nowhere(self, store: Store) -> None:
        whole, about, group = findings()[1], encode(verdict("acct_1")), encode(findings()[1])
        values: list[tuple[str, bytes, float]] = [("acct_1", b"one", 2.0), ("acct_2", b"two", 1.0)]
        told = [("campaign-2", group), ("acct_1", about), ("acct_2", encode(verdict("acct_2")))]
        write(store, b"c", values, {"acct_1": verdict("acct_1"), "acct_2": verdict("acct_2")}, told)
        for ruling in (Ruling("1", "acct_1", True, given=1.0), Ruling("2", "acct_2", True, given=2.0, others=["acct_1", "acct_3"])):
            store.rule(ruling)
        placed = msgspec.structs.replace(store.rulings()[1], at=50.0, accounts=["acct_2", "acct_1"], examples=[{"repeats": 0.5}])
        store.judged(store.lead().fence, Judging("1", b"c", placed=[placed], moves=store.owners().moves))
        before = store.standings_version()
        assert store.erase("acct_1") == Erased(True, 2, 2)
        assert store.accounts(["acct_1", "acct_2", "acct_3"]) == [None, b"two", None]
        assert (store.verdict("acct_1"), store.top(9), set(store.standings())) == (None, ["acct_2"], {"acct_2"})
        assert store.standings_version() > before
        left = store.findings(9)
        assert [decode(one).subject for one in left] == ["acct_2", "campaign-2"], "in their order"
        assert decode(left[1]) == msgspec.structs.replace(whole, members=["acct_2"])
        (ruling,) = store.rulings()
        assert (ruling.accounts, ruling.others, ruling.examples) == ([], ["acct_3"], []), "the next judging fills them in anew"
        assert ruling.at == 50.0
        assert set(store.erased()) == {digest("acct_1")}
        assert store.erase("acct_9") == Erased(False, 0, 0)

    def test_a_line_of_the_audit_log_comes_after_the_one_that_its_writer_saw(self, store: Store) -> None:
        assert store.trail() == []
        assert store.add_to_trail(b"first", 0)
        assert not store.add_to_trail(b"mine", 0), "somebody else was quicker"
        assert store.add_to_trail(b"second", 1)
        assert store.trail() == [b"first", b"second"]
        assert (store.trail(-1), store.trail(1), store.trail(2)) == ([b"second"], [b"second"], [])

    def test_the_first_secret_is_kept_for_all(self, store: Store) -> None:
        first, second = bytes(range(32)), bytes(32)
        assert store.secret(first) == first
        assert store.secret(second) == first
        assert store.secret(first) == first

    def test_it_answers_and_says_how_much_it_holds(self, store: Store) -> None:
        store.ping()
        assert store.used_bytes() >= 0
