"""Prometheus metrics of a sidecar. Label values come from fixed sets; no account ever is one."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.sidecar.knowledge import FAULTS

DECISION_SECONDS = (0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005)


class SidecarMetrics:
    """All metrics of one sidecar."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self.build = Info("siphonwatch_build", "What is running.", registry=r)
        self.build.info({"version": program_version()})
        self.decisions = Counter(
            "siphonwatch_decisions",
            "Decisions, by what was decided and why.",
            ["decision", "why"],
            registry=r,
        )
        self.degraded = Counter("siphonwatch_decisions_degraded", "Allowed, with less of what a harvest is after.", registry=r)
        self.seconds = Histogram("siphonwatch_decision_seconds", "Time for one decision.", buckets=DECISION_SECONDS, registry=r)
        self.refused = Counter("siphonwatch_sidecar_requests_refused", "Requests refused without a decision, by why.", ["why"], registry=r)
        self.age = Gauge("siphonwatch_knowledge_age_seconds", "Since the store last answered.", registry=r)
        self.known = Gauge("siphonwatch_knowledge_accounts", "Accounts known not to be clear.", registry=r)
        self.faults = Counter(
            "siphonwatch_knowledge_faults", "Times that the store did not serve the sidecar, by how.", ["fault"], registry=r
        )
        self.unread = Gauge("siphonwatch_standings_unread", "Accounts whose standing does not decode.", registry=r)
        self.dry_run = Gauge("siphonwatch_dry_run", "1 where decisions are only counted.", registry=r)
        for why in ("unauthorised", "malformed", "too_large", "pace", "crowded"):
            self.refused.labels(why)
        for fault in FAULTS:
            self.faults.labels(fault)
        self._children = {
            pair: self.decisions.labels(*pair)
            for pair in (
                ("allow", "clear"), ("allow", "watch"), ("allow", "within_limit"), ("allow", "stale"), ("allow", "no_account"),
                ("throttle", "throttled"), ("block", "blocked"), ("unavailable", "stale"),
            )
        }  # fmt: skip

    def follow(self, knowledge: Any, dry_run: bool) -> None:
        """Read the gauges from ``knowledge`` whenever they are scraped."""
        self.age.set_function(lambda: min(knowledge.age, 1e9))
        self.known.set_function(lambda: knowledge.accounts)
        self.unread.set_function(lambda: knowledge.unread)
        knowledge.on_fault = lambda fault, count: self.faults.labels(fault).inc(count)
        self.dry_run.set(dry_run)

    def decided(self, decision: str, why: str, seconds: float) -> None:
        """Count one decision."""
        self._children[decision, why].inc()
        self.seconds.observe(seconds)
