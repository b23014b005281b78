"""Panes depend on a partition's order, never on its batches."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.settings import DAY_MS, DEFAULT, HOUR_MS
from siphonwatch.detector.sketch.panes import Panes

from tests.property.strategies import START, columns, request

RULES = replace(DEFAULT, tick_ms=HOUR_MS, jump_agreed=4)


def contents(panes: Panes) -> dict[int, dict[str, bytes]]:
    return {tick: {account: pane.filled[at].tobytes() for account, at in pane.index.items()} for tick, pane in panes.open.items()}


def through(requests: list[Request], cuts: list[int]) -> tuple[Panes, int, int]:
    panes = Panes(RULES)
    strays = duplicates = 0
    for start, end in zip([0, *cuts], [*cuts, len(requests)], strict=True):
        if start < end:
            added = panes.add(columns(requests[start:end]))
            strays += len(added.strays)
            duplicates += added.duplicates
    return panes, strays, duplicates


@settings(max_examples=120, deadline=None)
@given(st.lists(request(span=30 * 86_400.0), min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_batches_do_not_matter(requests: list[Request], cuts: list[int]) -> None:
    whole, strays, duplicates = through(requests, [])
    split, split_strays, split_duplicates = through(requests, sorted(min(cut, len(requests)) for cut in cuts))
    assert contents(whole) == contents(split)
    assert (whole.clock, whole.watermark, whole.last) == (split.clock, split.watermark, split.last)
    assert (strays, duplicates) == (split_strays, split_duplicates)


def at(hours: float, name: str) -> Request:
    return Request(request_id=name, timestamp=START + hours * 3600, account_id="a", model="m", prompt="p")


def test_a_second_delivery_is_not_counted_again() -> None:
    panes, _, duplicates = through([at(0, "x"), at(0, "y"), at(0, "x"), at(0, "x")], [2])
    assert duplicates == 2
    assert sum(len(ids) for ids in panes.ids.values()) == 2


def test_an_id_is_the_clients_to_choose_and_makes_no_second_delivery_by_itself() -> None:
    constant = [at(minute / 60, "always the same") for minute in range(50)]
    stolen = [Request(request_id=f"r{n}", timestamp=START + n, account_id=account, model="m") for n in range(20) for account in "ab"]
    assert through([*constant, *stolen], [7, 61])[2] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("xyz")), min_size=1, max_size=60), st.sets(st.integers(1, 59)))
def test_repeats_near_and_far_are_told_apart_alike_in_any_batches(arrivals: list[tuple[int, str]], cuts: set[int]) -> None:
    requests = [at(quarter / 4, name) for quarter, name in arrivals]
    whole, _, duplicates = through(requests, [])
    split, _, split_duplicates = through(requests, sorted(cut for cut in cuts if cut < len(requests)))
    assert duplicates == split_duplicates
    assert contents(whole) == contents(split)


def test_one_broken_clock_does_not_push_the_others_out() -> None:
    ordinary = [at(hour / 10, f"r{hour}") for hour in range(20)]
    broken = at(24 * 400, "broken")
    panes, strays, _ = through([*ordinary[:10], broken, *ordinary[10:]], [])
    assert strays == 1
    assert panes.clock.newest == round(ordinary[-1].timestamp * 1000)
    past = at(-24 * 400, "past")
    assert through([*ordinary, past], [])[1] == 1


def test_a_gap_in_the_log_is_believed_once_enough_events_agree() -> None:
    gap = DAY_MS / HOUR_MS * 30
    panes, strays, _ = through([at(0, "a"), *(at(gap + n / 100, f"b{n}") for n in range(10))], [3])
    assert strays == RULES.jump_agreed - 1
    assert panes.clock.newest == round((START + (gap + 0.09) * 3600) * 1000)


def test_a_late_event_is_counted_in_the_first_open_tick_with_its_own_hour() -> None:
    panes, _, _ = through([at(0, "a"), at(5, "b"), at(1, "late")], [])
    assert sorted(panes.open) == [at(0, "").timestamp // 3600, at(5, "").timestamp // 3600]
    latest = panes.open[max(panes.open)].filled[0]
    assert (latest["slots"]["hours"] > 0).sum() == 2
