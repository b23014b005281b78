"""Works that are a question or an instruction and little else."""

from __future__ import annotations

import math

from siphonwatch.detector.simulate.documents import program
from siphonwatch.detector.simulate.frames import PERSONAS, REASONING
from siphonwatch.detector.simulate.text import Topic, Writer
from siphonwatch.detector.simulate.work import Item, Maker, pick, work


@work
def chat(w: Writer, _: Topic) -> Maker:
    """Questions as people type them."""
    return lambda t: Item(w.question(t), t, 180)


@work
def search(w: Writer, _: Topic) -> Maker:
    """Short look-ups, as typed into a search box."""

    def make(t: Topic) -> Item:
        words = " ".join([w.word(t) for _ in range(2 + int(w.rng.random() * 5))])
        start = pick(w.rng, "", "", "what is ", "how to ", "when was ", "who invented ", "best ", "average ", "is ")
        return Item(start + words + pick(w.rng, "", "", "?"), t, 70)

    return make


@work
def tasks(w: Writer, _: Topic) -> Maker:
    """Instructions, each of its own kind."""
    return lambda t: Item(w.task(t), t, 260)


@work
def reasoning(w: Writer, _: Topic) -> Maker:
    """Problems with an instruction to reason, at either end."""
    cue, before = pick(w.rng, *REASONING), w.rng.random() < 0.3
    return lambda t: Item(f"{cue}\n{w.ask(t)}" if before else f"{w.ask(t)}\n\n{t.tongue.reasoning if t.tongue else cue}", t, 520)


@work
def instructed(w: Writer, home: Topic) -> Maker:
    """Tasks that all carry one instruction of how to answer, at either end."""
    how = pick(w.rng, "Answer in one sentence.", "Write in the style of {name}.", "Only give the result.", "Explain your reasoning.",
                "Use at least {n} words, then list the {s}.", "Answer first, then criticise your answer.")  # fmt: skip
    how, before, long = w.fill(how, home), w.rng.random() < 0.25, math.exp(w.rng.gauss(5.3, 0.6))
    return lambda t: Item(f"{how}\n\n{w.ask(t)}" if before else f"{w.ask(t)}\n{how}", t, long)


@work
def code(w: Writer, _: Topic) -> Maker:
    """Programs to write, some with code below."""

    def make(t: Topic) -> Item:
        text = w.ask(t)
        if w.rng.random() < 0.4:
            text += "\n```\n" + program(w, t, 2 + int(w.rng.random() * 14)) + "\n```"
        return Item(text, t, 330)

    return make


@work
def generation(w: Writer, _: Topic) -> Maker:
    """The model is asked for tasks, questions and examples."""
    frame = pick(
        w.rng, "Generate a new task about {s} and {s}, with its answer.", "Come up with {n} training examples of {s} for {name}.",
        "Create {n} quiz questions on {s} and {s}.", "Write instructions of which {s} and {s} are the subject.",
            "Invent {n} dialogues on {s}.",
    )  # fmt: skip
    return lambda t: Item(w.fill(frame, t), t, 480)


@work
def evolution(w: Writer, _: Topic) -> Maker:
    """Prompts to be made harder."""
    frame = pick(
        w.rng, "Rewrite the prompt so that it is harder:\n", "Add one constraint to #Prompt#:\n", "Make a rarer variant of this task:\n"
    )
    return lambda t: Item(frame + w.task(t), t, 130)


@work
def persona(w: Writer, _: Topic) -> Maker:
    """A role and a task for it."""
    return lambda t: Item(w.fill(pick(w.rng, *PERSONAS), t) + w.task(t), t, 280)


@work
def roleplay(w: Writer, home: Topic) -> Maker:
    """A scene in which the model plays somebody; games, fiction, companions."""
    who = w.name()

    def make(t: Topic) -> Item:
        said = f"*looks at the {w.word(t)}* {w.document(t, 8 + int(w.rng.random() * 30))} {w.follow_up(t)}"
        return Item(said if w.rng.random() < 0.6 else f"{who}: {said}", t, 160)

    del home
    return make


@work
def story(w: Writer, home: Topic) -> Maker:
    """Long fiction and articles from few frames."""
    frames = [w.fill("Write a {s} chapter of {n} words about ", home), w.fill("Article in the manner of {name}: ", home),
              f"Write {pick(w.rng, 'a blog post', 'a product page', 'a scene', 'a newsletter')} on "]  # fmt: skip
    frames = frames[: 1 + int(w.rng.random() * 3)]
    return lambda t: Item(pick(w.rng, *frames) + w.fill("{s} and {s} in {name}, {s}", t), t, 900)


@work
def functions(w: Writer, _: Topic) -> Maker:
    """Requests that a tool call answers."""
    return lambda t: Item(
        w.fill(pick(w.rng, "Book {n} {s} for {name}", "Find the {s} of {name}", "Set {s} to {n} and then {s}"), t), t, 45, "json"
    )


@work
def commands(w: Writer, _: Topic) -> Maker:
    """Voice commands: few words, short answers, much the same each day."""
    return lambda t: Item(
        w.fill(pick(w.rng, "turn on the {s}", "play {name}", "weather in {name}", "timer {n} minutes", "call {name}"), t), t, 18
    )


@work
def homework(w: Writer, _: Topic) -> Maker:
    """Problems as a teacher sets them."""
    return lambda t: Item(pick(w.rng, "", "", "please ", "for my homework: ") + w.ask(t), t, 210)
