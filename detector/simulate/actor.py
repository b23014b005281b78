"""An account in the simulation: its facts, its client's habits, and how it turns asks into requests."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from siphonwatch.detector.request.request import Message, Parameters, Request, Usage
from siphonwatch.detector.simulate.text import DOMAINS, Writer

DAY = 86_400.0
AGENTS = (
    "OpenAI/Python 1.40.6", "OpenAI/Python 1.52.2", "OpenAI/Python 2.3.0", "OpenAI/JS 4.67.3", "litellm/1.51.0",
    "langchain/0.3.4", "python-httpx/0.27.2", "Go-http-client/2.0", "node-fetch/3", "curl/8.5.0", "axios/1.7", "okhttp/4.12",
)  # fmt: skip
MODELS = ("large", "mini", "reasoning")
RELEASED = "large-next"  # where a world has a release


def address(rng: random.Random) -> str:
    """A made-up IPv4 address."""
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


@dataclass
class Actor:
    """One account and the requests it has sent so far."""

    rng: random.Random
    account: str
    start: float  # seconds since the epoch
    days: float
    created: float = 0.0
    addresses: list[str] = field(default_factory=list)
    agent: str = ""
    payment: str = ""
    organization: str = ""
    rpm: int = 500
    model: str = "large"
    released: float = math.inf  # when the world's new model comes out
    moves_at: float = math.inf  # when the account turns to the model that was just released
    parameters: Parameters = field(default_factory=Parameters)
    answer: float = 250.0  # median tokens of an answer
    spread: float = 0.7  # of its logarithm
    sessions: bool = False
    zone: float = 0.0  # hours from UTC
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = self.rng
        self.writer = Writer(rng)
        self.created = self.created or self.start - rng.expovariate(1 / 170) * DAY
        self.addresses = self.addresses or [address(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        self.agent = self.agent or rng.choice(AGENTS)
        self.payment = self.payment or f"pm_{rng.getrandbits(40):010x}"
        self.organization = self.organization or f"org_{rng.getrandbits(40):010x}"
        self.rpm = rng.choice((60, 500, 500, 500, 2000, 3500)) if self.rpm == 500 else self.rpm
        self.model = rng.choices(MODELS, (6, 3, 2))[0]
        self.sessions = rng.random() < 0.4
        self.zone = rng.uniform(-11, 12)
        self.answer = math.exp(rng.gauss(math.log(self.answer), 0.5))
        if self.parameters == Parameters():
            self.parameters = some_parameters(rng)
        if self.released < math.inf and rng.random() < 0.12:  # some people and products turn to it as well, sooner or later
            self.moves_at = self.released + rng.expovariate(1 / 30) * 3600

    def ask(
        self, at: float, text: str, *, turn: int = 0, system: str | None = None, context: int = 0, answer: float | None = None,
        end_user: str | None = None, session: str | None = None, model: str | None = None, parameters: Parameters | None = None,
        tool: bool = False,
    ) -> None:  # fmt: skip
        """Send one request at time ``at``; ``turn`` > 0 is a follow-up, ``context`` tokens stand before the question."""
        if not self.start <= at < self.start + self.days * DAY:
            return
        rng = self.rng
        messages = [Message("system", system)] if system else []
        if turn:
            messages += [Message("user", self.writer.name()), Message("assistant", "tool call" if tool else "answer")]
        messages.append(Message("user", text))
        tokens_in = max(1, int(len(text) / 4) + context + (len(system) // 4 if system else 0) + 8)
        asked = parameters or self.parameters
        room = asked.max_tokens or 100_000
        wanted = int(math.exp(rng.gauss(math.log(answer or self.answer), self.spread))) + 1
        limited = rng.random() < 0.002
        self.requests.append(
            Request(
                request_id=f"req_{rng.getrandbits(64):016x}",
                timestamp=round(at, 3),
                account_id=self.account,
                organization_id=self.organization,
                model=RELEASED if at >= self.moves_at else model or self.model,
                end_user_id=end_user,
                session_id=session or (f"sess_{rng.getrandbits(40):010x}" if self.sessions else None),
                source_ip=rng.choice(self.addresses),
                user_agent=self.agent,
                payment_fingerprint=self.payment,
                account_created_at=int(self.created),
                rate_limit_rpm=self.rpm,
                messages=messages,
                parameters=asked,
                usage=Usage(tokens_in, 0 if limited else min(wanted, room)),
                status=429 if limited else 200,
                finish_reason=None if limited else ("length" if wanted >= room else "stop"),
                latency_ms=float(300 + min(wanted, room) * 9),
            )
        )

    # ------------------------------------------------------------------------------------------- when

    def moment(self, human: bool = True) -> float:
        """A time within the simulation: in waking hours for people, at any hour for machines."""
        rng = self.rng
        while True:
            at = self.start + rng.random() * self.days * DAY
            hour = (at / 3600 + self.zone) % 24
            if not human or rng.random() < _WAKING[int(hour)]:
                return at

    def domains(self, most: int) -> list[str]:
        """A few subjects."""
        return self.rng.sample(DOMAINS, min(most, len(DOMAINS)))


_WAKING = (0.05, 0.02, 0.01, 0.01, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1, 1, 0.9, 0.9, 1, 1, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6, 0.4, 0.2)


def some_parameters(rng: random.Random) -> Parameters:
    """A client's set of parameters, which it seldom changes."""
    return Parameters(
        temperature=rng.choice((None, None, 0.0, 0.2, 0.3, 0.5, 0.6, 0.7, 0.7, 0.8, 1.0)),
        max_tokens=rng.choice((None, None, None, 256, 512, 1024, 2048, 4096, 8192)),
    )
