"""What an account must have asked, whether its text shows it or not."""

from __future__ import annotations

import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Message, Request, Usage
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import ITEM, ONCE, View

LIST = " ".join(f"{at}. explain item{at} of catalogue{at % 7} to reader{at * 13}." for at in range(400))


def view(texts: list[list[Message]]) -> View:
    made = [
        Request(f"r{at}", 1_790_000_000.0 + 100.0 * at, "a", "m", messages=messages, usage=Usage(40, 400))
        for at, messages in enumerate(texts)
    ]
    return View(fold(batch(made, [int(each.timestamp * 1000) for each in made]), np.zeros(len(made), np.int64), 1))  # type: ignore[operator]


def asked(text: str, system: str | None = None) -> list[Message]:
    return [*([Message("system", system)] if system else []), Message("user", text)]


@pytest.mark.parametrize("count", [100, 900])
def test_who_asks_by_number_asks_for_something_new_each_time(count: int) -> None:
    found = view([asked(f"Do task {at}.", f"{LIST} Part {at // 50}.") for at in range(count)])
    assert found.new_shingles[0] >= 0.9 * ITEM * count
    assert found.once[0] > 0.5


def test_who_says_more_is_taken_at_the_word() -> None:
    found = view([asked(" ".join(f"w{at * 31 + place}" for place in range(20))) for at in range(200)])
    assert found._unseen[0] == 0.0
    assert found.new_shingles[0] > 2 * ITEM * 200


@pytest.mark.parametrize("quoted", [1, 2, 3, 6])
def test_what_is_quoted_later_was_new(quoted: int) -> None:
    texts = [" ".join(f"w{at * 31 + place}" for place in range(20)) for at in range(200)]
    plain = view([asked(text) for text in texts])
    found = view([asked("\n".join(texts[max(at - quoted, 0) : at + 1])) for at in range(200)])
    assert found.new_shingles[0] == pytest.approx(plain.new_shingles[0], rel=0.3)
    assert found.once[0] >= ONCE


def test_the_same_prompt_again_is_nothing_new() -> None:
    found = view([asked(f"Do task {at % 20}.", LIST) for at in range(400)])
    assert found._unseen[0] == 0.0
    assert found.new_shingles[0] < 40.0


def test_more_prompts_than_the_map_can_tell_are_taken_for_prompts_of_their_own() -> None:
    found = view([asked(f"Do task {at}.") for at in range(5000)])
    assert found._apart[0] > 0.9
    assert found.new_shingles[0] > ITEM * 2000
