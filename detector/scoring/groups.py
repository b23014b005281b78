"""What a group of accounts is that no one of them is: measurements of whole groups.

A hydra divides one list: the questions of each account are a random part of it, so its accounts differ no more than chance would have
it (F statistics near 1), where strangers who share an office, a plugin or a viral prompt have subjects, lengths and hours of their own.
That accounts share addresses, cards or a day of sign-up says that they may be one; how their work is divided says what it is.

Nothing here is free to declare: not the system prompt, nor the user agent, the sampling parameters, end users or ids.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch.quantities import View

Array = npt.NDArray[Any]

STRANGERS = 0.25  # share of the variance of requests that lies between strangers and not within them, about
HEAVY = 3.0  # times the middle member's requests: beyond, an account does not speak for how the work is divided
SMALLEST = 16.0  # variance of a logarithm within an account, at least: lengths are kept in sixteenths of a doubling
DOUBT_HOURS = 3.0  # without load, imagined beside the hours worked: a few that are alike say little
BEFORE_MINUTES = 240  # from the first request that is remembered of anybody: who is met so early may have been there before
HAND_OVER_MINUTES = 10  # between one account's last request and another one's first
DAY = 86_400.0
_PACKED = 1e11  # parts the groups on one line of moments


class Groups:
    """G groups of a view's N accounts, with M members in all; each measurement has shape (G,)."""

    def __init__(self, view: View, own: Array, members: list[Array]) -> None:
        """``own`` (N,) is each account's evidence, ``members`` positions in the view of each group, ascending."""
        self.view, self.own = view, own
        self.size = np.array([len(each) for each in members], dtype=np.int64)
        self.member = np.concatenate(members) if members else np.zeros(0, np.int64)
        self.group = np.repeat(np.arange(len(members)), self.size)
        self.first = np.cumsum(self.size) - self.size

    def __len__(self) -> int:
        return len(self.size)

    # ------------------------------------------------------------------------------------------ over the members

    def total(self, values: Array) -> Array:
        """Sum of (M,) values."""
        result: Array = np.bincount(self.group, values, len(self))
        return result

    def mean(self, values: Array) -> Array:
        """Mean of (M,) values."""
        result: Array = self.total(values) / np.maximum(self.size, 1)
        return result

    def quantile(self, values: Array, level: float) -> Array:
        """The value below which ``level`` of the members' (M,) values are."""
        order = np.lexsort((values, self.group))
        result: Array = values[order][self.first + np.floor(level * (self.size - 1)).astype(np.int64)]
        return result

    def count(self, name: str) -> Array:
        """(M,) a counter of each member."""
        result: Array = self.view.count(name)[self.member]
        return result

    @cached_property
    def asks(self) -> Array:
        """(M,) counted requests, at least one."""
        return np.maximum(self.count("counted"), 1.0)

    @cached_property
    def kept(self) -> Array:
        """(M,) 1 for a member that asked no more than ``HEAVY`` times what the middle one did: one heavy account is not the group."""
        result: Array = (self.asks <= HEAVY * self.quantile(self.asks, 0.5)[self.group]).astype(np.float64)
        return result

    # ------------------------------------------------------------------------------------- how the work is divided

    def closer(self, between: Array) -> Array:
        """Doublings by which members are closer than strangers would be, from an F statistic; 0 where they are not."""
        each = self.size / np.maximum(self.total(1.0 / self.asks), 1e-9)  # what a comparison between members can rest on
        result: Array = np.clip(np.log2(1.0 + STRANGERS * each) - np.log2(np.maximum(between, 1.0)), 0.0, None)
        return result

    def lengths(self, name: str) -> Array:
        """F statistic of a logarithm that is summed over requests: variance between members over that within them, 1 by chance."""
        asks = np.maximum(self.view.told[self.member], 1.0)
        kept, members = asks * self.kept, self.total(self.kept)
        total, squared = self.count(name) * self.kept, self.count(f"{name}_squared") * self.kept * 16.0  # kept in quarters
        within = np.maximum(self.total(squared - total**2 / asks), 0.0) / np.maximum(self.total(kept) - members, 1.0)
        mean = self.total(total) / self.total(kept)
        spread = self.total(kept * (total / asks - mean[self.group]) ** 2) / np.maximum(members - 1, 1)
        result: Array = spread / np.maximum(within, SMALLEST)
        return result

    @cached_property
    def subjects(self) -> Array:
        """The same of what the questions are about; prompts are vectors of length 1, so what is within a member is known."""
        content, asks = self.view.content[self.member], self.asks * self.kept
        summed = np.stack([self.total(content[:, axis] * asks) for axis in range(content.shape[1])], axis=1)
        union = summed / self.total(asks)[:, None]
        spread = self.total(asks * ((content - union[self.group]) ** 2).sum(axis=1)) / np.maximum(self.total(self.kept) - 1, 1)
        result: Array = spread / np.maximum(1.0 - (union**2).sum(axis=1), 0.05)
        return result

    @cached_property
    def hours(self) -> Array:
        """(M, H) counted requests of each member in each hour in which anybody had some."""
        hours = self.view.hours
        result: Array = hours[:, hours.any(axis=0)][self.member].astype(np.float64)
        return result

    @cached_property
    def rhythm(self) -> Array:
        """Index of dispersion of the members' hours: 1 where each is a random part of the group's load, hour by hour (a balancer)."""
        hours = self.hours * self.kept[:, None]
        whole, asks = np.add.reduceat(hours, self.first, axis=0), hours.sum(axis=1)
        rarer = np.where(whole > 0, whole.sum(axis=1, keepdims=True) / np.maximum(whole, 1.0), 0.0)  # 1 / the hour's share of the load
        off = np.einsum("mh,mh,mh->m", hours, hours, rarer[self.group]) / np.maximum(asks, 1.0) - asks  # Pearson's sum, multiplied out
        freedom = np.maximum((whole > 0).sum(axis=1) - 1, 1) * np.maximum(self.total(self.kept) - 1, 1)
        result: Array = self.total(off) / freedom
        return result

    @cached_property
    def steady(self) -> Array:
        """How evenly the whole group's load lies over the hours in which it works: the hours' worth of even load, as a share of them."""
        load = np.add.reduceat(self.hours, self.first, axis=0)
        full = load.sum(axis=1) ** 2 / np.maximum((load**2).sum(axis=1), 1.0)
        result: Array = full / ((load > 0).sum(axis=1) + DOUBT_HOURS)
        return result

    def likeness(self, everyone: Array) -> Array:
        """Doublings by which members are closer in a quantity (N,) than any accounts; 0 where they are not."""
        mine = everyone[self.member]
        spread = np.sqrt(self.total((mine - self.mean(mine)[self.group]) ** 2) / np.maximum(self.size - 1, 1))
        low, high = np.quantile(everyone, [0.1, 0.9])
        result: Array = np.clip(-np.log2(np.maximum(spread / max(float(high - low) / 2.56, 1e-3), 0.02)), 0.0, None)
        return result

    @cached_property
    def _phrases(self) -> tuple[Array, Array]:
        """(K,) group, and number of members, of each phrase that is nobody's boilerplate."""
        hashes, counts = self.view.shingles
        phrase, whose = hashes[self.member].astype(np.uint64), self.group.astype(np.uint64)[:, None]
        distinct, held = np.unique((whose << np.uint64(32) | phrase)[(phrase != 0) & (counts[self.member] > 0)], return_counts=True)
        return (distinct >> np.uint64(32)).astype(np.int64), held

    def phrases(self, low: int, high: int = 1 << 40) -> Array:
        """Share of the group's phrases that ``low`` to ``high`` members sent."""
        group, held = self._phrases
        chosen = group[(held >= low) & (held <= high)]
        result: Array = np.bincount(chosen, minlength=len(self)) / np.maximum(np.bincount(group, minlength=len(self)), 1)
        return result

    # ----------------------------------------------------------------------------------------- what makes them one

    def sharing(self, trait: str) -> Array:
        """Share of the members who hold a value of a trait that another member holds."""
        values = self.view.sample(trait)[self.member].astype(np.uint64)
        keys = np.where(values != 0, self.group.astype(np.uint64)[:, None] << np.uint64(32) | values, np.uint64(0))
        _, code, held = np.unique(keys, return_inverse=True, return_counts=True)
        shared = ((held[code.reshape(keys.shape)] > 1) & (values != 0)).any(axis=1)
        return self.mean(shared.astype(np.float64))

    def together(self, everyone: Array, window: float) -> Array:
        """Doublings by which a group's densest ``window`` of moments is denser than everyone's (N,) there; moments of 0 are unknown."""
        moments = everyone[self.member].astype(np.float64)
        order = np.lexsort((moments, self.group))
        order = order[moments[order] > 0]
        group, moment = self.group[order], moments[order]
        line = group * _PACKED + moment
        inside = np.searchsorted(line, line + window, "right") - np.arange(len(line))
        crowd = np.sort(everyone[everyone > 0]).astype(np.float64)
        around = (np.searchsorted(crowd, moment + window, "right") - np.searchsorted(crowd, moment)) / max(len(crowd), 1)
        size = self.size[group]
        # one is where the window begins, and Laplace's rule keeps three of a kind below thirty
        denser = np.log2(np.maximum((inside - 1) / (size + 1.0), 1e-6) / np.maximum(around, 1e-6)) * inside / size
        most = np.zeros(len(self))
        np.maximum.at(most, group, denser)
        return most

    @cached_property
    def began(self) -> Array:
        """(N,) minute of each account's first request; 0 where it may have been at work before what is remembered begins."""
        first = self.view.first_minute
        known = first[first > 0]
        result: Array = np.where(first >= (known.min() if len(known) else 0.0) + BEFORE_MINUTES, first, 0.0)
        return result

    @cached_property
    def hand_over(self) -> Array:
        """Share of the members who began soon after another one's last request, beyond what chance would have, in [0, 1]."""
        first, last = self.view.first_minute[self.member], self.view.last_minute[self.member]
        ends = np.sort(self.group * _PACKED + last)
        begins = self.group * _PACKED + first
        before = np.searchsorted(ends, begins, "right") - np.searchsorted(ends, begins - HAND_OVER_MINUTES)
        share = self.mean((before > (last - first <= HAND_OVER_MINUTES)).astype(np.float64))
        span = np.maximum(self.quantile(last, 1.0) - self.quantile(first, 0.0), 60.0)
        result: Array = np.maximum(share - (1.0 - np.exp(-HAND_OVER_MINUTES * self.size / span)), 0.0)
        return result
