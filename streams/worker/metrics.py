"""Prometheus metrics of a worker. Label values come from fixed sets or are partition numbers; no account ever is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.shadow import Difference
from siphonwatch.detector.verdicts.account import Level, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.errors import FAULTS, FAULTY
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.formats.base import DEAD_REASONS
from siphonwatch.streams.intake import Taken

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.build = Info("siphonwatch_build", "What is running.", registry=r)
        self.build.info({"version": program_version()})
        self.records = Counter("siphonwatch_records", "Records read.", registry=r)
        self.requests = Counter("siphonwatch_requests", "Requests counted.", registry=r)
        self.duplicates = Counter("siphonwatch_duplicates", "Second deliveries, not counted again.", registry=r)
        self.late = Counter("siphonwatch_late_events", "Requests judged with a later tick than their own.", registry=r)
        self.ahead = Counter("siphonwatch_events_ahead", "Requests hours ahead of the log's clock, which one does not move.", registry=r)
        self.dead = Counter("siphonwatch_dead_letters", "Records refused, by reason.", ["reason"], registry=r)
        self.unread = Counter(
            "siphonwatch_fields_unread", "Fields lost of requests that were counted.", ["format", "field", "reason"], registry=r
        )
        self.shadow = Gauge("siphonwatch_shadow_flagged", "Accounts flagged, by which of two priors.", ["by"], registry=r)
        self.lag = Gauge("siphonwatch_lag_records", "Records not yet read, by partition.", ["partition"], registry=r)
        self.batch = Histogram("siphonwatch_batch_seconds", "Time for one batch, by step.", ["step"], buckets=SECONDS, registry=r)
        self.judging = Histogram("siphonwatch_judging_seconds", "Time for one step of judging.", buckets=SECONDS, registry=r)
        self.ticks = Counter("siphonwatch_ticks", "Event-time ticks judged.", registry=r)
        self.verdict_time = Gauge("siphonwatch_verdict_event_time_seconds", "Event time of the newest judging.", registry=r)
        self.verdict_wall = Gauge("siphonwatch_verdict_wall_time_seconds", "Wall time of the newest judging.", registry=r)
        self.accounts = Gauge("siphonwatch_accounts", "Accounts known, by level.", ["level"], registry=r)
        self.let_go = Counter("siphonwatch_accounts_let_go", "Accounts let go as there were more than accounts_most.", registry=r)
        self.changes = Counter("siphonwatch_verdict_changes", "Verdicts changed, by the new level.", ["level"], registry=r)
        self.flagged = Counter("siphonwatch_accounts_flagged", "Accounts whose level reached throttle or block from below.", registry=r)
        self.campaigns = Gauge("siphonwatch_campaigns", "Campaigns known.", registry=r)
        self.new_campaigns = Counter("siphonwatch_campaigns_found", "Campaigns found.", registry=r)
        self.height = Gauge("siphonwatch_flag_height", "Evidence (log-odds) at which accounts are flagged.", registry=r)
        self.drift = Gauge("siphonwatch_population_drifting", "1 while the population's evidence drifts.", registry=r)
        self.waiting = Counter("siphonwatch_waits", "Pauses because something was away, by what.", ["what"], registry=r)
        self.faults = Counter(
            "siphonwatch_store_faults", "What was found not to be as it was written, by how and what.", ["kind", "what"], registry=r
        )
        self.ready = Gauge("siphonwatch_ready", "1 while records are read and written.", registry=r)
        self.shards = Gauge("siphonwatch_shards_kept", "Shards of accounts that this worker keeps, of 256.", registry=r)
        self.leads = Gauge("siphonwatch_judge", "1 where this worker judges.", registry=r)
        self.store_bytes = Gauge("siphonwatch_store_bytes", "Memory used by the store.", registry=r)
        self.skipped = Counter("siphonwatch_records_skipped", "Records of something else than a request to a model.", registry=r)
        self.features_off = Gauge("siphonwatch_features_off", "Features that the log does not hold what it takes for.", registry=r)
        self.findings = Counter("siphonwatch_findings", "Findings, by kind.", ["kind"], registry=r)
        self.webhook_lost = Counter("siphonwatch_webhook_findings_lost", "Findings that a webhook did not take.", registry=r)
        for kind in ("account", "campaign", "limits"):
            self.findings.labels(kind)
        for reason in DEAD_REASONS:
            self.dead.labels(reason)
        for kind in FAULTS:
            for what in FAULTY:
                self.faults.labels(kind, what)
        for what in ("broker", "store"):
            self.waiting.labels(what)
        for level in Level:
            self.accounts.labels(level.word)
            self.changes.labels(level.word)

    def took(self, taken: Taken, storing: float) -> None:
        """Count what became of some records; ``storing`` is the seconds that their commit took."""
        for letter in taken.letters:
            self.dead.labels(letter.reason).inc(letter.count)
        for (log_format, name, reason), count in taken.unread.items():
            self.unread.labels(log_format, name, reason).inc(count)
        self.records.inc(taken.records)
        self.skipped.inc(taken.skips.total())
        self.requests.inc(taken.requests)
        self.duplicates.inc(taken.added.duplicates)
        self.late.inc(taken.added.late)
        self.ahead.inc(taken.added.ahead)
        for step, seconds in (("decode", taken.decoding), ("fold", taken.folding), ("store", storing)):
            self.batch.labels(step).observe(seconds)

    def judged(self, context: Context, found: Sequence[Finding], levels: Mapping[Level, int]) -> None:
        """Count what a step of judging found, and how all accounts stand now."""
        flagged = (Level.THROTTLE.word, Level.BLOCK.word)
        self.height.set(context.height)
        self.drift.set(context.drifting)
        self.campaigns.set(len(context.campaigns))
        for one in found:
            self.findings.labels(one.__struct_config__.tag).inc()
            if isinstance(one, CampaignVerdict):
                self.new_campaigns.inc(one.previous == Level.CLEAR.word)
            elif isinstance(one, Verdict):
                self.changes.labels(one.level).inc()
                self.flagged.inc(one.level in flagged and one.previous not in flagged)
        for level, accounts in levels.items():
            self.accounts.labels(level.word).set(accounts)

    def compared(self, differ: Difference) -> None:
        """Show how many accounts the prior and its shadow flag."""
        for by in ("both", "only_present", "only_shadow"):
            self.shadow.labels(by).set(len(getattr(differ, by)))

    def not_judging(self) -> None:
        """Show nothing that another worker's judging makes untrue."""
        self.leads.set(0)
        self.campaigns.set(0)
        for level in Level:
            self.accounts.labels(level.word).set(0)
