"""Panes depend on a partition's order, never on its batches."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.settings import DAY_MS, DEFAULT, HOUR_MS
from siphonwatch.detector.sketch.clock import STEP, UNSET, WINDOW, Clock
from siphonwatch.detector.sketch.panes import Panes

from tests.property.strategies import START, columns, request

RULES = replace(DEFAULT, tick_ms=HOUR_MS)


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


def busy(hours: float, records: int = 2000) -> list[Request]:
    """A log in order, of two hundred accounts."""
    return [
        Request(f"r{n}", START + n * hours * 3600 / records, f"a{n % 200}", model="m", prompt=f"question {n * 7919}")
        for n in range(records)
    ]


def astray(ahead: list[float], after: int, log: list[Request]) -> list[Request]:
    """The log with broken clocks in it: each so many hours ahead of the record before the first."""
    moment = float(log[after - 1].timestamp)
    broken = [Request(f"broken{n}", moment + hours * 3600, f"b{n}", model="m", prompt="p") for n, hours in enumerate(ahead)]
    return [*log[:after], *broken, *log[after:]]


CLOCKS = {"one": [23.9], "forty at once": [23.9] * 40, "forty, each further": [23.9 * (n + 1) for n in range(40)]}


@pytest.mark.parametrize("ahead", CLOCKS.values(), ids=CLOCKS)
def test_a_few_broken_clocks_move_nothing(ahead: list[float]) -> None:
    log = busy(12)
    panes, strays, _ = through(astray(ahead, 700, log), [])
    undisturbed, _, _ = through(log, [])
    assert strays == 0
    assert (panes.clock.time or 0) == pytest.approx(undisturbed.clock.time, abs=HOUR_MS / 4)  # read at other records, no more
    assert panes.watermark == undisturbed.watermark
    assert panes.last == (
        max(panes.open) if ahead == CLOCKS["forty at once"] else undisturbed.last
    )  # forty at one time are a log's going on
    mine, theirs = contents(panes), contents(undisturbed)
    assert {tick: mine[tick] for tick in theirs} == theirs  # nobody else's request is late; theirs wait in ticks of their own
    assert sum(pane.requests for pane in panes.open.values()) == len(log) + len(ahead)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 24 * 40), max_size=90), st.integers(1, 2000), st.lists(st.integers(1, 2089), max_size=40))
def test_broken_clocks_do_the_same_in_any_batches(ahead: list[float], after: int, cuts: list[int]) -> None:
    log = astray(ahead, after, busy(30))
    whole, _, _ = through(log, [])
    split, _, _ = through(log, sorted({cut for cut in cuts if cut < len(log)}))
    assert contents(whole) == contents(split)
    assert (whole.clock, whole.watermark, whole.last) == (split.clock, split.watermark, split.last)


def test_they_are_counted_for_an_alert() -> None:
    log = astray([23.9] * 40, 700, busy(12))
    assert Panes(RULES).add(columns(log)).ahead == 40
    assert Panes(RULES).add(columns(busy(12))).ahead == 0


def test_what_is_older_than_a_state_remembers_is_refused() -> None:
    past = at(-24 * 400, "past")
    assert through([*busy(2), past], [])[1] == 1


def test_a_log_goes_on_after_a_pause() -> None:
    pause = 30 * DAY_MS / HOUR_MS
    later = [at(pause + n / 100, f"b{n}") for n in range(200)]
    panes, strays, _ = through([*busy(2), *later[:7]], [])
    assert (strays, panes.last) == (0, at(2, "").timestamp // 3600)  # as yet they may be broken clocks
    panes, strays, _ = through([*busy(2), *later[:20]], [3, 2010])
    assert (strays, panes.last) == (0, at(pause, "").timestamp // 3600)  # enough to judge by once the partition is silent
    panes, strays, _ = through([*busy(2), *later], [3, 2010])
    assert strays == 0
    assert panes.watermark == at(pause + 1, "").timestamp // 3600


def test_a_small_log_is_read_to_its_end_however_sparse() -> None:
    panes, _, _ = through([at(10 * n, f"r{n}") for n in range(60)], [])
    assert panes.last == at(590, "").timestamp // 3600


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), max_size=400), st.sets(st.integers(1, 399)))
def test_a_clock_is_the_running_median_of_its_window(times: list[int], cuts: set[int]) -> None:
    clock, found = Clock(), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(times)), len(times)]
    for start, end in pairwise(edges):
        clock, each = clock.after(np.array(times[start:end], np.int64))
        found += each.tolist()
    expected, reading = [], UNSET
    for count in range(len(times)):
        if count and count % STEP == 0:
            reading = max(reading, sorted(times[max(count - WINDOW, 0) : count])[(min(count, WINDOW) - 1) // 2])
        expected.append(reading)
    assert found == expected
    assert len(clock.recent) < WINDOW


def test_a_late_event_is_counted_in_the_first_open_tick_with_its_own_hour() -> None:
    panes, _, _ = through([*busy(5), at(1, "late")], [])
    assert panes.watermark == at(1, "").timestamp // 3600 + 4
    latest = panes.open[panes.watermark]
    assert (latest.filled[latest.index["a"]]["slots"]["hours"] > 0).nonzero()[1].tolist() == [at(1, "").timestamp // 3600 % 168]
