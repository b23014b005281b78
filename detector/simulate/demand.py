"""Laws of demand: in which order, and how often, the same things are asked.

A list is *sampled without replacement*: however long it goes on, nothing comes again. What people want comes again by Zipf's law, has
fashions, and is new only in part. That difference is the principal one between a harvest and use, and no client can declare it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import accumulate

from siphonwatch.detector.simulate.text import Topic
from siphonwatch.detector.simulate.works import Item, Maker

Law = Callable[[float], Item | None]
"""The next item at a time in days since the start; ``None`` when there is no more."""

_TRIES = 8  # to find an item that is not in the list yet, before it is told apart by a number


class TaskList:
    """Distinct items, each given out once; shared by all accounts of a campaign, so that they divide it without overlap.

    ``order`` is ``shuffled``, ``alphabet``, ``length`` or ``subject``; ``times`` is how often each is asked (twice: to compare answers).
    """

    def __init__(self, rng: random.Random, make: Maker, topics: list[Topic], size: int, order: str = "shuffled", times: int = 1) -> None:
        found: dict[str, Item] = {}
        count = max(size // times, 1)
        for number in range(count):
            topic = topics[number * len(topics) // count] if order == "subject" else topics[int(rng.random() * len(topics))]
            item = make(topic)
            for _ in range(_TRIES):
                if item.text not in found:
                    break
                item = make(topic)
            else:
                item = item._replace(text=f"{item.text} ({number})")
            found[item.text] = item
        self.items = list(found.values()) * times
        if order == "alphabet":
            self.items.sort(key=lambda item: item.text)
        elif order == "length":
            self.items.sort(key=lambda item: len(item.text))
        elif times > 1:
            rng.shuffle(self.items)
        self._next = 0

    def __call__(self, _: float) -> Item | None:
        """The next item of the list."""
        if self._next >= len(self.items):
            return None
        self._next += 1
        return self.items[self._next - 1]


def fresh(rng: random.Random, make: Maker, topics: list[Topic]) -> Law:
    """Whatever comes up, from topics of which the first are the favourites."""
    weights = list(accumulate(1.0 / (rank + 1) for rank in range(len(topics))))

    def law(_: float) -> Item:
        return make(rng.choices(topics, cum_weights=weights)[0])

    return law


def zipf(rng: random.Random, make: Maker, topics: list[Topic], size: int, exponent: float, new: float, fashion: float = 0.0) -> Law:
    """Popular demand: of ``size`` things the k-th is wanted as often as k ** -``exponent``, and ``new`` of all are asked once.

    With ``fashion`` the popular ones of a day fade, as other things come up, by so many places a day.
    """
    weights = list(accumulate((rank + 1.0) ** -exponent for rank in range(size)))
    known: dict[int, Item] = {}
    ranks = range(size)

    def law(day: float) -> Item:
        if rng.random() < new:
            return make(topics[int(rng.random() * len(topics))])
        place = (rng.choices(ranks, cum_weights=weights)[0] + int(day * fashion)) % (size * 4)
        item = known.get(place)
        if item is None:
            item = known[place] = make(topics[place % len(topics)])
        return item

    return law


def rounds(rng: random.Random, make: Maker, topics: list[Topic], size: int, changed: float) -> Law:
    """The same rows each time, of which a share ``changed`` is new in each round: nightly jobs, regression tests, sweeps."""
    rows = [make(topics[int(rng.random() * len(topics))]) for _ in range(size)]
    state = [0]

    def law(_: float) -> Item:
        at = state[0] % size
        if state[0] >= size and rng.random() < changed:
            rows[at] = make(topics[int(rng.random() * len(topics))])
        state[0] += 1
        return rows[at]

    return law


def repeating(rng: random.Random, law: Law, share: float, changed: Callable[[str], str]) -> Law:
    """``law``, where a share of items is the last one again, whole or edited: retries, second thoughts."""
    last: list[Item] = []

    def again(day: float) -> Item | None:
        if last and rng.random() < share:
            return last[0] if rng.random() < 0.5 else last[0]._replace(text=changed(last[0].text))
        item = law(day)
        if item:
            last[:] = [item]
        return item

    return again


def mixed(rng: random.Random, first: Law, second: Law, share: float) -> Law:
    """``first``, and in ``share`` of all cases ``second`` (cover traffic, real users of a reseller); ends with the first."""
    return lambda day: second(day) if rng.random() < share else first(day)
