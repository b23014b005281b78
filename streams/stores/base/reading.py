"""What others read of a store: gateways, dashboards, the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from siphonwatch.detector.verdicts.account import Verdict

KEPT_FINDINGS = 10_000  # for a person or a dashboard to look back at; every finding was sent as well


@dataclass(frozen=True, slots=True)
class Charge:
    """Requests to charge to an account's bucket for a model."""

    account: str
    model: str
    interval: float  # seconds that one request takes of it
    requests: int


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What a decision on an account rests on: small, as a sidecar keeps all of them in memory."""

    level: str  # watch, throttle or block
    over: float  # evidence over the flag's height, log-odds
    campaign: str | None = None


UNREAD = Standing("unread", 0.0)  # for a stored standing that does not decode: whoever asks keeps what it knew of the account


_standing = msgspec.json.Decoder(Standing)


def read_standing(value: bytes) -> Standing:
    """A standing as it was stored; ``UNREAD`` where that is none."""
    try:
        found = _standing.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNREAD
    return found if found.level in ("watch", "throttle", "block") else UNREAD


def standing(verdict: Verdict, height: float) -> Standing:
    """The standing that a verdict means."""
    return Standing(verdict.level, round(verdict.evidence - height, 3), verdict.campaign)


class Reading(Protocol):
    """Accounts, verdicts and findings as they are, and buckets that gateways share."""

    def account(self, account: str) -> bytes | None:
        """One account's state and record."""
        ...

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """State and record of many accounts at once."""
        ...

    def verdict(self, account: str) -> Verdict | None:
        """The verdict a gateway reads."""
        ...

    def top(self, count: int) -> list[str]:
        """The accounts of strongest evidence, strongest first."""
        ...

    def context(self) -> bytes | None:
        """The judging's context."""
        ...

    def standings_version(self) -> int:
        """Raised whenever standings change; cheap to ask for, again and again."""
        ...

    def standings(self) -> dict[str, Standing]:
        """How every account that is not clear stands; ``UNREAD`` where one does not decode, which costs no other account."""
        ...

    def spend(self, charges: list[Charge]) -> list[float]:
        """Charge shared buckets (GCRA); how far ahead of time each is by now, in seconds."""
        ...

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        """The newest findings, newest first; only those about ``subject`` where one is given."""
        ...
