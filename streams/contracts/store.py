"""What every store must do: the tests that ours pass, for a store of yours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.verdicts.finding import decode, encode
from siphonwatch.streams.common.errors import Behind, Fenced, Sealed
from siphonwatch.streams.contracts.samples import comes_true, findings, ids, rows, verdict
from siphonwatch.streams.stores.base import Charge, Judging, Position, Standing, Store
from siphonwatch.streams.stores.erasing import Erased, digest

AT = Position(7, Clock(1000), 3, 4)


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
        assert (lead.context, lead.accounts, lead.outbox) == (None, [], [])
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
        assert [(tick, pane.accounts) for tick, pane in first] == [(4, ["a"])]
        with pytest.raises(Sealed):
            store.commit(0, epoch, Position(8, Clock(1000), 3, 4), {6: (["d"], rows(1)), 5: (["a"], rows(1))}, {6: ids(4), 5: ids(3)})
        assert [(each.position, each.sealed, each.dropped) for each in store.positions(1)] == [(AT, 5, -1)]
        assert [(tick, pane.filled.tobytes()) for tick, pane in store.seal(0, 5, mark, -1)[0]] == [(4, first[0][1].filled.tobytes())]
        assert store.seal(0, 5, mark, 4) == ([], [4]), "it was judged, and may be dropped"
        store.drop(0, [4])
        assert store.seal(0, 5, mark, -1) == ([], [])
        assert store.positions(1)[0].dropped == 4
        assert [tick for tick, _, _ in store.claim(0).panes] == [6]

    def test_a_tick_that_a_partition_has_passed_is_sealed_whatever_was_written_since(self, store: Store) -> None:
        fence = store.claim(0).fence
        store.commit(0, fence, AT, {2: (["a"], rows(1))}, {2: ids(1)})
        assert [tick for tick, _ in store.seal(0, 2, "another", -1)[0]] == [2]

    def test_a_writer_whose_last_write_is_not_there_is_told_so_and_writes_nothing(self, store: Store) -> None:
        fence = store.claim(0).fence
        before = replace(fence)
        store.commit(0, fence, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        with pytest.raises(Behind):
            store.commit(0, before, Position(8, Clock(1000), 3, 4), {4: (["b"], rows(1))}, {4: ids(2)})
        assert store.positions(1)[0].position == AT
        lead = store.lead().fence
        earlier = replace(lead)
        store.judged(lead, Judging(b"one", [], [], {}, []))
        store.check(lead)
        with pytest.raises(Behind):
            store.judged(earlier, Judging(b"two", [], [], {}, []))
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
        store.judged(store.lead().fence, Judging(b"c", [], [], {}, [], closed=3, read=[7]))
        store.rewind(0)
        with pytest.raises(Behind):
            store.commit(0, fence, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        claim = store.claim(0)
        assert (claim.position, claim.sealed, claim.panes, claim.ids, claim.rewound) == (None, -1, [], {}, True)
        assert (claim.closed, claim.judged) == (3, 7), "the judging has this partition up to there"

    def test_a_judging_of_many_accounts(self, store: Store) -> None:
        lead = store.lead().fence
        names = [f"account {number}" for number in range(2500)]
        store.judged(lead, Judging(b"c", [(name, b"v", 1.0) for name in names], [], {name: verdict(name) for name in names[:1200]}, []))
        store.judged(lead, Judging(b"d", [], names[:2000], dict.fromkeys(names[:1100]), [(name, b"f") for name in names[:1500]]))
        after = store.lead()
        assert sorted(after.accounts) == sorted(names[2000:])
        assert (sorted(after.verdicts), len(after.outbox), after.faults) == (sorted(names[1100:1200]), 1500, [])
        store.judged(after.fence, Judging(b"e", [("a", b"v", 1.0)], [], {"a": verdict("a")}, [], whole=True))
        assert store.lead().accounts == ["a"]
        assert set(store.standings()) == {"a"}

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
        judging = Judging(b"context", [("a", b"one", 1.5), ("b", b"two", 2.5)], [], {"a": verdict("a")}, [("a", b"finding")], 1.0)
        with pytest.raises(Fenced):
            store.judged(stale, judging)
        assert store.context() is None
        store.judged(epoch, judging)
        assert store.context() == b"context"
        assert store.account("b") == b"two"
        assert store.top(5) == ["b", "a"]
        assert store.verdict("a") == verdict("a")
        lead = store.lead()
        assert dict(zip(lead.accounts, lead.values, strict=True)) == {"a": b"one", "b": b"two"}
        assert lead.verdicts == {"a": verdict("a")}
        assert lead.outbox == [b"finding"]
        store.sent(lead.fence, 1)
        store.judged(lead.fence, Judging(b"later", [], ["b"], {"a": None, "b": None}, []))
        after = store.lead()
        assert (after.context, after.accounts, after.verdicts, after.outbox) == (b"later", ["a"], {}, [])

    def test_standings_follow_verdicts_and_say_when_they_changed(self, store: Store) -> None:
        lead = store.lead()
        before = store.standings_version()
        assert store.standings() == {}
        store.judged(lead.fence, Judging(b"m", [], [], {"a": verdict("a"), "b": verdict("b")}, [], 1.2))
        assert store.standings() == {"a": Standing("block", 1.0), "b": Standing("block", 1.0)}
        assert store.standings_version() > before
        before = store.standings_version()
        store.judged(lead.fence, Judging(b"m", [("c", b"x", 0.0)], [], {}, []))
        assert store.standings_version() == before
        store.judged(lead.fence, Judging(b"m", [], [], {"a": None}, []))
        assert set(store.standings()) == {"b"}

    def test_buckets_fill_with_what_is_charged_and_empty_with_time(self, store: Store) -> None:
        assert store.spend([Charge("a", "m", 1e6, 2), Charge("b", "m", 1.0, 1)]) == pytest.approx([2e6, 1.0], abs=0.2)
        assert store.spend([Charge("a", "m", 1e6, 1), Charge("a", "other", 1e6, 0)]) == pytest.approx([3e6, 0.0], rel=1e-3)
        assert comes_true(lambda: store.spend([Charge("b", "m", 1.0, 0)])[0] == 0.0), "a bucket of one second never ran dry"

    def test_the_newest_findings_come_first_and_by_subject(self, store: Store) -> None:
        lead = store.lead()
        for number, about in enumerate("abab"):
            store.judged(lead.fence, Judging(b"m", [], [], {}, [(about, str(number).encode())]))
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
        store.judged(store.lead().fence, Judging(b"c", [], [], {}, [], placed=[placed]))
        assert store.rulings() == [placed]
        assert store.take_back("1")
        assert store.rulings() == [msgspec.structs.replace(placed, withdrawn=True)]

    def test_an_erased_account_is_named_nowhere(self, store: Store) -> None:
        whole, about, group = findings()[1], encode(verdict("acct_1")), encode(findings()[1])
        lead = store.lead()
        values: list[tuple[str, bytes, float]] = [("acct_1", b"one", 2.0), ("acct_2", b"two", 1.0)]
        told = [("campaign-2", group), ("acct_1", about), ("acct_2", encode(verdict("acct_2")))]
        store.judged(lead.fence, Judging(b"c", values, [], {"acct_1": verdict("acct_1"), "acct_2": verdict("acct_2")}, told))
        for ruling in (Ruling("1", "acct_1", True, given=1.0), Ruling("2", "acct_2", True, given=2.0, others=["acct_1", "acct_3"])):
            store.rule(ruling)
        placed = msgspec.structs.replace(store.rulings()[1], at=50.0, accounts=["acct_2", "acct_1"], examples=[{"repeats": 0.5}])
        store.judged(lead.fence, Judging(b"c", [], [], {}, [], placed=[placed]))
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
