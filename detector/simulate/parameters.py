"""Sampling parameters and models: what a client asks for and which model answers."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import msgspec
from siphonwatch.detector.request.request import Parameters

TOOLS = msgspec.Raw(b'[{"type":"function","function":{"name":"look_up","parameters":{"type":"object"}}}]')
JSON = msgspec.Raw(b'{"type":"json_object"}')
_FAMILY = ("mini", "small", "large", "reasoning", "code", "vision", "turbo", "flash")


@dataclass(slots=True)
class Market:
    """The models of a world, the most used first; one may come out in the middle."""

    models: list[str]
    speed: dict[str, float]  # milliseconds a token
    released: float = math.inf  # when the newest comes out
    newest: str = "large-next"
    weights: list[float] = field(default_factory=list)

    def one(self, rng: random.Random) -> str:
        """The model that an account uses."""
        return rng.choices(self.models, self.weights)[0]


def market(rng: random.Random, start: float, days: float, variety: float) -> Market:
    """Three to eight models, each with its pace and share."""
    prefix = "".join(rng.choices("abcdefghiklmnoprstu", k=4))
    models = [f"{prefix}-{name}" for name in rng.sample(_FAMILY, rng.randint(3, len(_FAMILY)))]
    speed = {name: math.exp(rng.gauss(math.log(11), 0.7 * variety + 0.1)) for name in [*models, f"{prefix}-next"]}
    released = start + rng.uniform(0.2, 0.7) * days * 86_400 if days >= 1 and rng.random() < 0.6 else math.inf
    return Market(models, speed, released, f"{prefix}-next", [1.0 / (rank + 1) for rank in range(len(models))])


def parameters(rng: random.Random, purpose: str, bare: float) -> Parameters:
    """A client's set of parameters; ``purpose`` is ``short`` (labels), ``scored`` (probabilities), ``samples`` or ``text``."""
    if purpose == "scored":
        return Parameters(temperature=rng.choice((0.0, None, 1.0)), max_tokens=rng.choice((1, 1, 2, 5, 16)), logprobs=True,
                          top_logprobs=rng.choice((None, 5, 20)))  # fmt: skip
    room = rng.choice((None, None, 8, 16, 64, 256)) if purpose == "short" else _room(rng)
    if rng.random() < bare:
        return Parameters(n=rng.choice((2, 4, 8)) if purpose == "samples" else None)
    pick = rng.random
    return Parameters(
        temperature=rng.choice((None, None, 0.0, 0.0, 0.2, 0.3, 0.5, 0.6, 0.7, 0.7, 0.8, 1.0, 1.2, round(pick(), 2))),
        top_p=rng.choice((0.9, 0.95, 1.0)) if pick() < 0.12 else None,
        max_tokens=room,
        n=rng.choice((2, 2, 4, 8)) if purpose == "samples" else (rng.choice((2, 3)) if pick() < 0.01 else None),
        logprobs=True if pick() < 0.02 else None,
        seed=rng.randint(1, 999) if pick() < 0.05 else None,
        response_format=JSON if pick() < (0.15 if purpose == "short" else 0.04) else msgspec.Raw(b""),
        stream=True if pick() < 0.4 else None,
    )


def _room(rng: random.Random) -> int | None:
    return rng.choice((None, None, None, 256, 512, 512, 1024, 1024, 2048, 4096, 8192, 16384))


def with_tools(asked: Parameters) -> Parameters:
    """The same with a tool on offer."""
    return msgspec.structs.replace(asked, tools=TOOLS)


def swept(rng: random.Random, asked: Parameters) -> Parameters:
    """The same with a bias on some token: logit stealing (Carlini et al. 2024)."""
    return msgspec.structs.replace(asked, logit_bias=msgspec.Raw(b'{"%d":%d}' % (rng.randint(1, 99_999), rng.choice((-100, 30, 100)))))


def cold(asked: Parameters) -> Parameters:
    """The same at temperature 0."""
    return msgspec.structs.replace(asked, temperature=0.0)
