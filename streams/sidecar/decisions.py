"""From how an account stands to what a gateway should do with its request.

clear and watch are allowed. A throttled account keeps ``throttle_rpm`` requests a minute for each model, less the further
its evidence is over the flag (half at the block's height), held by GCRA; 0 refuses it. A blocked
account is refused. What is not known is allowed; what is known but stale is allowed or refused as configured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.common.reference import reference
from siphonwatch.streams.formats.privacy import pseudonym
from siphonwatch.streams.sidecar.asked import Asked
from siphonwatch.streams.sidecar.buckets import Buckets
from siphonwatch.streams.sidecar.knowledge import Knowledge
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.stores.base import Standing

Action = Literal["allow", "throttle", "block", "unavailable"]
Why = Literal["clear", "watch", "within_limit", "throttled", "blocked", "stale", "no_account"]
ACTIONS: tuple[Action, ...] = ("allow", "throttle", "block", "unavailable")
WHYS: tuple[Why, ...] = ("clear", "watch", "within_limit", "throttled", "blocked", "stale", "no_account")
STATUS = {"allow": 200, "throttle": 429, "block": 403, "unavailable": 503}
REFUSED_RETRY = 60  # seconds a throttled client is told to wait where it is refused altogether
MINUTE = 60.0
DEGRADED: dict[str, tuple[str, ...]] = {"none": (), "watch": ("watch", "throttle"), "throttle": ("throttle",)}  # setting -> levels


@dataclass(frozen=True, slots=True)
class Policy:
    """How decisions are made; see the settings of the same names."""

    stale_seconds: float = 30.0
    fail: Literal["open", "closed"] = "open"
    dry_run: bool = False
    throttle_rpm: float = 6.0
    account_key: str = field(default="", repr=False)
    degrade: Literal["none", "watch", "throttle"] = "none"
    degrade_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one request, and why."""

    action: Action
    why: Why
    level: str = "clear"
    campaign: str | None = None
    quota: int = 0  # requests a minute that a throttled account keeps; 0 where no limit is told
    remaining: int = 0
    retry_after: int = 0  # seconds
    degrade_tokens: int = 0  # tokens that a degraded answer may have; 0 where answers are left as they are
    reference: str = ""  # what a refused customer may quote

    @property
    def status(self) -> int:
        """The HTTP status that says it."""
        return STATUS[self.action]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """``Retry-After`` and the RateLimit fields of draft-ietf-httpapi-ratelimit-headers-10, where there is a limit to tell."""
        fields = []
        if self.action in ("throttle", "unavailable"):
            fields.append(("retry-after", str(self.retry_after)))
        if self.action == "throttle" or self.why == "within_limit":
            fields.append(("ratelimit-policy", f'"siphonwatch";q={self.quota};w={int(MINUTE)}'))
            fields.append(("ratelimit", f'"siphonwatch";r={self.remaining};t={self.retry_after}'))
        if self.degrade_tokens:  # RFC 8941: a dictionary, for whoever can take from a request what a harvest is after
            fields.append(("x-siphonwatch-degrade", f"logprobs=?0, samples=1, reasoning=?0, max_tokens={self.degrade_tokens}"))
        if self.reference:
            fields.append(("x-siphonwatch-reference", self.reference))
        return fields


ALLOWED = Decision("allow", "clear")
NAMELESS = Decision("allow", "no_account")


class Decider:
    """Decides from memory alone; safe to call from one thread, in microseconds."""

    def __init__(self, knowledge: Knowledge, policy: Policy, now: Callable[[], float] = time.monotonic) -> None:
        self.knowledge, self.policy = knowledge, policy
        self.buckets = Buckets(now)

    def decide(self, account: str, model: str = "") -> Decision:
        """What should happen to a request of ``account`` to ``model``."""
        policy = self.policy
        if not account:
            return NAMELESS
        if self.knowledge.age > policy.stale_seconds:
            return Decision("allow", "stale") if policy.fail == "open" else Decision("unavailable", "stale", retry_after=5)
        named = pseudonym(account, policy.account_key) if policy.account_key else account
        standing = self.knowledge.standing(named)
        if standing is None:
            return ALLOWED
        if standing.level == "block":
            decision = Decision("block", "blocked", "block", standing.campaign)
        elif standing.level == "throttle":
            decision = self._throttle(account, model, standing)
        else:
            decision = Decision("allow", "watch", standing.level, standing.campaign)
        if decision.action != "allow":
            return replace(decision, reference=reference(named, policy.account_key))
        return replace(decision, degrade_tokens=policy.degrade_tokens) if standing.level in DEGRADED[policy.degrade] else decision

    def enforced(self, decision: Decision) -> Decision:
        """What is answered: in a dry run everything is allowed, and only counted as what it would have been."""
        return Decision("allow", decision.why, decision.level, decision.campaign) if self.policy.dry_run else decision

    def _throttle(self, account: str, model: str, standing: Standing) -> Decision:
        rpm = adaptive(self.policy.throttle_rpm, standing.over)
        if rpm <= 0:
            return Decision("throttle", "throttled", "throttle", standing.campaign, 0, 0, REFUSED_RETRY)
        found = self.buckets.take(account, model if self.knowledge.served(model) else "", rpm / MINUTE)
        wait = max(1, math.ceil(found.retry_after))
        if found.allowed:
            return Decision("allow", "within_limit", "throttle", standing.campaign, max(int(rpm), 1), found.remaining, wait)
        return Decision("throttle", "throttled", "throttle", standing.campaign, max(int(rpm), 1), 0, wait)


def answered(decider: Decider, metrics: SidecarMetrics, asked: Asked) -> Decision:
    """Decide and count it, whoever asked; what is answered."""
    begun = time.perf_counter()
    decision = decider.decide(asked.account, asked.model)
    metrics.decided(decision.action, decision.why, time.perf_counter() - begun)
    if decision.degrade_tokens:
        metrics.degraded.inc()
    return decider.enforced(decision)


def adaptive(rpm: float, over: float) -> float:
    """Requests a minute that are left to a throttled account: ``rpm`` at the flag, falling to its half at the block's height."""
    way = min(max(over / DEFAULT.block_margin, 0.0), 1.0)
    return rpm * (1.0 - 0.5 * way)
