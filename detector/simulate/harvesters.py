"""Harvesters, as public reports and papers describe them. Each draws its own habits: what an operator can vary, varies."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
from siphonwatch.detector.request.request import Parameters
from siphonwatch.detector.simulate.actor import DAY, Actor
from siphonwatch.detector.simulate.innocents import _dialogues, _talkative

Tasks = Callable[[], str]


def _settle(actor: Actor) -> None:
    """The client of a harvester: some leave room, some set nothing; answers from terse to long."""
    rng = actor.rng
    actor.parameters = Parameters(
        temperature=rng.choice((None, 0.0, 0.3, 0.7, 0.7, 1.0)), max_tokens=rng.choice((None, None, 1024, 2048, 4096, 8192, 16384))
    )
    actor.answer = math.exp(rng.gauss(math.log(330), 0.7))
    if rng.random() < 0.6:  # the others were bought, or had been made long before
        actor.created = actor.start - rng.expovariate(1 / 30) * DAY


def _times(actor: Actor, count: int, human: bool) -> list[float]:
    """When ``count`` asks are sent: through the day or in working hours, for all or part of the time."""
    rng = actor.rng
    if human:
        return sorted(actor.moment() for _ in range(count))
    share = rng.uniform(0.35, 1.0)
    begin = actor.start + rng.random() * (1 - share) * actor.days * DAY
    return sorted(begin + rng.random() * share * actor.days * DAY for _ in range(count))


def _take(actor: Actor, count: int, tasks: Tasks, human: bool | None = None, answer: float | None = None) -> None:
    """Ask ``count`` tasks, with the small evasions that some operators know."""
    rng = actor.rng
    human = rng.random() < 0.3 if human is None else human
    system = actor.writer.system("science") if rng.random() < 0.15 else None
    follow_ups = rng.choice((0.0, 0.0, 0.0, 0.0, 0.1, 0.25))
    repeats = rng.choice((0.0, 0.0, 0.0, 0.03, 0.1))
    last, texts = "", [tasks() for _ in range(count)]
    if rng.random() < 0.3:  # a list that somebody sorted, by alphabet or by length
        texts.sort(key=rng.choice((None, len)))
    for at, task in zip(_times(actor, count, human), texts, strict=True):
        text = last if last and rng.random() < repeats else task
        last = text
        actor.ask(at, text, system=system, answer=answer)
        if rng.random() < follow_ups:
            actor.ask(at + rng.uniform(20, 200), actor.writer.follow_up("science"), turn=1, context=300)


def _list(actor: Actor, suffix: str = "") -> Tasks:
    """A task list over some or all subjects."""
    domains = actor.domains(actor.rng.choice((1, 1, 2, 4, 12)))
    return lambda: actor.writer.task(actor.rng.choice(domains)) + ("\n\n" + suffix if suffix else "")


def naive(actor: Actor) -> None:
    """A dataset of instructions, sent as it is."""
    _settle(actor)
    _take(actor, actor.rng.randint(300, 2200), _list(actor), human=False)


def reasoning(actor: Actor) -> None:
    """Chains of thought: every task with an instruction to reason."""
    _settle(actor)
    actor.answer *= 1.8
    actor.model = "reasoning"
    _take(actor, actor.rng.randint(200, 1600), _list(actor, actor.writer.suffix()))


def slow(actor: Actor) -> None:
    """Slow and low: some ten to two hundred asks a day."""
    _settle(actor)
    _take(actor, int(actor.rng.uniform(12, 170) * actor.days), _list(actor))


def mixed(actor: Actor) -> None:
    """A harvest under cover of ordinary use."""
    _settle(actor)
    cover = actor.rng.uniform(0.1, 1.2)
    asks = actor.rng.randint(250, 1100)
    _take(actor, asks, _list(actor, actor.writer.suffix() if actor.rng.random() < 0.6 else ""))
    _dialogues(actor, int(asks * cover), _talkative(actor), actor.domains(8))


def grading(actor: Actor) -> None:
    """The model as a reward model: fresh answers to be graded or compared, without end."""
    _settle(actor)
    rng, writer = actor.rng, actor.writer
    rubric = rng.choice((
        "Rate the following answer from 1 to 10 with a rubric and explain.", "Which response is better, A or B? Explain your preference.",
        "Evaluate the response by these criteria: helpfulness, truth, style.",
    ))  # fmt: skip
    domains = actor.domains(rng.choice((4, 12)))

    def task() -> str:
        domain = rng.choice(domains)
        return f"{rubric}\n{writer.task(domain)}\nA: {writer.document(domain, 25)}\nB: {writer.document(domain, 25)}"

    _take(actor, rng.randint(200, 1500), task, answer=150)


def personas(actor: Actor) -> None:
    """Role-play and general instruction sets, each under another persona."""
    _settle(actor)
    rng, domains = actor.rng, actor.domains(8)

    def task() -> str:
        domain = rng.choice(domains)
        return actor.writer.persona(domain) + actor.writer.task(domain)

    _take(actor, rng.randint(200, 1500), task)


def generation(actor: Actor) -> None:
    """Self-instruct: the teacher is asked for tasks and examples, on one scaffold."""
    _settle(actor)
    rng, domains = actor.rng, actor.domains(actor.rng.choice((4, 12)))
    frame = rng.choice(("Generate a new task about {s} and {s}, with its answer.", "Come up with {n} training examples of {s} for {name}."))
    _take(actor, rng.randint(200, 1200), lambda: actor.writer.fill(frame, rng.choice(domains)))


def agent_traces(actor: Actor) -> None:
    """Tool use: every task opens a short loop whose calls are kept."""
    _settle(actor)
    rng = actor.rng
    actor.parameters = Parameters(temperature=0.7, max_tokens=4096, tools=msgspec.Raw(b'[{"type": "function"}]'))
    domains = actor.domains(6)
    for at in _times(actor, rng.randint(150, 700), human=False):
        actor.ask(at, actor.writer.task(rng.choice(domains)), answer=200)
        if rng.random() < 0.4:
            actor.ask(at + rng.uniform(2, 20), f"tool result: {actor.writer.name()}", turn=1, context=400, tool=True)


def logits(actor: Actor) -> None:
    """Logit stealing: one token at a time, with log-probabilities and swept biases (Carlini et al. 2024)."""
    _settle(actor)
    rng = actor.rng
    domains = actor.domains(12)
    for at in _times(actor, rng.randint(400, 2500), human=False):
        bias = msgspec.Raw(b'{"%d": %d}' % (rng.randint(1, 100_000), rng.choice((-100, 30, 100))))
        parameters = Parameters(temperature=0.0, max_tokens=1, logprobs=True, top_logprobs=5, logit_bias=bias)
        actor.ask(at, actor.writer.task(rng.choice(domains)), parameters=parameters)


def samples(actor: Actor) -> None:
    """Preference pairs: several samples of each answer."""
    _settle(actor)
    actor.parameters = Parameters(temperature=1.0, n=actor.rng.choice((2, 4, 8)), max_tokens=actor.rng.choice((None, 1024, 4096)))
    _take(actor, actor.rng.randint(150, 1000), _list(actor))


def reseller(actor: Actor) -> None:
    """A reseller whose real users hide a harvest."""
    _settle(actor)
    rng = actor.rng
    for _ in range(rng.randint(60, 250)):
        at, user = actor.moment(), f"user_{rng.randint(1, 60)}"
        for turn in range(rng.choice((1, 2, 3))):
            at += rng.expovariate(1 / 40)
            text = actor.writer.follow_up("travel") if turn else actor.writer.question(rng.choice(actor.domains(12)))
            actor.ask(at, text, turn=turn, end_user=user, context=60 * turn)
    _take(actor, rng.randint(500, 1500), _list(actor), human=False)


def pivot(actor: Actor) -> None:
    """A harvest that moves to a newly released model within a day, where the world releases one."""
    _settle(actor)
    if actor.released < math.inf:
        actor.moves_at = actor.released + actor.rng.uniform(0.5, 24) * 3600
    tasks = _list(actor)
    for at in _times(actor, actor.rng.randint(250, 1500), human=False):
        actor.ask(at, tasks())


def hydra(actors: list[Actor], shared: bool) -> None:
    """One harvest behind many accounts, each with a dozen asks a day; with or without anything shared but its work."""
    lead = actors[0]
    _settle(lead)
    rng = lead.rng
    suffix = lead.writer.suffix() if rng.random() < 0.4 else ""
    human = rng.random() < 0.4
    pool = [".".join(str(rng.randint(1, 254)) for _ in range(4)) for _ in range(max(3, len(actors) // 4))]
    domains = lead.domains(rng.choice((1, 1, 2, 4)))
    payments = [f"pm_{rng.getrandbits(40):010x}" for _ in range(max(1, len(actors) // 8))]
    opened = lead.start - rng.uniform(1, 20) * DAY
    a_day, answer, zone = rng.uniform(6, 26), lead.answer, lead.zone
    for actor in actors:
        _settle(actor)
        actor.created = opened + rng.uniform(-1.5, 1.5) * DAY
        actor.answer, actor.zone = answer, zone
        if shared:
            actor.addresses, actor.agent, actor.payment = rng.sample(pool, 3), lead.agent, rng.choice(payments)
            actor.parameters, actor.model = lead.parameters, lead.model
        count = max(2, int(rng.gauss(a_day, a_day / 6) * actor.days))
        ending = "\n\n" + suffix if suffix else ""
        for at in sorted(actor.moment(human) for _ in range(count)):
            actor.ask(at, actor.writer.task(rng.choice(domains)) + ending)


KINDS: dict[str, Callable[[Actor], None]] = {
    "naive": naive, "reasoning": reasoning, "slow": slow, "mixed": mixed, "grading": grading, "personas": personas,
    "generation": generation, "agent_traces": agent_traces, "logits": logits, "samples": samples, "reseller": reseller,
    "pivot": pivot,
}  # fmt: skip
