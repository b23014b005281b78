"""Fingerprints are a function of the prompt alone, and tell apart what they should."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request import cues
from siphonwatch.detector.request.fingerprint import fingerprint

texts = st.lists(st.text(max_size=60) | st.sampled_from(["step by step", "(a) b", "a\x00b", "", "漢字 逐步"]), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_prompts_fingerprint_does_not_depend_on_its_batch(prompts: list[str]) -> None:
    together = fingerprint(prompts)
    for at, prompt in enumerate(prompts):
        alone = fingerprint([prompt])
        for name in ("prompt", "opening", "ending", "words", "content", "cues"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[at]), name


def test_case_and_punctuation_do_not_change_the_words_but_the_exact_hash() -> None:
    found = fingerprint(["Write a Function, please!", "write a function please"])
    assert np.array_equal(found.content[0], found.content[1])
    assert found.opening[0] == found.opening[1]
    assert found.prompt[0] != found.prompt[1]


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
