"""Which requests of an account count, by what their answers took."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Message, Request, Usage
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.taken import BRIEF_EACH, UNTOLD

TEXTS = [" ".join(f"w{at * 31 + place}" for place in range(20)) for at in range(300)]


def view(asked: list[tuple[str, int | None]], status: int = 200) -> View:
    """Of (question, tokens of its answer); ``None`` where the log tells of no tokens."""
    made = [
        Request(
            f"r{at}", 1_790_000_000.0 + 60.0 * at, "a", "m", messages=[Message("user", text)], status=status,
            usage=None if tokens is None else Usage(30, tokens), finish_reason="length" if tokens == 1 else None,
        )
        for at, (text, tokens) in enumerate(asked)
    ]  # fmt: skip
    return View(fold(batch(made, [int(float(each.timestamp) * 1000) for each in made]), np.zeros(len(made), np.int64), 1))


def test_what_is_sent_again_for_a_token_is_neither_a_repeat_nor_a_short_answer() -> None:
    plain = view([(text, 400) for text in TEXTS])
    again = view([each for text in TEXTS for each in ((text, 400), (text, 1))])
    assert again.count("answered")[0] == 2 * plain.count("answered")[0]
    assert again.asks[0] == plain.asks[0] == 300
    assert again.answer_length[0] == plain.answer_length[0]
    assert again.taken("cut")[0] == 0
    assert again.once[0] == pytest.approx(plain.once[0], abs=0.1)
    assert again.new_shingles[0] == pytest.approx(plain.new_shingles[0], rel=0.1)
    assert again.novelty[0] == pytest.approx(plain.novelty[0], rel=0.1)


def test_who_lives_by_short_answers_is_judged_by_all_of_them() -> None:
    found = view([(TEXTS[at % 100], 2) for at in range(300)])
    assert found.asks[0] == 300
    assert found.answer_length[0] == pytest.approx(np.log2(3.0), abs=0.1)
    assert found.once[0] < 0.4, "each text came three times"
    assert 0 < found.count("counted")[0] < 4 * 300 / BRIEF_EACH, "its day is known by a part of them"


def test_each_class_counts_from_a_fifth_of_the_tokens_on() -> None:
    def asks(short: int, brief: int) -> int:
        return int(view([(TEXTS[0], 1000)] * 10 + [(TEXTS[1], 100)] * short + [(TEXTS[2], 10)] * brief).asks[0])

    assert asks(20, 20) == 10
    assert asks(26, 20) == 10 + 26
    assert asks(200, 1) == 10 + 200
    assert asks(0, 240) == 10
    assert asks(0, 260) == 10 + 260
    assert all(fewer <= more for fewer, more in pairwise(asks(short, 100) for short in range(0, 40, 5)))


def test_a_log_without_tokens_counts_every_answer_to_a_prompt_of_its_own() -> None:
    found = view([(text, None) for text in TEXTS])
    assert found.asks[0] == pytest.approx(300, rel=0.03), "the map of prompts estimates"
    assert found.tokens[0] == 300 * UNTOLD
    assert found.answer_length[0] == np.log2(1.0 + UNTOLD)
    again = view([(text, None) for text in TEXTS for _ in range(3)])
    assert again.asks[0] == found.asks[0]
    assert again.novelty[0] == pytest.approx(found.novelty[0], rel=0.03)
    assert again.once[0] >= found.once[0]


def test_untold_requests_of_a_log_without_prompts_are_all_asks() -> None:
    assert view([("", None)] * 300).asks[0] == 300


def test_who_hangs_up_hides_no_harvest_of_short_answers() -> None:
    """Taken for full answers, what is hung up on would be all that counts."""
    plain = view([(text, 100) for text in TEXTS])
    found = view([each for text in TEXTS for each in ((text, 100), *[("ok", None)] * 4)])
    assert found.new_shingles[0] >= 0.9 * plain.new_shingles[0]
    assert found.novelty[0] >= 0.9 * plain.novelty[0]
    assert found.answer_length[0] >= plain.answer_length[0]


def test_an_untold_answer_dilutes_no_length() -> None:
    found = view([each for text in TEXTS for each in ((text, 400), (text, None))])
    assert found.answer_length[0] == view([(text, 400) for text in TEXTS]).answer_length[0]
    assert found.asks[0] == pytest.approx(600, rel=0.03), "billed at two lengths, a text may be two"
    assert found.once[0] > 0.8


def test_an_answer_whose_text_is_logged_is_told() -> None:
    made = Request("r", 1_790_000_000.0, "a", "m", messages=[Message("user", "why?")], response="b" * 402)
    assert batch([made], [0]).tokens_out.tolist() == [101]
    assert batch([msgspec.structs.replace(made, usage=Usage(3, 7))], [0]).tokens_out.tolist() == [7]
    refused = batch([msgspec.structs.replace(made, status=status) for status in (429, 400, 500)], [0] * 3)
    assert refused.tokens_out.tolist() == [0] * 3, "the text of an error is no answer"
    assert not refused.answered.any()


def test_what_was_refused_was_not_asked() -> None:
    refused = view([(TEXTS[0], 0)] * 50, status=400)
    assert refused.asks[0] == 0
    assert not refused.state["slots"]["shingles"].any()
    assert not refused.hours.any()


def test_who_hangs_up_has_the_answer_and_what_was_billed_was_answered() -> None:
    assert view([(text, None) for text in TEXTS], status=499).asks[0] == pytest.approx(300, rel=0.03)
    assert view([(text, 400) for text in TEXTS], status=500).asks[0] == 300
    assert view([(text, 0) for text in TEXTS], status=500).asks[0] == 0


def test_what_is_told_of_next_to_nothing_excuses_no_untold_answer() -> None:
    """A client may choose that an answer's tokens are not told, and have them told of what takes nothing."""
    found = view([each for text in TEXTS for each in ((text, None), (text, 1), (text, 1))])
    assert found.asks[0] == 300
    assert found.once[0] > 0.8
    assert found.answer_length[0] == np.log2(1.0 + UNTOLD)


def test_a_burst_for_nothing_makes_no_hour_a_busy_one() -> None:
    even = [(text, 400) for text in TEXTS]
    burst = view(even[:150] + [("ok", 1)] * 50 + even[150:])
    assert burst.pace[0] > 0.9 * view(even).pace[0]
