"""Fingerprints are a function of the prompt alone, and tell apart what they should."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request import cues
from siphonwatch.detector.request import fingerprint as fingerprints
from siphonwatch.detector.request.fingerprint import fingerprint
from siphonwatch.detector.request.plain import HEAD, READ, SAMPLE, TAIL, kept

texts = st.lists(st.text(max_size=60) | st.sampled_from(["step by step", "(a) b", "a\x00b", "", "漢字 逐步"]), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_prompts_fingerprint_does_not_depend_on_its_batch(prompts: list[str]) -> None:
    together = fingerprint(prompts)
    for at, prompt in enumerate(prompts):
        alone = fingerprint([prompt])
        for name in ("prompt", "opening", "ending", "words", "content", "cues", "shingles"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[at]), name


def test_nor_does_it_on_how_many_letters_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [f"question {at} of {at * 31} " * (1 + at % 5) for at in range(40)]
    together = fingerprint(prompts)
    monkeypatch.setattr(fingerprints, "LETTERS", 100)
    apart = fingerprint(prompts)
    assert np.array_equal(together.prompt, apart.prompt)
    assert np.array_equal(together.shingles, apart.shingles)


DRESSES = (
    str.upper,
    lambda text: text.replace(" ", "   "),
    lambda text: "\u200b".join(text),
    lambda text: f"  {text}!!",
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: json.dumps({"input": text}),
    lambda text: json.dumps([[text]]),
    lambda text: json.dumps({text: ""}),
    lambda text: json.dumps({"a": {"b": {"c": {"d": {"e": {"f": [[[[[[text]]]]]]}}}}}}),
    lambda text: "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text),  # full width
    lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    lambda text: base64.encodebytes(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex(" "),
    lambda text: text.encode().hex(":").upper(),
    lambda text: " ".join(f"0x{byte:02x}" for byte in text.encode()),
    lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    lambda text: "".join(f"{byte:08b}" for byte in text.encode()),
    lambda text: ", ".join(map(str, text.encode())),
    lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    quote,
    lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "-".join,
    " ".join,
    lambda text: ".".join(text.replace(" ", "  ")),
)


@pytest.mark.parametrize("dress", DRESSES)
def test_another_dress_does_not_make_an_old_text_new(dress: Callable[[str], str]) -> None:
    text = "write a function that sorts seven integers by value"
    found = fingerprint([dress(text), text])
    for name in ("prompt", "opening", "ending", "content", "cues", "shingles"):
        values = getattr(found, name)
        assert np.array_equal(values[0], values[1]), name


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abc dé漢", max_size=30), min_size=1, max_size=8), st.lists(st.text(max_size=30), min_size=8, max_size=8))
def test_question_and_other_text_do_not_depend_on_their_batch(questions: list[str], others: list[str]) -> None:
    rest = others[: len(questions)]
    together = fingerprint(questions, rest)
    for at, (question, other) in enumerate(zip(questions, rest, strict=True)):
        alone = fingerprint([question], [other])
        for name in ("prompt", "opening", "ending", "words", "content", "cues", "shingles"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[at]), name


def test_a_text_has_the_same_shingles_wherever_it_stands() -> None:
    text = " ".join(f"word{number}" for number in range(60))
    asked, hidden = fingerprint([text], [""]), fingerprint(["go on"], [text])
    kept = set(asked.shingles[0].tolist()) - {0}
    assert len(kept) >= 8
    assert len(kept & set(hidden.shingles[0].tolist())) >= len(kept) - 1


def test_cues_are_found_in_several_languages() -> None:
    asked = ["Think step by step.", "Rate the answer from 1 to 10", "请逐步推理", "Erstelle Aufgaben", "What is the weather?"]
    bit = {name: 1 << at for at, name in enumerate(cues.FAMILY_NAMES)}
    found = fingerprint(asked).cues.tolist()
    assert found[0] & bit["reasoning"]
    assert found[1] & bit["grading"]
    assert found[2] & bit["reasoning"]
    assert found[3] & bit["generation"]
    assert found[4] == 0


def test_like_prompts_are_nearer_than_unlike_ones() -> None:
    same = ["Sort an array of integers quickly", "Sort this integers array by value", "Plan a holiday trip to the mountains"]
    content = fingerprint(same).content.astype(float)
    assert content[0] @ content[1] > content[0] @ content[2]


def test_no_word_of_a_prompt_is_kept() -> None:
    found = fingerprint(["confidential merger of two companies"])
    for name in ("prompt", "opening", "ending", "words", "content", "cues"):
        assert b"merger" not in getattr(found, name).tobytes()


LONG = " ".join(f"Paragraph {at} of {at * 7}, which says no{at * 3}." for at in range(600))


@pytest.mark.parametrize("place", [0, 330, 900, 2000, 3000, 9000])
def test_a_question_anywhere_in_a_long_text_makes_another_prompt(place: int) -> None:
    first, second = (f"{LONG[:place]} {question} {LONG[place:]}" for question in ("why is it dark", "why is it cold"))
    found = fingerprint([first, second, first])
    assert found.prompt[0] == found.prompt[2] != found.prompt[1]


def test_what_stands_for_all_of_a_long_text_forgets_its_dress() -> None:
    assert len({kept(dress(LONG))[1] for dress in (str, *(DRESSES[at] for at in (0, 1, 2, 3, 5)))}) == 1
    assert kept(LONG)[1] != kept(f"{LONG[:9000]}x{LONG[9000:]}")[1]
    assert kept("short")[1] == 0
    assert kept(LONG[:READ])[1] == 0 != kept(LONG[: READ + 1])[1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, READ - 40))
def test_of_a_text_of_a_few_pages_each_word_is_read(place: int) -> None:
    text = f"{LONG[:place]} wanted {LONG[place : READ - 40]}"
    assert " wanted " in kept(text)[0]
    assert fingerprint([text]).words[0] == len("".join(letter if letter.isalnum() else " " for letter in text).split())


@settings(max_examples=60, deadline=None)
@given(st.integers(READ + 1, len(LONG)), st.data())
def test_of_a_longer_one_the_sample_is_what_it_was_but_for_what_is_new(length: int, data: st.DataObject) -> None:
    """So constant text stays old, wherever a question is put between its sentences."""
    text = LONG[:length]
    place = text.index(". ", data.draw(st.integers(HEAD, length - TAIL - 100))) + 2
    before, after = (set(kept(each)[0].split("\n")[1:-1]) for each in (text, f"{text[:place]}Why is it {place}? {text[place:]}"))
    assert len(after - before) <= 4  # the question, and what stands where the ends are cut
    assert len(before & after) >= len(before) * (1 - 200 / length) - 4
    assert SAMPLE / 2 < sum(map(len, after)) < 4 * SAMPLE


@settings(max_examples=30, deadline=None)
@given(st.integers(HEAD, READ - TAIL))
def test_a_letter_more_than_is_read_whole_hides_next_to_nothing(place: int) -> None:
    text = f"{LONG[:place]} wanted. {LONG[place : READ - 7]}"
    assert len(text) > READ
    whole, cut = (set(fingerprint([each]).shingles[0].tolist()) for each in (text[:READ], text))
    assert len(whole & cut) >= len(whole) - 4


def test_of_many_questions_in_long_texts_as_many_are_read_as_of_the_other_text() -> None:
    """Nobody hides what he asks by where it stands."""
    sentences = LONG.split(". ")
    share = READ / len(LONG)
    for place in (100, 250, 400):
        asked = [". ".join([*sentences[:place], f"Why is it so{at} with {at * 13}", *sentences[place:]]) for at in range(120)]
        read = sum(f"so{at} with" in kept(text)[0] for at, text in enumerate(asked))
        assert 0.3 * share < read / len(asked) < 3 * share


@pytest.mark.parametrize("filler", ["\n", ".", " ", ", ", "- .\n"])
def test_nobody_hides_a_question_among_what_stands_between_words(filler: str) -> None:
    """Thousands of spaces or full stops are a few tokens."""
    text = f"Be short. {filler * 9000}Why is it dark at night{filler * 9000}Be kind."
    assert "why is it dark at night" in kept(text)[0]


def test_a_sample_forgets_its_dress_too() -> None:
    samples = {kept(dress(LONG))[0].replace("\n", "").lower() for dress in (str, str.upper, DRESSES[2], DRESSES[5], DRESSES[9])}
    assert len(samples) == 1
