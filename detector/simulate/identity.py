"""Account facts: who pays, since when, from where, with which client, under which limits."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from siphonwatch.detector.simulate.pacing import DAY

LIBRARIES = (
    "OpenAI/Python 1.40.6", "OpenAI/Python 1.52.2", "OpenAI/Python 2.3.0", "OpenAI/JS 4.67.3", "litellm/1.51.0", "langchain/0.3.4",
    "python-httpx/0.27.2", "Go-http-client/2.0", "node-fetch/3", "curl/8.5.0", "axios/1.7", "okhttp/4.12", "aiohttp/3.10",
)  # fmt: skip
BROWSERS = ("Mozilla/5.0 (Windows NT 10.0) Chrome/131", "Mozilla/5.0 (Macintosh) Safari/18", "Mozilla/5.0 (X11) Firefox/133", "app/ios 3.2")
COUNTRIES = ("US", "DE", "IN", "BR", "CN", "FR", "JP", "NG", "SG", "GB", "NL", "ID")
LIMITS = (60, 60, 500, 500, 500, 2000, 3500, 10_000)  # requests a minute


def address(rng: random.Random) -> str:
    """A made-up IPv4 address."""
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def block(rng: random.Random, count: int) -> list[str]:
    """Addresses of one network, as a data centre or a proxy hands them out."""
    network = ".".join(str(rng.randint(1, 254)) for _ in range(3))
    return [f"{network}.{rng.randint(1, 254)}" for _ in range(count)]


@dataclass(slots=True)
class Identity:
    """What the gateway knows of an account besides its requests."""

    account: str
    created: float
    addresses: list[str]
    agents: list[str]
    payment: str | None
    organization: str | None
    key: str | None
    country: str
    asn: int
    rpm: int
    roams: float = 0.1  # how often the address changes from one conversation to the next
    current: str = field(default="")


def identity(rng: random.Random, start: float, person: bool, young: float) -> Identity:
    """Facts of one account; ``young`` is the chance that it was made for what it does now."""
    age = rng.expovariate(1 / 4.0) if rng.random() < young else rng.expovariate(1 / rng.choice((30.0, 200.0, 500.0)))
    where = rng.random()
    pool = [address(rng)] if where < 0.6 else [address(rng) for _ in range(rng.choice((2, 2, 3, 5)))]
    if not person and where > 0.75:
        pool = block(rng, rng.randint(2, 12))
    elif where > 0.93:
        pool = [address(rng) for _ in range(rng.randint(6, 80))]  # a VPN, a residential proxy, a phone on the move
    return Identity(
        account=f"acct_{rng.getrandbits(48):012x}",
        created=start + DAY - age * DAY if age < 1 else start - age * DAY,
        addresses=pool,
        agents=[rng.choice(BROWSERS if person and rng.random() < 0.6 else LIBRARIES)],
        payment=f"pm_{rng.getrandbits(40):010x}" if rng.random() < (0.55 if person else 0.95) else None,
        organization=f"org_{rng.getrandbits(40):010x}" if rng.random() < (0.5 if person else 0.9) else None,
        key=f"key_{rng.getrandbits(40):010x}",
        country=rng.choice(COUNTRIES),
        asn=rng.randint(1000, 64_000),
        rpm=rng.choice(LIMITS[:4] if person else LIMITS),
        roams=rng.choice((0.02, 0.1, 0.4, 1.0)),
    )
