"""Innocent accounts, the hard ones among them: whoever asks much, oddly, or like many others."""

from __future__ import annotations

import math
import random

from siphonwatch.detector.request.request import Parameters
from siphonwatch.detector.simulate.actor import DAY, Actor
from siphonwatch.detector.simulate.text import Writer


def _dialogues(actor: Actor, asks: int, follow_ups: float, domains: list[str], human: bool = True, burst: float = 0.0) -> None:
    """Conversations: a question, and on each answer a follow-up with probability ``follow_ups``."""
    rng, sent = actor.rng, 0
    centre = actor.moment(human)
    while sent < asks:
        at = centre + rng.gauss(0, burst * 3600) if burst else actor.moment(human)
        domain, session = rng.choice(domains), f"sess_{rng.getrandbits(40):010x}" if actor.sessions else None
        text = actor.writer.question(domain)
        actor.ask(at, text, session=session)
        sent += 1
        turn = 0
        while rng.random() < follow_ups and sent < asks:
            turn += 1
            at += rng.expovariate(1 / 70)
            again = rng.random() < 0.1
            actor.ask(
                at, text if again else actor.writer.follow_up(domain), turn=0 if again else turn,
                context=turn * 200, session=session,
            )  # fmt: skip
            sent += 1


def _talkative(actor: Actor) -> float:
    """How often a person comes back to an answer: most do, some seldom."""
    rng = actor.rng
    return rng.betavariate(4, 5) if rng.random() < 0.85 else rng.betavariate(1.2, 6)


def person(actor: Actor) -> None:
    """Somebody in a chat client, a few questions a day; a few are busy."""
    asks = int(math.exp(actor.rng.gauss(2.1, 0.95))) + 1
    _dialogues(actor, min(asks, 250), _talkative(actor), actor.domains(actor.rng.randint(1, 8)))


def passer_by(actor: Actor) -> None:
    """A handful of questions, never again."""
    for _ in range(actor.rng.randint(1, 5)):
        actor.ask(actor.moment(), actor.writer.question(actor.rng.choice(actor.domains(12))))


def newcomer(actor: Actor) -> None:
    """Signed up after some news, tries things and models for an hour or two."""
    actor.created = actor.moment()
    actor.rpm = 60
    centre = actor.created + 600
    for _ in range(actor.rng.randint(1, 30)):
        centre += actor.rng.expovariate(1 / 240)
        turn = int(actor.rng.random() < 0.35)
        text = actor.writer.follow_up("travel") if turn else actor.writer.question(actor.rng.choice(actor.domains(12)))
        actor.ask(centre, text, turn=turn, model=actor.rng.choice(("large", "mini", "reasoning")))


def homework(rng: random.Random) -> list[str]:
    """The problems that a class was set."""
    domain = rng.choice(("arithmetic", "code", "science", "history"))
    writer = Writer(rng)
    return [writer.task(domain) for _ in range(rng.randint(15, 60))]


def pupil(actor: Actor, problems: list[str] | None = None) -> None:
    """Homework: problems of one kind, some with a follow-up, over a few days; a class has the same ones."""
    asks = actor.rng.randint(10, 110)
    follow_ups = 0.06 + actor.rng.betavariate(3, 11)
    domain = actor.rng.choice(("arithmetic", "code", "science"))
    if problems is None:
        _dialogues(actor, asks, follow_ups, [domain])
        return
    for problem in actor.rng.sample(problems, min(len(problems), asks)):
        at = actor.moment()
        actor.ask(at, problem if actor.rng.random() < 0.6 else "please " + problem)
        while actor.rng.random() < follow_ups + 0.1:
            at += actor.rng.expovariate(1 / 70)
            actor.ask(at, actor.writer.follow_up(domain), turn=1, context=300)


def hackathon(actor: Actor) -> None:
    """A day and a night on one project."""
    actor.created = actor.start
    _dialogues(actor, actor.rng.randint(10, 90), actor.rng.betavariate(4, 6), actor.domains(2), human=False, burst=3.0)


def coding_agent(actor: Actor) -> None:
    """A tool loop on a repository: long contexts, tools, follow-ups."""
    rng = actor.rng
    actor.parameters = Parameters(temperature=0.0)
    for _ in range(rng.randint(3, 25)):
        at, context = actor.moment(), rng.randint(1500, 8000)
        session = f"sess_{rng.getrandbits(40):010x}"
        for turn in range(rng.randint(4, 25)):
            at += rng.expovariate(1 / 20)
            context += rng.randint(100, 1500)
            text = actor.writer.task("code") if not turn else f"tool result {turn}: exit {rng.randint(0, 1)}, {rng.randint(1, 9999)} bytes"
            actor.ask(at, text, turn=turn, context=context, session=session, answer=90, tool=True)


def product(actor: Actor) -> None:
    """A production feature on a template over documents, some of which come again."""
    rng = actor.rng
    domain = rng.choice(actor.domains(12))
    before, after = actor.writer.template(domain)
    system = actor.writer.system(domain) if rng.random() < 0.8 else None
    documents = [actor.writer.document(domain, rng.randint(20, 160)) for _ in range(rng.randint(30, 500))]
    growing = rng.random() < 0.4  # each document once
    actor.parameters = Parameters(temperature=rng.choice((0.0, 0.0, 0.2, None)), max_tokens=rng.choice((64, 256, 512, 1024, None)))
    actor.answer = math.exp(rng.gauss(math.log(60), 0.9))
    human = rng.random() < 0.5
    for _ in range(rng.randint(60, 900)):
        document = actor.writer.document(domain, rng.randint(20, 160)) if growing else rng.choice(documents)
        actor.ask(actor.moment(human), before + document + after, system=system, context=rng.choice((0, 50, 400)))


def nightly_batch(actor: Actor) -> None:
    """The same job each night, over much the same rows."""
    rng = actor.rng
    domain = rng.choice(actor.domains(12))
    before, after = actor.writer.template(domain)
    system = actor.writer.system(domain) if rng.random() < 0.7 else None
    rows = [actor.writer.document(domain, rng.randint(10, 120)) for _ in range(rng.randint(60, 300))]
    actor.parameters = Parameters(temperature=0.0, max_tokens=rng.choice((16, 64, 256)))
    actor.answer = 25
    hour = rng.random() * DAY
    for night in range(int(actor.days) + 1):
        at = actor.start + night * DAY + hour
        for row in rows:
            at += rng.expovariate(1 / 2)
            actor.ask(at, before + row + after, system=system)


def benchmark_run(actor: Actor) -> None:
    """A public test set, once or in a few runs, each over in minutes to an hour or two."""
    rng = actor.rng
    actor.parameters = Parameters(temperature=rng.choice((0.0, 0.0, 0.0, 0.6, 1.0)), max_tokens=rng.choice((512, 1024, 2048, 8192)))
    domains = actor.domains(rng.randint(1, 12))
    suffix = actor.writer.suffix() if rng.random() < 0.3 else ""
    tasks = [actor.writer.task(rng.choice(domains)) + suffix for _ in range(rng.randint(60, 700))]
    pace = math.exp(rng.uniform(math.log(0.3), math.log(8)))
    for run in range(rng.choice((1, 1, 1, 2, 3))):
        at, model = actor.moment(), ("large", "mini", "reasoning")[run]
        for task in tasks:
            at += rng.expovariate(1 / pace)
            actor.ask(at, task, model=model)


def chatbot_product(actor: Actor) -> None:
    """A product with many end users behind one account."""
    rng = actor.rng
    domains = actor.domains(rng.randint(1, 4))
    system = actor.writer.system(domains[0]) if rng.random() < 0.6 else None
    named = rng.random() < 0.7
    for _ in range(rng.randint(60, 350)):
        at, user = actor.moment(rng.random() < 0.7), f"user_{rng.randint(1, 300)}" if named else None
        domain = rng.choice(domains)
        for turn in range(rng.choice((1, 2, 2, 3, 4))):
            at += rng.expovariate(1 / 40)
            text = actor.writer.follow_up(domain) if turn else actor.writer.question(domain)
            actor.ask(at, text, turn=turn, end_user=user, system=system, answer=70, context=60 * turn)


def service_desk(actor: Actor) -> None:
    """A help desk without named end users: dialogues round the clock."""
    _dialogues(actor, actor.rng.randint(200, 900), actor.rng.betavariate(14, 8), actor.domains(3), human=False)
    actor.answer = 60


def content_writer(actor: Actor) -> None:
    """Long articles from a few templates, in working hours."""
    rng = actor.rng
    frames = []
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        words = rng.choice((300, 600, 900, 1200, 1500))
        manner, piece = rng.choice(("witty", "formal", "friendly", "calm", "bold")), rng.choice(("article", "blog post", "product page"))
        closing = (". Include headings and a conclusion.", ". Use short paragraphs.", "", ". Mention the brand at the end.")
        frames.append((f"Write a {manner} {piece} of {words} words about ", rng.choice(closing)))
    actor.answer, actor.spread = math.exp(rng.gauss(math.log(1000), 0.4)), 0.25
    domains, returns = actor.domains(rng.randint(1, 5)), rng.choice((0.0, 0.0, 0.05, 0.2))
    for _ in range(rng.randint(20, 260)):
        at, domain = actor.moment(), rng.choice(domains)
        before, after = rng.choice(frames)
        actor.ask(at, before + actor.writer.fill("{s} {s}", domain) + after)
        if rng.random() < returns:
            actor.ask(at + 200, actor.writer.follow_up(domain), turn=1, context=1200)


def translator(actor: Actor) -> None:
    """Texts of any kind into another language: every one new, answers as long as the texts."""
    rng = actor.rng
    language = rng.choice(("German", "Portuguese", "Polish", "Korean"))
    system = f"Translate to {language}. Keep the layout." if rng.random() < 0.7 else None
    domains = actor.domains(rng.randint(2, 12))
    human = rng.random() < 0.4
    for _ in range(rng.randint(60, 800)):
        text = actor.writer.document(rng.choice(domains), rng.randint(5, 160))
        text = text if system else f"Translate to {language}: {text}"
        actor.ask(actor.moment(human), text, system=system, answer=max(len(text) / 4, 5))


def scorer(actor: Actor) -> None:
    """A product that reads one token's probability."""
    rng = actor.rng
    domain = rng.choice(actor.domains(12))
    before, after = actor.writer.template(domain)
    passages = [actor.writer.document(domain, rng.randint(30, 150)) for _ in range(rng.randint(50, 400))]
    actor.parameters = Parameters(temperature=0.0, max_tokens=1, logprobs=True, top_logprobs=5)
    for _ in range(rng.randint(150, 1200)):
        actor.ask(actor.moment(False), before + rng.choice(passages) + after)


def grader(actor: Actor) -> None:
    """A team that grades its own answers with a model, in runs."""
    rng = actor.rng
    questions = [actor.writer.question(rng.choice(actor.domains(12))) for _ in range(rng.randint(10, 80))]
    system = "You grade answers. Reply with a number." if rng.random() < 0.7 else None
    actor.parameters = Parameters(temperature=0.0, max_tokens=rng.choice((16, 256, 512)))
    for _ in range(rng.randint(1, 5)):
        at = actor.moment()
        for question in questions:
            for _ in range(rng.randint(1, 3)):
                at += rng.expovariate(1 / 3)
                answer = actor.writer.document("writing", 40)
                text = f"Rate the answer from 1 to 10 and give the reason.\n[Question] {question}\n[Answer] {answer}"
                actor.ask(at, text, system=system, answer=80)


def researcher(actor: Actor) -> None:
    """An ablation: one set of prompts under many settings."""
    rng = actor.rng
    prompts = [actor.writer.task(rng.choice(actor.domains(12))) for _ in range(rng.randint(15, 70))]
    at = actor.moment()
    for setting in range(rng.randint(2, 6)):
        parameters = Parameters(temperature=setting / 4, max_tokens=1024, seed=rng.choice((None, 1, 2)))
        model = rng.choice(("large", "mini", "reasoning"))
        for prompt in prompts:
            at += rng.expovariate(1 / 4)
            actor.ask(at, prompt, parameters=parameters, model=model)
        at += rng.expovariate(1 / 5000)


def dataset_builder(actor: Actor) -> None:
    """A firm that labels its own records: every one new, one template, short answers."""
    rng = actor.rng
    domain = rng.choice(actor.domains(12))
    before, after = actor.writer.template(domain)
    actor.parameters = Parameters(temperature=0.0, max_tokens=rng.choice((8, 32, 128)))
    actor.answer = 12
    at = actor.moment()
    for _ in range(rng.randint(100, 900)):
        at += rng.expovariate(1 / rng.choice((2, 30, 120)))
        actor.ask(at, before + actor.writer.document(domain, rng.randint(10, 80)) + after)
