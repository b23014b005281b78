"""What is asked for: each work makes items of one nature (a question, a document to summarise, a pair to grade).

A work is opened for one account or campaign, which fixes its template, rubric or labels, and then writes one item after another. Works do
not know who harvests: the same ones are written by products, by people and by harvesters.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from siphonwatch.detector.simulate.text import Topic, Writer


class Item(NamedTuple):
    """One thing to be asked."""

    text: str
    topic: Topic
    answer: float  # tokens that an answer has, in the median
    form: str = "prose"  # of the answer: prose, label, json, echo


Maker = Callable[[Topic], Item]
Opener = Callable[[Writer, Topic], Maker]
WORKS: dict[str, Opener] = {}


def work(opener: Opener) -> Opener:
    """Enters a work under its name."""
    WORKS[opener.__name__] = opener
    return opener


def pick(rng: random.Random, *options: str) -> str:
    """One of the options."""
    return options[int(rng.random() * len(options))]


def long_tail(rng: random.Random, median: float, spread: float = 0.8, most: int = 900) -> int:
    """A heavy-tailed number of words."""
    return min(int(median * math.exp(rng.gauss(0, spread))) + 3, most)
