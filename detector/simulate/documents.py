"""Works on a text that comes with the request: documents, passages, answers, code, schemas."""

from __future__ import annotations

import math

from siphonwatch.detector.simulate.text import Topic, Writer
from siphonwatch.detector.simulate.work import Item, Maker, long_tail, pick, work


def program(w: Writer, t: Topic, lines: int) -> str:
    """Lines of code about a topic."""
    kinds = ("def {s}_{s}({s}, {s}):", "    {s} = {s}[{n}]", "    if {s} > {n}:", "        return {s}.{s}()", "    for {s} in {s}({n}):",
             "        {s}.append({s})", "import {s}", "    assert {s} != {s}")  # fmt: skip
    return "\n".join([w.fill(pick(w.rng, *kinds), t) for _ in range(lines)])


@work
def review(w: Writer, home: Topic) -> Maker:
    """A change to look over, under one instruction."""
    instruction = w.fill(pick(w.rng, "Review this change to the {s}.", "Find bugs in the diff.", "Complete the code at the cursor."), home)
    return lambda t: Item(f"{instruction}\n{program(w, t, 6 + int(w.rng.random() * 50))}", t, 110)


@work
def sql(w: Writer, home: Topic) -> Maker:
    """A schema and a question."""
    own = w.rng.random() < 0.6
    fixed = schema(w, home)
    return lambda t: Item(f"{fixed if own else schema(w, t)}\n-- {w.ask(t)}", t, 55, "json")


def schema(w: Writer, t: Topic) -> str:
    """Tables of a topic."""
    return "\n".join(
        [f"CREATE TABLE {w.word(t)} ({w.word(t)} INT, {w.word(t)} TEXT, {w.word(t)} DATE);" for _ in range(1 + int(w.rng.random() * 4))]
    )


@work
def translation(w: Writer, _: Topic) -> Maker:
    """Texts into one language; answers as long as their texts."""
    language = pick(w.rng, "German", "Portuguese", "Polish", "Korean", "English", "French", "Hindi")
    frame = pick(w.rng, f"Translate to {language}: ", f"{language}:\n", "", f"Render the following in {language}.\n\n")
    median = math.exp(w.rng.gauss(3.3, 0.8))

    def make(t: Topic) -> Item:
        text = w.document(t, long_tail(w.rng, median))
        return Item(frame + text, t, max(len(text) / t.letters, 5), "echo")

    return make


@work
def summary(w: Writer, home: Topic) -> Maker:
    """Long documents, short summaries."""
    frame = w.fill(pick(w.rng, "Summarise in {n} words:\n", "Give the main points on {s}.\n\n", "TL;DR\n", "Write minutes of:\n"), home)
    after, median = w.rng.random() < 0.3, math.exp(w.rng.gauss(5.3, 0.6))

    def make(t: Topic) -> Item:
        text = w.document(t, long_tail(w.rng, median))
        return Item(f"{text}\n\n{frame}" if after else frame + text, t, 90)

    return make


@work
def extraction(w: Writer, home: Topic) -> Maker:
    """Fields out of a document."""
    fields = ", ".join([w.word(home) for _ in range(3 + int(w.rng.random() * 6))])
    median = math.exp(w.rng.gauss(4.2, 0.6))
    return lambda t: Item(f"Extract {fields} as JSON.\n{w.document(t, long_tail(w.rng, median))}", t, 60, "json")


@work
def classification(w: Writer, home: Topic) -> Maker:
    """One label for a text."""
    labels = ", ".join([w.word(home) for _ in range(2 + int(w.rng.random() * 6))])
    frame = pick(w.rng, f"Classify into: {labels}.\n", f"Which of {labels}?\n\n", "Label the message.\n")
    median = math.exp(w.rng.gauss(2.8, 0.7))
    return lambda t: Item(frame + w.document(t, long_tail(w.rng, median)), t, 2, "label")


@work
def moderation(w: Writer, _: Topic) -> Maker:
    """Short messages to be let through or not."""
    frame = pick(w.rng, "Is this message allowed? yes or no\n", "Check against the policy:\n", "Toxic?\n", "")
    return lambda t: Item(frame + (w.question(t) if w.rng.random() < 0.6 else w.follow_up(t)), t, 4, "label")


@work
def retrieval(w: Writer, _: Topic) -> Maker:
    """A question under passages that were looked up for it."""
    frame = pick(w.rng, "Answer from the context only.\n", "Context:\n", "Use the documents below.\n\n", "[docs]\n")
    median, passages = math.exp(w.rng.gauss(4.0, 0.5)), w.rng.choice((1, 2, 3, 4))

    def make(t: Topic) -> Item:
        found = "\n---\n".join([w.document(t, long_tail(w.rng, median, 0.5)) for _ in range(passages)])
        return Item(f"{frame}{found}\n\nQuestion: {w.ask(t)}", t, 95)

    return make


@work
def grading(w: Writer, _: Topic) -> Maker:
    """Answers to be rated or compared."""
    rubric = pick(
        w.rng, "Rate the following answer from 1 to 10 with a rubric and explain.", "Which response is better, A or B? Reply A, B or tie.",
        "Evaluate the response by these criteria: helpfulness, truth, style.", "Mark the student's work out of 20.", "Critique the answer.",
    )  # fmt: skip
    pair, length = "A or B" in rubric, math.exp(w.rng.gauss(math.log(70), 0.9))

    def make(t: Topic) -> Item:
        other = f"\nB: {w.document(t, 30)}" if pair else ""
        return Item(f"{rubric}\nQ: {w.ask(t)}\nA: {w.document(t, 12 + int(w.rng.random() * 50))}{other}", t, length)

    return make


@work
def rewriting(w: Writer, _: Topic) -> Maker:
    """Sentences in other words; image prompts made longer; mails made polite."""
    frame = pick(
        w.rng,
        "Rephrase: ",
        "Say this in other words.\n",
        "Make this prompt more vivid: ",
        "Fix grammar and tone:\n",
        "Paraphrase five times: ",
    )
    return lambda t: Item(frame + w.document(t, long_tail(w.rng, 18)), t, 45, "echo")


@work
def test_data(w: Writer, home: Topic) -> Maker:
    """Rows for a test database, placeholder texts."""
    fields = ", ".join([w.word(home) for _ in range(4)])
    return lambda t: Item(f"Generate {2 + int(w.rng.random() * 40)} rows with {fields} for {w.name()}, about {w.word(t)}", t, 350, "json")


@work
def slots(w: Writer, home: Topic) -> Maker:
    """One prompt of a product with a few small slots."""
    frame = w.fill("Write a friendly message on {s} to ", home)
    return lambda t: Item(frame + w.fill("{name}, who has {n} {s} and likes {s}.", t), t, 90)
