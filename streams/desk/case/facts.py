"""What a case rests on: versions, digests, inputs, the figure of false alarms that applies, and what the method cannot show."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import Any

import msgspec
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.desk.book import Origin

CAN = [
    "It shows how the account used the API, beside all accounts of the same log, in numbers that anybody with the log can work out again.",
    "It shows when the evidence reached the height of the flag, and what had been taken by then.",
    "A campaign's evidence is of the group: a member may be in it by what it shares with the others, whatever it does by itself.",
]
CANNOT = [
    "It cannot prove intent: a grader, a benchmark run or a maker of test data may behave alike.",
    "It has not read a prompt or an answer: it rests on counts and hashes alone, and none of their text is in this report.",
    "Hashes of addresses, payment and phrases may be equal by chance, rarely; one shared value alone says little.",
    "The score is for ranking: it is not the probability that a court would want.",
    "The costs are estimates from the tokens of answers at one price.",
]


def prior_digest(config: Config) -> str:
    """SHA-256 of the prior's file."""
    raw = config.prior.read_bytes() if config.prior else resources.files("siphonwatch.detector.scoring").joinpath("prior.json").read_bytes()
    return hashlib.sha256(raw).hexdigest()


def false_alarms(config: Config) -> dict[str, Any]:
    """The figure that applies: what the height is set for, and what was measured."""
    wanted = config.detection().false_alarms
    measured = json.loads(resources.files("siphonwatch.streams.desk.case").joinpath("measured.json").read_text(encoding="utf-8"))
    shipped = config.prior is None
    return {
        "set_for": wanted,
        "measured": measured if shipped else None,
        "in_words": f"The height of the flag is set so that about {wanted * 10_000:.0f} in 10,000 innocent accounts reach it over all the "
        "time that they are watched, by the tail of this very stream. "
        + (
            "The worst that was measured of the shipped prior, on simulated streams that it had not seen, is "
            f"{measured['innocents_flagged']} innocents flagged: {measured['where']}. "
            if shipped
            else "The prior is the provider's own: what was measured of the shipped one says nothing about it. "
        )
        + "Where harvesters are rare, a large share of all flags may be innocent all the same.",
    }


def rests_on(config: Config, origin: Origin, head: str) -> dict[str, Any]:
    """Versions and digests; ``head`` is the audit log's."""
    settings = config.detection()
    return {
        "version": program_version(),
        "origin": msgspec.to_builtins(origin),
        "prior_sha256": prior_digest(config),
        "settings": msgspec.to_builtins(settings),
        "settings_sha256": hashlib.sha256(repr(settings).encode()).hexdigest(),
        "audit_head": head,
    }
